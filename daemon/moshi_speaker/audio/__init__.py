"""The microphone and the loudspeaker: devices, front end, mixer."""

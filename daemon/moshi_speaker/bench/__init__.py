"""``bench``: how fast this machine is, part by part; without weights, microphone or network."""

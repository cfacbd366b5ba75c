"""Mimi, the streaming codec: 24 kHz sound to 12.5 Hz codes and back."""

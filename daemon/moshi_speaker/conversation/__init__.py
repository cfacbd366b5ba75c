"""What the speaker does next: pure functions of state, event and time."""

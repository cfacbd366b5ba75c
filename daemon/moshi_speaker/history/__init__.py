"""What is kept on this machine of what was said and done, and what the broker has not got yet."""

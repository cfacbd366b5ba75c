"""The MLX child process that runs Moshi, and its supervision."""

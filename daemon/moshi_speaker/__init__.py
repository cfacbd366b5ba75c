"""moshi-speaker: wake word -> full-duplex Moshi on MLX -> until silence, with MQTT."""

__version__ = "0.1.0"

"""The language model of Moshi: temporal and depth transformer, sampling, schedule."""

"""MQTT: topics, payloads, commands, the link to the broker, and a broker of our own."""

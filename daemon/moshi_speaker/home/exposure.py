"""Whether the password could be read on its way to the broker."""

import ipaddress

from moshi_speaker.settings import MqttSettings

_HOUSE = (
    "local",
    "lan",
    "home",
    "internal",
    "intranet",
    "localdomain",
    "localhost",
    "home.arpa",
    "fritz.box",
)
"""Ends of names that no server on the internet has."""


def in_the_clear(mqtt: MqttSettings) -> str:
    """A line about a password that leaves the house unencrypted; empty if there is none.

    Goes by the name alone: to ask for its address would be another connection to the outside.
    """
    if mqtt.username is None or mqtt.tls.enabled or mqtt.host is None or _in_the_house(mqtt.host):
        return ""
    return (
        f"mqtt: user name, password and all else go to {mqtt.host} in the clear, and that looks like a host"
        " outside of your network; set mqtt.tls.enabled: true"
    )


def _in_the_house(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith(tuple(f".{end}" for end in _HOUSE))

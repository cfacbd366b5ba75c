"""Somebody at the broker who means no good, as a process of its own: ``python -m tests.speaker.hostile``.

Its arguments are the port, the root of the speaker's topics, a seed, and how many messages a second; what to
send comes as lines on its input: ``mixture 4000``, ``volume 1500``, ... Each is answered with a line when the
broker has it all.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

VALUES = ("conversation", "mute", "volume", "wake_sensitivity", "wake_word")
REQUESTS = ("health", "reload", "set", "history", "bench", "restart")
EVERY = 100
"""Among so many messages of a mixture there is one request that makes sense."""
COMMON_QOS = 1
FLOODS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "volume": ("volume/set", lambda n: b"%d" % (n % 101)),
    "start": ("conversation/set", lambda n: b"start"),
    "unmute": ("mute/set", lambda n: b"OFF"),
    "set": ("request/set", lambda n: b'{"name": "audio.earcon_volume", "value": %d}' % (n % 101)),
    "words": ("wake_word/set", lambda n: (b"alexa", b"hey_jarvis", b"off", b"okay_nabu")[n % 4]),
    "sensitivity": ("wake_sensitivity/set", lambda n: b"0.%02d" % (n % 100)),
    "health": ("request/health", lambda n: b"{}"),
    "reload": ("request/reload", lambda n: b"{}"),
    "history": ("request/history", lambda n: b'{"limit": 50}'),
    "bench": ("request/bench", lambda n: b'{"frames": 250}'),
    "nonsense": ("request/set", lambda n: b"[" * 4_096),
    "denied": ("availability", lambda n: b"offline"),
    "rival": ("diagnostics", lambda n: b'{"instance": "other/1/%08x"}' % n),
    "zeros": ("diagnostics", lambda n: b"[" + b"0," * 30_000 + b"0]"),
    "birth": ("/homeassistant/status", lambda n: b"online"),
    "large": ("request/health", lambda n: b'{"transaction": "' + b"x" * 4_000 + b'"}'),
}


@dataclass(frozen=True)
class Hostile:
    """One message."""

    topic: str
    """Below the root, unless it begins with a slash."""
    payload: bytes
    qos: int = COMMON_QOS
    retain: bool = False


def mixture(draw: random.Random, number: int, requests: Sequence[str] = REQUESTS) -> Iterator[Hostile]:
    """Anything at all; every so often a request with the transaction ``valid-<n>``."""
    for n in range(number):
        if n % EVERY == EVERY // 2:
            yield _valid(n // EVERY, requests)
        else:
            yield _anything(draw, requests)


def valid_transactions(number: int) -> set[str]:
    """Those of the requests that make sense in a mixture of so many messages."""
    return {f"valid-{n // EVERY}" for n in range(number) if n % EVERY == EVERY // 2}


def _valid(n: int, requests: Sequence[str]) -> Hostile:
    command = requests[n % len(requests)]
    arguments = {"name": "audio.earcon_volume", "value": n % 101} if command == "set" else {}
    return Hostile(f"request/{command}", json.dumps(arguments | {"transaction": f"valid-{n}"}).encode())


def _anything(draw: random.Random, requests: Sequence[str]) -> Hostile:
    topic = draw.choice(
        (
            f"{draw.choice(VALUES)}/set",
            f"{draw.choice(VALUES)}/set",
            f"request/{draw.choice(requests)}",
            f"request/{draw.choice(requests)}",
            f"request/{draw.choice(requests)}",
            "request/" + "".join(draw.choices("abc/ äß$", k=draw.randrange(40))),
            "x" + "/".join("x" * draw.randrange(3) for _ in range(draw.randrange(1, 60))),
        )
    )
    payload = draw.choice(_PAYLOADS)(draw)
    return Hostile(topic, payload, qos=draw.randrange(2), retain=draw.random() < 0.1)


def _json(draw: random.Random, depth: int = 0) -> object:
    kinds: list[Callable[[], object]] = [
        lambda: None,
        lambda: draw.random() < 0.5,
        lambda: draw.randrange(-(10 ** draw.randrange(1, 40)), 10 ** draw.randrange(1, 40)),
        lambda: draw.uniform(-1e9, 1e9),
        lambda: _text(draw, 30),
    ]
    if depth < 4:
        kinds.append(lambda: [_json(draw, depth + 1) for _ in range(draw.randrange(4))])
        kinds.append(lambda: _object(draw, depth + 1))
    return draw.choice(kinds)()


def _object(draw: random.Random, depth: int = 0) -> dict[str, object]:
    known = ("name", "value", "transaction", "limit", "frames", "nmae", "model.seed", "", "__class__")
    names = [draw.choice((*known, _text(draw, 12))) for _ in range(draw.randrange(6))]
    return {name: _json(draw, depth) for name in names}


def _text(draw: random.Random, most: int) -> str:
    points = ((32, 126), (0, 31), (0x80, 0x2FF), (0x2000, 0x206F), (0x1F600, 0x1F64F))
    return "".join(chr(draw.randint(*draw.choice(points))) for _ in range(draw.randrange(most)))


_PAYLOADS: tuple[Callable[[random.Random], bytes], ...] = (
    lambda draw: b"" if draw.random() < 0.1 else b"\0" * draw.randrange(50),
    lambda draw: draw.randbytes(draw.randrange(1, 200)),
    lambda draw: _text(draw, 80).encode(),
    lambda draw: draw.choice((b"on", b"True", b"1", b"stopp", b"START", b"-1", b"1e9", b"NaN", b"none")),
    lambda draw: draw.choice(
        (b"+", b"#", b"moshi-speaker/#", b"$SYS/#", b"../../etc/passwd", b"%s%n", b"{{1}}")
    ),
    lambda draw: draw.choice((b"[", b"{", b'{"a":', b"[[],", b"(")) * draw.randrange(1, 1_500),
    lambda draw: json.dumps(_json(draw)).encode(),
    lambda draw: json.dumps(_object(draw)).encode(),
    lambda draw: json.dumps(_object(draw), ensure_ascii=False).encode(errors="surrogatepass"),
    lambda draw: b'{"name": "audio.earcon_volume", "value": ' + b"9" * draw.randrange(1, 3_900) + b"}",
    lambda draw: b'{"limit": NaN, "frames": Infinity, "limit": 1, "transaction": "\\ud800"}',
    lambda draw: b" " * draw.choice((1_000, 1_025, 4_096, 4_097, 70_000)),
    lambda draw: b"x" * 1_000_000 if draw.random() < 0.02 else b"x" * 5_000,
)


class Sender:
    """Sends at a pace."""

    def __init__(self, port: int, root: str, per_s: float) -> None:
        self._root = root
        self._per_s = per_s
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._client.max_inflight_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, messages: Iterator[Hostile]) -> None:
        """Send them; returns when the broker has them all."""
        began, last = time.monotonic(), None
        for number, message in enumerate(messages):
            ahead_s = number / self._per_s - (time.monotonic() - began)
            if ahead_s > 0.005:
                time.sleep(ahead_s)
            topic = message.topic[1:] if message.topic[:1] == "/" else f"{self._root}/{message.topic}"
            sent = self._client.publish(topic, message.payload, message.qos, message.retain)
            last = sent if message.qos else last
        if last is not None:
            last.wait_for_publish(60.0)

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve whoever started this."""
    port, root, seed, per_s = sys.argv[1:]
    draw = random.Random(int(seed))
    sender = Sender(int(port), root, float(per_s))
    _say("ready")
    for line in sys.stdin:
        kind, number = line.split()
        if kind == "mixture":
            sender.send(mixture(draw, int(number)))
        elif kind == "mild":  # one that lets the process live
            sender.send(mixture(draw, int(number), REQUESTS[:-1]))
        else:
            topic, payload = FLOODS[kind]
            sender.send(Hostile(topic, payload(n)) for n in range(int(number)))
        _say("done")
    sender.close()


if __name__ == "__main__":
    main()

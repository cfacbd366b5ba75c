"""The work of one frame and of its parts, for benchmarks: each call waits until the device is done."""

from importlib.metadata import version

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.dialogue import Dialogue

_LEVEL = 0.1
"""Root mean square of the noise that is heard."""


class Workloads:
    """A loaded model and streams of its own for every part of a frame.

    ``frame`` is what a talk does. The others do one part alone and wait for it, so that parts taken one
    after the other add up to more than ``frame``, which waits once and lets parts overlap.
    """

    def __init__(self, dialogue: Dialogue, seed: int = 0) -> None:
        """The sound and the codes that go in are random, and the same for the same ``seed``."""
        self._dialogue = dialogue
        self._mimi = dialogue.mimi
        self._generator = dialogue.generator
        rng = np.random.default_rng(seed)
        noise = _LEVEL * rng.standard_normal(self._mimi.config.frame_size)
        self._pcm = noise.astype(np.float32)
        self._sound = mx.array(self._pcm)[None]
        codes = rng.integers(0, self._mimi.config.quantizer.bins, (1, self._mimi.num_codebooks, 1))
        self._codes = mx.array(codes.astype(np.int32))
        self.reset()
        mx.clear_cache()

    def reset(self) -> None:
        """Begin new streams."""
        self._dialogue.reset()
        self._encoder = self._mimi.make_encoder_state()
        self._decoder = self._mimi.make_decoder_state()

    def encode(self) -> None:
        """Sound to codes."""
        mx.eval(self._mimi.encode(self._sound, self._encoder))

    def decode(self) -> None:
        """Codes to sound."""
        mx.eval(self._mimi.decode(self._codes, self._decoder))

    def codec(self) -> None:
        """Both directions of one frame, which do not depend on each other."""
        mx.eval(self._mimi.encode(self._sound, self._encoder), self._mimi.decode(self._codes, self._decoder))

    def lm_step(self) -> None:
        """One step of the language model: temporal and depth transformer, and sampling."""
        step = self._generator.step(self._codes)
        codes = [] if step.codes is None else [step.codes]
        mx.eval(step.text, *codes, *self._generator.state_arrays())

    def frame(self) -> None:
        """Everything that the engine does with one frame of the user."""
        self._dialogue.step(self._pcm)

    @property
    def window(self) -> int:
        """Steps that a step of the language model sees, itself included."""
        return self._dialogue.config.context

    def memory_bytes(self) -> int:
        """Memory that MLX holds."""
        return self._dialogue.memory_bytes()


def backend() -> dict[str, str]:
    """What computes: MLX's version and its device."""
    return {"mlx": version("mlx"), "device": _device()}


def _device() -> str:
    device = mx.default_device()
    if device == mx.Device(mx.cpu):
        return "CPU"
    info = mx.device_info()
    return f"GPU ({info.get('device_name', 'of unknown name')})"

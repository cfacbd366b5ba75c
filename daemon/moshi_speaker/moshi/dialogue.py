"""Moshi whole: a frame of the user's sound in, a frame of Moshi's voice and text out."""

from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.moshi.checkpoint import check_fit
from moshi_speaker.moshi.compiling import compiles
from moshi_speaker.moshi.config import END_PAD, PAD, LmConfig
from moshi_speaker.moshi.device import on_cpu
from moshi_speaker.moshi.download import Status
from moshi_speaker.moshi.hub import ModelFiles, find
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.generate import Generator, Step
from moshi_speaker.moshi.lm.sampling import Sampling
from moshi_speaker.moshi.lm.temporal import MoshiLm
from moshi_speaker.moshi.memory import CACHE_LIMIT_BYTES, GIGABYTE, Unpack, available_bytes, unpacks, wire
from moshi_speaker.moshi.mimi.checkpoint import load_mimi
from moshi_speaker.moshi.mimi.codec import CodecState, Mimi
from moshi_speaker.moshi.tokenizer import Tokenizer
from moshi_speaker.moshi.voice import VoiceSource
from moshi_speaker.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Heard:
    """What 80 ms of the user brought, before anything is decoded."""

    codes: NDArray[np.int32] | None
    """Moshi's voice, shape (codebooks,); None while the first frames fill the delays."""
    text: str
    """As in ``DialogueFrame``."""
    silent: bool
    """As in ``DialogueFrame``."""


@dataclass(frozen=True, slots=True)
class DialogueFrame:
    """Moshi's side of 80 ms."""

    audio: NDArray[np.float32] | None
    """Voice, shape (1920,), in [-1, 1]; None while the first frames fill the delays."""
    text: str
    """What this frame added to the text, often empty."""
    silent: bool
    """The text token was padding."""


class Dialogue:
    """One conversation after the other with one model; everything is in memory from the start."""

    def __init__(
        self,
        model: str,
        lm: MoshiLm,
        mimi: Mimi,
        tokenizer: Tokenizer,
        sampling: Sampling,
        dtype: mx.Dtype,
        *,
        compiled: bool = False,
        voice: VoiceSource | None = None,
    ) -> None:
        """``model`` is what the user calls it; ``dtype`` that of the language model's activations.

        ``compiled``: let MLX trace and fuse the steps of the language model. ``voice``: where another process
        finds what decodes the codes, if that is worth it here.
        """
        self.model = model
        self.voice = voice
        self._config = lm.config
        self._mimi = mimi
        self._tokenizer = tokenizer
        self._generator = Generator(lm, sampling, dtype, compiled=compiled)
        self._decoder: CodecState | None = mimi.make_decoder_state()
        self._first_text = ""
        self._done: Callable[[str], None] | None = None
        self._begin()

    @property
    def config(self) -> LmConfig:
        """The shape of the language model."""
        return self._config

    @property
    def mimi(self) -> Mimi:
        """The codec."""
        return self._mimi

    @property
    def generator(self) -> Generator:
        """The stream of the language model."""
        return self._generator

    def reset(self) -> None:
        """Begin a fresh conversation, step 0 included; the weights stay."""
        self._generator.reset()
        self._begin()

    def step(self, pcm: NDArray[np.float32]) -> DialogueFrame:
        """Answer one frame, shape (1920,), at 24 kHz in [-1, 1]. Waits for the device once."""
        step = self._hear(pcm)
        self._finish("lm step", step.text, *self._generator.state_arrays())
        voice = None
        if step.codes is not None:
            assert self._decoder is not None, "the voice was given away"
            voice = mx.clip(self._mimi.decode(step.codes, self._decoder)[0], -1.0, 1.0)
        mx.eval(step.text, *([] if voice is None else [voice]), *self._generator.state_arrays())
        mx.async_eval(*self._generator.ahead())
        self._finish("decode")
        audio = None if voice is None else np.array(voice)
        return DialogueFrame(audio, *self._told(step.text))

    def hear(self, pcm: NDArray[np.float32]) -> Heard:
        """As ``step``, for a voice that is decoded elsewhere; a talk has one or the other."""
        step = self._hear(pcm)
        codes = [] if step.codes is None else [step.codes]
        mx.eval(step.text, *codes, *self._generator.state_arrays())
        mx.async_eval(*self._generator.ahead())
        found = None if step.codes is None else np.array(step.codes)[0, :, 0]
        return Heard(found, *self._told(step.text))

    def give_voice_away(self) -> None:
        """Let go of what decodes: from now on ``hear`` takes the place of ``step``."""
        self._mimi.keep_only("encode")
        self._decoder = None

    def observe(self, done: Callable[[str], None]) -> None:
        """Be told when each part of a step is done: ``encode``, ``lm step``, ``decode``.

        From now on the parts are computed one after the other, which takes longer than all at once.
        """
        self._done = done

    def memory_bytes(self) -> int:
        """Memory that MLX holds."""
        return mx.get_active_memory() + mx.get_cache_memory()

    def _hear(self, pcm: NDArray[np.float32]) -> Step:
        # The device begins with each part while the next is put together.
        codes = self._mimi.encode(mx.array(pcm, dtype=mx.float32)[None], self._encoder)
        mx.async_eval(codes)
        self._finish("encode", codes)
        mx.async_eval(self._generator.begin(codes))
        return self._generator.finish()

    def _told(self, text: mx.array) -> tuple[str, bool]:
        token = _item(text)
        words = self._first_text + self._text.push(token)
        self._first_text = ""
        return words, token in (PAD, END_PAD)

    def _finish(self, part: str, *arrays: mx.array) -> None:
        if self._done is not None:
            mx.eval(*arrays)
            self._done(part)

    def _begin(self) -> None:
        self._encoder = self._mimi.make_encoder_state()
        if self._decoder is not None:
            self._decoder = self._mimi.make_decoder_state()
        self._text = self._tokenizer.stream()
        first = self._generator.start()
        mx.eval(first.text, *first.raw, *self._generator.state_arrays())
        # Step 0 has no sound of its own; a word that begins in it is told with the first frame.
        self._first_text = self._text.push(_item(first.text))


def _item(token: mx.array) -> int:
    """The one token of an evaluated array (1,)."""
    return int(np.array(token)[0])


def load(settings: ModelSettings, status: Status) -> Dialogue:
    """Find (or download) and load a model. Raises CheckpointError or UnsupportedModelError."""
    files = find(settings.source, settings.revision, offline=settings.offline, status=status)
    status("loading")
    return load_files(files, sampling(settings), unpack=settings.dequantize, status=status)


def sampling(settings: ModelSettings) -> Sampling:
    """The sampling that the settings ask for."""
    return Sampling(
        text_temperature=settings.text_temperature,
        text_top_k=settings.text_top_k,
        audio_temperature=settings.audio_temperature,
        audio_top_k=settings.audio_top_k,
        seed=settings.seed,
    )


def load_files(
    files: ModelFiles, sampling: Sampling, *, unpack: Unpack = "auto", status: Status | None = None
) -> Dialogue:
    """Load the files of a model that speaks, quantized weights as ``unpack`` says.

    Raises CheckpointError or UnsupportedModelError.
    """
    tokenizer = Tokenizer(files.tokenizer)
    check_fit(files, tokenizer)
    mx.set_cache_limit(CACHE_LIMIT_BYTES)
    dtype = activation_dtype()
    lm_config = files.config.lm
    compiled = compiles()
    mimi = load_mimi(files.mimi, files.mimi_config, lm_config.codebooks, compiled=compiled)
    dequantize = on_cpu() and unpacks(unpack, lm_config, available_bytes())
    lm = load_lm(files.lm, lm_config, dtype, dequantize=dequantize)
    # A GPU is one for all processes; the cores of a CPU are idle while one of them decodes.
    voice = VoiceSource(files.mimi, files.mimi_config, lm_config.codebooks) if on_cpu() else None
    dialogue = Dialogue(files.name, lm, mimi, tokenizer, sampling, dtype, compiled=compiled, voice=voice)
    limit = wire(mx.device_info(), mx.get_active_memory() + CACHE_LIMIT_BYTES, mx.set_wired_limit)
    if limit is not None and status is not None:
        status(f"{limit / GIGABYTE:.1f} GB of memory are pinned for the model")
    return dialogue


def activation_dtype() -> mx.Dtype:
    """bfloat16 on a GPU; float32 on a CPU, where MLX's bfloat16 products are several times slower."""
    return mx.float32 if on_cpu() else mx.bfloat16

"""The model that talks, and the process that runs it."""

from typing import Annotated, Literal

from pydantic import Field

from moshi_speaker.settings.types import NameOrPath, Seconds, Section


class ModelSettings(Section):
    """Which model talks, and how freely it samples."""

    source: NameOrPath = "kyutai/moshiko-mlx-q8"
    """A Hugging Face repo id, or a local folder (with /, ./, ../ or ~/ in front) with model, Mimi and
    tokenizer files."""
    revision: str | None = None
    """Branch, tag or commit of the repo. Empty: the default branch."""
    offline: bool = False
    """Never touch the network; the model must be in the cache already."""
    dequantize: Literal["auto", "always", "never"] = "auto"
    """On a CPU, unpack quantized weights at load: steps are several times faster, and a weight takes
    four bytes. auto: when that fits into memory."""
    text_temperature: Annotated[float, Field(ge=0, le=5)] = 0.7
    """Sampling temperature of the text; 0 takes the most likely token."""
    text_top_k: Annotated[int, Field(ge=1)] = 25
    """How many of the most likely text tokens may be sampled."""
    audio_temperature: Annotated[float, Field(ge=0, le=5)] = 0.8
    """Sampling temperature of the sound; 0 takes the most likely token."""
    audio_top_k: Annotated[int, Field(ge=1)] = 250
    """How many of the most likely audio tokens may be sampled."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    """Seed of the sampling. Empty: another one in each conversation."""


class EngineSettings(Section):
    """The child process that runs the model."""

    start_timeout_s: Annotated[float, Field(gt=0)] = 900.0
    """Seconds that loading and warming up may take (a first download excluded)."""
    hang_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds without any answer after which the engine counts as hanging and is restarted."""
    warmup_frames: Annotated[int, Field(ge=1, le=50)] = 4
    """Whole frames computed before the engine says that it is ready."""
    benchmark_frames: Annotated[int, Field(ge=3, le=500)] = 25
    """Frames timed after that; their median says whether this machine keeps up with the model."""
    max_realtime_factor: Annotated[float, Field(gt=0, le=100)] = 0.8
    """Part of 80 ms that a frame may take then; above it the model is too slow on this machine. Less than
    1, because a long conversation and a busy machine take more."""
    too_slow: Literal["refuse", "degrade", "warn"] = "refuse"
    """What to do with a model that is too slow: refuse to start, degrade to the next smaller published
    one of the same voice that fits (refuse if there is none), or warn and go on."""
    max_backlog_frames: Annotated[int, Field(ge=2, le=500)] = 50
    """Frames of 80 ms that may wait for the engine; beyond it the oldest is dropped and counted."""
    lag_timeout_s: Annotated[float, Field(gt=0)] = 20.0
    """Seconds of lag without a break after which the conversation ends with reason lag."""
    restart_delay_s: Seconds = 1.0
    """Seconds before the first restart of a lost engine; doubled at each further loss."""
    restart_delay_max_s: Seconds = 60.0
    """Seconds between restarts at most."""
    blas: Literal["auto", "openblas", "blis", "builtin"] = "auto"
    """Which library multiplies matrices on a Linux CPU: openblas, blis, the one built into MLX, or auto
    for the fastest that is installed."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads of the engine on a CPU, at most the cores it may use. Empty: one less than those, 1 to 4."""

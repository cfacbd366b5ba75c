from dataclasses import replace
from typing import Any, cast

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.moshi.config import DepthConfig, LmConfig
from moshi_speaker.moshi.lm.generate import Generator, Step
from moshi_speaker.moshi.lm.layout import mlx_shapes
from moshi_speaker.moshi.lm.sampling import GREEDY, Sampling
from moshi_speaker.moshi.lm.stacking import stacked
from moshi_speaker.moshi.lm.temporal import MoshiLm
from tests.moshi.lm.small import MOSHI_LIKE, ONE_B_LIKE, SHARED_AND_LOW_RANK, random_weights

STEPS = 40


class Script:
    """Stands for a model: writes down what enters each step, and says a token that is new each time."""

    def __init__(self, config: LmConfig) -> None:
        self.config = config
        self.entered: list[list[int]] = []
        self.depformer = self._codes

    def make_rings(self, dtype: mx.Dtype) -> list[mx.array]:
        return []

    def hear(
        self,
        tokens: mx.array,
        position: mx.array,
        rings: list[mx.array],
        seen: int,
        partial: bool,
        fused: bool,
    ) -> tuple[mx.array, mx.array, list[mx.array]]:
        assert position.item() == len(self.entered)
        self.entered.append(np.array(tokens).tolist())
        logits = mx.arange(self.config.text_card)[None] == said_text(len(self.entered) - 1)
        return mx.zeros((1, 1)), logits, rings

    def _codes(self, hidden: mx.array, text: mx.array, choose: object) -> mx.array:
        step = len(self.entered) - 1
        codes = [said_code(step, k) for k in range(self.config.generated)]
        return mx.array(codes, mx.int32).reshape(-1, 1)


def said_text(step: int) -> int:
    return 10 + step


def said_code(step: int, stream: int) -> int:
    return 1_000 + 100 * step + stream


def heard_code(frame: int, stream: int) -> int:
    return 50_000 + 100 * frame + stream


def scripted(delays: tuple[int, ...], generated: int) -> LmConfig:
    depth = DepthConfig(dim=4, num_heads=1, num_layers=1, hidden=4, schedule=tuple(range(generated)))
    return replace(
        MOSHI_LIKE, text_card=500, card=99_999, num_codebooks=len(delays), delays=delays, depth=depth
    )


@pytest.mark.parametrize(
    ("delays", "generated"),
    [
        pytest.param((0, *[1] * 7) * 2, 8, id="moshi"),
        pytest.param((0, 2, 2, 2) * 2, 4, id="hibiki"),
        pytest.param((0, 3, 1, 0, 5, 2), 3, id="uneven"),
        pytest.param((2, 2, 0, 0), 2, id="the first stream is late too"),
        pytest.param((0, 0, 0, 0), 0, id="listens only"),
        pytest.param((0, 1), 2, id="hears nothing"),
    ],
)
def test_each_step_takes_in_and_yields_what_the_closed_form_says(
    delays: tuple[int, ...], generated: int
) -> None:
    config = scripted(delays, generated)
    model = Script(config)
    generator = Generator(cast(MoshiLm, model), GREEDY, mx.float32)
    done = [generator.start()]
    for frame in range(STEPS - 1):
        codes = [heard_code(frame, k) for k in range(generated, len(delays))]
        done.append(generator.step(mx.array(codes, mx.int32).reshape(1, -1, 1)))

    def code(stream: int, frame: int) -> int:
        """c_k[f] of moshi-spec §3.2: a generated code of frame f is said in step f + d."""
        if stream < generated:
            return said_code(frame + delays[stream], stream)
        return heard_code(frame, stream)

    for t in range(STEPS):
        text = said_text(t - 1) if t else config.text_card
        audio = [config.card if t <= d else code(k, t - 1 - d) for k, d in enumerate(delays)]
        assert model.entered[t] == [text, *audio]
        assert done[t].text.item() == said_text(t)
        late = max(delays[:generated], default=0)
        complete = [code(k, t - late) for k in range(generated)] if generated and t >= late else None
        assert codes_of(done[t]) == complete


def codes_of(step: Step) -> list[int] | None:
    if step.codes is None:
        return None
    assert step.codes.shape[0] == step.codes.shape[2] == 1
    codes: list[int] = np.array(step.codes)[0, :, 0].tolist()
    return codes


def test_reset_begins_with_initial_tokens_again() -> None:
    config = scripted((0, 1, 0, 1), 2)
    model = Script(config)
    generator = Generator(cast(MoshiLm, model), GREEDY, mx.float32)
    generator.start()
    for frame in range(3):
        generator.step(mx.array([[[heard_code(frame, 2)], [heard_code(frame, 3)]]]))
    model.entered.clear()
    generator.reset()
    generator.start()
    assert model.entered == [[config.text_card] + [config.card] * 4]


def test_start_and_step_are_called_in_their_order() -> None:
    generator = Generator(cast(MoshiLm, Script(scripted((0, 0), 1))), GREEDY, mx.float32)
    with pytest.raises(RuntimeError, match=r"start\(\) comes before step\(\)"):
        generator.step(mx.zeros((1, 1, 1), mx.int32))
    generator.start()
    with pytest.raises(RuntimeError, match="begins a stream"):
        generator.start()


def model_of(config: LmConfig) -> MoshiLm:
    model = MoshiLm(config)
    model.load_weights(list(stacked(random_weights(mlx_shapes(config)), config).items()))
    return model


def run(model: MoshiLm, codes: NDArray[np.int32], sampling: Sampling = GREEDY) -> list[Step]:
    """Steps 0 … n for codes of shape (frames, heard)."""
    generator = Generator(model, sampling, mx.float32)
    return [generator.start(), *(generator.step(mx.array(frame)[None, :, None]) for frame in codes)]


def tokens(steps: list[Step]) -> list[list[int]]:
    return [np.array(mx.concatenate([step.text, *step.raw])).tolist() for step in steps]


def logits(steps: list[Step]) -> list[NDArray[np.float32]]:
    return [np.array(step.logits) for step in steps]


@pytest.fixture
def user() -> NDArray[np.int32]:
    return np.random.default_rng(3).integers(0, MOSHI_LIKE.card, (20, 3)).astype(np.int32)


@pytest.mark.parametrize("config", [MOSHI_LIKE, ONE_B_LIKE], ids=["delay 1", "delay 2"])
def test_a_code_of_the_user_acts_in_the_very_next_step_that_its_delay_allows(
    config: LmConfig, user: NDArray[np.int32]
) -> None:
    model, frame = model_of(config), 11
    before = logits(run(model, user))
    for stream, delay in enumerate(config.delays[config.generated :]):
        other = user.copy()
        other[frame, stream] = (other[frame, stream] + 1) % config.card
        same = [bool((a == b).all()) for a, b in zip(before, logits(run(model, other)), strict=True)]
        # Frame 0 is used in step 1, the first one after the start.
        assert same.index(False) == frame + 1 + delay


def test_the_reaction_to_a_frame_is_in_the_tokens_of_the_very_next_step(user: NDArray[np.int32]) -> None:
    model = model_of(MOSHI_LIKE)
    before = tokens(run(model, user))
    for frame in (0, 5, 19):
        other = user.copy()
        other[frame] = (other[frame] + 7) % MOSHI_LIKE.card
        after = tokens(run(model, other))
        assert after[: frame + 1] == before[: frame + 1]
        assert after[frame + 1] != before[frame + 1]


def test_the_same_seed_repeats_a_stream_and_no_seed_does_not(user: NDArray[np.int32]) -> None:
    model = model_of(SHARED_AND_LOW_RANK)
    seeded = Sampling(seed=5)
    assert tokens(run(model, user, seeded)) == tokens(run(model, user, seeded))
    assert tokens(run(model, user, seeded)) != tokens(run(model, user, Sampling(seed=6)))
    assert tokens(run(model, user, Sampling())) != tokens(run(model, user, Sampling()))


def test_reset_repeats_a_seeded_stream_and_varies_others(user: NDArray[np.int32]) -> None:
    model = model_of(MOSHI_LIKE)
    for seed, repeats in ((5, True), (None, False)):
        generator = Generator(model, Sampling(seed=seed), mx.float32)
        streams: list[Any] = []
        for _ in range(2):
            generator.reset()
            steps = [generator.start(), *(generator.step(mx.array(frame)[None, :, None]) for frame in user)]
            streams.append(tokens(steps))
        assert (streams[0] == streams[1]) == repeats


def test_a_stream_after_a_reset_knows_nothing_of_the_one_before(user: NDArray[np.int32]) -> None:
    model = model_of(MOSHI_LIKE)
    generator = Generator(model, GREEDY, mx.float32)
    generator.start()
    for frame in user:
        generator.step(mx.array(frame)[None, :, None])
    generator.reset()
    again = [generator.start(), *(generator.step(mx.array(frame)[None, :, None]) for frame in user[::-1])]
    assert tokens(again) == tokens(run(model, user[::-1]))

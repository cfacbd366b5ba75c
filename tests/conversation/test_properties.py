"""What holds in every story: random events, legal in their state, with all deadlines served."""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import pytest

from moshi_speaker import events as ev
from moshi_speaker.conversation.limits import SAME_WORD_S, Limits
from moshi_speaker.conversation.machine import TABLE, deadline, handle
from moshi_speaker.conversation.snapshot import Snapshot, initial, state_of
from moshi_speaker.events import Effect, Event, State

LIMITS = Limits(
    preroll_s=1.5,
    wake_word_stops=True,
    end_silence_s=8.0,
    no_speech_s=5.0,
    max_conversation_s=30.0,
    moshi_wordless_s=6.0,
    goodbye_phrases=("goodbye",),
    goodbye_pause_s=1.0,
    background_speech_s=20.0,
    engine_start_s=40.0,
    restart_delay_s=0.5,
    restart_delay_max_s=4.0,
    reopen_delay_s=2.0,
    reopen_delay_max_s=5.0,
)
SEEDS = range(60)
RARE = {ev.ShutdownRequested, ev.DeviceLost, ev.EngineLost, ev.EngineLagged}
"""Else the stories would be about nothing else."""


@dataclass(frozen=True)
class Step:
    now: float
    event: Event
    after: Snapshot
    effects: tuple[Effect, ...]


def make(kind: type[Event], rng: random.Random, now: float, session: int) -> Event:
    """An event of this kind with random contents."""
    if kind is ev.EngineLost:
        return ev.EngineLost("died", fatal=rng.random() < 0.02)
    if kind is ev.WakeDetected:
        return ev.WakeDetected("hey_jarvis", rng.random(), now - rng.random())
    if kind is ev.MuteRequested:
        return ev.MuteRequested(rng.random() < 0.3)
    if kind is ev.MoshiSpoke:
        word = rng.choice([f" w{rng.randrange(10_000)}"] * 9 + [" Goodbye"]) + rng.choice(["", "."])
        return ev.MoshiSpoke(session - (rng.random() < 0.1), word, False)
    contents: dict[type[Event], Event] = {
        ev.EngineReady: ev.EngineReady("model", rng.choice(["", "too slow"])),
        ev.EngineLagged: ev.EngineLagged(21.0),
        ev.DeviceLost: ev.DeviceLost("gone"),
        ev.VolumeRequested: ev.VolumeRequested(rng.randrange(101)),
    }
    return contents[kind] if kind in contents else kind()  # type: ignore[call-arg]


def story(seed: int, length: int = 400) -> list[Step]:
    """A random life of a speaker."""
    rng = random.Random(seed)
    now, snapshot = 0.0, initial(0.0)
    steps: list[Step] = []

    def tell(event: Event) -> None:
        nonlocal snapshot
        snapshot, effects = handle(snapshot, event, now, LIMITS, "boot")
        steps.append(Step(now, event, snapshot, effects))

    while len(steps) < length:
        until = now + rng.choice([0.0, 0.08, 0.5, 3.0, 12.0])
        while (due := deadline(snapshot, LIMITS)) is not None and due <= until:
            now = due
            tell(ev.DeadlinePassed())
            assert len(steps) < 2 * length, "the same deadline again and again"
        now = until
        kinds: list[type[Event]] = [kind for kind in get_args(Event) if (snapshot.state, kind) in TABLE]
        kind = rng.choice(kinds)
        if kind not in RARE or rng.random() < (0.01 if kind is ev.ShutdownRequested else 0.2):
            tell(make(kind, rng, now, snapshot.sessions))
    return steps


@pytest.fixture(scope="module")
def stories() -> list[list[Step]]:
    return [story(seed) for seed in SEEDS]


def effects_of(steps: list[Step]) -> list[Effect]:
    return [effect for step in steps for effect in step.effects]


def test_the_stories_visit_every_state_and_end_talks_for_many_reasons(stories: list[list[Step]]) -> None:
    assert {step.after.state for steps in stories for step in steps} == set(State)
    reasons = {
        effect.reason
        for steps in stories
        for effect in effects_of(steps)
        if isinstance(effect, ev.ReportConversationEnded)
    }
    assert len(reasons) >= 9


def test_the_same_story_is_always_told_the_same() -> None:
    assert story(3) == story(3)
    assert story(3) != story(4)


def test_sessions_never_overlap_and_each_one_is_stopped(stories: list[list[Step]]) -> None:
    for steps in stories:
        opened: int | None = None
        for step in steps:
            for effect in step.effects:
                if isinstance(effect, ev.StartSession):
                    assert opened is None
                    opened = effect.session
                elif isinstance(effect, ev.StopSession):
                    assert opened == effect.session
                    opened = None
            assert (opened is not None) == (step.after.state is State.CONVERSATION)


def test_reports_of_talks_come_in_pairs_with_transcripts_between_them(stories: list[list[Step]]) -> None:
    for steps in stories:
        current: str | None = None
        for effect in effects_of(steps):
            if isinstance(effect, ev.ReportConversationStarted):
                assert current is None
                current = effect.conversation_id
            elif isinstance(effect, ev.ReportTranscript):
                assert current == effect.conversation_id
                assert effect.text.strip()
            elif isinstance(effect, ev.ReportConversationEnded):
                assert current == effect.conversation_id
                current = None
            elif isinstance(effect, ev.ReportState):
                assert (current is not None) == (effect.state is State.CONVERSATION)


def test_the_wake_word_that_did_something_does_nothing_more(stories: list[list[Step]]) -> None:
    did = 0
    for steps in stories:
        word_at = float("-inf")
        for step in steps:
            if not isinstance(step.event, ev.WakeDetected):
                continue
            switched = any(isinstance(effect, ev.StartSession | ev.StopSession) for effect in step.effects)
            if step.event.at - word_at < SAME_WORD_S:
                assert not switched
            elif switched:
                word_at, did = step.event.at, did + 1
    assert did > 100


def test_no_talk_is_longer_than_the_cap(stories: list[list[Step]]) -> None:
    for steps in stories:
        for effect in effects_of(steps):
            if isinstance(effect, ev.ReportConversationEnded):
                assert 0.0 <= effect.duration_s <= LIMITS.max_conversation_s + 1e-9


def test_every_word_of_the_open_session_is_reported_once(stories: list[list[Step]]) -> None:
    for steps in stories:
        said: list[str] = []
        for before, step in pairwise(steps):
            talk = before.after.conversation
            if isinstance(step.event, ev.MoshiSpoke) and talk and talk.session == step.event.session:
                said += step.event.text.split()
        talk = steps[-1].after.conversation
        reported = [
            word
            for effect in effects_of(steps)
            if isinstance(effect, ev.ReportTranscript)
            for word in effect.text.split()
        ]
        assert reported + (talk.utterance.text.split() if talk else []) == said


def test_the_reported_state_is_the_state_and_follows_from_the_facts(stories: list[list[Step]]) -> None:
    for steps in stories:
        reported = State.STARTING
        for step in steps:
            states = [effect.state for effect in step.effects if isinstance(effect, ev.ReportState)]
            assert reported not in states and len(states) <= 1
            reported = states[0] if states else reported
            assert step.after.state is reported is state_of(step.after)


def test_while_muted_the_microphone_is_off_and_no_session_begins(stories: list[list[Step]]) -> None:
    for steps in stories:
        capture = True  # a device opens with its microphone as it was switched last
        for step in steps:
            for effect in step.effects:
                if isinstance(effect, ev.SetCapture):
                    capture = effect.on
            if step.after.state is not State.STOPPING:
                assert capture is not step.after.muted
            if step.after.muted:
                assert step.after.conversation is None


def test_a_deadline_that_passed_is_never_due_again_at_once(stories: list[list[Step]]) -> None:
    for steps in stories:
        for step in steps:
            due = deadline(step.after, LIMITS)
            if isinstance(step.event, ev.DeadlinePassed):
                assert due is None or due > step.now


def test_a_lost_part_is_always_being_repaired(stories: list[list[Step]]) -> None:
    for steps in stories:
        for step in steps:
            engine, device = step.after.engine, step.after.device
            if step.after.state not in (State.STARTING, State.STOPPING):
                assert (engine.due is None) == (engine.ready_since is not None or engine.fatal)
                assert (device.due is None) == (device.problem is None)

"""Every pair of state and event: legal, ignored, or refused; the expectations are written out here again."""

import inspect
from dataclasses import replace
from itertools import product
from typing import get_args

import pytest

from moshi_speaker import events as ev
from moshi_speaker.conversation.limits import Limits
from moshi_speaker.conversation.machine import TABLE, deadline, handle
from moshi_speaker.conversation.parts import ignore
from moshi_speaker.conversation.snapshot import Snapshot, initial
from moshi_speaker.errors import IllegalEvent
from moshi_speaker.events import Event, State
from moshi_speaker.settings import Settings

LIMITS = Limits.from_settings(Settings())

EVENTS: tuple[Event, ...] = (
    ev.SpeakerStarted(),
    ev.EngineProgressed(),
    ev.EngineReady("model"),
    ev.EngineLost("engine died"),
    ev.EngineLagged(21.0),
    ev.WakeDetected("hey_jarvis", 0.9, 10.0),
    ev.StartRequested(),
    ev.StopRequested(),
    ev.MuteRequested(True),
    ev.VolumeRequested(30),
    ev.UserSpeechStarted(),
    ev.UserSpeechEnded(),
    ev.MoshiSpeechStarted(),
    ev.MoshiSpeechEnded(),
    ev.MoshiSpoke(1, " Hi", False),
    ev.DeviceLost("microphone gone"),
    ev.DeviceRestored(),
    ev.DeadlinePassed(),
    ev.ShutdownRequested(),
)

WAY: dict[State, tuple[Event, ...]] = {
    State.STARTING: (),
    State.LOADING: (ev.SpeakerStarted(),),
    State.IDLE: (ev.SpeakerStarted(), ev.EngineReady("model")),
    State.CONVERSATION: (ev.SpeakerStarted(), ev.EngineReady("model"), ev.StartRequested()),
    State.MUTED: (ev.SpeakerStarted(), ev.EngineReady("model"), ev.MuteRequested(True)),
    State.ERROR: (ev.SpeakerStarted(), ev.DeviceLost("gone")),
    State.STOPPING: (ev.ShutdownRequested(),),
}

Kinds = set[type[Event]]
Pair = tuple[State, type[Event]]

ALL_KINDS: Kinds = set(get_args(Event))
ONLY_WITH_ENGINE: Kinds = {ev.EngineProgressed, ev.EngineReady, ev.EngineLost, ev.EngineLagged, ev.MoshiSpoke}
ONLY_IN_TALK: Kinds = {ev.EngineLagged, ev.MoshiSpoke, ev.MoshiSpeechStarted, ev.MoshiSpeechEnded}
RUNNING = {State.LOADING, State.IDLE, State.CONVERSATION, State.MUTED, State.ERROR}


def pairs(states: set[State], kinds: Kinds) -> set[Pair]:
    """Each of these events in each of these states."""
    return set(product(states, kinds))


REFUSED = (
    pairs({State.STARTING}, ONLY_WITH_ENGINE | ONLY_IN_TALK)
    | pairs(RUNNING, {ev.SpeakerStarted})
    | pairs({State.IDLE, State.CONVERSATION, State.MUTED}, {ev.EngineReady})
    | pairs(RUNNING - {State.ERROR}, {ev.DeviceRestored})
)
ALREADY_SO = pairs({State.MUTED}, {ev.MuteRequested}) | pairs({State.STARTING}, {ev.DeviceRestored})
ALREADY_SO |= pairs({State.CONVERSATION}, {ev.UserSpeechEnded, ev.MoshiSpeechEnded})
ALREADY_SO |= pairs({State.STARTING, State.LOADING, State.IDLE}, {ev.UserSpeechEnded})
"""Legal, but nothing changes: what they say is so already, on the way that these tests take to the state."""
IGNORED = (
    pairs({State.STOPPING}, ALL_KINDS - {ev.DeadlinePassed})
    | pairs(set(State) - {State.IDLE}, {ev.StartRequested})
    | pairs(set(State) - {State.IDLE, State.CONVERSATION}, {ev.WakeDetected})
    | pairs(set(State) - {State.CONVERSATION}, {ev.StopRequested})
    | pairs(RUNNING - {State.CONVERSATION}, ONLY_IN_TALK)
    | pairs({State.IDLE, State.CONVERSATION, State.MUTED}, {ev.EngineProgressed})
    | pairs({State.MUTED, State.ERROR}, {ev.UserSpeechStarted, ev.UserSpeechEnded})
    | pairs({State.MUTED, State.IDLE}, {ev.DeadlinePassed})
)

PAIRS = list(product(State, EVENTS))
NAMES = [f"{state}-{type(event).__name__}" for state, event in PAIRS]


def reach(state: State, now: float = 10.0) -> Snapshot:
    """A snapshot in this state, entered at ``now``."""
    snapshot = initial(now)
    for event in WAY[state]:
        snapshot, _ = handle(snapshot, event, now, LIMITS, "boot")
    assert snapshot.state is state
    return snapshot


def test_the_samples_cover_every_event() -> None:
    assert {type(event) for event in EVENTS} == ALL_KINDS


def test_the_table_has_a_row_for_every_event_and_no_strangers() -> None:
    assert {event for _, event in TABLE} == ALL_KINDS
    assert {state for state, _ in TABLE} == set(State)


def test_exactly_the_impossible_pairs_are_absent() -> None:
    every = {(state, type(event)) for state, event in PAIRS}
    assert every - set(TABLE) == REFUSED


def test_exactly_the_meaningless_pairs_are_ignored() -> None:
    assert {pair for pair, handler in TABLE.items() if handler is ignore} == IGNORED


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=NAMES)
def test_every_pair_is_legal_or_ignored_or_refused(state: State, event: Event) -> None:
    snapshot = reach(state)
    due = deadline(snapshot, LIMITS)
    now = due if isinstance(event, ev.DeadlinePassed) and due is not None else 11.0
    if (state, type(event)) in REFUSED:
        untouched = replace(snapshot)
        with pytest.raises(IllegalEvent, match=f"{type(event).__name__} cannot happen while {state}"):
            handle(snapshot, event, now, LIMITS, "boot")
        assert snapshot == untouched
    elif (state, type(event)) in IGNORED | ALREADY_SO:
        assert handle(snapshot, event, now, LIMITS, "boot") == (snapshot, ())
    else:
        after, effects = handle(snapshot, event, now, LIMITS, "boot")
        assert after != snapshot or effects


@pytest.mark.parametrize("pair", TABLE, ids=lambda pair: f"{pair[0]}-{pair[1].__name__}")
def test_every_function_of_the_table_takes_the_event_of_its_row(pair: Pair) -> None:
    takes = inspect.signature(TABLE[pair]).parameters["event"].annotation
    assert takes is pair[1] or takes == Event


@pytest.mark.parametrize("state", State)
def test_a_deadline_that_comes_early_is_ignored(state: State) -> None:
    snapshot = reach(state)
    assert handle(snapshot, ev.DeadlinePassed(), 10.5, LIMITS, "boot") == (snapshot, ())


@pytest.mark.parametrize("state", State)
def test_every_state_that_waits_for_something_has_a_deadline(state: State) -> None:
    due = deadline(reach(state), LIMITS)
    if state in (State.IDLE, State.MUTED):
        assert due is None
    else:
        assert due is not None and due > 10.0


@pytest.mark.parametrize("state", State)
def test_a_deadline_that_passed_leaves_another_one_or_none(state: State) -> None:
    snapshot = reach(state)
    now = deadline(snapshot, LIMITS) or 1e6
    after, _ = handle(snapshot, ev.DeadlinePassed(), now, LIMITS, "boot")
    due = deadline(after, LIMITS)
    assert due is None or due > now

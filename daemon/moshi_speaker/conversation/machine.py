"""What the speaker does next. Pure: a snapshot, an event and the time in; a snapshot and effects out.

Rules for editors of this package:

1. The table below is the only place that says which event may happen in which state. A pair that is not in
   it is a mistake of the caller: ``handle`` raises ``IllegalEvent``, and as snapshots are frozen nothing has
   changed. A pair that may happen but means nothing is in it, as ``ignore``.
2. Time is an argument; a timeout is the event ``DeadlinePassed``. One that comes early (a timer that was
   on its way when something else happened) is ignored in every state.
3. Effects are in the order in which they shall be done. A StopSession follows every StartSession before the
   next one; last words come before the end of the talk, the end before the next state.
4. Facts decide, states follow. A transition changes facts (engine ready, device open, muted, a talk); the
   state is computed from them: without devices, or without hope for the engine, ``error``; without a ready
   engine ``loading``; in a talk ``conversation``; else ``muted`` or ``idle``. So a mute or a lost device is
   remembered in every state, and nobody has to know where to go back to.

The table in words:

``starting``      The parts other than the engine are being opened. SpeakerStarted ends it. The engine is not
                  there yet, so none of its events may come.
                  Deadline: START_LIMIT_S, then the process gives up.
``loading``       The engine loads, at first or again. EngineReady ends it; a wake word goes unheard.
                  Deadline: the start timeout and a grace (and the pause before a restart) from its last sign
                  of life on, so that a download may last; then it counts as lost once more.
``idle``          Waits for the wake word. From it or by request a talk begins; the sound that Moshi hears
                  begins ``preroll_s`` before the moment of detection, because a detector is sure only some
                  tenths of a second after the word: so "hey jarvis what time is it" loses none of "what". It
                  never begins before the speaker was idle: nothing from an earlier talk or a mute.
                  No deadline: it may last for days. That the microphone still delivers sound is watched by
                  the heartbeat of the audio path, and a dead one arrives as DeviceLost.
``conversation``  Exactly one session is open. It ends by a farewell of Moshi's, silence of both sides, the
                  cap, stop, the wake word said again, mute, lag, or the loss of engine or device; each end
                  has its reason. Who counts as speaking for how long is said in ``ending``.
                  Deadline: the earliest one of farewell, silence and cap, by the limits of this moment.
``muted``         Capture is off, and devices that open meanwhile open without it. Nothing but unmuting begins
                  a talk, not even a request.
                  No deadline: as long as the user likes.
``error``         A device is lost and reopened again and again, or the engine cannot work at all. The engine
                  may become ready, or be lost, meanwhile.
                  Deadline: the end of the present try (devices, and engine if it loads), then the next one.
                  None if only a person can help, that is after a fatal loss of the engine.
``stopping``      The owner closes the parts; whatever they still say is ignored.
                  Deadline: STOP_LIMIT_S, then the process gives up.
"""

from collections.abc import Callable

from moshi_speaker import events as ev
from moshi_speaker.conversation.change import Change, Moment, settle
from moshi_speaker.conversation.limits import START_LIMIT_S, STOP_LIMIT_S, Limits
from moshi_speaker.conversation.parts import (
    ignore,
    loaded,
    lost,
    mute,
    overdue,
    patient,
    plugged,
    shutdown,
    started,
    too_slow,
    unplugged,
    volume,
)
from moshi_speaker.conversation.snapshot import Snapshot
from moshi_speaker.conversation.talk import (
    ask,
    end_of,
    finish,
    lagged,
    moshi_off,
    moshi_on,
    spoke,
    stop,
    user_off,
    user_on,
    wake,
    wake_again,
)
from moshi_speaker.errors import IllegalEvent
from moshi_speaker.events import Event, State

Handler = Callable[..., Change]
"""Takes the snapshot, the event of its row, and the moment."""

NO: Handler | None = None
"""May not happen."""

# fmt: off
_ROWS: dict[type[Event], tuple[Handler | None, ...]] = {
    # in this order:         starting   loading    idle       talking      muted      error      stopping
    ev.SpeakerStarted:      (started,   NO,        NO,        NO,          NO,        NO,        ignore),
    ev.EngineProgressed:    (NO,        patient,   ignore,    ignore,      ignore,    patient,   ignore),
    ev.EngineReady:         (NO,        loaded,    NO,        NO,          NO,        loaded,    ignore),
    ev.EngineLost:          (NO,        lost,      lost,      lost,        lost,      lost,      ignore),
    ev.EngineLagged:        (NO,        ignore,    ignore,    lagged,      ignore,    ignore,    ignore),
    ev.WakeDetected:        (ignore,    ignore,    wake,      wake_again,  ignore,    ignore,    ignore),
    ev.StartRequested:      (ignore,    ignore,    ask,       ignore,      ignore,    ignore,    ignore),
    ev.StopRequested:       (ignore,    ignore,    ignore,    stop,        ignore,    ignore,    ignore),
    ev.MuteRequested:       (mute,      mute,      mute,      mute,        mute,      mute,      ignore),
    ev.VolumeRequested:     (volume,    volume,    volume,    volume,      volume,    volume,    ignore),
    ev.UserSpeechStarted:   (user_on,   user_on,   user_on,   user_on,     ignore,    ignore,    ignore),
    ev.UserSpeechEnded:     (user_off,  user_off,  user_off,  user_off,    ignore,    ignore,    ignore),
    ev.MoshiSpeechStarted:  (NO,        ignore,    ignore,    moshi_on,    ignore,    ignore,    ignore),
    ev.MoshiSpeechEnded:    (NO,        ignore,    ignore,    moshi_off,   ignore,    ignore,    ignore),
    ev.MoshiSpoke:          (NO,        ignore,    ignore,    spoke,       ignore,    ignore,    ignore),
    ev.DeviceLost:          (unplugged, unplugged, unplugged, unplugged,   unplugged, unplugged, ignore),
    ev.DeviceRestored:      (plugged,   NO,        NO,        NO,          NO,        plugged,   ignore),
    ev.DeadlinePassed:      (too_slow,  overdue,   ignore,    finish,      ignore,    overdue,   too_slow),
    ev.ShutdownRequested:   (shutdown,  shutdown,  shutdown,  shutdown,    shutdown,  shutdown,  ignore),
}
"""One row for an event, one column for a state in the order of State (talking: conversation)."""
# fmt: on

TABLE: dict[tuple[State, type[Event]], Handler] = {
    (state, event): handler
    for event, row in _ROWS.items()
    for state, handler in zip(State, row, strict=True)
    if handler is not None
}
"""What each event does in each state; pairs that may not happen are absent."""


def handle(snapshot: Snapshot, event: Event, now: float, limits: Limits, boot_id: str) -> Change:
    """The snapshot after the event, and what to do, in this order.

    Raises IllegalEvent for an event that cannot happen in this state.
    """
    handler = TABLE.get((snapshot.state, type(event)))
    if handler is None:
        raise IllegalEvent(
            f"{type(event).__name__} cannot happen while {snapshot.state}",
            where="conversation",
            remedy="please report this as a bug",
        )
    if isinstance(event, ev.DeadlinePassed) and not _is_over(deadline(snapshot, limits), now):
        return snapshot, ()
    after, effects = handler(snapshot, event, Moment(now, limits, boot_id))
    after, reports = settle(snapshot, after, now)
    return after, (*effects, *reports)


def deadline(snapshot: Snapshot, limits: Limits) -> float | None:
    """When DeadlinePassed is due, in seconds of the speaker's clock; None if nothing is waited for."""
    if snapshot.given_up:
        return None
    if snapshot.state is State.STARTING:
        return snapshot.entered_at + START_LIMIT_S
    if snapshot.state is State.STOPPING:
        return snapshot.entered_at + STOP_LIMIT_S
    if snapshot.conversation is not None:
        return end_of(snapshot, snapshot.conversation, limits).at
    return min((due for due in (snapshot.engine.due, snapshot.device.due) if due is not None), default=None)


def _is_over(due: float | None, now: float) -> bool:
    return due is not None and now >= due

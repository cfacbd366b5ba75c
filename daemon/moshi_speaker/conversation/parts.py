"""Transitions of the parts: start and stop, mute and volume, devices and engine that come and go."""

from dataclasses import replace

from moshi_speaker import events as ev
from moshi_speaker.conversation import ending
from moshi_speaker.conversation.change import Change, Moment
from moshi_speaker.conversation.limits import ENGINE_GRACE_S, HEALTHY_S, REOPEN_LIMIT_S, STEADY_S
from moshi_speaker.conversation.snapshot import DeviceHealth, EngineHealth, Snapshot
from moshi_speaker.conversation.talk import end
from moshi_speaker.events import Earcon, Effect, EndReason, Event, State


def ignore(s: Snapshot, event: Event, at: Moment) -> Change:
    """It may happen here, and means nothing."""
    return s, ()


def started(s: Snapshot, event: ev.SpeakerStarted, at: Moment) -> Change:
    """The engine has begun to load."""
    after = replace(s, state=State.LOADING, engine=EngineHealth(due=_start_due(at)))
    return after, (ev.ReportMute(s.muted),)


def shutdown(s: Snapshot, event: ev.ShutdownRequested, at: Moment) -> Change:
    """Say goodbye to the talk; the owner closes the parts."""
    after, effects = end(s, EndReason.SHUTDOWN, at)
    return replace(after, state=State.STOPPING), effects


def too_slow(s: Snapshot, event: ev.DeadlinePassed, at: Moment) -> Change:
    """The parts neither open nor close: only the end of the process helps."""
    message = f"could not {'start' if s.state is State.STARTING else 'stop'} in time"
    return replace(s, state=State.STOPPING, given_up=True), (ev.GiveUp(message),)


def mute(s: Snapshot, event: ev.MuteRequested, at: Moment) -> Change:
    """Stop or start capture, above all else: muted means muted, also for devices that are not open yet."""
    if event.on == s.muted:
        return s, ()
    after, ended = end(s, EndReason.MUTE, at) if event.on else (s, ())
    after = replace(after, muted=event.on, floor=ending.user_speaks(after.floor, False, at.now))
    audible = s.state is not State.STARTING and s.device.problem is None
    earcon = (ev.PlayEarcon(Earcon.MUTE if event.on else Earcon.UNMUTE),) if audible else ()
    silence, last_words = ended[:1], ended[1:]
    capture = ev.SetCapture(not event.on)
    return after, (capture, *silence, *earcon, *last_words, ev.ReportMute(event.on))


def volume(s: Snapshot, event: ev.VolumeRequested, at: Moment) -> Change:
    """The mixer owns the volume; nothing is decided here."""
    return s, (ev.SetVolume(event.percent), ev.ReportVolume(event.percent))


def unplugged(s: Snapshot, event: ev.DeviceLost, at: Moment) -> Change:
    """Nothing works without sound: end the talk and try again and again to open the devices."""
    after, effects = end(s, EndReason.DEVICE_LOST, at)
    after = replace(after, floor=ending.user_speaks(after.floor, False, at.now))
    reopening, retry = _reopen(after, event.message, event.code, at)
    return reopening, (*effects, *retry)


def plugged(s: Snapshot, event: ev.DeviceRestored, at: Moment) -> Change:
    """Go on; devices open with the microphone as it was switched last."""
    if s.device.problem is not None:
        s = replace(s, device=DeviceHealth(losses=s.device.losses, restored_at=at.now))
    return s, ()


def patient(s: Snapshot, event: ev.EngineProgressed, at: Moment) -> Change:
    """Wait as long again for an engine that is busy with its start; an older due time may be later."""
    if s.engine.due is None:
        return s, ()
    return replace(s, engine=replace(s.engine, due=max(s.engine.due, _start_due(at)))), ()


def loaded(s: Snapshot, event: ev.EngineReady, at: Moment) -> Change:
    """Whether it is healthy again, time will tell: the losses still count."""
    engine = EngineHealth(ready_since=at.now, losses=s.engine.losses)
    if event.too_slow:
        engine = replace(engine, problem=event.too_slow, code="too_slow")
    return replace(s, engine=engine), ()


def lost(s: Snapshot, event: ev.EngineLost, at: Moment) -> Change:
    """End the talk, and start the engine again after a pause that grows with each loss."""
    if s.engine.fatal:  # the process that failed for good also ends
        return s, ()
    after, effects = end(s, EndReason.ENGINE_LOST, at)
    if event.fatal:
        return replace(
            after, engine=EngineHealth(problem=event.message, code=event.code, fatal=True)
        ), effects
    restarting, restart = _restart(after, event.message, event.code, at)
    return restarting, (*effects, *restart)


def overdue(s: Snapshot, event: ev.DeadlinePassed, at: Moment) -> Change:
    """Neither a sign of life nor of death from the engine or the devices: try again."""
    effects: tuple[Effect, ...] = ()
    if s.device.due is not None and s.device.due <= at.now:
        s, effects = _reopen(s, s.device.problem or "the device does not answer", s.device.code, at)
    if s.engine.due is not None and s.engine.due <= at.now:
        s, restart = _restart(s, "the engine did not start in time", "engine", at)
        effects = (*effects, *restart)
    return s, effects


def _reopen(s: Snapshot, message: str, code: str, at: Moment) -> Change:
    restored = s.device.restored_at
    steady = restored is not None and at.now - restored >= STEADY_S
    losses = 1 if steady else s.device.losses + 1
    delay = at.limits.reopen_delay(losses)
    device = DeviceHealth(problem=message, due=at.now + delay + REOPEN_LIMIT_S, code=code, losses=losses)
    return replace(s, device=device), (ev.ReopenDevice(delay),)


def _restart(s: Snapshot, message: str, code: str, at: Moment) -> Change:
    ready = s.engine.ready_since
    healthy = ready is not None and at.now - ready >= HEALTHY_S
    losses = 1 if healthy else s.engine.losses + 1
    delay = at.limits.restart_delay(losses)
    engine = EngineHealth(due=_start_due(at) + delay, losses=losses, problem=message, code=code)
    return replace(s, engine=engine), (ev.RestartEngine(delay),)


def _start_due(at: Moment) -> float:
    return at.now + at.limits.engine_start_s + ENGINE_GRACE_S

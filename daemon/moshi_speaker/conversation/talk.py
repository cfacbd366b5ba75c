"""Transitions of a talk: it begins, somebody speaks, it ends. One function for each event of the table."""

from dataclasses import replace

from moshi_speaker import events as ev
from moshi_speaker.conversation import ending, utterance
from moshi_speaker.conversation.change import Change, Moment
from moshi_speaker.conversation.farewell import says_goodbye
from moshi_speaker.conversation.limits import SAME_WORD_S, Limits
from moshi_speaker.conversation.snapshot import Conversation, Snapshot
from moshi_speaker.events import Earcon, Effect, EndReason

_EARCONS = {
    EndReason.SILENCE: Earcon.END,
    EndReason.NO_SPEECH: Earcon.END,
    EndReason.CAP: Earcon.END,
    EndReason.STOP: Earcon.END,
    EndReason.GOODBYE: Earcon.END,
    EndReason.LAG: Earcon.ERROR,
    EndReason.ENGINE_LOST: Earcon.ERROR,
}
"""What an end sounds like. A mute has a sound of its own, a lost device plays nothing, and shutdown has no
time for it."""
STOP_SILENCE_S = 0.3
"""Who stops a talk hears silence first: the sound of the end waits for so long."""


def wake(s: Snapshot, event: ev.WakeDetected, at: Moment) -> Change:
    """Begin a talk with the pre-roll, but with no sound from before the speaker was idle."""
    if _same_word(s, event):
        return s, ()
    since = max(event.at - at.limits.preroll_s, s.entered_at)
    after, effects = _begin(replace(s, word_at=event.at), "wake_word", since, at)
    return after, (ev.ReportWake(event.wake_word, event.score, event.at), *effects)


def wake_again(s: Snapshot, event: ev.WakeDetected, at: Moment) -> Change:
    """End the talk at once, whatever Moshi makes of it; the word that began it does not."""
    if not at.limits.wake_word_stops or _same_word(s, event):
        return s, ()
    after, (silence, *rest) = end(replace(s, word_at=event.at), EndReason.STOP, at)
    return after, (silence, ev.ReportWake(event.wake_word, event.score, event.at), *rest)


def ask(s: Snapshot, event: ev.StartRequested, at: Moment) -> Change:
    """Begin a talk from this moment on."""
    return _begin(s, event.trigger, at.now, at)


def stop(s: Snapshot, event: ev.StopRequested, at: Moment) -> Change:
    """End the talk because somebody wants it."""
    return end(s, EndReason.STOP, at)


def lagged(s: Snapshot, event: ev.EngineLagged, at: Moment) -> Change:
    """End a talk that has become too slow to be one."""
    return end(s, EndReason.LAG, at)


def finish(s: Snapshot, event: ev.DeadlinePassed, at: Moment) -> Change:
    """End the talk because of a farewell, because both sides are silent, or because it is too long."""
    return (s, ()) if s.conversation is None else end(s, end_of(s, s.conversation, at.limits).reason, at)


def spoke(s: Snapshot, event: ev.MoshiSpoke, at: Moment) -> Change:
    """Add to Moshi's utterance; a late answer of an earlier session is dropped."""
    talk = s.conversation
    if talk is None or event.session != talk.session:
        return s, ()
    floor = s.floor
    if event.text.strip():
        floor = ending.moshi_words(floor, at.now)
        said = talk.utterance.text + event.text
        talk = replace(talk, goodbye=says_goodbye(said, at.limits.goodbye_phrases))
    open_one, final = utterance.add_frame(talk.utterance, event.text, event.silent)
    talk, reports = _report(replace(talk, utterance=open_one), final, at)
    return replace(s, floor=floor, conversation=talk), reports


def end_of(s: Snapshot, talk: Conversation, limits: Limits) -> ending.End:
    """When and why this talk ends if nothing more happens."""
    return ending.end_of_talk(
        s.floor, talk.started_at, answered=talk.answered, goodbye=talk.goodbye, limits=limits
    )


def user_on(s: Snapshot, event: ev.UserSpeechStarted, at: Moment) -> Change:
    """Kept outside talks too: the user may be in mid-sentence when one begins."""
    return _answered(replace(s, floor=ending.user_speaks(s.floor, True, at.now))), ()


def user_off(s: Snapshot, event: ev.UserSpeechEnded, at: Moment) -> Change:
    """Speech from before the talk counts as part of it if it went on for a while."""
    after = replace(s, floor=ending.user_speaks(s.floor, False, at.now))
    talk = s.conversation
    one_breath = talk is not None and s.floor.user and at.now > talk.started_at + ending.ONE_BREATH_S
    return (_answered(after) if one_breath else after), ()


def moshi_on(s: Snapshot, event: ev.MoshiSpeechStarted, at: Moment) -> Change:
    """Moshi has something to say."""
    return replace(s, floor=ending.moshi_speaks(s.floor, True, at.now)), ()


def moshi_off(s: Snapshot, event: ev.MoshiSpeechEnded, at: Moment) -> Change:
    """Moshi has said it."""
    return replace(s, floor=ending.moshi_speaks(s.floor, False, at.now)), ()


def end(s: Snapshot, reason: EndReason, at: Moment) -> Change:
    """End the talk, if there is one: last words first, then the reason."""
    talk = s.conversation
    if talk is None:
        return s, ()
    pause_s = STOP_SILENCE_S if reason is EndReason.STOP else 0.0
    earcon = (ev.PlayEarcon(_EARCONS[reason], pause_s),) if reason in _EARCONS else ()
    talk, last_words = _report(talk, utterance.flush(talk.utterance), at)
    duration = at.now - talk.started_at
    ended = ev.ReportConversationEnded(talk.id, talk.trigger, reason, duration, talk.turns, at.now)
    after = replace(s, conversation=None, floor=ending.moshi_speaks(s.floor, False, at.now))
    return after, (ev.StopSession(talk.session), *earcon, *last_words, ended)


def _begin(s: Snapshot, trigger: str, since: float, at: Moment) -> Change:
    session = s.sessions + 1
    talk = Conversation(f"{at.boot_id}-{session}", trigger, session, started_at=at.now)
    return replace(s, sessions=session, conversation=talk), (
        ev.PlayEarcon(Earcon.WAKE),
        ev.StartSession(session, since),
        ev.ReportConversationStarted(talk.id, trigger, at.now),
    )


def _report(
    talk: Conversation, texts: tuple[str, ...], at: Moment
) -> tuple[Conversation, tuple[Effect, ...]]:
    reports = tuple(
        ev.ReportTranscript(talk.id, text, turns, at.now) for turns, text in enumerate(texts, talk.turns + 1)
    )
    return replace(talk, turns=talk.turns + len(texts)), reports


def _same_word(s: Snapshot, event: ev.WakeDetected) -> bool:
    return s.word_at is not None and event.at - s.word_at < SAME_WORD_S


def _answered(s: Snapshot) -> Snapshot:
    return s if s.conversation is None else replace(s, conversation=replace(s.conversation, answered=True))

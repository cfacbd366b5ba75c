"""Whole stories, told to the machine by a clock that serves its deadlines."""

from dataclasses import dataclass, field, replace

from moshi_speaker import events as ev
from moshi_speaker.conversation.limits import (
    ENGINE_GRACE_S,
    HEALTHY_S,
    REOPEN_LIMIT_S,
    SAME_WORD_S,
    START_LIMIT_S,
    STEADY_S,
    STOP_LIMIT_S,
    Limits,
)
from moshi_speaker.conversation.machine import deadline, handle
from moshi_speaker.conversation.snapshot import Snapshot, initial
from moshi_speaker.conversation.talk import STOP_SILENCE_S
from moshi_speaker.events import Earcon, Effect, EndReason, Event, State

LIMITS = Limits(
    preroll_s=1.5,
    wake_word_stops=True,
    end_silence_s=8.0,
    no_speech_s=5.0,
    max_conversation_s=60.0,
    moshi_wordless_s=6.0,
    goodbye_phrases=("goodbye",),
    goodbye_pause_s=1.0,
    background_speech_s=20.0,
    engine_start_s=100.0,
    restart_delay_s=1.0,
    restart_delay_max_s=5.0,
    reopen_delay_s=2.0,
    reopen_delay_max_s=5.0,
)


@dataclass
class Story:
    """A speaker without parts: events in, effects remembered."""

    snapshot: Snapshot = field(default_factory=lambda: initial(0.0))
    now: float = 0.0
    done: list[Effect] = field(default_factory=list)
    """All effects so far."""
    limits: Limits = LIMITS

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass; returns the effects of the deadlines in it."""
        until, effects = self.now + seconds, list[Effect]()
        while (due := deadline(self.snapshot, self.limits)) is not None and due <= until:
            self.now = due
            effects += self.tell(ev.DeadlinePassed())
            later = deadline(self.snapshot, self.limits)
            assert later is None or later > due, "the same deadline again and again"
        self.now = until
        return effects

    def tell(self, *events: Event) -> list[Effect]:
        """Hand events over, now; returns their effects."""
        effects: list[Effect] = []
        for event in events:
            self.snapshot, more = handle(self.snapshot, event, self.now, self.limits, "boot")
            effects += more
        self.done += effects
        return effects

    def state(self) -> State:
        return self.snapshot.state


def idle_story(*, muted: bool = False) -> Story:
    story = Story(initial(0.0, muted=muted))
    story.wait(1.0)
    story.tell(ev.SpeakerStarted())
    story.wait(9.0)
    story.tell(ev.EngineReady("model"))
    story.wait(10.0)
    return story


def talking_story() -> Story:
    story = idle_story()
    story.tell(wake(story.now))
    story.wait(1.0)
    story.tell(ev.MoshiSpeechStarted())
    return story


def wake(at: float) -> ev.WakeDetected:
    return ev.WakeDetected("hey_jarvis", 0.9, at)


def say(story: Story, text: str) -> list[Effect]:
    session = story.snapshot.sessions
    return story.tell(*(ev.MoshiSpoke(session, f" {word}", False) for word in text.split()))


def end_reasons(effects: list[Effect]) -> list[EndReason]:
    return [effect.reason for effect in effects if isinstance(effect, ev.ReportConversationEnded)]


def restarts(effects: list[Effect]) -> list[float]:
    return [effect.delay_s for effect in effects if isinstance(effect, ev.RestartEngine)]


# --- A talk from wake to silence ---------------------------------------------------------------


def test_the_main_job_reports_in_the_promised_order() -> None:
    story = Story()
    story.tell(ev.SpeakerStarted(), ev.EngineReady("model"))
    story.wait(20.0)
    story.tell(wake(19.75))
    story.tell(ev.UserSpeechStarted())
    story.wait(1.0)
    story.tell(ev.UserSpeechEnded())
    say(story, "It is noon.")
    story.wait(1.0)
    story.tell(ev.MoshiSpeechStarted())
    story.wait(1.0)
    story.tell(ev.MoshiSpeechEnded())
    story.wait(10.0)
    story.tell(ev.ShutdownRequested())
    assert story.done == [
        ev.ReportMute(False),
        ev.ReportState(State.LOADING),
        ev.ReportState(State.IDLE),
        ev.ReportWake("hey_jarvis", 0.9, 19.75),
        ev.PlayEarcon(Earcon.WAKE),
        ev.StartSession(1, since=18.25),
        ev.ReportConversationStarted("boot-1", "wake_word", 20.0),
        ev.ReportState(State.CONVERSATION),
        ev.StopSession(1),
        ev.PlayEarcon(Earcon.END),
        ev.ReportTranscript("boot-1", "It is noon.", 1, 31.0),
        ev.ReportConversationEnded("boot-1", "wake_word", EndReason.SILENCE, 11.0, 1, 31.0),
        ev.ReportState(State.IDLE),
        ev.ReportState(State.STOPPING),
    ]


def test_the_pre_roll_never_reaches_back_to_before_the_speaker_was_idle() -> None:
    story = talking_story()
    story.tell(ev.StopRequested())
    ended = story.now
    story.wait(0.5)
    assert ev.StartSession(2, since=ended) in story.tell(wake(story.now))


def test_a_talk_by_request_begins_now_and_without_a_wake_report() -> None:
    story = idle_story()
    assert story.tell(ev.StartRequested("mqtt")) == [
        ev.PlayEarcon(Earcon.WAKE),
        ev.StartSession(1, since=20.0),
        ev.ReportConversationStarted("boot-1", "mqtt", 20.0),
        ev.ReportState(State.CONVERSATION),
    ]


def test_every_talk_has_an_id_and_a_session_of_its_own() -> None:
    story = idle_story()
    for _ in range(3):
        story.tell(ev.StartRequested(), ev.StopRequested())
    ids = [
        effect.conversation_id for effect in story.done if isinstance(effect, ev.ReportConversationStarted)
    ]
    assert ids == ["boot-1", "boot-2", "boot-3"]
    assert [effect.session for effect in story.done if isinstance(effect, ev.StopSession)] == [1, 2, 3]


def test_a_second_request_does_not_disturb_the_talk() -> None:
    assert talking_story().tell(ev.StartRequested()) == []


def test_the_user_alone_keeps_the_talk_open() -> None:
    story = idle_story()
    story.tell(wake(story.now), ev.UserSpeechStarted())
    story.wait(19.0)
    story.tell(ev.UserSpeechEnded())
    assert story.wait(7.9) == []
    assert end_reasons(story.wait(0.1)) == [EndReason.SILENCE]


def test_moshi_alone_keeps_the_talk_open() -> None:
    story = idle_story()
    story.tell(wake(story.now), ev.MoshiSpeechStarted())
    for _ in range(6):
        say(story, "blah")
        story.wait(5.0)
    story.tell(ev.MoshiSpeechEnded())
    assert story.wait(4.9) == []
    assert end_reasons(story.wait(0.1)) == [EndReason.NO_SPEECH]


def test_sound_of_moshis_without_words_keeps_no_talk_open() -> None:
    story = idle_story()
    story.tell(wake(story.now), ev.UserSpeechStarted(), ev.UserSpeechEnded(), ev.MoshiSpeechStarted())
    assert story.wait(LIMITS.moshi_wordless_s + LIMITS.end_silence_s - 0.1) == []
    assert end_reasons(story.wait(0.1)) == [EndReason.SILENCE]


def test_a_television_that_never_pauses_keeps_no_talk_open() -> None:
    story = idle_story()
    story.tell(wake(story.now))
    for _ in range(14):
        story.tell(ev.UserSpeechStarted())
        story.wait(1.0)
        story.tell(ev.UserSpeechEnded())
        story.wait(0.9)
    story.tell(ev.UserSpeechStarted())
    assert story.state() is State.CONVERSATION
    assert end_reasons(story.wait(2.0)) == [EndReason.SILENCE]
    assert story.snapshot.entered_at == 20.0 + LIMITS.background_speech_s + LIMITS.end_silence_s


def test_what_is_said_after_a_word_of_moshis_is_no_television() -> None:
    story = idle_story()
    story.tell(wake(story.now))
    for _ in range(6):
        story.tell(ev.UserSpeechStarted())
        story.wait(8.0)
        story.tell(ev.UserSpeechEnded())
        say(story, "Go on.")
        story.wait(0.6)
    assert story.state() is State.CONVERSATION


# --- Farewell and hard stop ---------------------------------------------------------------------


def test_a_farewell_of_moshis_ends_the_talk_when_it_is_said() -> None:
    story = talking_story()
    say(story, "It was nice. Goodbye!")
    story.wait(0.5)
    say(story, "Take care.")
    story.wait(3.0)
    assert story.state() is State.CONVERSATION, "it is still heard"
    story.tell(ev.MoshiSpeechEnded())
    assert story.wait(0.9) == []
    assert end_reasons(story.wait(0.1)) == [EndReason.GOODBYE]
    assert ev.PlayEarcon(Earcon.END) in story.done


def test_a_farewell_waits_for_a_user_who_still_speaks() -> None:
    story = talking_story()
    say(story, "Goodbye")
    story.tell(ev.MoshiSpeechEnded(), ev.UserSpeechStarted())
    assert story.wait(5.0) == []
    story.tell(ev.UserSpeechEnded())
    assert end_reasons(story.wait(1.0)) == [EndReason.GOODBYE]


def test_another_utterance_takes_a_farewell_back() -> None:
    story = talking_story()
    say(story, "Goodbye.")
    story.tell(ev.MoshiSpeechEnded(), ev.UserSpeechStarted(), ev.UserSpeechEnded())
    story.tell(*[ev.MoshiSpoke(1, "", True)] * 6)
    say(story, "Oh, one thing more.")
    assert end_reasons(story.wait(8.0)) == [EndReason.SILENCE]


def test_the_wake_word_in_a_talk_ends_it_silence_first() -> None:
    story = talking_story()
    say(story, "I was about to")
    story.wait(2.0)
    assert story.tell(wake(22.9)) == [
        ev.StopSession(1),
        ev.ReportWake("hey_jarvis", 0.9, 22.9),
        ev.PlayEarcon(Earcon.END, pause_s=STOP_SILENCE_S),
        ev.ReportTranscript("boot-1", "I was about to", 1, 23.0),
        ev.ReportConversationEnded("boot-1", "wake_word", EndReason.STOP, 3.0, 1, 23.0),
        ev.ReportState(State.IDLE),
    ]


def test_the_wake_word_that_began_a_talk_does_not_end_it_nor_begin_another_one() -> None:
    story = idle_story()
    story.tell(wake(20.0))
    assert story.tell(wake(20.0 + SAME_WORD_S - 0.1)) == []
    story.wait(4.0)
    story.tell(wake(24.0))
    assert story.state() is State.IDLE
    story.wait(SAME_WORD_S)
    assert story.tell(wake(24.0 + SAME_WORD_S - 0.1)) == []
    assert ev.StartSession(2, since=24.0) in story.tell(wake(24.0 + SAME_WORD_S))


def test_the_wake_word_ends_a_talk_that_was_asked_for() -> None:
    story = idle_story()
    story.tell(ev.StartRequested())
    assert end_reasons(story.tell(wake(20.0))) == [EndReason.STOP]


def test_the_wake_word_in_a_talk_may_be_told_to_mean_nothing() -> None:
    story = talking_story()
    story.limits = replace(LIMITS, wake_word_stops=False)
    assert story.tell(wake(25.0)) == []


# --- Whose speech, and how long -----------------------------------------------------------------


def test_another_bound_holds_for_the_talk_that_is_open() -> None:
    story = talking_story()
    story.tell(ev.MoshiSpeechEnded())
    story.limits = replace(LIMITS, no_speech_s=2.0)
    assert end_reasons(story.wait(2.0)) == [EndReason.NO_SPEECH]


def test_a_user_in_mid_sentence_when_the_talk_begins_is_waited_for() -> None:
    story = idle_story()
    story.tell(ev.UserSpeechStarted(), wake(story.now))
    story.wait(12.0)
    assert story.state() is State.CONVERSATION
    story.tell(ev.UserSpeechEnded())
    assert end_reasons(story.wait(8.0)) == [EndReason.SILENCE]


def test_a_wake_word_that_nothing_follows_ends_as_no_speech() -> None:
    story = idle_story()
    story.tell(ev.UserSpeechStarted(), wake(story.now))
    story.wait(0.4)
    story.tell(ev.UserSpeechEnded())
    assert end_reasons(story.wait(5.0)) == [EndReason.NO_SPEECH]
    assert ev.PlayEarcon(Earcon.END) in story.done


def test_words_that_are_too_soft_to_hear_are_speech_all_the_same() -> None:
    story = idle_story()
    story.tell(wake(story.now))
    story.wait(3.0)
    say(story, "mumble")
    assert story.wait(4.9) == []
    assert end_reasons(story.wait(0.1)) == [EndReason.NO_SPEECH], "and nobody answered"


def test_the_end_of_a_speech_that_nobody_began_is_no_speech() -> None:
    story = idle_story()
    story.tell(wake(story.now))
    story.wait(2.0)
    story.tell(ev.UserSpeechEnded())
    assert end_reasons(story.wait(8.0)) == [EndReason.NO_SPEECH]


def test_even_two_who_never_pause_are_stopped_by_the_cap() -> None:
    story = talking_story()
    story.tell(ev.UserSpeechStarted())
    for _ in range(589):
        assert end_reasons(say(story, "la")) == []
        story.wait(0.1)
    assert end_reasons(story.wait(0.2)) == [EndReason.CAP]
    assert story.snapshot.entered_at == 80.0


def test_a_stop_closes_the_session_first_and_says_last_words_before_the_end() -> None:
    story = talking_story()
    say(story, "I was about to")
    assert story.tell(ev.StopRequested()) == [
        ev.StopSession(1),
        ev.PlayEarcon(Earcon.END, pause_s=STOP_SILENCE_S),
        ev.ReportTranscript("boot-1", "I was about to", 1, 21.0),
        ev.ReportConversationEnded("boot-1", "wake_word", EndReason.STOP, 1.0, 1, 21.0),
        ev.ReportState(State.IDLE),
    ]


def test_each_utterance_is_a_turn() -> None:
    story = talking_story()
    for text in ("One.", "Two."):
        say(story, text)
        story.tell(*[ev.MoshiSpoke(1, "", True)] * 6)
    transcripts = [effect for effect in story.done if isinstance(effect, ev.ReportTranscript)]
    assert [(report.text, report.turns) for report in transcripts] == [("One.", 1), ("Two.", 2)]


def test_a_late_answer_of_an_earlier_talk_does_not_get_into_the_next_one() -> None:
    story = talking_story()
    story.tell(ev.StopRequested(), ev.StartRequested(), ev.MoshiSpoke(1, " ghost", False))
    assert not any(isinstance(effect, ev.ReportTranscript) for effect in story.tell(ev.StopRequested()))


def test_a_lagging_engine_ends_the_talk_with_an_error_sound() -> None:
    effects = talking_story().tell(ev.EngineLagged(20.0))
    assert end_reasons(effects) == [EndReason.LAG]
    assert ev.PlayEarcon(Earcon.ERROR) in effects


# --- Mute and volume ---------------------------------------------------------------------------


def test_mute_in_a_talk_closes_the_microphone_before_anything_else() -> None:
    story = talking_story()
    say(story, "I was")
    effects = story.tell(ev.MuteRequested(True))
    assert effects[:3] == [ev.SetCapture(False), ev.StopSession(1), ev.PlayEarcon(Earcon.MUTE)]
    assert ev.PlayEarcon(Earcon.END) not in effects
    assert isinstance(effects[3], ev.ReportTranscript)
    assert end_reasons(effects) == [EndReason.MUTE]
    assert effects[-2:] == [ev.ReportMute(True), ev.ReportState(State.MUTED)]


def test_while_muted_nothing_begins_a_talk_until_it_is_unmuted() -> None:
    story = idle_story()
    story.tell(ev.MuteRequested(True))
    assert story.tell(wake(story.now), ev.StartRequested(), ev.MuteRequested(True)) == []
    story.wait(1e6)
    assert story.tell(ev.MuteRequested(False)) == [
        ev.SetCapture(True),
        ev.PlayEarcon(Earcon.UNMUTE),
        ev.ReportMute(False),
        ev.ReportState(State.IDLE),
    ]


def test_a_mute_while_loading_is_remembered() -> None:
    story = Story()
    story.tell(ev.SpeakerStarted())
    assert story.tell(ev.MuteRequested(True)) == [
        ev.SetCapture(False),
        ev.PlayEarcon(Earcon.MUTE),
        ev.ReportMute(True),
    ]
    assert story.tell(ev.EngineReady("model")) == [ev.ReportState(State.MUTED)]


def test_a_mute_before_the_devices_are_open_holds_for_them_and_makes_no_sound() -> None:
    story = Story()
    assert story.tell(ev.MuteRequested(True)) == [ev.SetCapture(False), ev.ReportMute(True)]
    assert story.tell(ev.SpeakerStarted())[0] == ev.ReportMute(True)


def test_a_speaker_that_starts_muted_stays_so() -> None:
    story = idle_story(muted=True)
    assert story.state() is State.MUTED
    assert story.done[0] == ev.ReportMute(True)


def test_speech_cut_off_by_mute_does_not_keep_the_next_talk_open() -> None:
    story = talking_story()
    story.tell(ev.UserSpeechStarted(), ev.MuteRequested(True), ev.MuteRequested(False), ev.StartRequested())
    assert end_reasons(story.wait(8.0)) == [EndReason.NO_SPEECH]


def test_the_volume_is_passed_on_and_reported() -> None:
    assert talking_story().tell(ev.VolumeRequested(30)) == [ev.SetVolume(30), ev.ReportVolume(30)]


# --- The engine --------------------------------------------------------------------------------


def test_an_engine_lost_in_a_talk_is_heard_reported_and_restarted() -> None:
    story = talking_story()
    assert story.tell(ev.EngineLost("engine died")) == [
        ev.StopSession(1),
        ev.PlayEarcon(Earcon.ERROR),
        ev.ReportConversationEnded("boot-1", "wake_word", EndReason.ENGINE_LOST, 1.0, 0, 21.0),
        ev.RestartEngine(1.0),
        ev.ReportState(State.LOADING),
        ev.ReportProblem("engine", "engine died", 21.0),
    ]
    story.wait(5.0)
    assert story.tell(ev.EngineReady("model")) == [
        ev.ReportState(State.IDLE),
        ev.ReportProblem("", "", 26.0),
    ]
    assert ev.ReportState(State.CONVERSATION) in story.tell(wake(story.now))


def test_an_engine_that_is_too_slow_is_a_problem_until_the_next_one_is_not() -> None:
    story = idle_story()
    story.tell(ev.EngineLost("engine died"))
    assert story.tell(ev.EngineReady("model", too_slow="it takes 1.2 of real time")) == [
        ev.ReportState(State.IDLE),
        ev.ReportProblem("too_slow", "it takes 1.2 of real time", story.now),
    ]
    story.tell(ev.EngineLost("engine died"))
    assert ev.ReportProblem("", "", story.now) in story.tell(ev.EngineReady("model"))


def test_an_engine_that_refuses_to_start_because_it_is_too_slow_says_so() -> None:
    story = idle_story()
    story.tell(ev.EngineLost("engine died"))
    assert ev.ReportProblem("too_slow", "too slow", story.now) in story.tell(
        ev.EngineLost("too slow", code="too_slow")
    )
    assert ev.ReportProblem("too_slow", "far too slow", story.now) in story.tell(
        ev.EngineLost("far too slow", fatal=True, code="too_slow")
    )


def test_an_engine_lost_outside_a_talk_makes_no_sound() -> None:
    effects = idle_story().tell(ev.EngineLost("engine died"))
    assert not any(isinstance(effect, ev.PlayEarcon) for effect in effects)


def test_the_pause_before_a_restart_doubles_up_to_its_maximum() -> None:
    story = idle_story()
    for _ in range(5):
        story.tell(ev.EngineLost("engine died"))
        story.wait(6.0)
        story.tell(ev.EngineReady("model"))
    assert restarts(story.done) == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_only_a_healthy_period_makes_the_losses_forgotten() -> None:
    story = idle_story()
    story.tell(ev.EngineLost("died"), ev.EngineReady("model"))
    story.wait(HEALTHY_S - 0.1)
    story.tell(ev.EngineLost("died"), ev.EngineReady("model"))
    story.wait(HEALTHY_S)
    story.tell(ev.EngineLost("died"))
    assert restarts(story.done) == [1.0, 2.0, 1.0]


def test_an_engine_that_gives_signs_of_life_may_take_long_to_start() -> None:
    story = Story()
    story.tell(ev.SpeakerStarted())
    for _ in range(5):
        assert story.wait(LIMITS.engine_start_s) == []
        assert story.tell(ev.EngineProgressed()) == []
    lost = story.wait(LIMITS.engine_start_s + ENGINE_GRACE_S)
    assert ev.RestartEngine(LIMITS.restart_delay_s) in lost


def test_an_engine_that_never_gets_ready_counts_as_lost() -> None:
    story = Story()
    story.tell(ev.SpeakerStarted())
    first = LIMITS.engine_start_s + ENGINE_GRACE_S
    assert story.wait(first - 0.1) == []
    assert story.wait(0.1) == [
        ev.RestartEngine(1.0),
        ev.ReportProblem("engine", "the engine did not start in time", first),
    ]
    assert story.wait(first + 0.9) == []
    assert story.wait(0.1) == [ev.RestartEngine(2.0)]


def test_a_mute_survives_the_loss_of_the_engine() -> None:
    story = idle_story(muted=True)
    story.tell(ev.EngineLost("died"))
    assert story.state() is State.LOADING
    story.tell(ev.EngineReady("model"))
    assert story.state() is State.MUTED


def test_without_hope_for_the_engine_nothing_is_restarted() -> None:
    story = talking_story()
    effects = story.tell(ev.EngineLost("no weights", fatal=True))
    assert end_reasons(effects) == [EndReason.ENGINE_LOST]
    assert effects[-2:] == [ev.ReportState(State.ERROR), ev.ReportProblem("engine", "no weights", 21.0)]
    assert story.tell(ev.EngineLost("its process ended")) == []
    assert story.wait(1e6) == []
    assert restarts(story.done) == []


# --- The devices -------------------------------------------------------------------------------


def test_a_device_lost_in_a_talk_ends_it_and_comes_back() -> None:
    story = talking_story()
    assert story.tell(ev.DeviceLost("microphone gone")) == [
        ev.StopSession(1),
        ev.ReportConversationEnded("boot-1", "wake_word", EndReason.DEVICE_LOST, 1.0, 0, 21.0),
        ev.ReopenDevice(2.0),
        ev.ReportState(State.ERROR),
        ev.ReportProblem("device", "microphone gone", 21.0),
    ]
    assert story.tell(ev.DeviceRestored()) == [ev.ReportState(State.IDLE), ev.ReportProblem("", "", 21.0)]


def test_speech_cut_off_by_a_lost_device_does_not_keep_the_next_talk_open() -> None:
    story = talking_story()
    story.tell(ev.UserSpeechStarted(), ev.DeviceLost("gone"), ev.DeviceRestored(), ev.StartRequested())
    assert end_reasons(story.wait(8.0)) == [EndReason.NO_SPEECH]


def test_each_try_that_fails_or_hangs_is_followed_by_another_one_in_silence() -> None:
    story = idle_story()
    story.tell(ev.DeviceLost("gone"))
    assert story.tell(ev.DeviceLost("gone")) == [ev.ReopenDevice(4.0)]
    assert story.wait(4.0 + REOPEN_LIMIT_S - 0.1) == []
    assert story.wait(0.1) == [ev.ReopenDevice(5.0)]


def test_devices_that_were_steady_for_a_while_are_opened_again_without_delay() -> None:
    story = idle_story()
    story.tell(ev.DeviceLost("gone"), ev.DeviceRestored())
    assert ev.ReopenDevice(4.0) in story.tell(ev.DeviceLost("gone"))
    story.tell(ev.DeviceRestored())
    story.wait(STEADY_S)
    assert ev.ReopenDevice(2.0) in story.tell(ev.DeviceLost("gone"))


def test_a_silent_microphone_is_a_problem_of_its_own_until_it_gives_sound() -> None:
    story = idle_story()
    effects = story.tell(ev.DeviceLost("only zeros", "microphone_silent"))
    assert effects[1:] == [
        ev.ReportState(State.ERROR),
        ev.ReportProblem("microphone_silent", "only zeros", story.now),
    ]
    story.wait(2.0 + REOPEN_LIMIT_S)
    assert story.state() is State.ERROR
    assert story.tell(ev.DeviceRestored())[-1] == ev.ReportProblem("", "", story.now)


def test_a_mute_while_the_devices_are_lost_holds_for_those_that_come_back() -> None:
    story = idle_story()
    story.tell(ev.DeviceLost("gone"))
    assert story.tell(ev.MuteRequested(True)) == [ev.SetCapture(False), ev.ReportMute(True)]
    assert story.tell(ev.DeviceRestored())[0] == ev.ReportState(State.MUTED)


def test_a_device_lost_while_the_speaker_starts_is_not_forgotten() -> None:
    story = Story()
    story.tell(ev.DeviceLost("gone"), ev.SpeakerStarted())
    assert story.state() is State.ERROR
    story.tell(ev.EngineReady("model"), ev.DeviceRestored())
    assert story.state() is State.IDLE


def test_engine_and_devices_lost_together_are_both_repaired() -> None:
    story = idle_story()
    story.tell(ev.EngineLost("engine died"), ev.DeviceLost("gone"))
    assert story.state() is State.ERROR
    effects = story.wait(1.0 + LIMITS.engine_start_s + ENGINE_GRACE_S)
    assert restarts(effects) == [2.0]
    assert [e.delay_s for e in effects if isinstance(e, ev.ReopenDevice)] == [4.0, 5.0, 5.0]
    restored = story.tell(ev.DeviceRestored())
    assert restored == [
        ev.ReportState(State.LOADING),
        ev.ReportProblem("engine", "the engine did not start in time", story.now),
    ]
    story.tell(ev.EngineReady("model"))
    assert story.state() is State.IDLE


# --- Start and stop ----------------------------------------------------------------------------


def test_shutdown_in_a_talk_says_why_it_ended_and_makes_no_sound() -> None:
    effects = talking_story().tell(ev.ShutdownRequested())
    assert effects == [
        ev.StopSession(1),
        ev.ReportConversationEnded("boot-1", "wake_word", EndReason.SHUTDOWN, 1.0, 0, 21.0),
        ev.ReportState(State.STOPPING),
    ]


def test_parts_that_do_not_close_are_given_up_once() -> None:
    story = idle_story()
    story.tell(ev.ShutdownRequested())
    assert story.wait(STOP_LIMIT_S - 0.1) == []
    assert story.wait(1e6) == [ev.GiveUp("could not stop in time")]


def test_parts_that_do_not_open_are_given_up_once() -> None:
    story = Story()
    assert story.wait(START_LIMIT_S - 0.1) == []
    assert story.wait(1e6) == [ev.GiveUp("could not start in time"), ev.ReportState(State.STOPPING)]

"""What the log says of each report."""

import logging

from moshi_speaker.events import (
    Report,
    ReportAnswer,
    ReportConversationEnded,
    ReportConversationStarted,
    ReportDiagnostics,
    ReportHealth,
    ReportLogLine,
    ReportMute,
    ReportProblem,
    ReportState,
    ReportTranscript,
    ReportVolume,
    ReportWake,
    ReportWakeSensitivity,
    ReportWakeWord,
)

log = logging.getLogger(__name__)


def write(report: Report) -> None:
    """A line for the log; words that are spoken appear at DEBUG only."""
    match report:
        case ReportState(state):
            log.info("state %s", state)
        case ReportMute(on):
            log.info("microphone %s", "muted" if on else "open")
        case ReportVolume(percent):
            log.info("volume %d", percent)
        case ReportWakeSensitivity(sensitivity):
            log.info("wake sensitivity %g", sensitivity)
        case ReportWakeWord(option):
            log.info("wake word %s", option)
        case ReportAnswer(command, _, ""):
            log.debug("request %s answered", command)
        case ReportAnswer(command, _, error):
            log.info("request %s refused: %s", command, error)  # whoever sent it is told
        case ReportLogLine():
            pass  # it comes from there
        case ReportWake(wake_word, score):
            log.info("heard %s (%.2f)", wake_word, score)
        case ReportConversationStarted(conversation_id, trigger):
            log.info("conversation %s started (%s)", conversation_id, trigger)
        case ReportConversationEnded(conversation_id, _, reason, duration_s, turns):
            log.info(
                "conversation %s ended: %s after %.1f s, %d turns", conversation_id, reason, duration_s, turns
            )
        case ReportTranscript(_, text, side=side):
            log.debug("%s: %s", side, text)
        case ReportDiagnostics() | ReportHealth():
            log.debug("%s", report)
        case ReportProblem("", _):
            log.info("the problem is over")
        case ReportProblem(code, message):
            log.error("%s: %s", code, message)

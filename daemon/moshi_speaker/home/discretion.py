"""Where the words of a talk may go now, whatever was allowed when they were said."""

from dataclasses import replace

from moshi_speaker.events import Side
from moshi_speaker.events.backlog import WaitingEvent
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import TranscriptSettings


class Discretion:
    """Judges what goes out by today's settings: what waited may have been said under others."""

    def __init__(self, topics: Topics, transcripts: TranscriptSettings) -> None:
        """``transcripts`` are those that hold."""
        self._policies = {side: getattr(transcripts, side.value) for side in Side}
        self.unkept = tuple(
            topics.transcript(side) for side, policy in self._policies.items() if policy != "retained"
        )
        """Topics of words that the broker shall not keep, though it may have been told to before."""

    def permitted(self, event: WaitingEvent) -> WaitingEvent | None:
        """What may be sent of it; None if nothing may."""
        # By the end of the topic: what precedes it may have been another id then.
        for side, policy in self._policies.items():
            if event.topic.endswith(f"/transcript/{side}"):
                if policy == "off":
                    return None
                return replace(event, retain=event.retain and policy == "retained")
        return event

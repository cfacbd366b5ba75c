from moshi_speaker.home.telling import QUIET_S, Teller


class Listening:
    """A teller whose words are collected, and whose clock stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[str] = []
        self.teller = Teller(self.said.append, lambda: self.now)


def test_a_line_is_told_until_there_is_another_about_its_subject() -> None:
    listening = Listening()
    for line in ("a", "a", "b", "a"):
        listening.teller.tell("subject", line)
    listening.teller.tell("other", "a")
    assert listening.said == ["a", "b", "a", "a"]


def test_lines_of_one_kind_are_told_once_until_the_subject_is_forgotten() -> None:
    listening = Listening()
    listening.teller.tell("link", "lost", kind="gone")
    listening.teller.tell("link", "refused", kind="gone")
    listening.teller.forget("link")
    listening.teller.forget("link")
    listening.teller.tell("link", "refused", kind="gone")
    assert listening.said == ["lost", "refused"]


def test_of_a_flood_the_first_is_told_and_the_others_are_counted() -> None:
    listening = Listening()
    for number in range(5):
        listening.teller.tell_some("bad commands", f"bad {number}")
    listening.teller.tell_some("others", "other")
    listening.now += QUIET_S
    listening.teller.tell_some("bad commands", "bad again")
    listening.now += QUIET_S
    listening.teller.tell_some("bad commands", "once more")
    assert listening.said == ["bad 0", "other", "bad again (and 4 more bad commands before)", "once more"]

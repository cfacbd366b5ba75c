"""The end of a session overtakes its frames, and a full inbox holds the reader up."""

from threading import Event, Thread

import numpy as np

from moshi_speaker.engine.inbox import Inbox
from moshi_speaker.engine.messages import Begin, End, Frame, Message, Ping

PATIENCE_S = 5.0


def frame(session: int, sequence: int) -> Frame:
    return Frame(session, sequence, np.zeros(1_920, np.float32))


def drained(inbox: Inbox, count: int) -> list[Message]:
    items = [inbox.take() for _ in range(count)]
    return [item[0] for item in items if item]


def test_messages_come_in_order_with_their_time_of_arrival() -> None:
    inbox = Inbox()
    inbox.put(Begin(1), 10.0)
    inbox.put(Ping(1), 11.0)
    assert [inbox.take(), inbox.take()] == [(Begin(1), 10.0), (Ping(1), 11.0)]


def test_the_end_of_a_session_drops_its_frames_and_no_others() -> None:
    inbox = Inbox()
    other = frame(2, 0)
    for message in (Begin(1), frame(1, 0), frame(1, 1), other, Ping(1), End(1)):
        inbox.put(message, 0.0)
    assert drained(inbox, 4) == [Begin(1), other, Ping(1), End(1)]


def test_a_full_inbox_makes_the_reader_wait_until_there_is_room() -> None:
    inbox, done = Inbox(capacity=1), Event()
    inbox.put(Ping(1), 0.0)

    def put_second() -> None:
        inbox.put(Ping(2), 0.0)
        done.set()

    reader = Thread(target=put_second)
    reader.start()
    assert not done.wait(0.05)
    assert drained(inbox, 1) == [Ping(1)]
    assert done.wait(PATIENCE_S)
    assert drained(inbox, 1) == [Ping(2)]
    reader.join()


def test_closing_wakes_the_worker_and_drops_what_waits() -> None:
    inbox = Inbox()
    taken: list[object] = []
    worker = Thread(target=lambda: taken.append(inbox.take()))
    worker.start()
    inbox.close()
    worker.join(PATIENCE_S)
    assert taken == [None]


def test_a_closed_inbox_gives_nothing_more() -> None:
    inbox = Inbox()
    inbox.put(Ping(1), 0.0)
    inbox.close()
    assert inbox.take() is None

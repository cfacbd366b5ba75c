import threading

import numpy as np
import pytest

from moshi_speaker.audio.fifo import Block, BlockFifo, SampleFifo
from moshi_speaker.audio.frames import Samples


def count(start: int, end: int) -> Samples:
    return np.arange(start, end, dtype=np.float32)


def test_samples_come_out_in_order_across_the_end_of_the_ring() -> None:
    fifo = SampleFifo(10)
    given: list[float] = []
    for start in range(0, 70, 7):
        fifo.put(count(start, start + 7))
        given += fifo.take(7).tolist()
    assert given == list(range(70))
    assert fifo.overflow == 0


def test_a_full_fifo_drops_the_oldest_and_counts_them() -> None:
    fifo = SampleFifo(10)
    fifo.put(count(0, 8))
    fifo.put(count(8, 13))
    assert fifo.overflow == 3
    assert len(fifo) == 10
    assert fifo.take(99).tolist() == list(range(3, 13))


def test_a_put_larger_than_the_fifo_keeps_the_newest() -> None:
    fifo = SampleFifo(4)
    fifo.put(count(0, 2))
    fifo.put(count(2, 12))
    assert fifo.take(4).tolist() == [8, 9, 10, 11]
    assert fifo.overflow == 8


def test_exactly_full_drops_nothing() -> None:
    fifo = SampleFifo(4)
    fifo.put(count(0, 4))
    assert fifo.overflow == 0
    assert fifo.take(4).tolist() == [0, 1, 2, 3]


def test_take_gives_what_is_there_and_padded_fills_with_counted_zeros() -> None:
    fifo = SampleFifo(4)
    fifo.put(count(1, 3))
    assert fifo.take(1).tolist() == [1]
    assert fifo.take_padded(3).tolist() == [2, 0, 0]
    assert fifo.underflow == 2
    assert fifo.take(3).tolist() == []
    assert fifo.underflow == 2


def test_what_was_taken_is_a_copy() -> None:
    fifo = SampleFifo(4)
    fifo.put(count(0, 4))
    taken = fifo.take(4)
    fifo.put(count(10, 14))
    assert taken.tolist() == [0, 1, 2, 3]


def test_clear_forgets_samples_and_keeps_counters() -> None:
    fifo = SampleFifo(2)
    fifo.put(count(0, 3))
    fifo.clear()
    assert len(fifo) == 0
    assert fifo.overflow == 1


def test_a_writer_and_a_reader_thread_lose_nothing() -> None:
    fifo = SampleFifo(100_000)

    def write() -> None:
        for start in range(0, 50_000, 37):
            fifo.put(count(start, min(start + 37, 50_000)))

    writer = threading.Thread(target=write)
    writer.start()
    given: list[Samples] = []
    while sum(map(len, given)) < 50_000:
        given.append(fifo.take(61))
    writer.join()
    assert np.array_equal(np.concatenate(given), count(0, 50_000))


@pytest.mark.parametrize("kind", [SampleFifo, BlockFifo])
def test_a_fifo_needs_room(kind: type[SampleFifo] | type[BlockFifo]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        kind(0)


def test_a_full_block_fifo_drops_the_oldest_block() -> None:
    fifo = BlockFifo(2)
    for at in range(3):
        fifo.put(Block(count(0, 1), at))
    first = fifo.take()
    assert first is not None
    assert first.at == 1
    assert fifo.dropped == 1
    assert len(fifo) == 1


def test_take_waits_for_a_block() -> None:
    fifo = BlockFifo(2)
    timer = threading.Timer(0.02, fifo.put, [Block(count(0, 1), 7.0)])
    timer.start()
    block = fifo.take()
    timer.join()
    assert block is not None
    assert block.at == 7.0


def test_a_reader_sleeps_through_what_does_not_suffice_and_loses_nothing() -> None:
    fifo = BlockFifo(8)
    taken: list[Block | None] = []
    reader = threading.Thread(target=lambda: taken.extend(fifo.take(wanted) for wanted in (5, 3, 1)))
    reader.start()
    fifo.put(Block(count(0, 2), 1.0))
    fifo.put(Block(count(2, 4), 2.0))
    assert fifo.wait_idle(5)
    assert len(fifo) == 2
    fifo.put(Block(count(4, 6), 3.0))
    reader.join(5)
    assert [block and block.at for block in taken] == [1.0, 2.0, 3.0]
    assert len(fifo) == 0


def test_a_full_block_fifo_always_suffices() -> None:
    fifo = BlockFifo(2)
    for at in range(3):
        fifo.put(Block(count(0, 1), at))
    block = fifo.take(100)
    assert block is not None
    assert block.at == 1


def test_closing_releases_a_waiting_reader_and_forgets() -> None:
    fifo = BlockFifo(2)
    taken: list[Block | None] = []
    reader = threading.Thread(target=lambda: taken.append(fifo.take()))
    reader.start()
    fifo.close()
    reader.join(5)
    assert taken == [None]
    fifo.put(Block(count(0, 1), 0.0))
    assert fifo.take() is None
    assert len(fifo) == 0


def test_idle_means_that_the_reader_came_back_for_more() -> None:
    fifo = BlockFifo(2)
    assert fifo.wait_idle(0)
    fifo.put(Block(count(0, 1), 0.0))
    assert not fifo.wait_idle(0)
    fifo.take()
    assert not fifo.wait_idle(0)
    reader = threading.Thread(target=fifo.take)
    reader.start()
    assert fifo.wait_idle(5)
    fifo.close()
    reader.join(5)


def test_a_block_fifo_that_refuses_forgets_what_waits_and_takes_nothing_until_it_ceases() -> None:
    fifo = BlockFifo(4)
    fifo.put(Block(count(0, 2), 0.0))
    fifo.refuse(True)
    fifo.put(Block(count(2, 4), 1.0))
    assert len(fifo) == 0
    fifo.refuse(False)
    fifo.put(Block(count(4, 6), 2.0))
    block = fifo.take(2)
    assert block is not None
    assert block.at == 2.0
    assert fifo.dropped == 0

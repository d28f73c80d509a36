"""A sink behind its buffer: whoever publishes waits for nothing, and every record is written, lost or waiting."""

import threading

import pytest
from support.records import event, record, wait_until

from streamdeq.errors import StreamdeqError
from streamdeq.results.buffered import Buffered, Sinks
from streamdeq.results.sinks import read_sink
from streamdeq.results.sinks.base import RefusedError
from streamdeq.values.live import Patience
from streamdeq.video.sinks.base import Sink

QUICK = Patience(first_delay_s=0.01, longest_delay_s=0.02, give_up_s=0.2)


class Place(Sink):
    """Keeps what it gets; while `gate` is closed a write takes that long, while `broken` it fails."""

    def __init__(self, broken=False):
        self.kept, self.broken, self.gate, self.closed = [], broken, threading.Event(), 0
        self.gate.set()

    def write(self, item):
        self.gate.wait(60)
        if self.broken:
            raise self.broken if isinstance(self.broken, Exception) else StreamdeqError("the disk is full")
        self.kept += item

    def close(self):
        self.closed += 1


def accounted(sink, given):
    told = sink.report()
    assert told.written + told.lost + told.waiting == given
    return told


def test_records_arrive_in_order_and_the_sink_is_closed_once() -> None:
    place = Place()
    with Buffered(place, "place") as sink:
        for n in range(1000):
            sink.write(record(n))
    assert [one["index"] for one in place.kept] == list(range(1000))
    assert place.closed == 1
    told = accounted(sink, 1000)
    assert (told.written, told.lost, told.waiting, told.error) == (1000, 0, 0, "")


def test_a_slow_sink_does_not_slow_who_publishes_and_the_oldest_are_lost() -> None:
    place = Place()
    place.gate.clear()
    with Buffered(place, "place", waiting=10) as sink:
        sink.write(record(0))
        wait_until(lambda: not sink._queue)  # it is in the sink's hand
        for n in range(1, 1001):  # nobody opens the gate meanwhile
            sink.write(record(n))
        told = accounted(sink, 1001)
        assert (told.lost, told.waiting) == (990, 11)
        place.gate.set()
    assert [one["index"] for one in place.kept] == [0, *range(991, 1001)]
    assert accounted(sink, 1001).written == 11


def test_what_fails_is_tried_again_until_it_is_taken() -> None:
    place = Place(broken=True)
    with Buffered(place, "place", retries=QUICK) as sink:
        for n in range(5):
            sink.write(record(n))
        wait_until(lambda: sink.report().failures >= 3)
        assert sink.report().error == "the disk is full"
        assert accounted(sink, 5).lost == 0
        place.broken = False
        wait_until(lambda: accounted(sink, 5).written == 5)
        assert sink.report().error == ""
    assert [one["index"] for one in place.kept] == list(range(5))


def test_whatever_a_sink_raises_ends_nothing() -> None:
    place = Place(broken=KeyError("odd"))
    with Buffered(place, "place", retries=QUICK) as sink:
        sink.write(record(0))
        wait_until(lambda: sink.report().failures)
        assert sink.report().error == "KeyError: 'odd'"
        place.broken = False
        wait_until(lambda: sink.report().written == 1)


def test_what_is_refused_for_good_is_lost_and_the_next_is_tried() -> None:
    place = Place(broken=RefusedError("no such address"))
    with Buffered(place, "place", retries=QUICK) as sink:
        sink.write(record(0))
        wait_until(lambda: sink.report().lost == 1)
        place.broken = False
        sink.write(record(1))
    assert [one["index"] for one in place.kept] == [1]
    assert accounted(sink, 2).lost == 1


def test_a_dead_sink_is_left_after_a_while_and_its_loss_counted() -> None:
    place = Place(broken=True)
    sink = Buffered(place, "place", retries=QUICK, drain_s=0.1)
    for n in range(7):
        sink.write(record(n))
    wait_until(lambda: sink.report().failures)
    sink.close()  # and comes back
    told = accounted(sink, 7)
    assert (told.written, told.lost, told.error) == (0, 7, "the disk is full")


def test_a_sink_that_hangs_does_not_hold_up_the_end() -> None:
    place = Place()
    place.gate.clear()
    sink = Buffered(place, "place", drain_s=0.1)
    sink.write(record(0))
    wait_until(lambda: not sink._queue)  # it is in the sink's hand
    sink.close()
    assert sink._thread.is_alive()
    assert accounted(sink, 1).lost == 1
    place.gate.set()
    sink._thread.join(60)
    assert accounted(sink, 1).lost == 1


def test_a_patient_publisher_waits_for_a_slow_sink_and_loses_nothing() -> None:
    place = Place()
    place.gate.clear()
    sink = Buffered(place, "place", waiting=3, patient=True)

    def publish():
        for n in range(300):
            sink.write(record(n))

    publisher = threading.Thread(target=publish)
    publisher.start()
    wait_until(lambda: len(sink._queue) == 3)
    publisher.join(0.1)
    assert publisher.is_alive()
    place.gate.set()
    publisher.join(60)
    sink.close()
    assert [one["index"] for one in place.kept] == list(range(300))


def test_even_a_patient_publisher_goes_on_without_a_dead_sink() -> None:
    place = Place(broken=True)
    sink = Buffered(place, "place", waiting=3, patient=True, retries=QUICK, drain_s=0.0)
    for n in range(50):
        sink.write(record(n))
    sink.close()
    assert accounted(sink, 50).lost == 50


def test_each_place_gets_the_records_that_it_asks_for(tmp_path) -> None:
    options = [
        {"kind": "jsonl", "path": str(tmp_path / "all.jsonl")},
        {"kind": "jsonl", "path": str(tmp_path / "events.jsonl"), "records": "events"},
        {"kind": "jsonl", "path": str(tmp_path / "yard.jsonl"), "records": "results", "cameras": ["yard"]},
    ]
    with Sinks([read_sink(one) for one in options]) as sinks:
        for one in (record(0), record(1, "yard"), event(1, "yard"), record(2)):
            sinks.write(one)
    assert [(told.label.rpartition("/")[2], told.written) for told in sinks.reports()] == [
        ("all.jsonl", 4),
        ("events.jsonl", 1),
        ("yard.jsonl", 1),
    ]


def test_where_one_place_can_never_be_written_none_is_begun(tmp_path) -> None:
    (tmp_path / "file").touch()
    threads = threading.active_count()
    options = [f"jsonl:{tmp_path / 'a.jsonl'}", f"sqlite:{tmp_path / 'file' / 'b.db'}"]
    with pytest.raises(StreamdeqError, match="cannot write to"):
        Sinks([read_sink(one) for one in options])
    assert threading.active_count() == threads

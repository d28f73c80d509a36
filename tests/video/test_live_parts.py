"""The parts of a live source that need no network: policy, back-off, clock, inbox, ring, address."""

import math
import os
import threading
from pathlib import Path
from random import Random

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.video import LivePolicy, LiveSource, Patience, open_source, prefetch
from streamdeq.video.live.address import parse_address
from streamdeq.video.live.backoff import Backoff
from streamdeq.video.live.connection import EMPTY, Timeline
from streamdeq.video.live.inbox import End, Inbox, SharedFrame
from streamdeq.video.live.reader import Pacer
from streamdeq.video.live.ring import Ring, new_memory


def test_delays_double_up_to_a_bound_and_are_shortened_by_up_to_a_half():
    backoff = Backoff(Patience(first_delay_s=1.0, longest_delay_s=8.0), Random(0))
    for bound_s in (1, 2, 4, 8, 8, 8):
        assert bound_s / 2 <= backoff.next_s() <= bound_s
    backoff.reset()
    assert backoff.next_s() <= 1
    others = [Backoff(Patience(), Random(seed)).next_s() for seed in range(20)]
    assert len(set(others)) == 20


@pytest.mark.parametrize(
    "make",
    [
        lambda: LivePolicy("newest"),
        lambda: LivePolicy(waiting=0),
        lambda: LivePolicy(max_staleness_s=-1),
        lambda: Patience(open_timeout_s=0),
        lambda: Patience(read_timeout_s=math.nan),
        lambda: Patience(max_attempts=0),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_in_one_line(make):
    with pytest.raises(StreamdeqError) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_options_are_never_shown():
    policy = LivePolicy(options={"headers": "Authorization: Bearer abc"})
    assert "abc" not in repr(policy) + str(policy)


# --- the clock


def test_stamps_tell_the_time_within_a_connection_whatever_jitter_they_arrive_with():
    clock = Timeline()
    clock.connected(recorded=False)
    arrivals = [100.0, 100.09, 100.1, 100.11, 100.25]
    times_s = [clock.time_s(7.0 + n / 25, arrival) for n, arrival in enumerate(arrivals)]
    assert times_s == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


def test_our_own_clock_tells_the_time_between_connections_and_where_there_are_no_stamps():
    clock = Timeline()
    clock.connected(recorded=False)
    assert clock.time_s(500.0, 10.0) == 0
    clock.connected(recorded=False)
    assert clock.time_s(3.0, 40.0) == pytest.approx(30)
    assert clock.time_s(3.04, 40.5) == pytest.approx(30.04)
    assert clock.time_s(None, 41.0) == pytest.approx(31)


def test_time_never_runs_backwards_after_a_burst():
    clock = Timeline()
    clock.connected(recorded=False)
    # Five seconds of pictures arrive at once, and then the connection is lost.
    times_s = [clock.time_s(n / 25, 1.0) for n in range(125)]
    clock.connected(recorded=False)
    times_s += [clock.time_s(n / 25, 2.0) for n in range(5)]
    assert times_s == sorted(times_s)
    assert times_s[-1] == pytest.approx(124 / 25 + 4 / 25)


@pytest.mark.parametrize("jump_s", [-3600.0, 7200.0, -5.0, 30.0])
def test_stamps_that_jump_begin_anew_at_our_time(jump_s):
    clock = Timeline()
    clock.connected(recorded=False)
    assert [clock.time_s(50 + n, 10.0 + n) for n in range(3)] == pytest.approx([0, 1, 2])
    assert [clock.time_s(50 + n + jump_s, 10.0 + n) for n in range(3, 6)] == pytest.approx([3, 4, 5])


def test_a_recordings_stamps_are_right_however_fast_it_is_read():
    clock = Timeline()
    clock.connected(recorded=True)
    assert [clock.time_s(20.0 * n, 5.0 + n / 1000) for n in range(4)] == [0, 20, 40, 60]


# --- the pace


def passed(pieces):
    """When packets pass that come in pieces: (arrival in seconds, their stamps in units of 40 ms) each."""
    clock, times_s = [0.0], []

    def sleep(seconds):
        clock[0] += seconds

    pace = Pacer(sleep, 0.04, lambda: clock[0])
    for arrival_s, stamps in pieces:
        clock[0] = max(clock[0], arrival_s)
        for stamp in stamps:
            pace.wait(stamp)
            times_s.append(round(clock[0], 6))
    return times_s


def test_packets_that_come_in_pieces_pass_one_by_one():
    pieces = [(10.0, range(500, 525)), (10.2, range(525, 550)), (11.9, range(550, 575))]
    assert passed(pieces) == [round(10 + n / 25, 6) for n in range(75)]


def test_a_late_piece_delays_all_that_follow_and_is_no_burst():
    assert passed([(0, range(5)), (1.0, range(5, 10)), (1.2, range(10, 12))]) == pytest.approx(
        [0, 0.04, 0.08, 0.12, 0.16, 1.0, 1.04, 1.08, 1.12, 1.16, 1.2, 1.24]
    )


@pytest.mark.parametrize("stamp", [1000, -1000])
def test_nobody_waits_for_missing_pieces_or_stamps_that_begin_anew(stamp):
    assert passed([(0, range(3)), (0.12, [stamp, stamp + 1])]) == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


# --- the ring


def shared(slots, slot_bytes):
    """Two views of one memory, as two processes have them."""
    file = new_memory(slots, slot_bytes)
    try:
        return Ring(file, slots, slot_bytes), Ring(file, slots, slot_bytes)
    finally:
        os.close(file)


def test_pictures_pass_through_the_ring_and_slots_are_used_again():
    writer, reader = shared(2, 5 * 7 * 3)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
    for first, second in pictures.reshape(3, 2, 5, 7, 3):
        slots = writer.put(first), writer.put(second)
        assert slots == (0, 1)
        assert writer.put(first) is None
        assert np.array_equal(reader.take(1, (5, 7, 3)), second)
        image = reader.take(0, (5, 7, 3))
        writer.put(second)
        assert np.array_equal(image, first)
        reader.free(0)


def resident_kb() -> int:
    with open(f"/proc/{os.getpid()}/smaps_rollup") as file:
        return int(next(line.split()[1] for line in file if line.startswith("Rss:")))


def test_a_smaller_picture_fits_into_a_slot_and_room_is_taken_only_by_what_was_written():
    before = resident_kb()
    writer, reader = shared(1000, 1280 * 720 * 3)
    small = np.full((3, 4, 3), 9, np.uint8)
    assert np.array_equal(reader.take(writer.put(small), (3, 4, 3)), small)
    assert resident_kb() - before < 50_000  # the ring's 2.7 GB are only promised


# --- the inbox


class Slots:
    """A ring that only remembers what was freed."""

    def __init__(self):
        self.freed = []

    def free(self, slot):
        self.freed.append(slot)


def still(index, captured_s=0.0, ring=None):
    return SharedFrame(Frame(EMPTY, index, 0.0, captured_s=captured_s), ring or Slots(), index, (0, 0, 3))


def filled(policy, *items, now=lambda: 0.0):
    inbox = Inbox(policy, now)
    for item in items:
        inbox.put(item) if isinstance(item, SharedFrame | Failure) else inbox.add_gap(item)
    inbox.end()
    return inbox


def taken(inbox):
    """(index, dropped before, seconds away before) of what comes out."""
    rows = []
    while not isinstance(entry := inbox.take(), End):
        index = entry.item.index if isinstance(entry.item, Failure) else entry.item.frame.index
        rows.append((index, entry.dropped, entry.gap and entry.gap.seconds))
    return rows


def test_latest_keeps_the_freshest_frame_and_every_failure():
    ring = Slots()
    items = [still(0, ring=ring), Failure(1, "bad"), still(2, ring=ring), still(3, ring=ring)]
    inbox = filled(LivePolicy("latest"), *items)
    # What was dropped is told with whatever comes next.
    assert taken(inbox) == [(1, 1, None), (3, 1, None)]
    assert ring.freed == [0, 2]


def test_every_keeps_all_until_too_many_wait_and_then_the_newest():
    assert taken(filled(LivePolicy("every", waiting=3), *map(still, range(3)))) == [(n, 0, None) for n in range(3)]
    assert taken(filled(LivePolicy("every", waiting=3), *map(still, range(7)))) == [
        (4, 4, None),
        (5, 0, None),
        (6, 0, None),
    ]


def test_a_time_away_survives_the_frames_around_it():
    gaps = Gap(2.0, "a"), Gap(3.0, "b")
    inbox = filled(LivePolicy("latest"), still(0), gaps[0], still(1), gaps[1], still(2))
    assert taken(inbox) == [(2, 2, 5.0)]
    inbox = filled(LivePolicy("every"), still(0), gaps[0], still(1), gaps[1], still(2))
    assert taken(inbox) == [(0, 0, None), (1, 0, 2.0), (2, 0, 3.0)]


def test_stale_frames_are_dropped_when_one_is_asked_for():
    policy = LivePolicy("every", max_staleness_s=1.0)
    items = [still(n, captured_s=n / 2) for n in range(6)]
    assert taken(filled(policy, *items, now=lambda: 2.6)) == [(4, 4, None), (5, 0, None)]


def test_a_recording_is_kept_whole():
    inbox = Inbox(LivePolicy("latest", max_staleness_s=0.1), lambda: 99.0)
    inbox.keep_all()
    for n in range(100):
        inbox.put(still(n))
    inbox.end()
    assert taken(inbox) == [(n, 0, None) for n in range(100)]


def test_failures_too_are_bounded_and_what_waits_at_the_end_is_told_apart():
    inbox = filled(LivePolicy("latest", waiting=1), *[Failure(n, "bad") for n in range(500)], still(500))
    assert inbox.drain() == (438, 63)
    assert inbox.take() == End()


def test_whoever_waits_is_woken_by_an_item_and_by_the_end():
    inbox, entries = Inbox(LivePolicy()), []
    consumer = threading.Thread(target=lambda: entries.extend([inbox.take(), inbox.take()]))
    consumer.start()
    inbox.put(still(0))
    inbox.end("enough")
    inbox.end("never heard")
    consumer.join(60)
    assert [type(entry).__name__ for entry in entries] == ["Waiting", "End"]
    assert entries[1] == End("enough")


# --- addresses


@pytest.mark.parametrize(
    ("spec", "url", "form", "name", "listening"),
    [
        ("rtsp://cam:554/a/b?x=1", "rtsp://cam:554/a/b?x=1", "rtsp", "rtsp-cam-554-b", False),
        ("rtsp://cam/a?listen", "rtsp://cam/a", "rtsp", "rtsp-cam-a-listen", True),
        ("rtsp://cam/a?x=1&listen=1", "rtsp://cam/a?x=1", "rtsp", "rtsp-cam-a", True),
        ("tcp://127.0.0.1:9?listen", "tcp://127.0.0.1:9?listen=1", None, "tcp-127-0-0-1-9-listen", True),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000", None, "udp-239-0-0-1-5000", False),
        ("https://u:p@h/live.m3u8", "https://u:p@h/live.m3u8", None, "https-h-live-m3u8", False),
        ("RTSPS://cam/A", "rtsps://cam/A", "rtsp", "RTSPS-cam-A", False),
    ],
)
def test_addresses_are_understood(spec, url, form, name, listening):
    address = parse_address(spec)
    assert (address.url, address.format, address.name, address.listening) == (url, form, name, listening)
    assert Path(address.name).stem == address.name


@pytest.mark.parametrize(
    "spec", ["clip.mp4", "a/b", "images/*.png", "C:/clip.mp4", Path("clip.mp4"), [], True, None, b"x"]
)
def test_files_and_other_things_are_no_addresses(spec):
    assert parse_address(spec) is None


def test_a_file_whose_name_is_a_number_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("0").touch()
    assert parse_address("0") is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (97, "no camera 97 here: /dev/video97 does not exist"),
        ("97", "no camera 97 here"),
        ("/dev/video97", "no camera 97 here"),
        (Path("/dev/video97"), "no camera 97 here"),
        (-1, "expected a camera's number"),
        ("rtps://cam/a", "did you mean 'rtsps'"),
        ("rtsp://", "name the host"),
        ("udp://cam:9?listen", "cannot listen at udp://cam:9"),
        (Path("rtsp://u:secret@cam/a"), "expected an address as text"),
        ("ftp://u:secret@cam/a", "unknown kind of address 'ftp'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_without_secrets(spec, message):
    with pytest.raises(StreamdeqError, match=message.replace("?", r"\?")) as raised:
        open_source(spec)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_live_source_is_not_read_ahead_and_not_connected_before_it_is_iterated():
    source = open_source("rtsp://127.0.0.1:9/live")
    assert isinstance(source, LiveSource)
    assert prefetch(source) is source
    assert (source.live, source.kind, source.reader_pid) == (True, "rtsp", 0)
    source.close()

"""Real streams over loopback from a second process: killed, stalled, resized, damaged. Every frame is accounted for."""

import gc
import io
import os
import random
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise

import av
import pytest
from support.making_videos import number_on, picture
from support.publishing import free_port, rtsp, tcp, udp

from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.video import LivePolicy, Patience, open_source

# Bounded in every case: no test waits longer for a source that does not come.
QUICK = Patience(read_timeout_s=30.0, first_delay_s=0.05, longest_delay_s=0.2, give_up_s=90)
EVERY = LivePolicy("every", waiting=200, patience=QUICK)
LATEST = LivePolicy("latest", patience=QUICK)


def listening(scheme, port, policy=EVERY):
    return open_source(f"{scheme}://127.0.0.1:{port}/live?listen", live=policy)


def until(items, enough):
    """Items up to and with the first for which `enough` holds."""
    taken = []
    for item in items:
        taken.append(item)
        if enough(item):
            break
    return taken


def wait_for(true):
    end_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.005)


def number(item):
    """The number on a frame's picture; -1 for anything else."""
    return number_on(item.image) if isinstance(item, Frame) else -1


def frames_of(items):
    return [item for item in items if isinstance(item, Frame)]


def check_account(source, items):
    """Every decoded frame is in the account once: by the items, by the stats, and by what the readers sent."""
    frames, failures = frames_of(items), [item for item in items if isinstance(item, Failure)]
    assert all(a.index < b.index for a, b in pairwise(frames))
    failed = sum(failure.index < frames[-1].index for failure in failures)
    assert sum(1 + frame.dropped_before for frame in frames) + failed == frames[-1].index + 1
    source.close()
    stats = source.stats
    assert stats.frames == len(frames)
    assert stats.decoded == stats.frames + stats.dropped + stats.failed == source.received


def check_numbers(items):
    """Within a connection, indices run as the numbers on the pictures: none was miscounted."""
    offset = None
    for item in items:
        if isinstance(item, Gap):
            offset = None
        elif isinstance(item, Frame):
            assert offset in (None, number(item) - item.index)
            offset = number(item) - item.index


@pytest.mark.parametrize("publish", [rtsp, tcp])
def test_every_frame_arrives_in_order_at_its_time(publish):
    port = free_port()
    with listening(publish.__name__, port) as source, publish(port, count=40):
        items = until(source, lambda item: number(item) == 39)
    assert [number(item) for item in items] == list(range(40))
    assert [round(25 * (b.time_s - a.time_s), 2) for a, b in pairwise(items[1:])] == [1.0] * 38
    assert (source.size_hw, source.fps, source.live, source.kind) == ((64, 96), 25.0, True, publish.__name__)
    check_account(source, items)


def test_a_stream_over_udp():
    port = free_port()
    with open_source(f"udp://127.0.0.1:{port}", live=EVERY) as source, udp(port):
        items = until(source, lambda item: number(item) >= 30)
    check_numbers(items)
    check_account(source, items)


def kill_again_and_again(publish, times):
    """A publisher is killed while it sends, and another takes its place, numbered from 300, 600, …"""
    port = free_port()
    items = []
    with listening(publish.__name__, port) as source, ExitStack() as stack:
        publishers = [publish(port, first=300 * life) for life in range(times + 1)]
        for publisher in publishers:
            stack.callback(publisher.kill)
        for life, publisher in enumerate(publishers):
            with publisher:
                items += until(source, lambda item, life=life: number(item) >= 300 * life + 15)
        assert source.stats.reconnects == times
        check_account(source, items)
    check_numbers(items)
    gaps = [n for n, item in enumerate(items) if isinstance(item, Gap)]
    assert [number(items[n - 1]) // 300 for n in gaps] == list(range(times))
    for n in gaps:
        before, gap, after = items[n - 1 : n + 2]
        assert number(after) == 300 * (number(before) // 300 + 1)
        assert gap.seconds == pytest.approx(after.captured_s - before.captured_s)
        # Time goes on while the source is away.
        assert after.time_s == pytest.approx(max(before.time_s, after.captured_s - items[0].captured_s))
    times_s = [frame.time_s for frame in frames_of(items)]
    assert times_s == sorted(times_s)


@pytest.mark.parametrize(("publish", "times"), [(rtsp, 1), pytest.param(tcp, 1, marks=pytest.mark.slow)])
def test_a_killed_publisher_comes_back_and_every_frame_is_accounted_for(publish, times):
    kill_again_and_again(publish, times)


@pytest.mark.slow
@pytest.mark.parametrize("publish", [rtsp, tcp])
def test_ten_kills_leave_neither_memory_nor_descriptors_behind(publish):
    before = len(os.listdir("/proc/self/fd"))
    kill_again_and_again(publish, times=10)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    with open("/proc/self/maps") as maps:
        assert "streamdeq frames" not in maps.read()


def test_a_stalled_publisher_counts_as_lost_and_another_may_take_its_place():
    port = free_port()
    another = rtsp(port, first=1000)
    policy = LivePolicy("every", waiting=200, patience=replace(QUICK, read_timeout_s=2.0))
    with listening("rtsp", port, policy) as source, rtsp(port) as stalled:
        items = until(source, lambda item: number(item) >= 5)
        stalled.pause()
        with another:
            items += until(source, lambda item: number(item) >= 1005)
    gap = [item for item in items if isinstance(item, Gap)][-1]
    assert gap.seconds >= 2
    assert "nothing came for 2 s" in gap.reason
    check_numbers(items)
    check_account(source, items)


def test_the_pictures_may_change_their_size_in_mid_stream():
    port = free_port()
    sizes = {0: (64, 96), 12: (240, 320), 24: (48, 112)}
    with listening("tcp", port) as source, tcp(port, count=36, sizes=sizes):
        items = until(source, lambda item: number(item) == 35)
        assert source.size_hw == (48, 112)
    assert [item.image.shape[:2] for item in items] == [(64, 96)] * 12 + [(240, 320)] * 12 + [(48, 112)] * 12
    assert [number(item) for item in items] == list(range(36))
    check_account(source, items)


def transport_stream(count):
    """The bytes of an MPEG-TS with pictures 0 … count-1, a key frame every 10."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10", "bf": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for n in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(n), format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def send(port, *parts):
    """Connect as soon as somebody listens, send, hang up."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                for part in parts:
                    connection.sendall(part)
                return
        except ConnectionRefusedError:
            time.sleep(0.02)
        except ConnectionError:
            return  # had enough


def in_background(work, *arguments):
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def test_garbage_fails_an_attempt_and_what_comes_next_is_read():
    port = free_port()
    rubbish = random.Random(0).randbytes(300_000)
    with listening("tcp", port) as source:
        sender = in_background(lambda: (send(port, rubbish), send(port, transport_stream(60))))
        items = until(source, lambda item: number(item) == 59)
        sender.join(60)
    assert [number(item) for item in items] == list(range(60))
    check_account(source, items)


def test_garbage_in_mid_stream_costs_frames_and_they_are_counted():
    port = free_port()
    data, noise = transport_stream(100), random.Random(1)
    third = len(data) // 3 // 188 * 188
    broken = bytearray(data[third : 2 * third])
    for start in range(0, len(broken) - 188, 188 * 7):
        broken[start + 30 : start + 150] = noise.randbytes(120)
    with listening("tcp", port) as source:
        sender = in_background(send, port, data[:third], noise.randbytes(20_000), bytes(broken), data[2 * third :])
        items = until(source, lambda item: number(item) >= 99)
        sender.join(60)
    good = [number(item) for item in frames_of(items)]
    assert good[:20] == list(range(20))
    assert good[-5:] == list(range(95, 100))
    check_account(source, items)
    assert source.stats.failed > 0


def slow_consumer(policy, behind):
    """Frames that somebody gets who takes the next when so many more have come, each with how many there were then."""
    port = free_port()
    with listening("tcp", port, policy) as source, tcp(port, fps=50):
        items, frames = [], iter(source)
        for more in (0, *behind):
            wait_for(lambda more=more: not more or source.received > items[-1][0].index + more)
            received = source.received
            items.append((next(frames), received))
        check_account(source, [item for item, _ in items])
    check_numbers(item for item, _ in items)
    return items


def test_latest_gives_a_slow_consumer_the_freshest_frame_and_counts_the_others():
    items = slow_consumer(LATEST, 11 * [5])
    assert all(item.dropped_before >= 3 for item, _ in items[1:])
    # What had been counted may still be on its way into the inbox.
    assert all(item.index >= received - 2 for item, received in items[1:])


def test_every_gives_a_slow_consumer_all_until_too_many_wait():
    few = LivePolicy("every", waiting=15, patience=QUICK)
    items = slow_consumer(few, [5, 5, 5, 30, 30, 30])
    assert [item.dropped_before for item, _ in items[:2]] == [0, 0]
    assert all(item.dropped_before >= 10 for item, _ in items[-3:])
    # What waits is old, but bounded: 15 frames, and what is on its way.
    assert all(received - 17 <= item.index < received for item, received in items[-3:])


def test_stale_frames_are_dropped_and_counted():
    port = free_port()
    policy = LivePolicy("every", max_staleness_s=0.2, waiting=100, patience=QUICK)
    with listening("tcp", port, policy) as source, tcp(port):
        items = until(source, lambda item: number(item) >= 3)
        wait_for(lambda: source.received > items[-1].index + 25)
        time.sleep(0.25)  # by now all of them are stale
        asked_s = time.monotonic()
        items += until(source, lambda item: True)
        check_account(source, items)
    assert items[-1].dropped_before >= 20
    assert items[-1].captured_s >= asked_s - 0.2


def test_who_stops_at_the_gap_leaves_the_frame_after_it_to_the_account():
    port = free_port()
    another = tcp(port, first=1000)
    with listening("tcp", port) as source:
        with tcp(port):
            items = until(source, lambda item: number(item) >= 5)
        with another:
            items += until(source, lambda item: isinstance(item, Gap))
            wanted = source.received
            again = until(source, lambda item: isinstance(item, Frame))
    assert number(again[0]) == 1000
    assert source.stats.frames == len(frames_of(items)) + 1
    assert source.stats.decoded == source.received >= wanted

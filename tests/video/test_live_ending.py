"""A live source ends soon whatever it does, and leaves nothing behind."""

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from support.making_videos import number_on
from support.publishing import TESTS, InBackground, free_port, rtsp, tcp

from streamdeq.values.frame import Frame, Gap
from streamdeq.video import LivePolicy, LiveSource, Patience
from streamdeq.video.live.supervisor import STOPPING_S

#: Within a second, on a machine with nothing else to do; whoever waited for the source would wait for PATIENCE_S.
LIMIT_S, PATIENCE_S = 20.0, 60.0
POLICY = LivePolicy(patience=Patience(PATIENCE_S, PATIENCE_S, PATIENCE_S, PATIENCE_S, give_up_s=90))


def state_of(pid):
    """The letter of a process's state ("Z": ended, but nobody took notice); empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until(true, seconds=60.0):
    deadline_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.01)


def leftovers():
    """Open descriptors and the threads of live sources."""
    gc.collect()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("live")]
    return len(os.listdir("/proc/self/fd")), threads


def closed_in(source):
    """Close it under its consumer and check that all is gone; seconds it took."""
    pid, began_s = source.reader_pid, time.monotonic()
    source.close()
    took_s = time.monotonic() - began_s
    wait_until(lambda: not pid or state_of(pid) == "")
    # A thread that this machine gave no time to end was not waited for: what it had at hand came too late to count.
    assert source.stats.decoded == source.received or took_s >= STOPPING_S
    return took_s


@pytest.mark.parametrize("address", ["rtsp://127.0.0.1:{}/live?listen", "tcp://127.0.0.1:{}?listen"])
def test_closed_while_it_waits_for_a_publisher(address):
    before = leftovers()
    source = LiveSource(address.format(free_port()), POLICY)
    consumer = InBackground(source)
    wait_until(lambda: source.reader_pid)
    time.sleep(0.5)
    assert closed_in(source) < LIMIT_S
    consumer.join()
    assert leftovers() == before


def test_closed_while_the_other_side_accepts_and_keeps_silent():
    before = leftovers()
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = LiveSource(f"rtsp://127.0.0.1:{server.getsockname()[1]}/live", POLICY)
        consumer = InBackground(source)
        server.settimeout(60)
        with server.accept()[0]:
            assert closed_in(source) < LIMIT_S
    consumer.join()
    assert leftovers() == before


def test_closed_between_two_attempts():
    before = leftovers()
    source = LiveSource(f"rtsp://127.0.0.1:{free_port()}/live", POLICY)
    consumer = InBackground(source)
    wait_until(lambda: source.reader_pid)
    wait_until(lambda: not source.reader_pid)
    assert closed_in(source) < LIMIT_S
    consumer.join()
    assert leftovers() == before


def test_closed_while_it_streams_and_while_it_is_stalled():
    for stalled in (False, True):
        port = free_port()
        source = LiveSource(f"rtsp://127.0.0.1:{port}/live?listen", POLICY)
        with rtsp(port) as publisher:
            before = leftovers()
            consumer = InBackground(source)
            wait_until(lambda c=consumer: len(c.items) >= 5)
            if stalled:
                publisher.pause()
                time.sleep(0.2)
            assert closed_in(source) < LIMIT_S
        consumer.join()
        assert leftovers()[1] == []
        assert leftovers()[0] <= before[0]
        assert consumer.error is None


def test_a_reader_that_is_stuck_is_closed_and_otherwise_replaced():
    port = free_port()
    source = LiveSource(
        f"tcp://127.0.0.1:{port}?listen", LivePolicy("every", patience=Patience(read_timeout_s=2, give_up_s=90))
    )
    with tcp(port, first=1000) as second:
        second.pause()
        consumer = InBackground(source)
        with tcp(port):
            wait_until(lambda: len(consumer.items) >= 5)
            stuck = source.reader_pid
            os.kill(stuck, signal.SIGSTOP)
            wait_until(lambda: state_of(stuck) == "")
        second.process.send_signal(signal.SIGCONT)
        wait_until(
            lambda: (
                isinstance(consumer.items[-1], Frame)
                and consumer.items[-1].image is not None
                and number_on(consumer.items[-1].image) >= 1000
            )
        )
        os.kill(source.reader_pid, signal.SIGSTOP)
        assert closed_in(source) < LIMIT_S
    consumer.join()
    [gap] = [item for item in consumer.items if isinstance(item, Gap)]
    assert "no sign" in gap.reason


def test_a_reader_that_crashes_is_replaced_and_the_log_says_so(caplog):
    patience = Patience(first_delay_s=0.01, longest_delay_s=0.01, give_up_s=90)
    source = LiveSource(f"tcp://127.0.0.1:{free_port()}?listen", LivePolicy(patience=patience))
    consumer = InBackground(source)
    wait_until(lambda: source.reader_pid)
    first = source.reader_pid
    os.kill(first, signal.SIGSEGV)
    wait_until(lambda: source.reader_pid not in (0, first))
    assert "the reading process crashed (code -11)" in caplog.text
    assert closed_in(source) < LIMIT_S
    consumer.join()


def test_closing_twice_or_before_the_start_is_fine():
    source = LiveSource("rtsp://127.0.0.1:9/live", POLICY)
    source.close()
    source.close()
    assert source.stats.decoded == 0


SCRIPT = """
    import sys, threading, time
    from streamdeq.video import LiveSource
    assert "torch" not in sys.modules
    with LiveSource(sys.argv[1]) as source:
        def tell():
            while not source.reader_pid:
                time.sleep(0.01)
            print(source.reader_pid, flush=True)
        threading.Thread(target=tell, daemon=True).start()
        for frame in source:
            pass
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_a_kill_take_the_reader_with_them(end):
    """A script without a main guard, in a process group of its own, as a terminal would start it."""
    address = f"rtsp://127.0.0.1:{free_port()}/live?listen"
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), address]
    with subprocess.Popen(
        command, cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as program:
        reader = int(program.stdout.readline())
        time.sleep(0.3)
        os.killpg(program.pid, end)
        try:
            _, words = program.communicate(timeout=60)
        finally:
            program.kill()
    wait_until(lambda: state_of(reader) in ("", "Z"))
    assert ("KeyboardInterrupt" in words) == (end == signal.SIGINT)
    assert "resource_tracker" not in words

"""A run on a live source: publishers die and come back, every frame is accounted for, the files are whole."""

import json
import threading
import time

import av
import pytest
from support.publishing import free_port, tcp
from support.small_models import frames, tiny_model

from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.frame import Frame, Gap
from streamdeq.video import LivePolicy, Patience

PATIENCE = Patience(open_timeout_s=60, read_timeout_s=30, first_delay_s=0.05, longest_delay_s=0.2)


def run_with_deaths(folder, deaths, frames_each=5, max_gap_s=2.0):
    """Run on a listening address whose publisher is killed `deaths` times; return the run and its JSON lines."""
    port = free_port()
    live = LivePolicy("every", patience=PATIENCE)
    options = RunOptions(stream=StreamOptions(iterations=1, max_gap_s=max_gap_s), save=folder, live=live)
    run = Run(tiny_model(), f"tcp://127.0.0.1:{port}?listen", options)
    seen = []

    def publish():
        for life in range(deaths + 1):
            with tcp(port):
                # Frames of the life before may still be on their way: count from this one's first.
                wait_until(lambda life=life: run.source.stats.reconnects == life)
                enough = len(seen) + frames_each
                wait_until(lambda enough=enough: len(seen) >= enough)
        run.stop()

    publisher = threading.Thread(target=publish)
    publisher.start()
    with run.results() as results:
        for result in results:
            seen.append(result)
    publisher.join(60)
    assert not publisher.is_alive()
    [lines] = [json.loads(f"[{','.join(p.read_text().splitlines())}]") for p in folder.glob("*.jsonl")]
    return run, seen, lines


def wait_until(condition, patience_s=60.0):
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.02)


def check_accounts_and_files(run, seen, lines, folder, deaths):
    summary = run.summary
    assert summary.reconnects == deaths
    assert summary.decoded == run.source.stats.decoded == summary.processed + summary.dropped + summary.failed
    assert summary.processed == len(seen)
    answered = [line for line in lines if "nfe" in line]
    assert len(answered) == summary.processed
    assert len([line for line in lines if line.get("failed") is True]) == summary.failed
    assert len([line for line in lines if "nfe" not in line and "gap_s" in line]) == deaths
    assert all(line["age_ms"] >= 0 for line in answered)
    films = sorted(folder.glob("*.mp4"))
    assert not [f for f in folder.iterdir() if f.name.startswith(".") or "unfinished" in f.name]
    played = 0
    for film in films:
        with av.open(str(film)) as container:
            played += sum(1 for _ in container.decode(video=0))
    assert played == summary.processed


def test_a_publisher_that_dies_twice_is_met_again_and_a_frame_after_a_gap_too_long_starts_cold(tmp_path):
    run, seen, lines = run_with_deaths(tmp_path, deaths=2, max_gap_s=1e-6)
    check_accounts_and_files(run, seen, lines, tmp_path, 2)
    first, *others = [result.status for result in seen]
    assert str(first.start) == "cold"
    assert len([status for status in others if status.gap_s]) == 2
    for status in others:
        assert str(status.start) == ("cold" if status.gap_s else "warm")


@pytest.mark.slow
def test_ten_deaths_ten_reconnections_every_frame_accounted_for(tmp_path):
    run, seen, lines = run_with_deaths(tmp_path, deaths=10)
    check_accounts_and_files(run, seen, lines, tmp_path, 10)


def test_a_short_gap_keeps_the_state():
    model = tiny_model()
    clip = frames(3)
    with model.stream(iterations=1, max_gap_s=2.0) as stream:
        stream.take(clip[0])
        assert stream.take(Gap(1.5, "away")) is None
        short = stream.take(clip[1])
        stream.take(Gap(2.5, "away"))
        long = stream.take(clip[2])
    assert (str(short.status.start), short.status.gap_s) == ("warm", 1.5)
    assert (str(long.status.start), long.status.gap_s) == ("cold", 2.5)


def test_frames_dropped_by_the_source_are_counted():
    one, other = frames(2)
    with tiny_model().stream(iterations=1) as stream:
        stream.take(one)
        stream.take(Frame(other.image, 4, 0.2, dropped_before=3))
    assert (stream.stats.processed, stream.stats.dropped, stream.stats.decoded) == (2, 3, 5)

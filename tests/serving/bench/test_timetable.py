"""When the frames of cameras come."""

from math import inf

import numpy as np

from streamdeq.serving.bench.timetable import Arrival, Inbox, timetable


def test_frames_come_at_their_rate_and_show_the_film_forwards_and_backwards_as_fast_as_it_is():
    table = timetable(10, 2.0, film_fps=5, film_frames=4)
    assert [one.at_s for one in table] == [n / 10 for n in range(20)]
    assert [one.shows for one in table] == [0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3]


def test_a_phase_begins_later_and_elsewhere_in_the_film():
    [first, *_] = timetable(10, 2.0, film_fps=10, film_frames=5, phase=0.5)
    assert (first.at_s, first.shows) == (0.05, 4)


def test_jitter_is_bounded_keeps_the_order_and_is_the_same_for_the_same_seed():
    plain, moved = (timetable(25, 8.0, 25, 10, jitter=jitter, seed=(3, 1)) for jitter in (0.0, 0.4))
    away = np.array([a.at_s - b.at_s for a, b in zip(moved, plain, strict=True)])
    assert 0.3 / 25 < np.abs(away).max() <= 0.4 / 25
    assert np.all(np.diff([one.at_s for one in moved]) >= 0)
    assert moved == timetable(25, 8.0, 25, 10, jitter=0.4, seed=(3, 1))
    assert moved != timetable(25, 8.0, 25, 10, jitter=0.4, seed=(3, 2))


def test_dropouts_take_about_their_part_of_the_frames_some_in_a_row():
    table = timetable(100, 100.0, 100, 10, dropout=0.2, seed=(0,))
    assert 0.1 < 1 - len(table) / 10_000 < 0.25
    assert max(np.diff([one.at_s for one in table])) > 0.05


def test_of_a_camera_the_freshest_frame_waits_and_the_others_are_dropped():
    inbox = Inbox([(Arrival(0.1, 0), Arrival(0.2, 0), Arrival(0.5, 0)), (Arrival(0.15, 0),)])
    assert (inbox.next_s, inbox.waiting) == (0.1, {})
    inbox.advance(0.3)
    assert (inbox.waiting, inbox.dropped, inbox.first, inbox.next_s) == ({0: 1, 1: 0}, 1, 1, 0.5)
    assert inbox.waiting.pop(1) == 0
    inbox.advance(9.0)
    assert (inbox.waiting, inbox.dropped, inbox.first, inbox.next_s) == ({0: 2}, 2, 0, inf)

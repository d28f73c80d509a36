"""How films are divided: near every so many minutes, at a cut if there is one, and every frame in one part."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from support.making_videos import picture, write_video

from streamdeq.cluster.plan import divided, key_of, plan_film, read_plan, write_plan
from streamdeq.video.parts import FilmIndex

#: 100 s at 10 frames per second, a key frame every 5 s.
FILM = FilmIndex(list(range(0, 10_000, 10)), list(range(0, 10_000, 500)), 0.01)


def covered(parts, index: FilmIndex) -> None:
    """Every frame is in one part, and every part can be decoded."""
    assert parts[0].begin == index.stamps[0]
    assert parts[-1].end is None
    assert all(a.end == b.begin for a, b in pairwise(parts))
    for part in parts:
        assert part.seek <= part.warm <= part.begin
        assert part.seek in index.keys
        assert index.stamps[part.first] == part.begin


def test_a_film_is_divided_at_the_key_frames_nearest_to_every_so_many_seconds() -> None:
    parts = divided(FILM, 22, overlap=20)
    covered(parts, FILM)
    assert [part.begin for part in parts] == [0, 2000, 4500, 6500, 9000]
    assert [(part.warm, part.seek) for part in parts[1:3]] == [(1800, 1500), (4300, 4000)]


def test_a_shot_change_near_by_is_taken_instead_and_needs_no_warming_up() -> None:
    parts = divided(FILM, 22, overlap=20, is_cut=lambda stamp: stamp in (2500, 4000, 5500))
    covered(parts, FILM)
    assert [part.begin for part in parts] == [0, 2500, 4000, 6500, 9000]
    assert parts[1].warm == parts[1].begin
    assert parts[3].warm == 6300


@pytest.mark.parametrize("every_s", [70, 1000])
def test_a_film_that_is_not_much_longer_stays_whole(every_s: float) -> None:
    assert len(divided(FILM, every_s, overlap=20)) == 1


def test_without_key_frames_near_by_a_part_is_longer() -> None:
    sparse = FilmIndex(FILM.stamps, [0, 6000], 0.01)
    parts = divided(sparse, 20, overlap=20)
    covered(parts, sparse)
    assert [part.begin for part in parts] == [0, 6000]


def shots(number: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Two shots: a dark one, and from frame 60 on a bright one."""
    return picture(number, size_hw) // 4 if number < 60 else 255 - picture(number, size_hw) // 4


def test_a_real_cut_is_found_and_the_plan_is_kept_until_the_film_is_another(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_video(path, 150, codec_options={"g": "20", "bf": "2", "sc_threshold": "0"}, draw=shots)
    plan = plan_film(path, 2.8, 20, 1 << 20)  # near 2.8 s is frame 70: key frames are 60 and 80, as near
    assert [part.first for part in plan.parts] == [0, 60]
    assert plan.parts[1].warm == plan.parts[1].begin
    write_plan(plan, tmp_path / "plans")
    assert read_plan(path, tmp_path / "plans") == plan
    write_video(path, 20)
    assert read_plan(path, tmp_path / "plans") is None
    assert plan_film(path, 2.8, 20, 1 << 20).parts is None
    assert plan_film(path, None, 20, 1 << 20).parts is None


def test_films_of_the_same_name_in_two_folders_have_their_own_files() -> None:
    assert key_of(Path("/a/film.mp4")) != key_of(Path("/b/film.mp4"))
    assert key_of(Path("/a/ein film\n.mp4")).startswith("ein_film_-")

"""Data sets are made from their sources as those are published, whole or not at all.

The sources are built here in small, in the structure of the real ones, whose contents are checked by their digest.
"""

import io
import json
import lzma
import tarfile
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from support.camvid_trees import write_listed_tree, write_tutorial_tree
from support.making_videos import write_video

from streamdeq.cli.main import build, guarded
from streamdeq.data.open import open_dataset
from streamdeq.data.prepare import bee_pose, camvid, camvid_boxes, human_balance, lspet_crops, mirror_mouse, mot15_mini
from streamdeq.data.prepare.catalogue import BALANCING, DATA_SETS, Source
from streamdeq.data.prepare.download import download
from streamdeq.data.prepare.run import prepare
from streamdeq.data.prepare.sources import content_digest, taken
from streamdeq.errors import StreamdeqError


def made(module, sources, out):
    out.mkdir()
    module.prepare(sources, out, out)
    return out


def small(path, seed, size_hw=(24, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), np.uint8)).save(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A source with a file in a folder, as everybody packs it; and its description."""
    folder = tmp_path_factory.mktemp("packed")
    root = folder / "set-0123abc"
    (root / "data").mkdir(parents=True)
    (root / "data/one.txt").write_text("1")
    (root / "data/two.txt").write_text("2")
    (root / "data/unread.bin").write_bytes(b"0" * 100)
    digest = content_digest(root, ["data/one.txt", "data/two.txt"])
    return root, Source("set", "https://example.org/set.tar.gz", "data/one.txt", ("data/*.txt",), 2, digest)


def packed(root: Path, kind: str, folder: Path) -> Path:
    if kind == "zip":
        with zipfile.ZipFile(folder / "set.zip", "w") as archive:
            for path in root.rglob("*.*"):
                archive.write(path, path.relative_to(root.parent))
        return folder / "set.zip"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(root, "./usr/share/" + root.name)
    if kind == "tar":
        (folder / "set.tar").write_bytes(content.getvalue())
        return folder / "set.tar"
    data = lzma.compress(content.getvalue())
    members = [("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", data)]
    lines = [f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(held):<10}`\n".encode() + held + b"\n" * (len(held) % 2)
             for name, held in members]  # fmt: skip
    (folder / "set.deb").write_bytes(b"!<arch>\n" + b"".join(lines))
    return folder / "set.deb"


@pytest.mark.parametrize("kind", ["folder", "above", "zip", "tar", "deb"])
def test_a_source_may_come_as_a_checkout_or_packed(files, kind, tmp_path):
    root, source = files
    given = {"folder": root, "above": root.parent}.get(kind) or packed(root, kind, tmp_path)
    (scratch := tmp_path / "scratch").mkdir()
    found = taken(source, given, scratch)
    assert (found / "data/two.txt").read_text() == "2"
    assert not (scratch / "data/unread.bin").exists()


def test_another_version_is_refused_with_the_address_of_the_right_one(files, tmp_path):
    root, source = files
    with pytest.raises(StreamdeqError, match=r"are not the published ones; get https://example.org/set.tar.gz"):
        taken(replace(source, sha256="0" * 64), root, tmp_path)
    with pytest.raises(StreamdeqError, match=r"expected 3 files data/\*.txt .* found 2"):
        taken(replace(source, count=3), root, tmp_path)
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8b no archive")
    with pytest.raises(StreamdeqError, match=r"cannot read the archive .*broken.tar.gz"):
        taken(source, tmp_path / "broken.tar.gz", tmp_path)


def test_nothing_is_left_of_a_folder_that_could_not_be_made_and_nothing_is_replaced(tmp_path):
    source = write_tutorial_tree(tmp_path / "source")
    out = tmp_path / "data" / "camvid"
    with pytest.raises(StreamdeqError, match=r"expected 1405 files CamVid/\*"):
        prepare("camvid", out, [source])
    assert list(out.parent.iterdir()) == []
    with pytest.raises(
        StreamdeqError, match=r"expected --from with a copy of https://codeload.github.com/.* or --download"
    ):
        prepare("camvid", out)
    with pytest.raises(StreamdeqError, match="expected a source of bee-pose in"):
        prepare("bee-pose", out, [source])
    with pytest.raises(StreamdeqError, match="it holds something"):
        prepare("camvid", source, [source])


def test_camvid_is_made_of_the_tutorials_folder(tmp_path):
    source = write_tutorial_tree(tmp_path / "source")
    folder = made(camvid, [source], tmp_path / "camvid")
    val = open_dataset(str(folder), "val")
    assert [len(clip) for clip in val.clips] == [10]
    name = "labels/val/0016E5_07959.png"
    assert (folder / name).read_bytes() == (source / "CamVid/valannot/0016E5_07959.png").read_bytes()
    assert (folder / "val.txt").read_text().startswith(f"images/val/0016E5_07959.jpg {name}\n")


def test_boxes_are_the_connected_parts_of_the_masks_and_a_gap_begins_a_film(tmp_path, capsys):
    data = write_listed_tree(tmp_path / "camvid", (40, 60))
    mask = np.full((40, 60), 11, np.uint8)
    mask[5:20, 10:30], mask[30:40, 40:50], mask[0:9, 50:60] = 8, 9, 9  # the last has 90 pixels
    for path in (data / "labels").rglob("*.png"):
        Image.fromarray(mask).save(path)
    out = tmp_path / "camvid-boxes"
    told = ["data-prepare", "camvid-boxes", "--from", str(data), "--out", str(out), "--quiet"]
    assert guarded(build(["data_prepare"]), told) == 0, capsys.readouterr().err
    assert "streamdeq data check" in capsys.readouterr().out
    whole = json.loads((out / "train.json").read_text())
    assert [one["name"] for one in whole["videos"]] == ["0001TP_006690", "0006R0_000930"]
    assert [(one["category_id"], one["bbox"], one["area"]) for one in whole["annotations"][:2]] == [
        (1, [10, 5, 20, 15], 300), (2, [40, 30, 10, 10], 100)
    ]  # fmt: skip
    dataset = open_dataset(str(out), "val", allow_outside=True)
    assert dataset.licence == DATA_SETS["camvid"].licence
    assert dataset.clips[0].target(0).xyxy.tolist() == [[10, 5, 30, 20], [40, 30, 50, 40]]


@pytest.mark.shared
def test_boxes_are_those_that_the_published_figures_were_measured_on(shared_dir: Path):
    found = camvid_boxes.boxes_of(shared_dir / "data/camvid", "val", "../camvid")
    assert found == json.loads((shared_dir / "data/camvid-boxes/val.json").read_text())


def test_bees_keep_their_sequences_and_frames_without_a_bee_have_no_points(tmp_path):
    entries = []
    labels = {"hive_bee_id7_f0012.png": {"0": [3, 4], "31": [5, 6]}, "hive_bee_id7_f0013.png": {"0": [4, 4]}}
    for name, points in (labels | {"red-12.jpeg": {}}).items():
        small(tmp_path / "source/data/pose" / name, len(entries))
        entries.append({"path": f"pose/{name}", "set": "train", "dataset": "apic", "keypoints": points})
    (tmp_path / "source/data/pose_dataset.json").write_text(json.dumps(entries))
    dataset = open_dataset(str(made(bee_pose, [tmp_path / "source"], tmp_path / "bees")), "train")
    assert [(clip.name, len(clip)) for clip in dataset.clips] == [("hive_bee_id7@12", 2), ("frames/red-12.jpg", 1)]
    target = dataset.clips[0].target(0)
    assert target.xy[0, [0, 31]].tolist() == [[3, 4], [5, 6]]
    assert target.visible[0].sum() == 2


def test_mirror_mouse_keeps_pictures_and_film_as_they_are(tmp_path):
    source = tmp_path / "source/data/mirror-mouse-example"
    for number in (1, 2, 91):
        small(source / f"labeled-data/img{number:02}.png", number)
    write_video((source / "videos").mkdir() or source / "videos/test_vid.mp4", 2)
    (source / "CollectedData.csv").write_text(
        "scorer,r,r,r,r\nbodyparts,paw,paw,nose,nose\ncoords,x,y,x,y\n"
        "labeled-data/img01.png,7.25,3.125,,\nlabeled-data/img02.png,1,2,3,4\n"
    )
    out = made(mirror_mouse, [tmp_path / "source"], tmp_path / "mouse")
    assert (out / "frames/img01.png").read_bytes() == (source / "labeled-data/img01.png").read_bytes()
    assert not (out / "frames/img91.png").exists()
    dataset = open_dataset(str(out), "all")
    assert dataset.classes == ("paw", "nose")
    assert dataset.clips[0].target(0).visible.tolist() == [[True, False]]


def test_people_are_cropped_around_their_joints(tmp_path):
    (tmp_path / "source/images").mkdir(parents=True)
    joints = np.zeros((14, 3, 3))
    joints[:, 0], joints[:, 1], joints[:, 2] = np.linspace(20, 90, 14)[:, None], np.linspace(10, 110, 14)[:, None], 1
    joints[3, 2, 1] = 0  # a joint of the second is hidden
    joints[:, :2, 2] /= 2  # the third is small
    savemat(tmp_path / "source/joints.mat", {"joints": joints})
    for number in (1, 2, 3):
        small(tmp_path / f"source/images/im{number:05}.jpg", number, (120, 100))
    out = made(lspet_crops, [tmp_path / "source"], tmp_path / "people")
    assert [path.name for path in (out / "frames").iterdir()] == ["im00001.jpg"]
    target = open_dataset(str(out), "train").clips[0].target(0)
    scale = 160 / 140  # 1.4 times 100 pixels of height
    assert target.xy[0, 0] == pytest.approx([80 - 35 * scale, 80 - 50 * scale], abs=0.01)


def test_points_are_smoothed_where_they_are_known():
    t = np.arange(100)
    track = np.stack([100 + 2.0 * t, 50 + 0.0 * t, np.full(100, 0.7)], axis=1)
    track[40:44, 2] = 0.1  # bridged
    track[70, :2] = 900  # far from the others
    assert human_balance.smoothed(track) == pytest.approx(np.stack([100 + 2.0 * t, 50 + 0.0 * t], axis=1), abs=0.1)
    track[40:55, 2] = 0.1
    assert np.isnan(human_balance.smoothed(track)[40:55]).all()
    track[:, 2] = 0.2
    assert np.isnan(human_balance.smoothed(track)).all()


def test_the_largest_person_of_a_frame_is_the_one(tmp_path):
    films, poses = tmp_path / "films", tmp_path / "poses"
    tall, bystander = np.ones((25, 3)), np.ones((25, 3))
    tall[:, :2], bystander[:, :2] = np.linspace(10, 200, 25)[:, None], np.linspace(5, 9, 25)[:, None]
    tall[4] = 0
    people = [{"pose_keypoints_2d": one.ravel().tolist()} for one in (bystander, tall)]
    for camera in human_balance.CAMERAS:
        film = films / f"Pose2Sim/Demo_SinglePerson/videos/{camera}.mp4"
        film.parent.mkdir(parents=True, exist_ok=True)
        write_video(film, 2)
        folder = poses / BALANCING / f"{camera}_json"
        folder.mkdir(parents=True)
        for number in range(100):
            (folder / f"{camera}.{number:04}.json").write_text(json.dumps({"people": people}))
    out = made(human_balance, [films, poses], tmp_path / "out")
    lines = (out / "labels.csv").read_text().splitlines()
    assert len(lines) == 1 + 4 * 100 * 25
    assert lines[1] == "videos/cam01.mp4,cam01,0,0,nose,10.00,10.00,1,1.000,"
    assert lines[5] == "videos/cam01.mp4,cam01,0,0,right_ear,,,0,,"


def test_mot_boxes_are_scaled_and_clipped_and_split_by_time(tmp_path, monkeypatch):
    film = replace(mot15_mini.FILMS[3], name="TUD-Campus", frames=3, train=(1, 1), val=(3, 3))
    monkeypatch.setattr(mot15_mini, "FILMS", (film,))
    folder = tmp_path / "masa/benchmarks/MOT15/TUD-Campus"
    (folder / "gt").mkdir(parents=True)
    write_video(folder / "TUD-Campus.mp4", 3, size_hw=(480, 640))
    (folder / "gt/gt.txt").write_text(
        "1,2,101,81,40,80,1,-1,-1,-1\n1,1,-39,1,80,40,0,-1,-1,-1\n3,2,1,1,4,4,1,-1,-1,-1\n"
    )
    out = made(mot15_mini, [tmp_path, tmp_path / "masa", tmp_path], tmp_path / "mot")
    whole = json.loads((out / "all.json").read_text())
    assert [one["split"] for one in whole["images"]] == ["train", "gap", "val"]
    first, second, _ = whole["annotations"]
    assert (first["bbox"], first["inside"], first["ignore"]) == ([0, 0.0, 30.0, 30.0], 0.5, 1)
    assert (second["bbox"], second["instance_id"]) == ([75.0, 60.0, 30.0, 60.0], 1002)
    assert [len(open_dataset(str(out), split).samples) for split in ("train", "val")] == [1, 1]
    with Image.open(out / "images/TUD-Campus/000003.jpg") as picture:
        assert picture.size == (480, 360)


def test_every_published_source_is_fetched_by_https_and_checked_by_its_content():
    for one in DATA_SETS.values():
        assert one.licence
        for source in one.sources:
            assert source.url.startswith("https://") == bool(source.sha256) == bool(source.count)


class _Server(BaseHTTPRequestHandler):
    content = bytes(range(256)) * 40
    asked: ClassVar[list[str | None]] = []

    def do_GET(self):
        asked = self.headers.get("Range")
        self.asked.append(asked)
        start = int(asked[6:-1]) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        self.wfile.write(self.content[start:] if asked else self.content[:1000])  # breaks off at first

    def log_message(self, format, *args):
        pass


def test_a_download_goes_on_where_it_broke_off_and_is_there_whole_or_not(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        Thread(target=server.serve_forever).start()

        def plainly(request: Request):  # no certificate here: the address asked for is https, the server speaks http
            address = request.full_url.replace("https://example.org", f"http://127.0.0.1:{server.server_port}")
            return urlopen(Request(address, headers=dict(request.header_items())), timeout=60)

        file = tmp_path / "cache" / "set.tar.gz"
        with pytest.raises(StreamdeqError, match=r"1,000 of 10,240 bytes came; run this again"):
            download("https://example.org/set.tar.gz", file, plainly)
        assert not file.exists()
        assert download("https://example.org/set.tar.gz", file, plainly).read_bytes() == _Server.content
        assert _Server.asked == [None, "bytes=1000-"]
        download("https://example.org/set.tar.gz", file, plainly)
        assert len(_Server.asked) == 2  # it is there
        server.shutdown()


def test_only_https_is_downloaded(tmp_path):
    with pytest.raises(StreamdeqError, match="expected an https address"):
        download("http://example.org/set.tar.gz", tmp_path / "set.tar.gz")

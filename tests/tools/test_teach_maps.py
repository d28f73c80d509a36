"""Label maps that a network makes for streets, and what people's labels of another kind overrule."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from streamdeq.data.open import open_dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/teach"))
import label_maps
from label_maps import CITYSCAPES, CLASSES, IDD, overruled, told
from readme import write_readme


def probable(**shares: float) -> np.ndarray:
    """(19, 2, 2) with these probabilities everywhere."""
    values = np.zeros(len(CITYSCAPES), np.float32)
    for name, share in shares.items():
        values[CITYSCAPES.index(name.replace("_", " "))] = share
    return np.broadcast_to(values[:, None, None], (len(values), 2, 2)).copy()


def test_classes_that_are_one_here_are_sure_together():
    labels = told(probable(car=0.4, truck=0.3, road=0.3), (3, 5), sure=0.6)
    assert labels.shape == (3, 5)
    assert (labels == CLASSES.index("car")).all()
    assert (told(probable(car=0.4, road=0.3, sky=0.3), (3, 5), sure=0.6) == 255).all()
    assert (told(probable(car=0.4, road=0.3, sky=0.3), (3, 5), sure=0.0) == CLASSES.index("car")).all()


def test_people_overrule_the_network_by_the_kind_that_they_saw():
    of, idd = CLASSES.index, IDD.index
    network = np.array([[of("car"), of("car"), of("bicyclist"), of("pavement"), 255, of("tree")]], np.uint8)
    people = np.array([[idd("vehicles"), idd("far objects"), idd("living things"), idd("drivable"), idd("sky"), 255]])
    kept = overruled(network, people.astype(np.uint8))
    assert kept.tolist() == [[of("car"), 255, of("bicyclist"), of("road"), of("sky"), 255]]


def test_a_folder_is_made_of_streets_with_maps_of_ours_with_others_and_without(tmp_path: Path):
    grey = Image.fromarray(np.full((8, 12, 3), 90, np.uint8))
    for name, label in (("idd/images/train/1/a", "idd/labels/train/1/a"), ("loose/b", None)):
        file = tmp_path / f"{name}.jpg"
        file.parent.mkdir(parents=True)
        grey.save(file)
        if label is not None:
            (tmp_path / label).parent.mkdir(parents=True)
            Image.fromarray(np.full((8, 12), IDD.index("vehicles"), np.uint8)).save(tmp_path / f"{label}.png")
    (tmp_path / "idd/classes.txt").write_text("\n".join(IDD))
    (tmp_path / "idd/README.md").write_text("# idd\n\nLicence: for research\n")
    out = tmp_path / "wide"
    out.mkdir()

    def network(image: np.ndarray) -> np.ndarray:
        assert image.shape == (8, 12, 3)
        return probable(bus=0.9, sky=0.1)

    given = [f"{tmp_path}/idd:train", f"{tmp_path}/loose"]
    counts = label_maps.make(given, label_maps.Folder(out), network, 1)  # type: ignore[arg-type]
    write_readme(out, "a test", [tmp_path / "idd", tmp_path / "loose"], ["a stub"])
    assert counts[CLASSES.index("car")] == counts.sum() == 2 * 8 * 12
    dataset = open_dataset(str(out), "train")
    assert dataset.classes == CLASSES
    assert [(clip.target(0) == CLASSES.index("car")).all() for clip in dataset.clips] == [True, True]
    assert dataset.licence == "for research; labels by a stub"

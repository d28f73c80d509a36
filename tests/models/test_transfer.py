"""Trained tensors in a fresh network of another task: what moves is exact, what does not is named with its reason."""

import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import digest
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.models.transfer import Left, transfer
from streamdeq.tasks import build_network, build_task

ARCH = Architecture((4, 8), groups=2, expansion=2)


def spec(task: str = "segmentation", classes: int = 3, **changes: object) -> ModelSpec:
    names = tuple(f"c{k}" for k in range(classes))
    head = {"final_channels": 16} if task == "classification" else {}
    made = ModelSpec(task, task, ARCH, names, ((0, 0, 0),) * classes, 32, head=head)
    return replace(made, **changes)


def network(of: ModelSpec, seed: int) -> Network:
    torch.manual_seed(seed)
    made = build_network(of)
    for m in made.modules():  # statistics of their own, as after training
        if isinstance(m, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(m.running_mean)
            m.num_batches_tracked += seed + 1
    return made


def trained(of: ModelSpec) -> dict[str, Tensor]:
    """As a weights file has them: in float16."""
    state = network(of, seed=1).state_dict()
    return {k: v.half() if v.is_floating_point() else v.clone() for k, v in state.items()}


def test_stem_and_cell_move_into_another_task_and_the_head_stays_fresh():
    source, target = spec("classification", 5), spec("segmentation", 3)
    tensors, fresh = trained(source), network(target, seed=2)
    before = {k: v.clone() for k, v in fresh.state_dict().items()}
    account = transfer(fresh, target, tensors, source, "cls.safetensors")
    after = fresh.state_dict()
    backbone = {name for name in before if name.startswith("backbone.")}
    assert set(account.moved) == backbone
    assert all(torch.equal(after[name], tensors[name].to(after[name].dtype)) for name in backbone)
    assert all(torch.equal(after[name], before[name]) for name in before.keys() - backbone)
    assert after["backbone.stage0.0.weight"].dtype == torch.float32
    assert {left.name for left in account.fresh} == before.keys() - backbone
    assert account.fresh[0].reason == "cls.safetensors has none (classification)"
    assert {left.name for left in account.unused} == tensors.keys() - backbone
    assert account.unused[0].reason == "this network has none (segmentation)"


@pytest.mark.parametrize(
    ("task", "first", "weight", "rows", "before"),
    [
        ("segmentation", 5, "last_layer.3.weight", 1, 0),
        ("classification", 5, "classifier.weight", 1, 0),
        ("pose", 5, "final_layer.weight", 1, 0),
        ("detection", 5, "roi_heads.box_predictor.bbox_pred.weight", 4, 4),
        ("detection", 5, "roi_heads.box_predictor.cls_score.weight", 1, 1),
    ],
)
def test_what_a_head_has_for_a_class_moves_to_the_class_of_that_name(task, first, weight, rows, before):
    here, there = ("Cars", "cow", "sidewalk"), ("pavement", "car", "sky", "tree", "fence")
    head = {"hidden": 16, "channels": 8} if task == "detection" else {}
    source = replace(spec(task, first), classes=there, head=head or spec(task).head)
    target = replace(spec(task, 3), classes=here, head=head or spec(task).head)
    tensors, fresh = trained(source), network(target, seed=2)
    before_it = fresh.state_dict()[f"head.{weight}"].clone()
    account = transfer(fresh, target, tensors, source, "other", build_task(target).class_rows)
    after = fresh.state_dict()[f"head.{weight}"]
    old = tensors[f"head.{weight}"].float()

    def of(tensor, place):
        return tensor[before + rows * place : before + rows * (place + 1)]

    assert torch.equal(after[:before], old[:before])
    assert torch.equal(of(after, 0), of(old, 1))
    assert torch.equal(of(after, 1), of(before_it, 1))  # a cow is nothing that was known
    assert torch.equal(of(after, 2), of(old, 0))
    assert account.classes == (("Cars", "car"), ("sidewalk", "pavement"))
    assert account.classes_text() == (
        "2 of 3 classes known by name from other: Cars (there car), sidewalk (there pavement); new: cow"
    )


def test_classes_of_other_names_begin_anew_though_they_are_as_many():
    source, target = replace(spec(), classes=("a", "b", "c")), replace(spec(), classes=("d", "e", "f"))
    fresh = network(target, seed=2)
    before = fresh.state_dict()["head.last_layer.3.weight"].clone()
    account = transfer(fresh, target, trained(source), source, "other", {"last_layer.3.weight": (1, 0)})
    assert torch.equal(fresh.state_dict()["head.last_layer.3.weight"], before)
    assert Left("head.last_layer.3.weight", "other has none of these classes") in account.fresh
    assert account.classes_text() == "0 of 3 classes known by name from other: none; new: d, e, f"


def test_the_moved_backbone_computes_what_the_trained_one_does():
    source, target = spec("classification", 5), spec()
    original, fresh = network(source, 1).eval(), network(target, 2).eval()
    transfer(fresh, target, original.state_dict(), source, "memory")
    x = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        pairs = [n.backbone.bind(i := n.backbone.inject(x))(n.backbone.zeros(i)) for n in (original, fresh)]
    assert all(torch.equal(a, b) for a, b in zip(pairs[0].maps, pairs[1].maps, strict=True))


def test_of_a_head_with_other_classes_the_layers_that_fit_move():
    source, target = spec(classes=5), spec(classes=3)
    account = transfer(network(target, 2), target, trained(source), source, "other")
    assert account.classes is None  # nobody said which tensors have rows for classes
    assert "head.last_layer.0.weight" in account.moved
    assert account.fresh == (
        Left("head.last_layer.3.weight", "[5, 12, 1, 1] there, [3, 12, 1, 1] here"),
        Left("head.last_layer.3.bias", "[5] there, [3] here"),
    )
    assert account.unused == account.fresh


def test_everything_moves_between_equals():
    account = transfer(network(spec(), 2), spec(), tensors := trained(spec()), spec(), "same")
    assert (account.fresh, account.unused, account.differs) == ((), (), ())
    assert account.hash == digest(tensors)
    n, head = len(account.moved), sum(name.startswith("head.") for name in account.moved)
    assert account.summary() == f"{n - head} of {n - head} backbone and {head} of {head} head tensors from same"


def test_the_summary_says_how_much_and_why_not_in_one_line():
    source, target = spec("classification", 5), spec()
    account = transfer(network(target, 2), target, trained(source), source, "cls")
    line = account.summary()
    assert "\n" not in line
    assert line.startswith(f"{len(account.moved)} of {len(account.moved)} backbone and 0 of 9 head tensors from cls; ")
    assert "9 fresh, the first is head.last_layer.0.weight: cls has none (classification)" in line
    assert f"{len(account.unused)} unused, the first is head." in line
    plain = json.loads(json.dumps(account.to_plain()))
    assert plain["moved"] == len(account.moved)
    assert plain["fresh"][0] == {"name": "head.last_layer.0.weight", "reason": "cls has none (classification)"}


def test_what_no_tensor_shows_is_said():
    source = spec(architecture=replace(ARCH, groups=4), std=(1.0, 1.0, 1.0))
    account = transfer(network(spec(), 2), spec(), trained(source), source, "other")
    assert account.differs == (
        "groups is 4 there, 2 here",
        "std is (1.0, 1.0, 1.0) there, (0.229, 0.224, 0.225) here",
    )
    assert account.summary().endswith("; but groups is 4 there, 2 here; but " + account.differs[1])


def test_another_backbone_is_refused_with_both_sizes():
    source = spec(architecture=Architecture((16, 32), groups=2, expansion=2))
    with pytest.raises(StreamdeqError, match="nothing in big fits: it has channels 16/32, this backbone 4/8"):
        transfer(network(spec(), 2), spec(), trained(source), source, "big")

"""Overrides: `key=value` becomes a typed field of a nested frozen dataclass, or a line that helps."""

import doctest
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

import streamdeq.codec.text
from streamdeq.codec import flatten, override
from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class Optimizer:
    name: Literal["adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Unroll:
    least: int = 1
    most: int = 14

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise StreamdeqError(f"expected least <= most, got {self.least} and {self.most}")


@dataclass(frozen=True)
class Schedule:
    unroll: Unroll | None = None
    rate: float = 1.0


@dataclass(frozen=True)
class Recipe:
    steps: int = 100
    flip: bool = True
    channels: tuple[int, ...] = (16, 32)
    clip: float | None = 1.0
    note: str | None = None
    crop: int | Literal["native"] = 256
    start: Path | None = None
    optimizer: Optimizer = field(default_factory=Optimizer)
    unroll: Unroll = field(default_factory=Unroll)
    average: Unroll | None = None
    either: Unroll | Optimizer | None = None
    outer: Schedule | None = None


@pytest.mark.parametrize(
    ("item", "key", "value"),
    [
        ("steps=2500", "steps", 2500),
        ("flip=false", "flip", False),
        ("flip=True", "flip", True),
        ("channels=8,16,32", "channels", (8, 16, 32)),
        ("channels=(8, 16)", "channels", (8, 16)),
        ("channels=8", "channels", (8,)),
        ("channels=(8,)", "channels", (8,)),
        ("channels=", "channels", ()),
        ("clip=none", "clip", None),
        ("clip=2.5", "clip", 2.5),
        ("note=none", "note", None),
        ("note=a=b", "note", "a=b"),
        ("crop=native", "crop", "native"),
        ("crop=128", "crop", 128),
        ("start=runs/a.safetensors", "start", Path("runs/a.safetensors")),
        ("optimizer.name=sgd", "optimizer.name", "sgd"),
        ("optimizer.lr=2e-3", "optimizer.lr", 2e-3),
        ("optimizer.betas=0.9,0.99", "optimizer.betas", (0.9, 0.99)),
        ("unroll.most=20", "unroll.most", 20),
        ("average=none", "average", None),
    ],
)
def test_a_value_takes_the_type_of_its_field(item: str, key: str, value: object) -> None:
    changed = flatten(override(Recipe(), [item]))
    assert changed[key] == value
    assert type(changed[key]) is type(value) or isinstance(value, Path)
    assert {k: v for k, v in changed.items() if k != key} == {k: v for k, v in flatten(Recipe()).items() if k != key}


def test_the_recipe_given_stays_as_it_was() -> None:
    recipe = Recipe()
    override(recipe, ["steps=1", "unroll.most=2"])
    assert recipe == Recipe()


def test_checks_see_only_the_final_combination() -> None:
    assert override(Recipe(), ["unroll.least=20", "unroll.most=30"]).unroll == Unroll(20, 30)
    with pytest.raises(StreamdeqError, match="least <= most, got 20 and 14"):
        override(Recipe(), ["unroll.least=20"])


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("steps", "expected key=value, got 'steps'"),
        ("steps=2.5", "steps: expected a whole number, got '2.5'"),
        ("steps=", "steps: expected a whole number, got ''"),
        ("flip=1", "flip: expected true or false, got '1'"),
        ("clip=nan", "clip: expected a number or none, got 'nan'"),
        ("clip=fast", "clip: expected a number or none, got 'fast'"),
        ("crop=half", "crop: expected a whole number or one of native, got 'half'"),
        ("channels=8,x", "channels: expected a whole number, or several separated by commas, got '8,x'"),
        ("optimizer.name=adam", "optimizer.name: expected one of adamw, sgd, got 'adam'"),
        ("optimizer.betas=0.9", "2 values separated by commas (a number, a number), got '0.9'"),
        ("optimiser.lr=1", "unknown setting 'optimiser.lr'; did you mean 'optimizer.lr'?"),
        ("lr=1", "unknown setting 'lr'; did you mean 'optimizer.lr'?"),
        ("setps=1", "unknown setting 'setps'; did you mean 'steps'?"),
        ("steps.most=1", "unknown setting 'steps.most'; did you mean 'unroll.most'?"),
        (
            "optimizer=sgd",
            "'optimizer' is a group of settings; set one of optimizer.name, optimizer.lr, ",
        ),
        ("average.mots=3", "unknown setting 'average.mots'"),
        ("average.most.most=3", "unknown setting 'average.most.most'"),
        ("average=3", "average: expected none, got '3'"),
        ("=3", "unknown setting ''"),
    ],
)
def test_what_cannot_be_set_is_said_in_one_line_with_the_nearest_spelling(item: str, message: str) -> None:
    with pytest.raises(StreamdeqError) as caught:
        override(Recipe(), [item])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_group_that_is_none_begins_with_its_defaults_when_one_of_its_settings_is_given() -> None:
    assert override(Recipe(), ["average.most=3"]).average == Unroll(1, 3)
    assert override(Recipe(average=Unroll(2, 9)), ["average.most=3"]).average == Unroll(2, 3)
    assert override(Recipe(), ["outer.unroll.most=3"]).outer == Schedule(Unroll(1, 3))
    with pytest.raises(StreamdeqError, match="set as a whole and in part"):
        override(Recipe(), ["average.most=3", "average=none"])


def test_of_several_kinds_the_one_that_has_all_the_settings_given_begins() -> None:
    assert override(Recipe(), ["either.most=3"]).either == Unroll(1, 3)
    assert override(Recipe(), ["either.lr=0.5", "either.name=sgd"]).either == Optimizer("sgd", 0.5)
    with pytest.raises(StreamdeqError, match=r"no group 'either' has all of either\.most, either\.lr"):
        override(Recipe(), ["either.most=3", "either.lr=0.5"])


def test_a_key_that_is_set_twice_is_refused() -> None:
    with pytest.raises(StreamdeqError, match="'steps' is set twice"):
        override(Recipe(), ["steps=1", "steps=2"])


def test_flatten_lists_every_setting_under_its_dotted_key() -> None:
    assert list(flatten(Recipe()))[:2] == ["steps", "flip"]
    assert flatten(Recipe())["optimizer.lr"] == 1e-3
    assert flatten(Recipe())["average"] is None
    assert flatten(Recipe(average=Unroll(2, 3)))["average.most"] == 3


def test_a_field_that_no_text_can_fill_is_a_mistake_of_the_program() -> None:
    @dataclass(frozen=True)
    class Odd:
        table: dict[str, int] = field(default_factory=dict)

    with pytest.raises(TypeError, match="cannot be given as text"):
        override(Odd(), ["table=a"])


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(streamdeq.codec.text).failed == 0

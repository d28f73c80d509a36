"""`--init`: a run begins with trained weights of another task, says so, and remembers it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.small_runs import TINY, command, lines, resume, settings, steps, tensors, train, trainer

from streamdeq.models.checkpoint import digest, read_weights, save_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_network
from streamdeq.training import session
from streamdeq.training.run import WEIGHTS


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    torch.manual_seed(7)
    classes = ("cat", "dog")
    arch = replace(TINY.architecture, dropout=0.0)
    head = {"final_channels": 16}
    spec = ModelSpec("cls", "classification", arch, classes, ((0, 0, 0),) * 2, 32, head=head)
    save_weights(tmp_path / "cls.safetensors", build_network(spec), spec)
    return tmp_path / "cls.safetensors"


def test_a_run_begins_with_the_backbone_of_a_classifier(tmp_path, classifier):
    said: list[str] = []
    running = trainer(tmp_path / "run", replace(TINY, init=str(classifier)))
    session.start(running, said.append).close()
    _, theirs = read_weights(classifier)
    begun = tensors(tmp_path / "run")
    for name, tensor in theirs.items():
        if name.startswith("backbone."):
            for group in ("network", "average"):
                assert torch.equal(begun[f"{group}/{name}"], tensor.to(begun[f"{group}/{name}"].dtype))
    count = sum(name.startswith("backbone.") for name in theirs)
    assert len(said) == 1
    assert said[0].startswith(f"{count} of {count} backbone and 0 of 9 head tensors from {classifier}")
    header = lines(tmp_path / "run")[0]
    assert header["init"]["moved"] == count
    assert header["init"]["fresh"][0]["name"] == "head.last_layer.0.weight"
    assert header["init"]["hash"]
    assert header["recipe"]["init"] == str(classifier)


def test_a_stopped_run_goes_on_without_the_file_it_began_with(tmp_path, classifier):
    recipe = replace(TINY, init=str(classifier))
    whole = train(tmp_path / "whole", recipe)
    stopping = iter([False] * 4 + [True])
    train(tmp_path / "run", recipe, stop=lambda: next(stopping))
    classifier.unlink()
    resume(tmp_path / "run", recipe)
    assert steps(tmp_path / "run") == steps(tmp_path / "whole")
    expected = tensors(tmp_path / "whole")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors(tmp_path / "run").items())
    assert whole.spec.provenance.recipe["init"] == str(classifier)


def test_the_command_says_what_moved_and_the_weights_remember_it(tmp_path, classifier, capsys):
    from streamdeq.cli import train as cli_train
    from streamdeq.cli.main import build, guarded

    arguments = [*settings(replace(TINY, steps=2)), "--init", str(classifier), "--out", str(tmp_path / "run")]
    assert guarded(build([cli_train.train]), ["train", *arguments, "--threads", "1"]) == 0
    output, errors = capsys.readouterr()
    assert f"head tensors from {classifier}; 9 fresh, the first is head.last_layer.0.weight" in errors
    spec, _ = read_weights(Path(output.strip()))
    assert spec.provenance.recipe["init"] == str(classifier)


def test_while_it_is_frozen_the_backbone_keeps_its_weights_and_the_head_learns(tmp_path, classifier):
    recipe = replace(TINY, init=str(classifier), freeze=3)
    running = trainer(tmp_path, recipe)
    session.start(running).close()
    began = {name: value.clone() for name, value in running.network.state_dict().items()}

    def moved() -> set[str]:
        now = running.network.state_dict()
        return {name.partition(".")[0] for name, value in began.items() if not torch.equal(value, now[name])}

    for step in range(3):
        running.step(*running.parts(step))
    assert moved() == {"head"}
    running.step(*running.parts(3))
    assert moved() == {"backbone", "head"}


def test_a_run_that_is_stopped_while_the_backbone_is_frozen_goes_on_to_the_same_bits(tmp_path, classifier):
    recipe = replace(TINY, init=str(classifier), freeze=6, steps=9)
    train(tmp_path / "whole", recipe)
    stopping = iter([False] * 3 + [True])
    train(tmp_path / "run", recipe, stop=lambda: next(stopping))
    resume(tmp_path / "run", recipe)
    assert steps(tmp_path / "run") == steps(tmp_path / "whole")
    expected = tensors(tmp_path / "whole")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors(tmp_path / "run").items())


def test_weights_remember_what_they_began_with_and_that_in_turn(tmp_path):
    train(tmp_path / "first", replace(TINY, steps=1))
    first = tmp_path / "first" / WEIGHTS
    train(tmp_path / "second", replace(TINY, steps=1, name="second", init=str(first)))
    train(
        tmp_path / "third",
        replace(TINY, steps=2, name="third", init=str(tmp_path / "second" / WEIGHTS)),
        stop=lambda: True,
    )
    resume(tmp_path / "third", replace(TINY, steps=2, name="third", init=str(tmp_path / "second" / WEIGHTS)))
    spec, _ = read_weights(tmp_path / "third" / WEIGHTS)
    assert [one.name for one in spec.provenance.ancestors] == ["second", "synthetic-tiny"]
    assert spec.provenance.ancestors[1].licence == "none needed: rendered by streamdeq itself"
    assert spec.provenance.ancestors[1].hash == digest(read_weights(first)[1])


def test_weights_that_do_not_fit_or_exist_are_one_line_and_no_run(tmp_path, classifier, capsys):
    other = tmp_path / "run"
    architecture = replace(TINY.architecture, channels=(16, 32))
    wide = [*settings(replace(TINY, architecture=architecture)), "--init", str(classifier), "--out", str(other)]
    assert command(*wide) == 2
    assert f"nothing in {classifier} fits: it has channels 8/8, this backbone 16/32" in capsys.readouterr().err
    assert command(*settings(), "--init", "camvid-xs", "--out", str(other)) == 2
    assert "unknown model 'camvid-xs'" in capsys.readouterr().err
    assert not (other / "checkpoint.safetensors").exists()
    assert not (other / "log.jsonl").exists()


def test_other_weights_to_begin_with_are_another_run(tmp_path, classifier, capsys):
    folder = tmp_path / "run"
    train(folder, replace(TINY, steps=3))
    assert command("--resume", str(folder), "--init", str(classifier)) == 2
    assert f"the recipe differs in 'init': the run has None, now {classifier}" in capsys.readouterr().err


def test_good_weights_to_begin_with_are_not_taken_for_a_level_to_fall_back_to(tmp_path):
    # One application from zeros costs several times what a dozen do: the first loss says nothing of the next.
    base = train(tmp_path / "base", replace(TINY, steps=60, ema=0.0))
    further = replace(TINY, steps=30, ema=0.0, init=str(tmp_path / "base" / WEIGHTS))
    running = train(tmp_path / "further", further)
    assert running.guard.level == base.guard.level
    assert running.guard.healthy

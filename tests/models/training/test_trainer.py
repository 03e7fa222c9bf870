"""The engine on a toy: going on, stopping early, averages, failures."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from models.training.log import read_log
from models.training.state import Standing, load_state, save_state
from runtime.errors import TrainingError
from tests.models.made_up_bank import quiet
from tests.models.training.toy import EndedError, Numbers, Told, Toy, files, stopping, trainer


def _trained(folder: Path, **settings: Any) -> Toy:
    folder.mkdir(exist_ok=True)
    toy = Toy()
    trainer(folder, toy, **settings).run(quiet, "Toy")
    return toy


def _same(one: Toy, two: Toy) -> bool:
    return torch.equal(one.weight, two.weight) and torch.equal(one.bias, two.bias)


@pytest.mark.parametrize("step", [0, 1, 4, 5, 8, 9])
def test_a_run_that_ended_anywhere_goes_on_to_the_same_weights(tmp_path: Path, step: int) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    expected = _trained(whole)
    parted.mkdir()
    with pytest.raises(EndedError):
        trainer(parted, Toy()).run(stopping(step), "Toy")
    toy, batches = Toy(), Numbers()
    standing = trainer(parted, toy, batches).run(quiet, "Toy")
    assert batches.drawn == list(range(step // 4 * 4, 10))
    assert standing.step == 10
    assert _same(toy, expected)
    assert files(parted).log.read_bytes() == files(whole).log.read_bytes()


def test_without_its_moments_the_weights_would_differ(tmp_path: Path) -> None:
    """The test above can fail: momentum matters for this toy."""
    expected = _trained(tmp_path / "whole")
    (tmp_path / "parted").mkdir()
    with pytest.raises(EndedError):
        trainer(tmp_path / "parted", Toy()).run(stopping(5), "Toy")
    state = files(tmp_path / "parted").state
    standing, groups = load_state(state)
    save_state(state, standing, {name: g for name, g in groups.items() if name != "moments"})
    assert not _same(_trained(tmp_path / "parted"), expected)


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    expected = _trained(tmp_path)
    batches, toy = Numbers(), Toy()
    trainer(tmp_path, toy, batches).run(quiet, "Toy")
    assert batches.drawn == []
    assert _same(toy, expected)
    assert read_log(files(tmp_path).log)["step"] == list(range(10))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_state_and_ends(tmp_path: Path, number: signal.Signals) -> None:
    def interrupting(items: Iterable[int], **_: Any) -> Iterator[int]:
        for item in items:
            if item == 6:
                os.kill(os.getpid(), number)
            yield item

    expected = _trained(tmp_path / "whole")
    (tmp_path / "parted").mkdir()
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "parted", Toy()).run(interrupting, "Toy")
    assert signal.getsignal(number) is before
    assert load_state(files(tmp_path / "parted").state)[0].step == 7
    assert _same(_trained(tmp_path / "parted"), expected)


def test_other_seeds_train_otherwise(tmp_path: Path) -> None:
    toys = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        toy = Toy()
        made = trainer(folder, toy)
        made._seed = seed  # dropout only: the batches have a seed of their own
        made.run(quiet, "Toy")
        toys.append(toy)
    assert not _same(*toys)


def test_training_stops_early_and_keeps_the_best_weights(tmp_path: Path) -> None:
    toy, batches = Toy(), Numbers()
    told = Told(toy, [0.1, 0.5, 0.4, 0.5, 0.9])
    made = trainer(
        tmp_path, toy, batches, steps=40, ema=0.0, validate_every=2, patience=2, validation=told
    )
    standing = made.run(quiet, "Toy")
    assert batches.drawn == list(range(6))
    assert (standing.best_step, standing.best_figure) == (2, 0.5)
    assert torch.equal(toy.weight, told.seen[1])
    assert not torch.equal(told.seen[1], told.seen[2])
    figures = read_log(files(tmp_path).validation)
    assert figures == {"step": [0, 2, 4, 6], "figure": [0.1, 0.5, 0.4, 0.5]}


@pytest.mark.parametrize("step", [3, 5, 7])
def test_patience_and_best_weights_outlive_a_kill(tmp_path: Path, step: int) -> None:
    figures = [0.1, 0.5, 0.4, 0.3, 0.2, 0.9]
    settings = {"validate_every": 2, "patience": 3, "save_every": 2, "steps": 20}
    toys = []
    for place, stop in (("whole", None), ("parted", step)):
        folder = tmp_path / place
        folder.mkdir()
        toy = Toy()
        if stop:
            told = Told(toy, figures)
            with pytest.raises(EndedError):
                trainer(folder, toy, validation=told, **settings).run(stopping(stop), "Toy")
            done = load_state(files(folder).state)[0].step // 2
            toy, figures = Toy(), figures[done + 1 :]
        told = Told(toy, figures)
        assert trainer(folder, toy, validation=told, **settings).run(quiet, "Toy").step == 8
        toys.append(toy)
    assert _same(*toys)
    logs = [files(tmp_path / place).validation.read_bytes() for place in ("whole", "parted")]
    assert logs[0] == logs[1]


def test_the_weights_kept_are_the_averages(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "average")]
    even = {"warmup": 0, "floor": 1}
    one = _trained(folders[0], steps=1, ema=0.0, **even)
    two = _trained(folders[1], steps=2, ema=0.0, **even)
    average = _trained(folders[2], steps=2, ema=0.15, **even)
    start = Toy().weight
    # The warm-up lets the first step count for nine tenths, then the decay itself holds.
    after_one = start + 0.9 * (one.weight - start)
    assert torch.allclose(average.weight, after_one + 0.85 * (two.weight - after_one), atol=1e-7)


def test_gradients_are_clipped_to_a_length(tmp_path: Path) -> None:
    _trained(tmp_path, steps=1, save_every=1, clip=0.01)
    moments = load_state(files(tmp_path).state)[1]["moments"]
    first = torch.cat([t.flatten() for n, t in moments.items() if n.startswith("exp_avg/")])
    assert float(first.norm()) == pytest.approx(0.1 * 0.01, rel=1e-3)
    assert read_log(files(tmp_path).log)["norm"][0] > 0.1


def test_a_loss_that_is_not_finite_ends_the_run_before_it_spoils_weights(tmp_path: Path) -> None:
    toy = Toy()
    with pytest.raises(TrainingError, match=r"step 5 .*total"):
        trainer(tmp_path, toy, Numbers(spoilt=5)).run(quiet, "Toy")
    assert bool(torch.isfinite(toy.weight).all())
    assert load_state(files(tmp_path).state)[0].step == 4


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    _trained(tmp_path)
    with pytest.raises(TrainingError, match="another network"):
        trainer(tmp_path, Toy(size=4)).run(quiet, "Toy")


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign"])
def test_a_damaged_state_is_told(tmp_path: Path, damage: str) -> None:
    _trained(tmp_path)
    state = files(tmp_path).state
    whole = state.read_bytes()
    spoilt = {
        "cut": whole[:-9],
        "empty": b"",
        "foreign": whole.replace(b"training-1", b"training-9"),
    }
    state.write_bytes(spoilt[damage])
    with pytest.raises(TrainingError, match="--restart"):
        _trained(tmp_path)


def test_a_state_comes_back_as_it_went(tmp_path: Path) -> None:
    standing = Standing(7, 3, 0.25, 2, 1.5, {"scale": 8.0})
    groups = {"weights": {"a/b": torch.arange(3.0)}, "best": {"a/b": torch.tensor(math.pi)}}
    save_state(tmp_path / "s", standing, groups)
    back, tensors = load_state(tmp_path / "s")
    assert back == standing
    assert tensors.keys() == groups.keys()
    assert all(torch.equal(tensors[g]["a/b"], groups[g]["a/b"]) for g in groups)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]

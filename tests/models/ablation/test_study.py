"""A study of two arms on a made-up shop, for real."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from models.ablation import study
from models.ablation.arms import read_arms
from models.ablation.command import ablate
from models.ablation.study import run_study
from runtime.errors import UsageError
from tests.docs_json import keys
from tests.models.made_up_bank import quiet
from tests.models.made_up_shop import make_grocery

ARMS = """
[base]
preset = "tiny"
[base.data]
stores = []
staged = 0
[base.train]
steps = 0
batch = 4
[base.projection]
steps = 0
[[arm]]
name = "plain"
[[arm]]
name = "trained"
[arm.change.train]
steps = {steps}
"""
NAMES = {
    *(f"{way} {group}" for way in ("image", "fused") for group in ("hard", "held")),
    *(f"{way} val {tier}" for way in ("image", "fused") for tier in ("L0", "L3")),
}


@dataclass(frozen=True)
class Ablation:
    """A study's folder after its first call."""

    root: Path
    out: Path
    printed: dict[str, Any]
    monkey: pytest.MonkeyPatch

    def arms(self, text: str = ARMS, steps: int = 2) -> Path:
        path = self.root / "arms.toml"
        path.write_text(text.format(steps=steps), encoding="utf-8")
        return path

    def run(self, arms: Path, *more: str) -> str:
        given = ["--arms", arms, "--data", self.root / "data", "--out", self.out, "--seeds", 1]
        answer = CliRunner().invoke(
            ablate, [*map(str, given), "--folds", "1", *more], catch_exceptions=False
        )
        return answer.stdout

    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.read_text(encoding="utf-8"))
        return found

    def watch(self) -> list[tuple[str, int]]:
        """Measure no more; the arms and seeds that would have been."""
        asked: list[tuple[str, int]] = []

        def measured(arm: Any, seed: int, *_: Any) -> dict[str, float]:
            asked.append((arm.name, seed))
            return {"image held": 0.5}

        self.monkey.setattr(study, "_measure", measured)
        return asked


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("ablation")
    make_grocery(root / "data")
    made = Ablation(root, root / "out" / "study.json", {}, pytest.MonkeyPatch())
    return root, made.run(made.arms(), "--json")


@pytest.fixture
def ablation(first: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ablation:
    """Each test has the results for itself."""
    root, printed = first
    out = tmp_path / "study.json"
    out.write_bytes((root / "out" / "study.json").read_bytes())
    found = json.loads(printed)
    assert set(found) == keys("ablate")
    return Ablation(root, out, found, monkeypatch)


def _no_training(*_: Any, **__: Any) -> None:
    raise AssertionError("trained again")


def test_the_results_are_printed_and_kept(ablation: Ablation) -> None:
    assert ablation.printed == ablation.stored()
    assert list(ablation.printed["arms"]) == ["plain", "trained"]
    for arm, steps in (("plain", 0), ("trained", 2)):
        assert ablation.printed["configs"][arm]["train"]["steps"] == steps
        (run,) = ablation.printed["arms"][arm].values()
        assert set(run) >= NAMES
        assert all(0 <= value <= 1 for value in run.values())
    assert (ablation.printed["folds"], set(ablation.printed["git"])) == (1, {"commit", "dirty"})
    assert (ablation.root / "out" / "features").is_dir()


def test_figures_are_shares_of_the_clips(ablation: Ablation) -> None:
    """Of four validation clips each, one a product."""
    for run in (runs["1"] for runs in ablation.printed["arms"].values()):
        for name in ("image val L0", "image val L3", "fused val L0", "fused val L3"):
            assert 4 * run[name] == int(4 * run[name])


def test_a_second_call_measures_nothing_again(ablation: Ablation) -> None:
    for name in ("fit", "build_bank", "new_network"):
        ablation.monkey.setattr(study, name, _no_training)
    before = {**ablation.stored(), "git": {"commit": "of the measuring", "dirty": False}}
    ablation.out.write_text(json.dumps(before), encoding="utf-8")
    assert json.loads(ablation.run(ablation.arms(), "--json")) == before
    page = ablation.run(ablation.arms())
    assert "commit of the measu" in page
    assert page.count("| plain |") == page.count("| trained |") == 2
    assert ablation.stored() == before


def test_a_changed_arm_alone_is_measured_again(ablation: Ablation) -> None:
    asked = ablation.watch()
    name = 'name = "plain"\n'
    changed = ARMS.replace(name, f"{name}[arm.change.closed_form]\nshrink = 1.0\n")
    ablation.run(ablation.arms(changed))
    assert asked == [("plain", 1)]
    found = ablation.stored()
    assert list(found["arms"]) == ["plain", "trained"], "in the order of the file"
    assert found["arms"]["plain"] == {"1": {"image held": 0.5}}
    assert found["arms"]["trained"] == ablation.printed["arms"]["trained"]
    assert found["configs"]["plain"]["closed_form"]["shrink"] == 1.0


def test_other_folds_are_measured_anew_and_further_seeds_added(ablation: Ablation) -> None:
    asked = ablation.watch()
    ablation.run(ablation.arms(), "--seeds", "2")
    assert asked == [("plain", 2), ("trained", 2)]
    assert ablation.stored()["arms"]["plain"]["1"] == ablation.printed["arms"]["plain"]["1"]
    asked.clear()
    ablation.run(ablation.arms(), "--folds", "2")
    assert asked == [("plain", 1), ("trained", 1)]


def test_a_stopped_study_keeps_what_it_has(ablation: Ablation) -> None:
    ablation.out.unlink()

    def measured(arm: Any, *_: Any) -> dict[str, float]:
        if arm.name == "trained":
            raise KeyboardInterrupt
        return {"image held": 0.25}

    ablation.monkey.setattr(study, "_measure", measured)
    data = ablation.root / "data"
    with pytest.raises(KeyboardInterrupt):
        run_study(read_arms(ablation.arms()), data, ablation.out, quiet, seeds=[1], folds=1)
    assert ablation.stored()["arms"] == {"plain": {"1": {"image held": 0.25}}, "trained": {}}
    asked = ablation.watch()
    ablation.run(ablation.arms())
    assert asked == [("trained", 1)]


def test_a_study_gives_the_same_figures_twice(ablation: Ablation) -> None:
    ablation.out.unlink()
    features = str(ablation.root / "out" / "features")
    again = json.loads(ablation.run(ablation.arms(), "--json", "--features", features))
    assert again["arms"] == ablation.printed["arms"]


@pytest.mark.parametrize(
    "change", ["[arm.change.data]\nstaged = 1", '[arm.change]\npreset = "lite"']
)
def test_arms_of_other_pictures_or_encoders_are_refused(ablation: Ablation, change: str) -> None:
    arms = read_arms(ablation.arms(ARMS + f'[[arm]]\nname = "other"\n{change}\n'))
    with pytest.raises(UsageError, match="'plain' and 'other' cannot be compared"):
        run_study(arms, ablation.root / "data", ablation.out, quiet, seeds=[1], folds=1)


def test_held_products_are_neither_trained_on_nor_published_with_photos(ablation: Ablation) -> None:
    """Of three products with photos and four folds one is held out; then all are shown."""
    trained: list[tuple[int, set[int] | None, set[int]]] = []
    published: list[set[int]] = []
    fit, publish = study.fit, study.publish

    def fitting(run: Any, bank: Any, groups: Any, *, allowed: set[int] | None) -> None:
        shown = {product for product, source, _ in bank.shots if source in ("photo", "clip")}
        trained.append((run.config.seed, allowed, shown))
        fit(run, bank, groups, allowed=allowed)

    def publishing(network: Any, bank: Any, products: Any, photos: Any) -> Any:
        published.append(set(photos))
        return publish(network, bank, products, photos)

    ablation.monkey.setattr(study, "fit", fitting)
    ablation.monkey.setattr(study, "publish", publishing)
    ablation.out.unlink()
    ablation.run(ablation.arms(), "--features", str(ablation.root / "out" / "features"))
    for (seed, allowed, shown), whole in zip(trained[::2], trained[1::2], strict=True):
        assert allowed is not None
        assert (seed, len(allowed)) == (1, 2)
        assert shown == allowed
        assert whole[:2] == (1, None)
        assert len(whole[2]) == 3
        assert published[:2] == [allowed, whole[2]]
    assert published[2:] == published[:2], "both arms are asked the same"

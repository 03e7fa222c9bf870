"""The arms of a study as they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.ablation.arms import read_arms
from models.ablation.command import DEFAULT
from runtime.errors import UsageError

BASE = """
[base]
preset = "tiny"
[base.train]
steps = 3
batch = 4
[base.losses]
joint = 0.5
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "arms.toml"
    path.write_text(BASE + text, encoding="utf-8")
    return path


def test_a_change_leaves_its_neighbours_as_in_the_base(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        '[[arm]]\nname = "base"\n'
        '[[arm]]\nname = "longer"\n[arm.change.train]\nsteps = 9\n'
        '[[arm]]\nname = "frozen"\n[arm.change]\nfrozen = ["query_head"]\n',
    )
    base, longer, frozen = read_arms(path)
    assert [arm.name for arm in (base, longer, frozen)] == ["base", "longer", "frozen"]
    assert (base.config.train.steps, base.config.train.batch) == (3, 4)
    assert (longer.config.train.steps, longer.config.train.batch) == (9, 4)
    assert longer.config.losses.joint == 0.5
    assert longer.config.preset == "tiny"
    assert tuple(frozen.config.frozen) == ("query_head",)
    assert frozen.config.train == base.config.train


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[arm]]\nname = "a"\n[arm.change.train]\nstep = 9\n', "step"),
        ('[[arm]]\nname = "a"\n[arm.change.train]\nsteps = -1\n', "steps"),
        ('[[arm]]\nname = "a"\nchanges = {}\n', "changes"),
        ('[[arm]]\nname = ""\n', "name"),
        ("", "arm"),
        ("[[arm]\n", "line"),
    ],
)
def test_what_no_study_can_be_made_of_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match="cannot read the arms") as refused:
        read_arms(_written(tmp_path, text))
    assert told in refused.value.why


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the arms"):
        read_arms(tmp_path / "none.toml")


def test_two_arms_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be told apart"):
        read_arms(_written(tmp_path, '[[arm]]\nname = "a"\n' * 2))


def test_the_study_that_comes_with_the_program_reads() -> None:
    arms = {arm.name: arm.config for arm in read_arms(DEFAULT)}
    assert arms["encoders alone"].closed_form.shrink == 1.0
    assert not arms["encoders alone"].closed_form.remember
    assert arms["+ item memory"].closed_form.remember
    assert arms["+ item memory"].closed_form.patch_weight == 0.0
    single = arms["closed form + words, one key (as published)"]
    assert (single.network.fusion, single.train.steps, single.train.batch) == ("single_key", 30, 32)
    assert {config.preset for config in arms.values()} == {"lite"}
    assert len({repr(config.data) for config in arms.values()}) == 1, "arms share their pictures"

"""Settings of a training run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.commands import train
from models.training.config import TrainConfig, config_file, read_config
from models.training.config.file import SHIPPED
from runtime.errors import UsageError
from tests.conftest import REPOSITORY

WRONG = {
    "unknown key": "speed = 3",
    "unknown key of a section": "[train]\nspeed = 3",
    "unknown section": "[graph]\nlayers = 2",
    "unknown preset": 'preset = "b16"',
    "weights for a preset that has its own": 'preset = "lite"\n[weights]\nclip = "clip.pt"',
    "an activation for a preset without one": "[weights]\nquick_gelu = false",
    "the demo store": "[data]\nstores = [1, 0, 2]",
    "a store that is no number": '[data]\nstores = ["one"]',
    "stores that are no list": "[data]\nstores = 3",
    "a section that is no table": "train = 3",
    "an unknown tier": '[data]\nclip_tiers = ["L9"]',
    "steps in words": '[train]\nsteps = "many"',
    "fewer steps than none": "[train]\nsteps = -1",
    "more than everything": "shrink = 1.5",
    "a single product": "[projection]\nbatch = 1",
    "too far": "[projection]\nkeep = 1.5",
    "everything dropped": "[projection]\ndropout = 1.0",
    "a rate that is no number": "[projection]\nrate = nan",
    "a frozen average": "[train]\nema = 1.0",
    "an unknown precision": '[train]\nprecision = "int8"',
    "never saved": "[train]\nsave_every = 0",
    "a negative loss": "[losses]\nvisual = -1",
    "a random projection that stays": "[encoders]\ntrain = true",
    "a limit of GroceryLPR": "[data]\nlimit = 3",
    "an unknown format": '[data]\nformat = "coco"',
    "fashion without photos": '[data]\nformat = "lpr4m"\nfashion = "fashion"',
    "pictures changed that are encoded once": "[augmentation]\non = true",
    "an unknown change": "[augmentation]\nrain = 1",
    "speech that fails too often": "[speech]\nmissing = 1.5",
    "not TOML": "preset == lite",
    "not text": "\xff\xfe",
}


def _written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_bytes(text.encode("latin-1"))
    return path


def test_the_shipped_settings_are_read() -> None:
    config = read_config(REPOSITORY / "models" / "configs" / "lite.toml")
    assert config.preset == "lite"
    assert isinstance(config.data.stores, tuple)
    assert 0 not in config.data.stores
    assert json.loads(json.dumps(config.as_dict()))["train"]["steps"] == config.train.steps


def test_what_is_not_set_keeps_its_default(tmp_path: Path) -> None:
    text = 'preset = "tiny"\n[data]\nstores = [4]\nclip_tiers = []\n[projection]\nkeep = 1\n'
    config = read_config(_written(tmp_path, text))
    assert (config.preset, config.seed, config.data.stores) == ("tiny", TrainConfig().seed, (4,))
    assert config.data.clip_tiers == ()
    assert config.projection.keep == 1.0
    assert config.train == TrainConfig().train


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_wrong_settings_are_refused_before_any_work(tmp_path: Path, text: str) -> None:
    path, out = _written(tmp_path, text), tmp_path / "run"
    arguments = ["--config", str(path), "--data", str(tmp_path), "--out", str(out)]
    answer = CliRunner().invoke(train, arguments)
    assert isinstance(answer.exception, UsageError)
    assert str(path) in answer.exception.what
    assert answer.exception.why
    assert answer.exception.fix
    assert not out.exists()


def test_the_error_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"projection\.keep"):
        read_config(_written(tmp_path, WRONG["too far"]))


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[train]\nwarm_up = 0.1", "train.warm_up is no setting; the nearest is train.warmup"),
        ("[trian]\nsteps = 3", "trian is no setting; the nearest is train"),
        ("[losses]\nre-rank = 1", "losses.re-rank is no setting; the nearest is losses.rerank"),
    ],
)
def test_the_error_names_the_nearest_setting(tmp_path: Path, text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=nearest):
        read_config(_written(tmp_path, text))


@pytest.mark.parametrize("name", SHIPPED)
def test_settings_that_come_with_the_program_are_read_by_name(name: str) -> None:
    assert read_config(config_file(name)).preset == ("lite" if name == "zero_shot" else name)


def test_every_shipped_file_of_settings_has_a_name() -> None:
    files = {file.stem for file in (REPOSITORY / "models" / "configs").glob("*.toml")}
    assert files - {"ablation"} == set(SHIPPED)


def test_a_file_of_one_s_own_is_taken_as_it_is() -> None:
    assert config_file("lite.toml") == Path("lite.toml")


def test_a_name_without_settings_is_answered_with_those_that_have_some(tmp_path: Path) -> None:
    arguments = ["--config", "ligth", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    refused = CliRunner().invoke(train, arguments).exception
    assert isinstance(refused, UsageError)
    assert all(name in refused.why for name in SHIPPED)


def test_missing_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_config(tmp_path / "none.toml")

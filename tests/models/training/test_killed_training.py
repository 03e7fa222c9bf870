"""`sgmn train`, killed anywhere and started again, gives what it gives uninterrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from models.commands import train
from models.training.folder import RunFolder
from models.training.state import load_state
from models.training.trainer import Trainer
from runtime.errors import UsageError
from tests.conftest import REPOSITORY
from tests.models.made_up_shop import make_grocery

torch.set_num_threads(1)
KILLS = 10
LOGS = ("log.csv", "validation.csv", "projection.csv")
SETTINGS = """
preset = "tiny"
seed = 3
[data]
staged = 1
stores = []
[train]
steps = 7
batch = 4
rate = 1e-2
save_every = 2
validate_every = {validate_every}
[projection]
steps = 5
batch = 4
"""


def _settings(folder: Path, validate_every: int = 3) -> Path:
    path = folder / f"run{validate_every}.toml"
    path.write_text(SETTINGS.format(validate_every=validate_every), encoding="utf-8")
    return path


def _killed(config: Path, data: Path, out: Path, kills: list[int]) -> str:
    program = [sys.executable, "-m", "tests.models.training.killed_training"]
    ended = subprocess.run(
        [*program, str(config), str(data), str(out), *map(str, kills)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def _train(config: Path, data: Path, out: Path, *more: str) -> None:
    arguments = ["--config", str(config), "--data", str(data), "--out", str(out), *more]
    CliRunner().invoke(train, arguments, catch_exceptions=False)


def _tensors(state: Path) -> dict[str, torch.Tensor]:
    groups = load_state(state)[1]
    return {f"{g}/{name}": t for g, some in groups.items() for name, t in some.items()}


@pytest.mark.slow
# Without validation the last weights are kept, with it perhaps those before training.
@pytest.mark.parametrize("validate_every", [0, 3])
def test_killed_anywhere_and_started_again(tmp_path: Path, validate_every: int) -> None:
    data, config = make_grocery(tmp_path / "data"), _settings(tmp_path, validate_every)
    steps = int(_killed(config, data, tmp_path, [0]).split()[-1])
    whole = tmp_path / "0" / "run"
    kills = [int(n) for n in np.linspace(2, steps, KILLS)]
    _killed(config, data, tmp_path, kills)
    came = {len(list((tmp_path / str(n)).rglob("*"))) for n in kills}
    assert len(came) > KILLS // 3, "the kills came at different stages"
    for kill in kills:
        out = tmp_path / str(kill) / "run"
        _train(config, data, out)
        for name in ("checkpoint.safetensors", "config.json", "curves.svg"):
            assert (out / name).read_bytes() == (whole / name).read_bytes(), f"{kill}: {name}"
        for log in LOGS:
            if (whole / log).exists():
                assert (out / log).read_text() == (whole / log).read_text(), f"{kill}: {log}"
        for state in ("heads", "projection"):
            ours, theirs = (_tensors(p / "state" / f"{state}.safetensors") for p in (out, whole))
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[n], theirs[n]) for n in ours), f"{kill}: {state}"


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_other_settings_or_data_are_refused_by_name_until_restarted(tmp_path: Path) -> None:
    data, config, out = make_grocery(tmp_path / "data"), _settings(tmp_path), tmp_path / "run"
    _train(config, data, out)
    before = (out / "checkpoint.safetensors").read_bytes()
    text = config.read_text().replace("seed = 3", "seed = 4").replace("1e-2", "2e-2")
    config.write_text(text)
    with pytest.raises(UsageError, match=r"seed \(3 there, 4 here\)") as refused:
        _train(config, data, out)
    assert "train.rate (0.01 there, 0.02 here)" in refused.value.why
    assert "train.steps" not in refused.value.why
    assert "--restart" in refused.value.fix
    assert (out / "checkpoint.safetensors").read_bytes() == before
    _train(config, data, out, "--restart")
    assert (out / "checkpoint.safetensors").read_bytes() != before
    assert json.loads((out / "run.json").read_text())["seed"] == 4
    (data / "dev" / "images" / "train" / "pear_0.png").unlink()
    splits = data / "dev" / "splits.csv"
    kept = [line for line in splits.read_text().splitlines() if "train/pear_0" not in line]
    splits.write_text("\n".join(kept) + "\n")
    clips = data / "dev" / "clips_train.jsonl"
    lines = [line for line in clips.read_text().splitlines() if "train/pear_0" not in line]
    clips.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match=r"data\.grocery"):
        _train(config, data, out)


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_ctrl_c_tells_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, config, out = make_grocery(tmp_path / "data"), _settings(tmp_path), tmp_path / "run"
    advance = Trainer._advance

    def interrupted(trainer: Trainer) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        advance(trainer)

    monkeypatch.setattr(Trainer, "_advance", interrupted)
    arguments = ["--config", str(config), "--data", str(data), "--out", str(out)]
    answer = CliRunner().invoke(train, arguments)
    assert answer.exit_code != 0
    assert f"The same command goes on with the run in {out}." in answer.stderr
    assert load_state(out / "state" / "heads.safetensors")[0].step == 1
    assert not (out / "checkpoint.safetensors").exists()


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_a_second_run_in_the_folder_of_one_that_is_going_on_is_refused(tmp_path: Path) -> None:
    data, config, out = make_grocery(tmp_path / "data"), _settings(tmp_path), tmp_path / "run"
    with RunFolder(out).locked():
        with pytest.raises(UsageError, match="another run is going on") as refused:
            _train(config, data, out, "--restart")
        assert [path.name for path in out.iterdir()] == ["run.lock"], "nothing was touched"
    assert "--out" in refused.value.fix
    _train(config, data, out)
    assert (out / "checkpoint.safetensors").exists()
    _train(config, data, out, "--restart")

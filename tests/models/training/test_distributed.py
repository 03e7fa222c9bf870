"""Two processes on the processor train as one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from models.commands import train
from models.sgmn import load_checkpoint
from models.training.distributed import World, joined_world
from models.training.log import read_log
from tests.conftest import REPOSITORY
from tests.models.made_up_shop import make_grocery

# Three products for two processes, every loss on. All candidates share the bias that stays frozen:
# its gradient is rounding alone, which Adam makes as large as any other.
SETTINGS = """
preset = "tiny"
frozen = ["query_head.shared.projection"]
[data]
staged = 1
stores = []
[episodes]
held_out = 0.3
[train]
steps = 5
batch = 3
rate = 1e-3
save_every = 2
validate_every = 0
[losses]
text = 1
triplet = 1
graph = 1
regulariser = 0.1
pair = 1
[projection]
steps = 3
batch = 3
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    data, settings = make_grocery(tmp_path / "data"), tmp_path / "run.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    return ["--config", str(settings), "--data", str(data), "--out"]


def _two(arguments: list[str], fail_at: int | None = None) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    program = ["--nproc-per-node", "2", "-m", "tests.models.training.one_of_many", "train"]
    more = {} if fail_at is None else {"FAIL_AT": str(fail_at)}
    return subprocess.run(
        [*launcher, *program, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1", **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _one(arguments: list[str]) -> None:
    CliRunner().invoke(train, arguments, catch_exceptions=False)


def _same_training(one: Path, two: Path) -> None:
    for name in ("log.csv", "projection.csv"):
        ours, theirs = read_log(one / name), read_log(two / name)
        assert ours.keys() == theirs.keys()
        for column, values in ours.items():
            assert theirs[column] == pytest.approx(values, rel=1e-5, abs=1e-5), f"{name}: {column}"
    weights = [load_checkpoint(p / "checkpoint.safetensors")[0].state_dict() for p in (one, two)]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-5), name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_two_processes_train_as_one(tmp_path: Path, arguments: list[str]) -> None:
    one, two = tmp_path / "one" / "run", tmp_path / "two" / "run"
    ended = _two([*arguments, str(two), "--json"])
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("checkpoint.safetensors") == 1
    _one([*arguments, str(one)])
    assert {"pair", "graph", "regulariser", "triplet", "text"} <= read_log(one / "log.csv").keys()
    _same_training(one, two)
    assert {p.name for p in two.rglob("*")} == {p.name for p in one.rglob("*")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_the_failure_of_one_process_ends_the_others_and_the_run_goes_on_later(
    tmp_path: Path, arguments: list[str]
) -> None:
    whole, broken = tmp_path / "whole" / "run", tmp_path / "broken" / "run"
    ended = _two([*arguments, str(broken)], fail_at=3)
    assert ended.returncode != 0
    assert "broken on purpose" in ended.stderr
    assert "another process of this run has ended" in ended.stderr
    assert (broken / "state" / "heads.safetensors").exists()
    assert not (broken / "checkpoint.safetensors").exists()
    for out in (whole, broken):
        _one([*arguments, str(out)])
    _same_training(whole, broken)


@pytest.mark.parametrize(("count", "size"), [(7, 3), (2, 4), (8, 2), (1, 1)])
def test_the_parts_of_a_batch_make_it_whole(count: int, size: int) -> None:
    rows = [r for rank in range(size) for r in range(count)[World(rank, size).part(count)]]
    assert rows == list(range(count))
    longest = max(len(range(count)[World(rank, size).part(count)]) for rank in range(size))
    assert longest <= -(-count // size)


def test_alone_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_world() as world:
        own = torch.ones(2, 3)
        assert world.gather(own, 2) is own
        assert world.first
        assert (world.any(True), world.any(False), world.agreed(0.5)) == (True, False, 0.5)

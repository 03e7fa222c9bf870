"""Commands say what they do, and what is missing where their packages are not installed."""

from __future__ import annotations

import json

import click
import pytest

from runtime.commands.main import cli
from runtime.version import __version__
from tests.runtime.running import run_sgmn

TRAIN = ("train", "--config", "lite.toml", "--data", "data", "--out", "out")


def _commands() -> list[str]:
    return cli.list_commands(cli.make_context("sgmn", [], resilient_parsing=True))


def test_training_without_torch_says_what_to_install() -> None:
    done = run_sgmn(*TRAIN, without=("torch",))
    assert (done.returncode, done.stdout) == (10, "")
    assert "torch is not installed" in done.stderr
    assert "fix: pip install 'sgmn-edge[train]'" in done.stderr


def test_training_without_torch_says_so_in_json_too() -> None:
    done = run_sgmn(*TRAIN, "--json", without=("torch",))
    assert (done.returncode, done.stdout) == (10, "")
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "dependency"
    assert "sgmn-edge[train]" in error["fix"]


def test_exporting_without_torch_says_what_to_install() -> None:
    done = run_sgmn("export", "checkpoint.safetensors", "--out", "out", without=("torch", "onnx"))
    assert (done.returncode, done.stdout) == (10, "")
    assert "torch, onnx are not installed" in done.stderr
    assert "fix: pip install 'sgmn-edge[train]'" in done.stderr


def test_an_unknown_command_is_refused() -> None:
    done = run_sgmn("guess")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'guess'" in done.stderr


def test_the_version_is_the_package_s() -> None:
    done = run_sgmn("--version")
    assert (done.returncode, done.stdout) == (0, f"sgmn, version {__version__}\n")


@pytest.mark.parametrize("name", _commands())
def test_every_command_says_what_it_does(name: str) -> None:
    assert _command(name).help


@pytest.mark.parametrize("group", [(), ("catalog",), ("bundle",), ("gpu-check",)])
def test_no_line_of_a_list_of_commands_is_cut_off(group: tuple[str, ...]) -> None:
    listed = run_sgmn(*group, "--help").stdout.split("Commands:\n")[1]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("name", ["match", "demo", "kiosk", "catalog", "bundle", "doctor"])
def test_the_device_s_commands_explain_every_option(name: str) -> None:
    command = _command(name)
    parts = command.commands.values() if isinstance(command, click.Group) else [command]
    for part in parts:
        options = [option for option in part.params if isinstance(option, click.Option)]
        assert [option.name for option in options if not option.help] == []


def _command(name: str) -> click.Command:
    command = cli.get_command(cli.make_context("sgmn", [], resilient_parsing=True), name)
    assert command is not None
    return command

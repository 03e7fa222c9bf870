"""Every failure is one clear message on stderr and its own exit code."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from runtime.commands.failure import run_guarded
from runtime.errors import CatalogError, ClipError
from tests.runtime.running import PATIENCE_S, SGMN, run_sgmn, start_sgmn


@pytest.fixture
def fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command that raises; its exit code and what it said on stderr."""

    def run(error: BaseException, *arguments: str) -> tuple[int, str]:
        @click.command()
        @click.option("--json", is_flag=True)
        def command(json: bool) -> None:
            raise error

        monkeypatch.setattr(sys, "argv", ["sgmn", *arguments])
        code = run_guarded(command)
        said = capsys.readouterr()
        assert said.out == ""
        return code, said.err

    return run


def test_an_error_is_told_with_its_cause_and_its_fix(fail: Callable[..., tuple[int, str]]) -> None:
    code, said = fail(ClipError("no clip at x", why="there is no such file", fix="give another"))
    assert code == ClipError.exit_code
    assert said == "Error: no clip at x\n  why: there is no such file\n  fix: give another\n"


def test_what_others_wrote_does_not_steer_the_terminal(
    fail: Callable[..., tuple[int, str]],
) -> None:
    said = fail(ClipError("no clip \x1b[2J", why="row 1\nrow 2\x9b0m", fix="\x07"))[1]
    assert said == "Error: no clip  [2J\n  why: row 1\nrow 2 0m\n  fix:  \n"


def test_with_json_the_error_is_json(fail: Callable[..., tuple[int, str]]) -> None:
    error = CatalogError("no catalog", why="the folder is empty", fix="import one")
    code, said = fail(error, "--json")
    assert code == CatalogError.exit_code
    assert json.loads(said) == {"error": error.as_dict()}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_130(fail: Callable[..., tuple[int, str]], error: BaseException) -> None:
    code, said = fail(error)
    assert (code, said.strip()) == (130, "Interrupted.")


def test_ctrl_c_that_native_code_turns_into_an_error_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def command() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(sys, "argv", ["sgmn"])
    assert run_guarded(command) == 130
    assert capsys.readouterr() == ("", "Interrupted.\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "Permission denied"),
        (errno.EROFS, "Read-only file system"),
    ],
)
def test_storage_that_fails_is_a_storage_error(
    fail: Callable[..., tuple[int, str]], number: int, said: str
) -> None:
    code, text = fail(OSError(number, os.strerror(number), "/srv/catalog"))
    assert code == 9
    assert "/srv/catalog" in text
    assert said in text


def test_a_full_disk_is_told_without_a_traceback() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SGMN, "bundle", "path"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 9
    assert "why: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "train"), ("onnx.helper", "quantize"), ("sounddevice", "kiosk")]
)
def test_a_package_of_an_extra_is_named_with_it(
    fail: Callable[..., tuple[int, str]], module: str, extra: str
) -> None:
    code, said = fail(ModuleNotFoundError("No module", name=module))
    assert code == 10
    assert f"sgmn-edge[{extra}]" in said


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a fault in the program"),
        OSError(errno.ENOENT, "gone", "x"),
        ModuleNotFoundError("No module", name="runtime.gone"),
    ],
)
def test_a_fault_of_the_program_is_not_dressed_up(
    fail: Callable[..., tuple[int, str]], error: Exception
) -> None:
    with pytest.raises(type(error)):
        fail(error)


def test_a_wrong_command_line_is_2(fail: Callable[..., tuple[int, str]]) -> None:
    code, said = fail(ValueError(), "--gibberish")
    assert code == 2
    assert "No such option" in said


def test_with_json_a_wrong_command_line_is_json_too() -> None:
    done = run_sgmn("catalog", "stats", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["what"]) == ("usage", "Missing option '--catalog'")
    assert error["fix"] == "run: sgmn catalog stats --help"


@pytest.mark.parametrize("arguments", [["--help"], ["bundle", "path"], ["doctor", "--json"]])
def test_a_reader_who_leaves_early_is_no_error(arguments: list[str]) -> None:
    process = start_sgmn(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=PATIENCE_S)
    assert said == b""


@pytest.mark.parametrize(
    "arguments",
    [["match"], ["match", "x.mp4"], ["bundle", "verify", "--frobnicate"], ["catalog", "x"]],
)
def test_an_incomplete_command_line_prints_nothing_on_stdout(arguments: list[str]) -> None:
    done = run_sgmn(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr

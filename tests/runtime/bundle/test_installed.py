from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.bundle.installed import INSTALLED, Installed, read_installed, write_installed
from runtime.errors import BundleError

A, B, C, D = (letter * 64 for letter in "abcd")


def adding(*digests: str, keep: int = 3) -> Installed:
    installed = Installed()
    for digest in digests:
        installed = installed.adding(digest, keep)
    return installed


def test_nothing_is_installed_at_first(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        assert read_installed(folder) == Installed()
    assert Installed().current is None


def test_the_newest_is_in_use_and_the_one_before_is_remembered() -> None:
    installed = adding(A, B)
    assert (installed.current, installed.previous) == (B, A)
    assert adding(A).previous is None


def test_the_oldest_are_given_up() -> None:
    assert adding(A, B, C, D).bundles == (B, C, D)
    assert adding(A, B, C, keep=0).bundles == (B, C)


def test_going_back_step_by_step() -> None:
    installed = adding(A, B, C)
    currents = []
    while installed.current is not None:
        installed = installed.rolled_back()
        currents.append(installed.current)
        assert installed.bundles == (A, B, C)
    assert currents == [B, A, None]


def test_what_was_rolled_back_is_never_what_rollback_leads_to() -> None:
    installed = adding(A, B, C).rolled_back().adding(D, 3)
    assert installed.bundles == (A, B, D)
    assert installed.previous == B
    assert adding(A, B).rolled_back().rolled_back().adding(C, 3).bundles == (C,)


def test_the_same_bundle_again() -> None:
    assert adding(A, B, B) == adding(A, B)
    assert adding(A, B, A).bundles == (B, A)
    assert adding(A, B, C).rolled_back().adding(C, 3) == adding(A, B, C)


def test_the_list_comes_back(tmp_path: Path) -> None:
    write_installed(tmp_path, adding(A, B))
    assert read_installed(tmp_path) == adding(A, B)
    assert [p.name for p in tmp_path.iterdir()] == [INSTALLED]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 60_000,
        " " * 70_000,
        json.dumps({"bundles": [A], "current": B}),
        json.dumps({"bundles": [A, A], "current": A}),
        json.dumps({"bundles": ["../" + A], "current": None}),
        json.dumps({"schema_version": 2}),
        json.dumps({"more": 1}),
    ],
)
def test_a_damaged_list(tmp_path: Path, text: str) -> None:
    (tmp_path / INSTALLED).write_text(text)
    with pytest.raises(BundleError, match="damaged") as caught:
        read_installed(tmp_path)
    assert INSTALLED in caught.value.fix


def test_a_list_that_cannot_be() -> None:
    with pytest.raises(ValidationError):
        Installed(bundles=(A,), current=B)

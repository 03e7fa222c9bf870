"""The device's commands print the JSON objects that the documentation describes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runtime.commands.main import cli
from runtime.demo.store import Store
from tests.docs_json import keys


def _printed(command: str, *arguments: str | Path) -> Any:
    """The object of a command, which has the keys that the page gives it."""
    words = [*command.split(), *map(str, arguments), "--json"]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    printed = json.loads(done.stdout)
    assert set(printed) == keys(command), command
    return printed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A device on which nothing was installed yet."""
    monkeypatch.setenv("SGMN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_answers_and_checks(clip: Path, catalog_folder: Path, home: Path) -> None:
    seen = _printed("match", clip, "--catalog", catalog_folder, "--no-speech")
    assert set(seen["conclusion"]) == set(seen["steps"][0])
    played = _printed("demo", "--headless")
    assert set(played["bundle"]) == {"name", "version", "preset", "precision", "digest"}
    assert set(_printed("doctor")["findings"][0]) == {"check", "status", "detail", "fix", "code"}


def test_catalogs(demo_store: Store, tmp_path: Path) -> None:
    catalog = ("--catalog", tmp_path / "catalog")
    _printed("catalog import", demo_store.feed, *catalog)
    item = _printed("catalog list", *catalog)["items"][0]
    _printed("catalog enrol", item["id"], item["image"], *catalog)
    _printed("catalog rollback", *catalog)
    _printed("catalog forget", item["id"], *catalog)
    _printed("catalog stats", *catalog)


def test_bundles(bundle_folder: Path, tmp_path: Path, home: Path) -> None:
    release, key = tmp_path / "release", tmp_path / "release.pem"
    pair = _printed("bundle keygen", "--out", key)
    _printed("bundle create", bundle_folder, "--self-test", "--out", release)
    assert _printed("bundle sign", release, "--key", key)["key"] == pair["key"]
    (home / "keys").mkdir(parents=True)
    shutil.copy(pair["public"], home / "keys")
    installed = _printed("bundle install", release)
    assert set(installed["self_test"][0]) == {"submodule", "error", "tolerance", "passed"}
    assert _printed("bundle verify")["digest"] == installed["digest"]
    assert not _printed("bundle path")["shipped"]
    assert [row["in_use"] for row in _printed("bundle list")["bundles"]] == [False, True]
    assert _printed("bundle rollback")["current"] is None

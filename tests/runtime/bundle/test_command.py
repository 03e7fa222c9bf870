from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from runtime.bundle.reader import open_bundle
from runtime.bundle.shipped import shipped_bundle
from runtime.commands.bundle import bundle
from runtime.errors import BundleError


def test_verify_as_json(bundle_folder: Path) -> None:
    result = CliRunner().invoke(bundle, ["verify", str(bundle_folder), "--json"])
    said = json.loads(result.stdout)
    assert said["digest"] == open_bundle(bundle_folder).digest
    assert said["files"] == 6


def test_verify_for_people(bundle_folder: Path) -> None:
    result = CliRunner().invoke(bundle, ["verify", str(bundle_folder)])
    assert "all verified" in result.stdout


def test_verify_fails_on_damage(bundle_folder: Path) -> None:
    (bundle_folder / "tokenizer.json").write_text("[]")
    with pytest.raises(BundleError):
        CliRunner().invoke(
            bundle, ["verify", str(bundle_folder)], standalone_mode=False, catch_exceptions=False
        )


def test_path_names_the_shipped_bundle() -> None:
    result = CliRunner().invoke(bundle, ["path", "--json"])
    assert json.loads(result.stdout) == {"folder": str(shipped_bundle())}
    assert shipped_bundle().parts[-3:] == ("runtime", "assets", "bundle")

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from runtime.bundle import install as installing
from runtime.bundle.keys import read_public_key
from runtime.bundle.reader import open_bundle
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.signature import sign_bundle
from runtime.commands import bundle_making
from runtime.commands.bundle import bundle
from runtime.errors import BundleError, SignatureError, UsageError
from runtime.home import bundles_folder, engines_folder, keys_folder
from tests.runtime.bundle.conftest import make_bundle
from tests.runtime.bundle.signing import STRANGER, passes
from tests.runtime.running import run_sgmn

HEX = set("0123456789abcdef")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; these bundles cannot be loaded, so their self-test is left out."""
    monkeypatch.setenv("SGMN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(bundle_making.PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setitem(installing.install_bundle.__kwdefaults__, "self_test", passes)
    return tmp_path / "home"


def run(*arguments: str | Path) -> Result:
    words = list(map(str, arguments))
    return CliRunner().invoke(bundle, words, standalone_mode=False, catch_exceptions=False)


def said(*arguments: str | Path) -> Any:
    """What goes to stdout: one JSON value and nothing else."""
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A maker's private key; its public key is trusted on this device."""
    said("keygen", "--out", tmp_path / "maker.pem")
    keys_folder().mkdir(parents=True)
    shutil.copy(tmp_path / "maker.pub", keys_folder())
    return tmp_path / "maker.pem"


def signed(folder: Path, key: Path, **changes: Any) -> Path:
    make_bundle(folder, folder.name, **changes)
    said("sign", folder, "--key", key)
    return folder


def test_verify_as_json(bundle_folder: Path) -> None:
    found = said("verify", bundle_folder)
    assert found["digest"] == open_bundle(bundle_folder).digest
    assert (found["files"], found["signed_by"], found["version"]) == (6, None, "1.0")


def test_verify_for_people(bundle_folder: Path) -> None:
    assert "all verified" in run("verify", bundle_folder).stdout


def test_verify_fails_on_damage(bundle_folder: Path) -> None:
    (bundle_folder / "tokenizer.json").write_text("[]")
    with pytest.raises(BundleError):
        run("verify", bundle_folder)


def test_verify_wants_the_signature_of_a_named_key(
    tmp_path: Path, key: Path, bundle_folder: Path
) -> None:
    public = key.with_suffix(".pub")
    with pytest.raises(SignatureError, match="not signed"):
        run("verify", bundle_folder, "--key", public)
    said("sign", bundle_folder, "--key", key)
    assert said("verify", bundle_folder)["signed_by"] == read_public_key(public).id
    sign_bundle(bundle_folder, STRANGER)
    with pytest.raises(SignatureError, match="not trusted"):
        run("verify", bundle_folder)


def test_path_names_the_shipped_bundle_at_first() -> None:
    assert said("path") == {"folder": str(shipped_bundle()), "shipped": True}
    assert run("path").stdout == f"{shipped_bundle()}\n"
    assert shipped_bundle().parts[-3:] == ("runtime", "assets", "bundle")


def test_the_whole_life(tmp_path: Path, key: Path) -> None:
    made = {}
    for version in ("1.0", "1.1"):
        out = tmp_path / version
        base = make_bundle(tmp_path / f"base-{version}", "base" if version == "1.0" else "new")
        made[version] = said("create", base, "--version", version, "--out", out)
        said("sign", out, "--key", key)
    first = said("install", tmp_path / "1.0")
    assert first["digest"] == made["1.0"]["digest"]
    assert first["previous"] is None
    assert set(first["signed_by"]) <= HEX
    second = said("install", tmp_path / "1.1")
    assert second["previous"] == first["digest"]
    assert said("path") == {"folder": second["folder"], "shipped": False}
    assert said("verify")["digest"] == second["digest"]
    with pytest.raises(BundleError, match="older"):
        run("install", tmp_path / "1.0")
    assert said("rollback") == {"before": second["digest"], "current": first["digest"]}
    found = said("list")
    assert (found["current"], found["previous"]) == (first["digest"], None)
    assert [row["version"] for row in found["bundles"][1:]] == ["1.0", "1.1"]
    assert [row["in_use"] for row in found["bundles"]] == [False, True, False]
    assert said("rollback")["current"] is None
    engines = [engines_folder() / one["digest"] / "machine" for one in (first, second)]
    for folder in engines:
        folder.mkdir(parents=True)
    again = said("install", tmp_path / "1.0", "--allow-downgrade", "--keep", "2")
    assert again["removed"] == [second["digest"]]
    assert [folder.exists() for folder in engines] == [True, False]


def marks() -> list[str]:
    """The last column of the list, row by row."""
    lines = run("list").stdout.splitlines()
    return [line.split("│")[-2].strip() for line in lines if "│" in line]


def test_install_for_people(tmp_path: Path, key: Path) -> None:
    result = run("install", signed(tmp_path / "new", key))
    assert result.stdout == ""
    assert "goes to the shipped bundle" in result.stderr
    assert "restart the kiosk" in result.stderr
    run("install", signed(tmp_path / "newer", key, version="2.0"))
    assert marks() == ["", "before", "in use"]
    assert "test 1.0 is in use" in run("rollback").stderr
    assert marks() == ["before", "in use", ""]
    assert "the shipped bundle is in use" in run("rollback").stderr
    assert marks() == ["in use", "", ""]


def test_install_without_a_signature_or_a_key(tmp_path: Path, bundle_folder: Path) -> None:
    with pytest.raises(SignatureError, match="--allow-unsigned"):
        run("install", bundle_folder)
    assert said("install", bundle_folder, "--allow-unsigned")["signed_by"] is None
    sign_bundle(bundle_folder, STRANGER)
    with pytest.raises(SignatureError, match="none of the 0 trusted keys") as caught:
        run("install", bundle_folder, "--allow-unsigned")
    assert str(keys_folder()) in caught.value.fix


def test_a_damaged_bundle_is_listed_as_such(tmp_path: Path, key: Path) -> None:
    done = said("install", signed(tmp_path / "new", key))
    (bundles_folder() / done["digest"] / "manifest.json").write_text("{}")
    row = said("list")["bundles"][1]
    assert row["in_use"]
    assert "digest" in row["damage"]
    assert "damaged" in run("list").stdout


def test_a_key_with_a_passphrase(
    tmp_path: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no passphrase") as caught:
        run("keygen", "--out", tmp_path / "k.pem", "--passphrase")
    assert bundle_making.PASSPHRASE_VARIABLE in caught.value.fix
    monkeypatch.setenv(bundle_making.PASSPHRASE_VARIABLE, "open sesame")
    pair = said("keygen", "--out", tmp_path / "k.pem", "--passphrase")
    assert said("sign", bundle_folder, "--key", pair["private"])["key"] == pair["key"]
    monkeypatch.delenv(bundle_making.PASSPHRASE_VARIABLE)
    with pytest.raises(UsageError, match="no passphrase"):
        run("sign", bundle_folder, "--key", pair["private"])
    monkeypatch.setattr(bundle_making, "_is_terminal", lambda: True)
    words = ["sign", str(bundle_folder), "--key", pair["private"]]
    asked = CliRunner().invoke(bundle, words, input="open sesame\n", standalone_mode=False)
    assert asked.exception is None
    assert "sesame" not in asked.output


@pytest.mark.parametrize("version", ["", "v1", "1.0rc1", "1..2", "1.2.3.4.5", "-1"])
def test_a_version_that_cannot_be_compared(
    tmp_path: Path, bundle_folder: Path, version: str
) -> None:
    with pytest.raises(click.BadParameter):
        run("create", bundle_folder, "--version", version, "--out", tmp_path / "out")


def test_the_date_of_a_reproducible_build(
    tmp_path: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    made = [said("create", bundle_folder, "--out", tmp_path / name) for name in "ab"]
    assert made[0]["created_at"] == "2027-01-15T08:00:00Z"
    assert made[0]["digest"] == made[1]["digest"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        run("create", bundle_folder, "--out", tmp_path / "c")


def test_commands_use_the_installed_bundle(tmp_path: Path, key: Path) -> None:
    """Every command does: this one cannot be loaded, and each says so of this very folder."""
    done = said("install", signed(tmp_path / "new", key))
    (Path(done["folder"]) / "tokenizer.json").write_text("spoilt")
    feed = shipped_bundle().parent / "store" / "catalog.csv"
    clip = next((shipped_bundle().parent / "store" / "clips").glob("*.mp4"))
    for words in (
        ("demo", "--headless"),
        ("match", str(clip), "--catalog", str(tmp_path / "catalog"), "--no-speech"),
        ("catalog", "import", str(feed), "--catalog", str(tmp_path / "catalog")),
        ("kiosk", "--catalog", str(tmp_path / "catalog"), "--no-page"),
        ("doctor", "--json"),
    ):
        result = run_sgmn(*words)
        assert result.returncode != 0
        text = "".join((result.stdout + result.stderr).split())
        assert done["folder"] in text, words


def test_the_help_lists_all() -> None:
    listed = run("--help").output
    for name in ("create", "keygen", "sign", "verify", "install", "rollback", "list", "path"):
        assert f"\n  {name} " in listed

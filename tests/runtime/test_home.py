from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import StorageError
from runtime.home import bundles_folder, engines_folder, home, keys_folder, state_folder


@pytest.fixture(autouse=True)
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SGMN_HOME", "XDG_DATA_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_a_users_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/shop")
    assert home() == Path("/home/shop/.local/share/sgmn")


def test_the_data_folder_of_the_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/sgmn")


def test_a_relative_data_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/shop")
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert home() == Path("/home/shop/.local/share/sgmn")


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("SGMN_HOME", "kept")
    assert home() == tmp_path / "kept"


def test_an_empty_variable_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGMN_HOME", " ")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/sgmn")


def test_a_user_without_home_is_told_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(StorageError, match="SGMN_HOME"):
        home()


def test_a_service_keeps_its_notes_where_it_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGMN_HOME", "/kept")
    assert state_folder() == Path("/kept/state")
    for given in ("/var/lib/sgmn", "/var/lib/sgmn:/var/lib/other"):
        monkeypatch.setenv("STATE_DIRECTORY", given)
        assert state_folder() == Path("/var/lib/sgmn")


def test_all_lie_in_one_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGMN_HOME", "/kept")
    assert [bundles_folder(), engines_folder(), keys_folder()] == [
        Path("/kept/bundles"),
        Path("/kept/engines"),
        Path("/kept/keys"),
    ]

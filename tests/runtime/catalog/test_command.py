from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from runtime.bundle.manifest import PublishRule
from runtime.catalog.publisher import PhotoPublisher
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.commands.catalog import catalog
from runtime.errors import FeedError, UsageError
from tests.conftest import REPOSITORY
from tests.runtime.catalog.conftest import BUNDLE, FakeItemEncoder, Shop
from tests.runtime.running import run_sgmn


class FakeNetwork(FakeItemEncoder):
    """Stands where the command opens the network."""

    bundle = SimpleNamespace(digest=BUNDLE, manifest=SimpleNamespace(publish=PublishRule()))
    publisher = PhotoPublisher(PublishRule())

    @classmethod
    def open(cls, folder: object) -> FakeNetwork:
        return cls()

    def __enter__(self) -> FakeNetwork:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.network.Network", FakeNetwork)
    monkeypatch.setattr("runtime.bundle.reader.open_bundle", lambda _: FakeNetwork.bundle)


def say(*arguments: object) -> Any:
    result = CliRunner().invoke(catalog, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in arguments else result.output


def test_import_list_stats_and_rollback(shop: Shop) -> None:
    place = ("--catalog", shop.catalog, "--json")
    first = say("import", shop.add(1).write(), *place)
    assert (first["added"], first["encoded"]) == (1, 1)
    second = say("import", shop.add(2).write(), *place)
    assert [item["id"] for item in say("list", *place)["items"]] == ["p1", "p2"]
    stats = say("stats", *place)
    assert (stats["items"], stats["snapshot"]) == (2, second["snapshot"])
    assert stats["bundle"] == BUNDLE
    assert say("rollback", *place) == {"snapshot": first["snapshot"], "items": 1}
    assert len(say("list", *place)["items"]) == 1


def test_enrol_and_forget(shop: Shop, tmp_path: Path) -> None:
    place = ("--catalog", shop.catalog, "--json")
    first = say("import", shop.add(1, 2).write(), *place)
    found = say("enrol", "p1", shop.photo(1), shop.photo(2), *place)
    assert (found["items"], found["added"], found["known"]) == (1, 2, 0)
    listed = tmp_path / "photos.csv"
    rows = ["photos/2.png,p1", "photos/3.png,p2"]
    shop.photo(3)
    listed.write_text("\n".join(["path,product_id", *rows]), encoding="utf-8")
    found = say("enrol", "--from", listed, *place)
    assert (found["items"], found["added"], found["known"]) == (2, 1, 1)
    assert [item["photos"] for item in say("list", *place)["items"]] == [2, 1]
    stats = say("stats", *place)
    assert (stats["photos"], stats["snapshot"]) == (3, found["snapshot"])
    assert say("forget", "p1", "p2", *place) == {"snapshot": first["snapshot"], "removed": 3}
    assert say("stats", *place)["photos"] == 0


def test_enrolment_for_people(shop: Shop) -> None:
    place = ("--catalog", shop.catalog)
    say("import", shop.add(1).write(), *place)
    assert "1 photos added to 1 products" in say("enrol", "p1", shop.photo(1), *place)
    assert "1 photos taken away" in say("forget", "p1", *place)


@pytest.mark.parametrize(
    "arguments", [(), ("p1",), ("p1", "a.png", "--from", "b.csv"), ("p1", "--from", "b.csv")]
)
def test_enrolment_needs_photos_from_one_place(shop: Shop, arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="which photos"):
        say("enrol", *arguments, "--catalog", shop.catalog)


def test_a_list_is_named_where_its_photos_are_wrong(shop: Shop, tmp_path: Path) -> None:
    say("import", shop.add(1).write(), "--catalog", shop.catalog)
    listed = tmp_path / "photos.csv"
    listed.write_text("path,product_id\nnone.png,p1\n", encoding="utf-8")
    with pytest.raises(FeedError, match=r"(?s)photos\.csv has 1 problem.*line 2 \(id p1\) none"):
        say("enrol", "--from", listed, "--catalog", shop.catalog)


def test_for_people(shop: Shop) -> None:
    place = ("--catalog", shop.catalog)
    assert "1 added, 0 changed" in say("import", shop.add(1).write(), *place)
    assert "Product 1" in say("list", *place)
    assert "products  1" in say("stats", *place)
    shop.add(2).import_all()
    assert "1 products" in say("rollback", *place)
    with SqliteCatalog.open(shop.catalog, BUNDLE) as opened:
        assert len(opened.items()) == 1


def test_a_terminal_without_the_letters_of_a_title_gets_their_numbers(shop: Shop) -> None:
    shop.add(1).rows["p1"]["title"] = "蛋"
    shop.import_all()
    said = run_sgmn(
        "catalog", "list", "--catalog", shop.catalog, environment={"PYTHONIOENCODING": "ascii"}
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert "\\u86cb" in said.stdout


def test_rollback_makes_no_catalog(shop: Shop) -> None:
    with pytest.raises(Exception, match="there is no catalog"):
        say("rollback", "--catalog", shop.catalog)
    assert not shop.catalog.exists()


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from runtime.commands import bundle, catalog; "
        "print([m for m in ('numpy', 'cv2', 'PIL', 'pydantic', 'sqlite3') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from runtime.catalog.sqlite_catalog import SqliteCatalog
from tests.conftest import REPOSITORY
from tests.runtime.catalog.conftest import BUNDLE, Shop

OLD = ["p0", "p1", "p2"]
NEW = ["p1", "p2", "p3", "p4", "p5"]


def import_until(step: int, shop: Shop) -> subprocess.CompletedProcess[str]:
    return change_until(step, shop.feed, shop.catalog)


def change_until(step: int, source: Path, catalog: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "tests.runtime.catalog.killed_import"]
    return subprocess.run(
        [*program, str(source), str(catalog), str(step)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def readable(folder: Path) -> list[str]:
    with SqliteCatalog.open(folder, BUNDLE) as catalog:
        assert all(item.image.is_file() for item in catalog.items())
        assert len(catalog.search(np.ones(8, np.float32), 99)) == len(catalog.items())
        return [item.id for item in catalog.items()]


def test_kill_at_any_step_leaves_the_old_or_the_new_products(shop: Shop, tmp_path: Path) -> None:
    shop.add(0, 1, 2).import_all()
    del shop.rows["p0"]
    shop.add(3, 4, 5).write()
    kept = tmp_path / "kept"
    shutil.copytree(shop.catalog, kept)
    steps = int(import_until(0, shop).stdout)
    assert readable(shop.catalog) == NEW
    outcomes = []
    for step in np.linspace(steps * 0.2, steps, 16).astype(int):
        shutil.rmtree(shop.catalog)
        shutil.copytree(kept, shop.catalog)
        ended = import_until(int(step), shop)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        outcomes.append(readable(shop.catalog))
        shop.import_all()
        assert readable(shop.catalog) == NEW
        assert len(list((shop.catalog / "snapshots").iterdir())) == 2
    assert OLD in outcomes
    assert NEW in outcomes, "some kills came after the switch"
    assert all(outcome in (OLD, NEW) for outcome in outcomes)


def test_kill_in_the_first_import(shop: Shop) -> None:
    shop.add(1, 2).write()
    steps = int(import_until(0, shop).stdout)
    for part in (0.3, 0.6, 0.8):
        shutil.rmtree(shop.catalog)
        assert import_until(int(steps * part), shop).returncode == -signal.SIGKILL
        shop.import_all()
        assert readable(shop.catalog) == ["p1", "p2"]


def photos_of(folder: Path) -> list[int]:
    """How many photos each of the products has, all of them readable."""
    with SqliteCatalog.open(folder, BUNDLE) as catalog:
        photos = catalog.photos()
        assert all(path.is_file() for paths in photos.values() for path in paths)
        return [len(photos.get(item.id, ())) for item in catalog.items()]


def test_kill_at_any_step_of_an_enrolment_leaves_all_photos_or_none(
    shop: Shop, tmp_path: Path
) -> None:
    shop.add(0, 1).import_all()
    rows = [f"{shop.photo(n)},p{n % 2}" for n in range(10)]
    listed = tmp_path / "photos.csv"
    listed.write_text("\n".join(["path,product_id", *rows]), encoding="utf-8")
    kept = tmp_path / "kept"
    shutil.copytree(shop.catalog, kept)
    steps = int(change_until(0, listed, shop.catalog).stdout)
    whole = vectors(shop.catalog)
    outcomes = []
    for step in np.linspace(steps * 0.2, steps, 10).astype(int):
        shutil.rmtree(shop.catalog)
        shutil.copytree(kept, shop.catalog)
        ended = change_until(int(step), listed, shop.catalog)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        outcomes.append(photos_of(shop.catalog))
        assert change_until(0, listed, shop.catalog).returncode == 0
        assert photos_of(shop.catalog) == [5, 5]
        np.testing.assert_array_equal(vectors(shop.catalog), whole)
    assert [0, 0] in outcomes
    assert [5, 5] in outcomes, "some kills came after the switch"
    assert all(outcome in ([0, 0], [5, 5]) for outcome in outcomes)


def vectors(folder: Path) -> np.ndarray:
    with SqliteCatalog.open(folder, BUNDLE) as catalog:
        return catalog.vectors(range(len(catalog.items())))[0]

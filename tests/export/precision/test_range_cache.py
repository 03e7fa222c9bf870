"""Ranges that are kept: found when everything is the same, and only then."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import export.precision.maker as maker_module
from export.precision.maker import BundleMaker
from export.precision.presets import named_plan
from export.precision.range_cache import RangeCache, RangeKey, range_key
from export.samples import Samples
from runtime.bundle.manifest import SUBMODULES, Manifest
from runtime.bundle.reader import open_bundle
from runtime.errors import StorageError
from tests.export.conftest import Exported

RANGES = {"x": (-1.5, 2.0), "y": (0.0, 1e-7)}


@pytest.fixture
def key(exported: Exported) -> RangeKey:
    manifest = open_bundle(exported.bundle).manifest
    return range_key(manifest, "query_head", "minmax", exported.samples)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was measured of which submodule."""
    measured: list[str] = []
    for name in ("find_ranges", "find_means"):
        real = getattr(maker_module, name)

        def counted(file: Path, *rest: object, real: Any = real, name: str = name) -> object:
            measured.append(f"{name.partition('_')[2]} of {file.name.partition('.')[0]}")
            return real(file, *rest)

        monkeypatch.setattr(maker_module, name, counted)
    return measured


def test_what_is_put_is_got_exactly(tmp_path: Path, key: RangeKey) -> None:
    cache = RangeCache(tmp_path / "ranges")
    assert cache.get(key) is None
    cache.put(key, RANGES)
    assert RangeCache(tmp_path / "ranges").get(key) == RANGES
    assert [p.name for p in (tmp_path / "ranges").iterdir()] == [f"{key.digest()}.json"]


def test_without_a_folder_nothing_is_kept(key: RangeKey) -> None:
    RangeCache(None).put(key, RANGES)
    assert RangeCache(None).get(key) is None


def _other_file(manifest: Manifest, samples: Samples) -> RangeKey:
    name = manifest.submodules["frame_encoder"].file
    changed = manifest.files[name].model_copy(update={"sha256": "0" * 64})
    other = manifest.model_copy(update={"files": {**manifest.files, name: changed}})
    return range_key(other, "query_head", "minmax", samples)


def _other_size(manifest: Manifest, samples: Samples) -> RangeKey:
    size = manifest.preprocessing.model_copy(update={"size": 65})
    other = manifest.model_copy(update={"preprocessing": size})
    return range_key(other, "query_head", "minmax", samples)


CHANGES: dict[str, Callable[[Manifest, Samples], RangeKey]] = {
    "submodule": lambda m, s: range_key(m, "item_head", "minmax", s),
    "statistic": lambda m, s: range_key(m, "query_head", "entropy", s),
    "pictures": lambda m, s: range_key(
        m, "query_head", "minmax", replace(s, pictures=s.pictures[1:])
    ),
    "shop images": lambda m, s: range_key(
        m, "query_head", "minmax", replace(s, shop_images=s.pictures)
    ),
    "texts": lambda m, s: range_key(m, "query_head", "minmax", replace(s, texts=["a", "b"])),
    "a network before it": _other_file,
    "preprocessing": _other_size,
    "versions": lambda m, s: replace(
        range_key(m, "query_head", "minmax", s), versions={"onnxruntime": "0.1"}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_anything_is_a_miss(
    exported: Exported, tmp_path: Path, key: RangeKey, change: str
) -> None:
    other = CHANGES[change](open_bundle(exported.bundle).manifest, exported.samples)
    cache = RangeCache(tmp_path)
    cache.put(key, RANGES)
    assert other.digest() != key.digest()
    assert cache.get(other) is None
    # Nor is it taken from a file that was renamed.
    (tmp_path / f"{key.digest()}.json").rename(tmp_path / f"{other.digest()}.json")
    assert cache.get(other) is None


DAMAGE: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "another number": lambda text: text.replace("-1.5", "-1.6"),
    "not a number": lambda text: text.replace("-1.5", "NaN"),
    "a list": lambda text: "[]",
    "deep": lambda text: "[" * 100_000,
    "no tensors": lambda text: json.dumps({**json.loads(text), "tensors": []}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_a_miss_and_is_replaced(
    tmp_path: Path, key: RangeKey, damage: str
) -> None:
    cache = RangeCache(tmp_path)
    cache.put(key, RANGES)
    (file,) = tmp_path.iterdir()
    file.write_text(DAMAGE[damage](file.read_text()))
    assert cache.get(key) is None
    cache.put(key, RANGES)
    assert cache.get(key) == RANGES


def test_bytes_that_are_no_text_are_a_miss(tmp_path: Path, key: RangeKey) -> None:
    cache = RangeCache(tmp_path)
    cache.put(key, RANGES)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"\xff\xfe\x00" * 50)
    assert cache.get(key) is None


def test_a_folder_that_cannot_be_is_named(tmp_path: Path, key: RangeKey) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot keep ranges") as caught:
        RangeCache(tmp_path / "file" / "ranges").put(key, RANGES)
    assert "--cache" in caught.value.fix


def test_a_second_run_measures_nothing(exported: Exported, tmp_path: Path, runs: list[str]) -> None:
    plan = named_plan("int8-all", "tiny")
    files = []
    for out in ("one", "two"):
        maker = BundleMaker(
            open_bundle(exported.bundle), exported.samples, cache=tmp_path / "ranges"
        )
        manifest = maker.make(plan, tmp_path / out)
        files.append({name: entry.sha256 for name, entry in manifest.files.items()})
        # Texts are scaled at run time and need no ranges.
        means = [f"means of {name}" for name in sorted(SUBMODULES)]
        ranges = [f"ranges of {name}" for name in sorted(SUBMODULES) if name != "text_encoder"]
        assert sorted(runs) == [*means, *ranges]
    assert files[0] == files[1]


def test_one_measurement_does_for_all_plans_and_both_targets(
    exported: Exported, tmp_path: Path, runs: list[str]
) -> None:
    maker = BundleMaker(open_bundle(exported.bundle), exported.samples)
    maker.make(named_plan("int8", "tiny"), tmp_path / "a")
    maker.make(named_plan("int8-all", "tiny"), tmp_path / "b")
    maker.make(named_plan("int8-all", "tiny", "tensorrt"), tmp_path / "c")
    assert sorted(runs) == sorted(set(runs))


def test_stale_ranges_are_not_used(exported: Exported, tmp_path: Path, runs: list[str]) -> None:
    plan, cache = named_plan("int8", "tiny"), tmp_path / "ranges"
    BundleMaker(open_bundle(exported.bundle), exported.samples, cache=cache).make(
        plan, tmp_path / "a"
    )
    fewer = replace(exported.samples, pictures=exported.samples.pictures[:3])
    BundleMaker(open_bundle(exported.bundle), fewer, cache=cache).make(plan, tmp_path / "b")
    once = ["means of frame_encoder", "means of text_encoder", "ranges of frame_encoder"]
    assert sorted(runs) == sorted(2 * once)

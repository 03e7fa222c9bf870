"""Bundles of plans: those that are there, and those that are built and forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.measurement.builder import FP32, Bundles, ReadyBundles
from calibration.sensitivity.sweep import Place, alone
from export.precision.plan import PrecisionPlan
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError
from tests.calibration.measurement.made_up_plans import BLOCKS, INT8, NoisyBuilder
from tests.export.conftest import Exported

NOISE = dict.fromkeys(BLOCKS, 0.1)


def test_a_ready_bundle_is_named_by_its_digest_and_left_alone(
    exported: Exported, tmp_path: Path
) -> None:
    made = NoisyBuilder(open_bundle(exported.bundle), NOISE).build(INT8, tmp_path / "int8")
    ready = ReadyBundles(open_bundle(exported.bundle), [(INT8, open_bundle(made))])
    bundles = Bundles(ready, tmp_path / "bundles")
    assert bundles.of(INT8) == made
    assert bundles.of(FP32) == exported.bundle == ready.source.folder
    assert list((tmp_path / "bundles").iterdir()) == []
    # One of the same name that does something else is not it.
    assert not ready.holds(replace(_only("head"), name="int8"))
    assert ready.identity(INT8) == open_bundle(made).digest != ready.identity(FP32)


def test_a_plan_without_a_bundle_is_told(exported: Exported) -> None:
    ready = ReadyBundles(open_bundle(exported.bundle), [])
    with pytest.raises(UsageError, match="no bundle of the plan int8"):
        ready.identity(INT8)


def test_a_bundle_is_built_once_and_only_the_latest_are_kept(
    exported: Exported, tmp_path: Path
) -> None:
    builder = NoisyBuilder(open_bundle(exported.bundle), NOISE)
    bundles = Bundles(builder, tmp_path, kept=2)
    plans = [INT8, _only("trunk.0"), _only("head")]
    places = [bundles.of(plan) for plan in plans]
    assert [place.exists() for place in places] == [False, True, True]
    bundles.of(plans[1])
    bundles.of(replace(plans[2], name="another name"))
    assert builder.built == ["int8", "only-frame_encoder-trunk.0", "only-frame_encoder-head"]
    bundles.of(INT8)
    assert builder.built[3:] == ["int8"]
    assert [place.exists() for place in places] == [True, False, True]


def test_what_a_killed_process_left_is_used_where_it_is_whole(
    exported: Exported, tmp_path: Path
) -> None:
    folder = tmp_path / "bundles"
    builder = NoisyBuilder(open_bundle(exported.bundle), NOISE)
    place = Bundles(builder, folder).of(INT8)
    assert Bundles(builder, folder).of(INT8) == place
    assert builder.built == ["int8"]
    (place / "tokenizer.json").write_bytes(b"{}")
    (folder / ".half-made").mkdir()
    assert open_bundle(Bundles(builder, folder).of(INT8))
    assert builder.built == ["int8", "int8"]
    assert [one.name for one in folder.iterdir()] == [place.name]


def _only(block: str) -> PrecisionPlan:
    return alone(INT8, Place("frame_encoder", block), BLOCKS)

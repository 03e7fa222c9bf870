"""The tiny network quantised, beside its FP32 bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.bench.material import Material, twins
from export.precision.maker import make_bundle
from export.precision.presets import named_plan
from tests.export.conftest import Exported


@pytest.fixture(scope="session")
def quantised(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quantised") / "bundle"
    make_bundle(exported.bundle, named_plan("int8", "tiny"), exported.samples, out)
    return out


@pytest.fixture(scope="session")
def material(
    quantised: Path, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> Material:
    cache = tmp_path_factory.mktemp("unused")
    return twins(quantised, exported.bundle, exported.checkpoint, cache)

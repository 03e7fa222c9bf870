"""The tiny network quantised, beside its FP32 bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.bench.material import Material, twins
from export.bundle import quantize_bundle
from tests.export.conftest import Exported


@pytest.fixture(scope="session")
def quantised(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quantised") / "bundle"
    quantize_bundle(exported.checkpoint, exported.bundle, exported.samples, out)
    return out


@pytest.fixture(scope="session")
def material(
    quantised: Path, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> Material:
    cache = tmp_path_factory.mktemp("unused")
    return twins(quantised, exported.bundle, exported.checkpoint, cache)

"""A hub with a shelf of real products."""

from __future__ import annotations

import pytest

from runtime.demo.store import shipped_store
from runtime.kiosk.hub import Hub
from runtime.kiosk.shelf import Shelf
from tests.runtime.kiosk.stand_in import store_catalog


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def shelf() -> Shelf:
    if not (shipped_store() / "catalog.csv").is_file():
        pytest.skip("the demo store is not built")
    shelf = Shelf()
    shelf.fill(store_catalog())
    return shelf

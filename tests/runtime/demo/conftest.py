"""The bundled store, or a reason why there is none."""

from __future__ import annotations

import pytest

from runtime.demo.store import Store, open_store, shipped_store


@pytest.fixture(scope="session")
def store() -> Store:
    if not (shipped_store() / "clips.jsonl").is_file():
        pytest.skip("the demo store is not built")
    return open_store(shipped_store())

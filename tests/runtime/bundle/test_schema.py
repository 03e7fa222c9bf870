from __future__ import annotations

from runtime.bundle.schema import manifest_schema, schema_text
from tests.conftest import REPOSITORY


def test_the_documented_schema_is_current() -> None:
    documented = REPOSITORY / "docs" / "reference" / "manifest.schema.json"
    assert documented.read_text() == schema_text(), (
        "run: python -m runtime.bundle.schema > docs/reference/manifest.schema.json"
    )


def test_the_schema_forbids_unknown_fields() -> None:
    assert manifest_schema()["additionalProperties"] is False

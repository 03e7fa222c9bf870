"""The JSON schema of a manifest: ``python -m runtime.bundle.schema`` prints it."""

from __future__ import annotations

import json
import sys
from typing import Any

from runtime.bundle.manifest import Manifest


def manifest_schema() -> dict[str, Any]:
    """The JSON schema of `Manifest`."""
    return Manifest.model_json_schema()


def schema_text() -> str:
    """The schema as the documentation holds it."""
    return json.dumps(manifest_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())

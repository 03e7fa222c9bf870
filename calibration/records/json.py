"""Records to JSON and back."""

from __future__ import annotations

from typing import Any, TypeVar

from runtime.errors import InputError

T = TypeVar("T")


def to_json(record: Any) -> Any:
    """JSON-ready fields of a record; every digit is kept."""
    from pydantic import TypeAdapter

    return TypeAdapter(type(record)).dump_python(record, mode="json")


def from_json(kind: type[T], fields: Any) -> T:
    """The record that `to_json` gave the fields of.

    Args:
        kind: class of the record.
        fields: as JSON was read.

    Raises:
        InputError: a field is missing or not of its kind.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            f"this is no {kind.__name__}",
            why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            fix="write it again: sgmn report",
        ) from error

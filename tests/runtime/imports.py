"""Which modules a source file imports, wherever in it: on top, in functions, for types only."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_LOADERS = {"import_module", "__import__", "find_spec", "run_module"}


def imported_modules(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Full dotted names.

    Args:
        source: Python text.
        module: its own dotted name, for relative imports.
        is_package: whether it is an ``__init__.py``.
    """
    parts = module.split(".")
    home = parts if is_package else parts[:-1]
    return {name for node in ast.walk(ast.parse(source)) for name in _names(node, home)}


def _names(node: ast.AST, home: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = ".".join(home[: len(home) - node.level + 1]) if node.level else ""
        named = ".".join(part for part in (base, node.module) if part)
        yield named
        yield from (f"{named}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and _called(node.func) in _LOADERS and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""

"""Named blocks of a submodule: the units whose precision a plan chooses.

Node names hold the scopes of the modules they come from (``/trunk/blocks.3/expand/expand.0/Conv``).
A block is an element of a list of modules (``blocks.3``, ``layers.0``) or else a child of the
network (``stem``, ``attention``). A module that ran more than once, as the trunk does for each
view of a frame, is one block: its runs have the suffixes ``_1``, ``_2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from export.precision.plan import PrecisionPlan
from runtime.bundle.reader import Bundle
from runtime.errors import UsageError

INPUT, REST = "input", "rest"
"""Blocks of nodes outside all modules: those that come before every module, and all others."""

_RUN = re.compile(r"_\d+$")
_ELEMENT = re.compile(r"(.+)\.\d+$")


@dataclass(frozen=True)
class Block:
    """A block.

    Attributes:
        name: as plans name it.
        nodes: names of its nodes, in the order of the file.
        weighted: how many of them multiply with a stored weight; only these can be INT8.
        parameters: elements of the weights of these.
    """

    name: str
    nodes: tuple[str, ...]
    weighted: int
    parameters: int


def blocks(onnx_file: Path) -> tuple[Block, ...]:
    """The blocks of a submodule, in the order in which they first run."""
    from export.precision.graph import load

    return blocks_of(load(onnx_file))


def blocks_of(model: Any) -> tuple[Block, ...]:
    """The blocks of an `onnx.ModelProto`; as `blocks`."""
    from math import prod

    from export.precision.graph import weighted, weights

    sizes = {name: prod(weight.dims) for name, weight in weights(model).items()}
    owned = {node.name: node.input[1] for node in weighted(model)}
    members: dict[str, list[str]] = {}
    for node, name in names_of(model).items():
        members.setdefault(name, []).append(node)
    return tuple(
        Block(
            name,
            tuple(nodes),
            sum(node in owned for node in nodes),
            sum(sizes[weight] for weight in {owned[node] for node in nodes if node in owned}),
        )
        for name, nodes in members.items()
    )


def require_blocks(plan: PrecisionPlan, bundle: Bundle) -> None:
    """See that a plan holds only blocks that a network has.

    Args:
        plan: of any target.
        bundle: of the network, verified.

    Raises:
        UsageError: it holds another; the blocks that there are are named.
    """
    for name, part in bundle.manifest.submodules.items():
        held = plan.of(name).held
        known = [block.name for block in blocks(bundle.folder / part.file)] if held else []
        odd = [block for block in held if block not in known]
        if odd:
            raise UsageError(
                f"the plan {plan.name} holds what is no block of {name}: {', '.join(odd)}",
                why=f"its blocks are {', '.join(known)}",
                fix="correct `held` in the plan",
            )


def names_of(model: Any) -> dict[str, str]:
    """The block of every node but constants, by the node's name."""
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    scopes = {node.name: _scopes(node.name) for node in nodes}
    containers = _containers(scopes.values())
    found: dict[str, str] = {}
    behind: set[str] = set()
    for node in nodes:
        inner = [scope for scope in scopes[node.name] if scope not in containers]
        late = bool(inner) or any(name in behind for name in node.input)
        if late:
            behind.update(node.output)
        found[node.name] = inner[0] if inner else (REST if late else INPUT)
    return found


def _scopes(name: str) -> tuple[str, ...]:
    return tuple(_RUN.sub("", part) for part in name.strip("/").split("/")[:-1])


def _containers(paths: Iterable[tuple[str, ...]]) -> set[str]:
    """Modules that hold a list of modules; an nn.Sequential's elements bear its own name."""
    found = set()
    for path in paths:
        for outer, inner in pairwise(path):
            element = _ELEMENT.match(inner)
            if element and element[1] != outer:
                found.add(outer)
    return found

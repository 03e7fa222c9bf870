"""Which precision an engine really computes in, read from TensorRT's engine inspector.

The inspector tells the type of every tensor of every layer, in one of two ways: ``Half``, or
``Channel major FP16 format where channel % 8 == 0``. Layers keep the names of the nodes that were
fused into them, ``w + /Q + /conv/Conv + /clip/Clip``, or tell them in ``Metadata`` as
``[ONNX Layer: /conv/Conv]``. What Myelin compiles stays opaque in TensorRT 8; from 10 on its
kernels are told one by one, and a node may be in several of them. Source: NVIDIA/TensorRT,
tools/experimental/trt-engine-explorer, ``activations.py``; NVIDIA/TensorRT#4020, #4397.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from export.tensorrt.network_view import Precision
from runtime.errors import BuildError

Layer = dict[str, Any]

_TYPES: Final = (
    (re.compile(r"\bint8\b", re.IGNORECASE), "int8"),
    (re.compile(r"\b(?:fp16|half)\b", re.IGNORECASE), "fp16"),
    (re.compile(r"\b(?:fp32|float)\b", re.IGNORECASE), "fp32"),
)
"""From the coarsest on: a layer with INT8 among its inputs computes in INT8."""

_NO_WORK: Final = frozenset({"Reformat", "NoOp", "Constant", "Signal", "Wait"})
_OPAQUE: Final = re.compile(r"ForeignNode|Myelin", re.IGNORECASE)
_FUSING: Final = frozenset({"kgen", "fusion"})
"""Kernels in which Myelin fuses the casts around a product. Only engines of strongly typed networks
tell of them, and those compute in FP16 and FP32 as the graph says."""

_NODE: Final = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_NAMED_AT_MOST: Final = 5


@dataclass(frozen=True)
class Found:
    """What an engine computes in.

    Attributes:
        layers: how many compute in each precision; ``opaque`` for those that do not tell, and
            ``unseen`` for products that are not found in any layer.
        fallen: products in another precision than asked, as (name, asked, found).
    """

    layers: dict[str, int]
    fallen: tuple[tuple[str, Precision, str], ...]


def read_layers(trt: Any, engine: Any) -> list[Layer]:
    """The layers of an engine, opaque ones as empty objects.

    Without an execution context, with which the inspector fails on some GPUs.

    Raises:
        BuildError: it tells nothing.
    """
    inspector = engine.create_engine_inspector()
    kind = trt.LayerInformationFormat.JSON
    try:
        layers = _json(inspector.get_engine_information(kind))["Layers"]
    except (ValueError, KeyError, TypeError):
        # One layer with a stray quote in its metadata spoils the whole; the others can be read.
        texts = (inspector.get_layer_information(i, kind) for i in range(engine.num_layers))
        layers = [_parsed(text) for text in texts]
    found = [layer if isinstance(layer, dict) else {} for layer in layers]
    if not any(found):
        raise BuildError(
            "the precision of the engine cannot be read",
            why="TensorRT's inspector tells nothing of its layers",
            fix="build with --allow-fallback to do without this check",
        )
    return found


def compare_precision(layers: Iterable[Layer], asked: Mapping[str, Precision]) -> Found:
    """Hold the layers of an engine against what the graph asks of its products."""
    counts: Counter[str] = Counter()
    seen: dict[str, set[str]] = {}
    for layer in layers:
        kind = str(layer.get("LayerType", ""))
        name = str(layer.get("Name", ""))
        if kind in _NO_WORK:
            continue
        if not layer or _OPAQUE.search(kind) or _OPAQUE.search(name):
            counts["opaque"] += 1
            continue
        taken = _types(layer, "Inputs")
        if taken:
            counts[_coarsest(taken)] += 1
            for node in _nodes(layer) & asked.keys():
                seen.setdefault(node, set()).update(_within(kind, layer))
    fallen = [
        (name, wanted, _coarsest(seen[name]))
        for name, wanted in asked.items()
        if name in seen and wanted not in seen[name]
    ]
    if len(seen) < len(asked):
        counts["unseen"] = len(asked) - len(seen)
    return Found(dict(counts), tuple(fallen))


def require_precision(submodule: str, found: Found, asked: Mapping[str, Precision]) -> None:
    """Refuse an engine that does not compute in what was asked for.

    Products that are within opaque layers cannot be judged and pass; the record tells how many.

    Raises:
        BuildError: a product fell back, or none can be seen in a precision that was asked for.
    """
    why = ""
    if found.fallen:
        named = [f"{name} is {now}, not {then}" for name, then, now in found.fallen]
        more = len(named) - _NAMED_AT_MOST
        why = "; ".join(named[:_NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")
    elif not found.layers.get("opaque"):
        count: Counter[str] = Counter(asked.values())
        missing = [p for p in ("int8", "fp16") if count[p] and not found.layers.get(p)]
        why = "; ".join(
            f"the graph asks {p} of {count[p]} products, the engine has none" for p in missing
        )
    if why:
        raise BuildError(
            f"the engine of {submodule} is not in the precision that was asked for",
            why=why,
            fix="hold these blocks at another precision in the plan of `sgmn quantize`, "
            "or build with --allow-fallback",
        )


def _parsed(text: str) -> Layer:
    try:
        layer = _json(text)
    except ValueError:
        return {}
    return layer if isinstance(layer, dict) else {}


def _json(text: str) -> Any:
    """Not strict: TensorRT puts control characters between the nodes in a layer's metadata."""
    return json.loads(text, strict=False)


def _types(layer: Layer, side: str) -> set[str]:
    given = [str(tensor.get("Format/Datatype", "")) for tensor in layer.get(side, ())]
    return {kind for pattern, kind in _TYPES if any(pattern.search(text) for text in given)}


def _within(kind: str, layer: Layer) -> set[str]:
    """Precisions in which a layer may compute a product, as far as its tensors tell.

    INT8 shows in what a layer takes. Where a cast is fused in front of the product, FP16 and FP32
    show in what it gives alone; where another one is fused behind it, they do not show at all.
    """
    fused = {"fp16", "fp32"} if kind in _FUSING else _types(layer, "Outputs") - {"int8"}
    return _types(layer, "Inputs") | fused


def _coarsest(kinds: set[str]) -> str:
    return next(kind for _, kind in _TYPES if kind in kinds)


def _nodes(layer: Layer) -> set[str]:
    told = _NODE.findall(str(layer.get("Metadata", "")))
    fused = re.split(r" \+ |\|\||[\[\]{}]", str(layer.get("Name", "")))
    return {name.strip() for name in (*told, *fused)}

"""Sizes of a network: the one place where T, P, D, K and the rest are stated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runtime.errors import ExportError


@dataclass(frozen=True)
class NetworkConfig:
    """A preset's sizes.

    Attributes:
        preset: ``lite``, ``b32`` or ``tiny``; names encoders and tokenizer.
        image_size: S, side of the uint8 input in pixels.
        cls_size: C, length of a frame's pooled features.
        patches: P, patch tokens of one view of a frame.
        token_size: D, length of a patch token.
        text_size: E, length of a text token and of the pooled text.
        text_tokens: L, longest text in tokens.
        frames: T, frames of a query.
        visual_size: length of the visual half of a first-stage vector.
        node_size: G, length of a second-stage node.
        views: views of a frame with tokens of their own; the first is the whole frame.
        item_nodes: M, nodes of an item: the item itself and 3 x 3 pooled patches of every view.
        memory: most products with photos that the item head remembers.
        shortlist: K, candidates of the re-ranker.
        heads: attention heads everywhere.
        cls_blocks: equal blocks that the pooled features consist of, each normalised by itself.
        reranker: ``relation`` (edges and places alone) or ``graph`` (messages between nodes, too).
        fusion: ``words`` (every word a key) or ``single_key`` (as published, for ablation).
        joint_layers: of the temporal difference block.
        text_guided_pool: whether words weigh the frames.
        quick_gelu: whether CLIP's towers use the approximation OpenAI's weights were trained with.
    """

    preset: str
    image_size: int
    cls_size: int
    patches: int
    token_size: int
    text_size: int
    text_tokens: int
    frames: int = 8
    visual_size: int = 256
    node_size: int = 128
    views: int = 1
    item_nodes: int = 10
    memory: int = 64
    shortlist: int = 32
    heads: int = 8
    cls_blocks: int = 1
    reranker: str = "relation"
    fusion: str = "words"
    joint_layers: int = 1
    text_guided_pool: bool = False
    quick_gelu: bool = False

    @property
    def vector_size(self) -> int:
        """V, length of a first-stage vector: visual half, one for quality or bias, text half."""
        return self.visual_size + 1 + self.text_size

    @property
    def tokens(self) -> int:
        """Patch tokens of a frame, those of all views."""
        return self.views * self.patches

    @property
    def patch_nodes(self) -> int:
        """R, pooled patches of a picture, of all views."""
        return self.item_nodes - 1

    @property
    def grid(self) -> int:
        """Patches along one side of the frame."""
        return round(self.patches**0.5)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)


LITE = NetworkConfig(
    preset="lite",
    image_size=320,
    cls_size=5120,
    patches=49,
    token_size=320,
    text_size=384,
    text_tokens=64,
    views=2,
    item_nodes=19,
    cls_blocks=4,
)

B32 = NetworkConfig(
    preset="b32",
    image_size=224,
    cls_size=512,
    patches=49,
    token_size=512,
    text_size=512,
    text_tokens=77,
    frames=10,
    visual_size=512,
    shortlist=50,
    quick_gelu=True,
)

TINY = NetworkConfig(
    preset="tiny",
    image_size=64,
    cls_size=96,
    patches=49,
    token_size=24,
    text_size=32,
    text_tokens=16,
    frames=4,
    visual_size=32,
    node_size=16,
    shortlist=8,
    heads=4,
    cls_blocks=4,
)

PRESETS = {config.preset: config for config in (LITE, B32, TINY)}


def config_from(values: dict[str, Any]) -> NetworkConfig:
    """Rebuild a config from a checkpoint's metadata.

    Raises:
        ExportError: fields are missing, unknown, of another type, or sizes that cannot be, or the
            preset is unknown.
    """
    kinds = {name: type(value) for name, value in TINY.as_dict().items()}
    found = {name: type(value) for name, value in values.items()}
    if found != kinds or values["preset"] not in PRESETS:
        wrong = sorted({name for name, _ in found.items() ^ kinds.items()}) or ["preset"]
        raise ExportError(
            "the checkpoint's config does not fit this version",
            why=f"fields {wrong} are missing, unknown or impossible",
            fix="train again with this version, or use the version that wrote it",
        )
    config = NetworkConfig(**values)
    none = sorted(name for name, value in values.items() if type(value) is int and value < 1)
    uneven = not none and config.visual_size % config.heads
    if none or uneven:
        raise ExportError(
            "the checkpoint's config describes no network",
            why=f"{', '.join(none)} must be at least 1" if none else "heads share visual_size",
            fix="train again with this version, or use the version that wrote it",
        )
    return config

"""The five submodules together, and their checkpoint."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.backbones.encoder import FrameEncoder, TextEncoder
from models.backbones.registry import BACKBONES
from models.config import NetworkConfig, config_from
from models.graph.relation import RelationReranker
from models.graph.reranker import GraphReranker
from models.heads.item import ItemHead
from models.heads.query import QueryHead, SharedParts
from models.tensor_file import read_tensors, write_tensors
from runtime.errors import ExportError

RERANKERS: dict[str, type[RelationReranker] | type[GraphReranker]] = {
    "relation": RelationReranker,
    "graph": GraphReranker,
}
"""By the name a config gives them."""


class Sgmn(nn.Module):
    """Spatiotemporal Graph guided Multi-modal Network, cut where a kiosk needs it cut."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        backbone = BACKBONES[config.preset]
        self.frame_encoder: FrameEncoder = backbone.frame_encoder(config)
        self.text_encoder: TextEncoder = backbone.text_encoder(config)
        shared = SharedParts(config, single_key=config.fusion == "single_key")
        self.query_head = QueryHead(
            config,
            shared,
            joint_layers=config.joint_layers,
            text_guided_pool=config.text_guided_pool,
        )
        self.item_head = ItemHead(config, shared)
        self.reranker = RERANKERS[config.reranker](config)

    @property
    def shared(self) -> SharedParts:
        """The parts that query head and item head have in common."""
        return self.query_head.shared

    def load_pretrained(self, weights: Path | None = None) -> str:
        """Fill the encoders with pretrained weights.

        Args:
            weights: the user's file, for preset ``b32``, which stays random without it; ``lite``
                has its own and ``tiny`` none.

        Returns:
            Where the weights come from, or ``random``.

        Raises:
            DependencyError: the package with the weights is not installed.
            ExportError: the weights are not those of the encoders.
        """
        load = BACKBONES[self.config.preset].load
        return load(self.frame_encoder, self.text_encoder, weights)


def save_checkpoint(path: Path, network: Sgmn, notes: dict[str, Any]) -> None:
    """Write weights as safetensors with config and notes (seed, data digests) in the header."""
    header = {
        "config": json.dumps(network.config.as_dict()),
        "notes": json.dumps(notes),
        "format": "sgmn-edge-1",
    }
    # Query head and item head share parts; each tensor is stored once.
    weights: dict[str, Tensor] = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.startswith("item_head.shared.")
    }
    write_tensors(path, weights, header)


def load_checkpoint(path: Path) -> tuple[Sgmn, dict[str, Any]]:
    """Read a checkpoint written by `save_checkpoint`.

    Returns:
        The network in evaluation mode and the notes.

    Raises:
        ExportError: not a checkpoint of this project; or tensors are missing, superfluous, of
            another shape or type, or not finite.
    """
    from safetensors import SafetensorError

    try:
        weights, header = read_tensors(path)
    except (OSError, SafetensorError) as error:
        raise ExportError(
            f"cannot read the checkpoint {path}",
            why="it is a folder" if path.is_dir() else str(error),
            fix="give a .safetensors file written by `sgmn train`",
        ) from error
    if header.get("format") != "sgmn-edge-1":
        raise ExportError(
            f"{path} is not a checkpoint of this program",
            why="its header names no known format",
            fix="give a .safetensors file written by `sgmn train`",
        )
    try:
        config, notes = dict(json.loads(header["config"])), json.loads(header["notes"])
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(
            f"the header of {path} is damaged",
            why=f"its config or notes are missing or not JSON ({error})",
            fix="train again with this version",
        ) from error
    if not isinstance(notes, dict):
        raise ExportError(
            f"the header of {path} is damaged",
            why="its notes are not an object of JSON",
            fix="train again with this version",
        )
    return _network(config_from(config), weights, path), notes


def _network(config: NetworkConfig, weights: dict[str, Tensor], path: Path) -> Sgmn:
    """The network in evaluation mode, once every tensor is known to be its own."""
    shared = {
        f"item_head.{name.removeprefix('query_head.')}": tensor
        for name, tensor in weights.items()
        if name.startswith("query_head.shared.")
    }
    complete = {**weights, **shared}
    expected = _promised(config, path)
    _require_same(complete, expected, path)
    odd = sorted(name for name, t in complete.items() if not _usable(t, expected[name]))
    if odd:
        raise ExportError(
            f"{path} holds numbers that no network computes with",
            why=f"of another type, or not finite everywhere: {_some(odd)}",
            fix="train again; the run's log.csv shows where its loss went astray",
        )
    network = Sgmn(config)
    network.load_state_dict(complete)
    return network.eval()


def _require_same(found: dict[str, Tensor], expected: dict[str, Tensor], path: Path) -> None:
    common = found.keys() & expected.keys()
    wrong = {
        "missing": expected.keys() - common,
        "superfluous": found.keys() - common,
        "of another shape": {n for n in common if found[n].shape != expected[n].shape},
    }
    if any(wrong.values()):
        raise ExportError(
            f"{path} does not hold the network its header describes",
            why="; ".join(f"{kind}: {_some(names)}" for kind, names in wrong.items() if names),
            fix="use the version of this program that wrote it, or train again",
        )


def _some(names: Collection[str]) -> str:
    """The first few names, and how many more there are."""
    shown = sorted(names)[:3]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more


def _promised(config: NetworkConfig, path: Path) -> dict[str, Tensor]:
    """The tensors of a config's network without their memory, which may be more than there is."""
    try:
        with torch.device("meta"):
            return Sgmn(config).state_dict()
    # Whatever a part of the network makes of sizes that cannot be.
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExportError(
            f"the config of {path} describes no network",
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="use the version of this program that wrote it, or train again",
        ) from error


def _usable(tensor: Tensor, expected: Tensor) -> bool:
    return tensor.dtype == expected.dtype and bool(torch.isfinite(tensor).all())

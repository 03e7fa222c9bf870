"""What commands tell of the engines that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.commands.output import note

if TYPE_CHECKING:
    from runtime.network import Network


def engines_told(network: Network) -> dict[str, Any]:
    """Outcome and reasons of the selection, and what really runs the submodules; JSON-ready."""
    selection = network.selection
    told = {"label": "asked for by name"} if selection is None else selection.as_dict()
    return {**told, "providers": sorted(set(network.providers.values()))}


def tell_engines(network: Network) -> None:
    """Say on stderr whether TensorRT runs a bundle that was made for it, and why not."""
    selection = network.selection
    if selection is not None and selection.reason != "no-graphs":
        fix = f". Fix: {selection.fix}" if selection.fix else ""
        note(f"Engines: {selection.sentence}{fix}")

"""What computes the answers, as the page states it."""

from __future__ import annotations

from runtime.kiosk.state import EngineInfo
from runtime.network import Network


def engine_info(network: Network) -> EngineInfo:
    """Provider, precision and bundle of an open network, and why it is that provider."""
    manifest = network.bundle.manifest
    providers = " + ".join(sorted(set(network.providers.values())))
    selection = network.selection
    return EngineInfo(
        providers,
        manifest.precision,
        f"{manifest.name} {manifest.version}",
        "" if selection is None else selection.label,
        "" if selection is None else selection.detail,
    )

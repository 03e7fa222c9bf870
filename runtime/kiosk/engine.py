"""What computes the answers, as the page states it."""

from __future__ import annotations

from dataclasses import replace

from runtime.kiosk.state import EngineInfo
from runtime.network import Network


def engine_info(network: Network) -> EngineInfo:
    """Provider, precision and bundle of an open network, and why it is that provider."""
    manifest = network.bundle.manifest
    providers = " + ".join(sorted(set(network.providers.values())))
    info = EngineInfo(providers, manifest.precision, f"{manifest.name} {manifest.version}")
    found = network.selection
    if found is None:
        return info
    return replace(
        info,
        selection=found.label,
        detail=found.detail,
        fix=found.fix or "",
        warnings=found.warnings,
    )

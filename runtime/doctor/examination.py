"""Every check, one after the other."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from runtime.doctor.computer import (
    check_folders,
    check_gpu,
    check_memory,
    check_packages,
    check_port,
    check_processor,
    check_python,
)
from runtime.doctor.finding import Check, Finding, guarded
from runtime.doctor.network import check_bundle, check_onnxruntime
from runtime.doctor.sound import check_microphone, check_speech
from runtime.engines.settings import AUTO, EngineSettings

HOST = "127.0.0.1"
PORT = 8080


def examine(
    bundle: Path,
    speech_model: Path | None = None,
    engine: EngineSettings = AUTO,
    *,
    host: str = HOST,
    port: int = PORT,
) -> list[Finding]:
    """Run every check; one that breaks is itself a finding and hides no other.

    Args:
        bundle: folder of the network bundle.
        speech_model: folder of a Vosk model; None for the default one.
        engine: what is to run the network.
        host: address the kiosk page listens on.
        port: its port.
    """
    checks: dict[str, Check] = {
        "python": check_python,
        "packages": check_packages,
        "processor": check_processor,
        "memory": check_memory,
        "gpu": check_gpu,
        "onnxruntime": partial(check_onnxruntime, engine),
        "bundle": partial(check_bundle, bundle, engine),
        "speech": partial(check_speech, speech_model),
        "microphone": check_microphone,
        "folders": check_folders,
        "port": partial(check_port, host, port),
    }
    return [finding for name, check in checks.items() for finding in guarded(name, check)]

"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

PROVIDERS = ("auto", "tensorrt", "cpu", "cuda", "ort-tensorrt")
FALLBACKS = ("forbid", "allow")
"""As in `runtime.engines.settings`, which help need not load."""

bundle_option = click.option(
    "--bundle",
    "bundle_folder",
    type=click.Path(path_type=Path),
    help="Folder of the network bundle. Default: the bundle in use (`sgmn bundle path`).",
)
catalog_option = click.option(
    "--catalog",
    "catalog_folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of a catalog built by `sgmn catalog import`.",
)
speech_model_option = click.option(
    "--speech-model",
    type=click.Path(path_type=Path),
    help="Folder of a Vosk model. Default: $SGMN_SPEECH_MODEL, then the one shipped for the demo.",
)
trusted_option = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Public key that is trusted. Default: the *.pub files in the folder keys of $SGMN_HOME.",
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what runs the network; the command gets them as ``engine``."""

    @click.option(
        "--provider",
        type=click.Choice(PROVIDERS),
        default="auto",
        show_default=True,
        envvar="SGMN_PROVIDER",
        show_envvar=True,
        help="What runs the network. tensorrt: the engines of `sgmn build`; auto: those where they "
        "can be used, else the processor; ort-tensorrt: TensorRT inside ONNX Runtime.",
    )
    @click.option(
        "--threads",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Threads of one run on the processor; 0: one for every core.",
    )
    @click.option(
        "--fallback",
        type=click.Choice(FALLBACKS),
        envvar="SGMN_FALLBACK",
        show_envvar=True,
        help="Whether the processor may run what the provider cannot. Default: allow with "
        "--provider auto, else forbid.",
    )
    @wraps(command)
    def with_settings(*args: Any, provider: Any, threads: int, fallback: Any, **rest: Any) -> Any:
        from runtime.engines.settings import EngineSettings

        engine = EngineSettings(
            provider,
            threads=threads,
            fallback=fallback or ("allow" if provider == "auto" else "forbid"),
        )
        return command(*args, engine=engine, **rest)

    return with_settings

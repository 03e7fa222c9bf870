"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

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
fallback_option = click.option(
    "--fallback",
    type=click.Choice(["allow", "forbid"]),
    default="allow",
    show_default=True,
    envvar="SGMN_FALLBACK",
    show_envvar=True,
    help="Whether the processor may run the network where TensorRT cannot.",
)

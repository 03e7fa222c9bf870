"""Commands that the export floor adds to ``sgmn``."""

from __future__ import annotations

from pathlib import Path

import click

from runtime.commands.output import json_option, print_json

_path = click.Path(path_type=Path)


@click.command()
@click.argument("checkpoint", type=_path)
@click.option("--out", type=_path, required=True, help="Folder of the new bundle.")
@click.option("--feed", type=_path, help="Catalog for the parity check. Default: the demo's.")
@click.option("--tokenizer", type=_path, help="tokenizer.json. Default: the run's.")
@json_option
def export(
    checkpoint: Path, out: Path, feed: Path | None, tokenizer: Path | None, as_json: bool
) -> None:
    """Export CHECKPOINT to an FP32 bundle.

    Each of the five ONNX submodules is run with real inputs and compared with torch.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from export.bundle import export_bundle
    from export.samples import samples_from_feed
    from runtime.demo.store import FEED, shipped_store

    samples = samples_from_feed(feed or shipped_store() / FEED)
    manifest = export_bundle(checkpoint, tokenizer, samples, out)
    worst = max(one["largest"] for parts in manifest.parity.values() for one in parts)
    if as_json:
        print_json({"bundle": str(out), "largest_difference": worst, "parity": manifest.parity})
    else:
        click.echo(f"Wrote {out}; largest difference to torch {worst:.1e} of the magnitude")

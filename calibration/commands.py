"""Commands that the calibration floor adds to ``sgmn``."""

from __future__ import annotations

from pathlib import Path

import click

from runtime.commands.output import json_option, note, print_json, progress

_path = click.Path(path_type=Path)


@click.command()
@click.argument("bundle", type=_path)
@click.option("--checkpoint", type=_path, required=True, help="What the bundle was exported from.")
@click.option("--out", type=_path, required=True, help="Folder of the new bundle.")
@click.option("--feed", "feeds", type=_path, multiple=True, required=True, help="Catalog feed.")
@click.option("--pictures", type=_path, multiple=True, help="Folder of in-store pictures.")
@click.option("--clip", "clips", type=_path, multiple=True, help="Video clip.")
@click.option(
    "--count",
    type=click.IntRange(min=2),
    default=64,
    show_default=True,
    help="Calibration pictures.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
def quantize(
    bundle: Path,
    checkpoint: Path,
    out: Path,
    feeds: tuple[Path, ...],
    pictures: tuple[Path, ...],
    clips: tuple[Path, ...],
    count: int,
    seed: int,
    as_json: bool,
) -> None:
    """Make the INT8 profile for processors without a GPU from the FP32 BUNDLE."""
    from models.requirements import need_training_packages

    need_training_packages()
    from calibration.samples import draw_samples
    from export.bundle import quantize_bundle

    samples = draw_samples(feeds=feeds, pictures=pictures, clips=clips, count=count, seed=seed)
    manifest = quantize_bundle(checkpoint, bundle, samples, out)
    cosines = {
        f"{name}.{one['output']}": round(one["cosine"], 4)
        for name, outputs in manifest.parity.items()
        for one in outputs
    }
    size = sum(entry.size_bytes for entry in manifest.files.values())
    if as_json:
        print_json({"bundle": str(out), "size_bytes": size, "least_cosine": cosines})
        return
    for name, cosine in cosines.items():
        note(f"{name:<26} least cosine to FP32 {cosine:.4f}")
    click.echo(f"Wrote {out} ({size / 1e6:.1f} MB)")


@click.command()
@click.argument("bundle", type=_path)
@click.option("--clips", "manifest", type=_path, required=True, help="Labelled clips.")
@click.option("--root", type=_path, required=True, help="Folder the photo paths are relative to.")
@click.option("--catalog", type=_path, required=True, help="Feed of the products.")
@click.option("--distractors", type=_path, help="Feed of more products, which no clip shows.")
@click.option("--enrol", type=_path, help="List of photos to enrol, of splits train and val.")
@click.option("--out", type=_path, required=True, help="Folder of the new bundle.")
@json_option
def calibrate(
    bundle: Path,
    manifest: Path,
    root: Path,
    catalog: Path,
    distractors: Path | None,
    enrol: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Fit the confidence of BUNDLE to labelled clips, with and without speech, easy and hard.

    With --enrol the answers without and with the photos count together: a kiosk meets both.
    """
    from models.requirements import need_training_packages

    need_training_packages()
    from calibration.fitting import calibrate_bundle
    from models.evaluation.gallery import Stock

    stock = Stock(catalog, distractors, enrol)
    fitted = calibrate_bundle(bundle, manifest, root, stock, out, progress)
    if as_json:
        print_json({"bundle": str(out), **fitted.as_dict()})
        return
    click.echo(
        f"Wrote {out}: temperature {fitted.decision.temperature}, none-of-these score "
        f"{fitted.decision.open_set_score}, names from {fitted.decision.present:.2f} on; "
        f"calibration error {fitted.error_before:.3f} -> {fitted.error_after:.3f}"
    )

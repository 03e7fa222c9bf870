"""``sgmn catalog``: put products on this device and look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from runtime.commands.options import bundle_option
from runtime.commands.output import json_option, note, print_json, progress, table
from runtime.errors import UsageError

_Command = Callable[..., Any]


def _catalog_option(command: _Command) -> _Command:
    return click.option(
        "--catalog",
        "folder",
        required=True,
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="The catalog folder.",
    )(command)


@click.group()
def catalog() -> None:
    """Import products, add photos to them, list and go back."""


@catalog.command("import")
@click.argument("feed", type=click.Path(path_type=Path))
@_catalog_option
@bundle_option
@json_option
def import_products(feed: Path, folder: Path, bundle_folder: Path | None, as_json: bool) -> None:
    """Make the catalog hold exactly the products of FEED.

    FEED is a merchant feed in CSV or TSV. Only new and changed products are encoded. It can be
    interrupted and run again; the kiosk shows the old products until the import is complete.
    Photos that `sgmn catalog enrol` added stay with their products.
    """
    from runtime.bundle.current import bundle_in_use
    from runtime.catalog.importer import import_feed
    from runtime.network import Network

    with Network.open(bundle_folder or bundle_in_use()) as network:
        report = import_feed(
            feed,
            folder,
            network,
            network.bundle.digest,
            progress,
            publisher=network.publisher,
        )
    if as_json:
        print_json(asdict(report))
        return
    note(
        f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.removed} removed; {report.encoded} encoded"
    )
    note(f"live snapshot {report.snapshot}")


@catalog.command()
@click.argument("item", required=False)
@click.argument("photos", nargs=-1, metavar="[PHOTO]...", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "listed",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take photos of many products from a CSV or TSV file with the columns path and "
    "product_id; paths are relative to the file.",
)
@_catalog_option
@bundle_option
@json_option
def enrol(
    item: str | None,
    photos: tuple[Path, ...],
    listed: Path | None,
    folder: Path,
    bundle_folder: Path | None,
    as_json: bool,
) -> None:
    """Add PHOTOs, taken in the shop, to the product with id ITEM.

    A product with photos is found by its photos. They stay until `sgmn catalog forget` or until the
    product leaves the feed. All are added or, if one cannot be used, none.
    """
    if not (photos if listed is None else item is None):
        raise UsageError(
            "it is not clear which photos to add",
            why="either ITEM and PHOTO are given, or --from",
            fix="sgmn catalog enrol ITEM PHOTO --catalog DIR",
        )
    from runtime.bundle.current import bundle_in_use
    from runtime.catalog.enrolment import enrol_photos
    from runtime.catalog.photos import Photo, read_photo_list
    from runtime.network import Network

    given = (
        read_photo_list(listed)
        if listed is not None
        else [Photo(item or "", path, str(path)) for path in photos]
    )
    with Network.open(bundle_folder or bundle_in_use()) as network:
        report = enrol_photos(
            given,
            folder,
            network,
            network.bundle.digest,
            progress,
            source=listed or "the enrolment",
            publisher=network.publisher,
        )
    if as_json:
        print_json(asdict(report))
        return
    note(f"{report.added} photos added to {report.items} products, {report.known} known already")
    note(f"live snapshot {report.snapshot}")


@catalog.command()
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@_catalog_option
@bundle_option
@json_option
def forget(items: tuple[str, ...], folder: Path, bundle_folder: Path | None, as_json: bool) -> None:
    """Take away all photos that were added to these products."""
    from runtime.bundle.current import bundle_in_use
    from runtime.bundle.reader import open_bundle
    from runtime.catalog.enrolment import forget_photos
    from runtime.catalog.publisher import PhotoPublisher

    bundle = open_bundle(bundle_folder or bundle_in_use())
    publisher = PhotoPublisher(bundle.manifest.publish)
    report = forget_photos(items, folder, bundle.digest, publisher=publisher)
    if as_json:
        print_json(asdict(report))
        return
    note(f"{report.removed} photos taken away")
    note(f"live snapshot {report.snapshot}")


@catalog.command("list")
@_catalog_option
@json_option
def list_products(folder: Path, as_json: bool) -> None:
    """List the products of the live snapshot in order of id."""
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    with SqliteCatalog.open(folder) as opened:
        items, photos = opened.items(), opened.photos()
    count = {item.id: len(photos.get(item.id, ())) for item in items}
    if as_json:
        rows = [{**asdict(i), "image": str(i.image), "photos": count[i.id]} for i in items]
        print_json({"items": rows})
        return
    cells = [(item.id, item.title, item.group, str(count[item.id])) for item in items]
    table(f"{len(items)} products", ("id", "title", "group", "photos"), cells)


@catalog.command()
@_catalog_option
@json_option
def stats(folder: Path, as_json: bool) -> None:
    """Show numbers of products and photos, snapshot, bundle and size."""
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    with SqliteCatalog.open(folder) as opened:
        figures = opened.stats()
    if as_json:
        print_json(asdict(figures))
        return
    click.echo(f"products  {figures.items}")
    click.echo(f"photos    {figures.photos}")
    click.echo(f"snapshot  {figures.snapshot}")
    click.echo(f"bundle    {figures.bundle}")
    click.echo(f"size      {figures.size_bytes / 1e6:.1f} MB")


@catalog.command()
@_catalog_option
@bundle_option
@json_option
def rollback(folder: Path, bundle_folder: Path | None, as_json: bool) -> None:
    """Go back to before the last import or change of photos.

    The bundle must be the one that encoded it.
    """
    from runtime.bundle.current import bundle_in_use
    from runtime.bundle.reader import open_bundle
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    digest = open_bundle(bundle_folder or bundle_in_use()).digest
    with SqliteCatalog.build(folder, digest, create=False) as opened:
        snapshot = opened.rollback()
        count = len(opened.items())
    if as_json:
        print_json({"snapshot": snapshot, "items": count})
    else:
        note(f"live snapshot {snapshot}, {count} products")

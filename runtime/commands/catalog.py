"""``sgmn catalog``: put products on this device and look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from runtime.commands.output import json_option, note, print_json, progress, table

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


def _bundle_option(command: _Command) -> _Command:
    return click.option(
        "--bundle",
        "bundle_folder",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="The bundle that encodes the products; the shipped one where not given.",
    )(command)


@click.group()
def catalog() -> None:
    """Import products, list them, and go back to an earlier import."""


@catalog.command("import")
@click.argument("feed", type=click.Path(path_type=Path))
@_catalog_option
@_bundle_option
@json_option
def import_products(feed: Path, folder: Path, bundle_folder: Path | None, as_json: bool) -> None:
    """Make the catalog hold exactly the products of FEED, a merchant feed in CSV or TSV.

    Only new and changed products are encoded. It can be interrupted and run again; the kiosk
    shows the old products until the import is complete.
    """
    from runtime.bundle.shipped import shipped_bundle
    from runtime.catalog.importer import import_feed
    from runtime.network import Network

    with Network.open(bundle_folder or shipped_bundle()) as network:
        report = import_feed(feed, folder, network, network.bundle.digest, progress)
    if as_json:
        print_json(asdict(report))
        return
    note(
        f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.removed} removed; {report.encoded} encoded"
    )
    note(f"live snapshot {report.snapshot}")


@catalog.command("list")
@_catalog_option
@json_option
def list_products(folder: Path, as_json: bool) -> None:
    """List the products of the live snapshot in order of id."""
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    with SqliteCatalog.open(folder) as opened:
        items = opened.items()
    if as_json:
        print_json({"items": [{**asdict(item), "image": str(item.image)} for item in items]})
        return
    rows = [(item.id, item.title, item.group) for item in items]
    table(f"{len(items)} products", ("id", "title", "group"), rows)


@catalog.command()
@_catalog_option
@json_option
def stats(folder: Path, as_json: bool) -> None:
    """Show how many products there are, the live snapshot, its bundle, and the size on disk."""
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    with SqliteCatalog.open(folder) as opened:
        figures = opened.stats()
    if as_json:
        print_json(asdict(figures))
        return
    click.echo(f"products  {figures.items}")
    click.echo(f"snapshot  {figures.snapshot}")
    click.echo(f"bundle    {figures.bundle}")
    click.echo(f"size      {figures.size_bytes / 1e6:.1f} MB")


@catalog.command()
@_catalog_option
@_bundle_option
@json_option
def rollback(folder: Path, bundle_folder: Path | None, as_json: bool) -> None:
    """Go back to the import before the live one, if the bundle encoded it."""
    from runtime.bundle.reader import open_bundle
    from runtime.bundle.shipped import shipped_bundle
    from runtime.catalog.sqlite_catalog import SqliteCatalog

    digest = open_bundle(bundle_folder or shipped_bundle()).digest
    with SqliteCatalog.build(folder, digest, create=False) as opened:
        snapshot = opened.rollback()
        count = len(opened.items())
    if as_json:
        print_json({"snapshot": snapshot, "items": count})
    else:
        note(f"live snapshot {snapshot}, {count} products")

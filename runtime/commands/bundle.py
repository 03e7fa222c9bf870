"""``sgmn bundle``: the network files of this device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runtime.commands.bundle_making import create, keygen, sign
from runtime.commands.options import trusted_option
from runtime.commands.output import json_option, note, print_json, table

if TYPE_CHECKING:
    from runtime.bundle.install import Installation
    from runtime.bundle.installed import Installed
    from runtime.bundle.manifest import Manifest
    from runtime.bundle.store import BundleStore

_NEXT = "next: restart the kiosk, with a catalog of this bundle; until then it keeps the one before"


@click.group()
def bundle() -> None:
    """Make, sign, verify and install bundles, and go back."""


bundle.add_command(create)
bundle.add_command(keygen)
bundle.add_command(sign)


@bundle.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@trusted_option
@json_option
def verify(folder: Path | None, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check every byte of the bundle in DIR.

    Default: the bundle in use. A signature that is there must be by a trusted key; with --key
    there must be one.
    """
    from runtime.bundle.current import bundle_in_use
    from runtime.bundle.keys import trusted_keys
    from runtime.bundle.reader import open_bundle
    from runtime.bundle.signature import Trust

    trust = Trust(trusted_keys(keys), required=bool(keys))
    opened = open_bundle(folder or bundle_in_use(), trust)
    manifest = opened.manifest
    size = sum(entry.size_bytes for entry in manifest.files.values())
    if as_json:
        print_json(
            {
                "folder": str(opened.folder),
                **_about(manifest),
                "preset": manifest.preset,
                "digest": opened.digest,
                "signed_by": opened.signed_by,
                "files": len(manifest.files),
                "size_bytes": size,
            }
        )
        return
    click.echo(f"{manifest.name} {manifest.version} ({manifest.preset}, {manifest.precision})")
    click.echo(f"digest  {opened.digest}")
    click.echo(f"signed  {opened.signed_by or 'no'}")
    click.echo(f"files   {len(manifest.files)}, {size / 1e6:.1f} MB, all verified")


@bundle.command()
@json_option
def path(as_json: bool) -> None:
    """Print the folder of the bundle in use.

    It is the installed one, else the shipped one.
    """
    from runtime.bundle.current import bundle_in_use
    from runtime.bundle.shipped import shipped_bundle

    folder = bundle_in_use()
    if as_json:
        print_json({"folder": str(folder), "shipped": folder == shipped_bundle()})
    else:
        click.echo(str(folder))


@bundle.command()
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path))
@trusted_option
@click.option(
    "--allow-unsigned", is_flag=True, help="Take a bundle without a signature, e.g. your own."
)
@click.option("--allow-downgrade", is_flag=True, help="Take a bundle older than the one in use.")
@click.option(
    "--keep",
    type=click.IntRange(2),
    default=3,
    show_default=True,
    help="Installed bundles that stay, this one and the one before included.",
)
@json_option
def install(
    source: Path,
    keys: tuple[Path, ...],
    allow_unsigned: bool,
    allow_downgrade: bool,
    keep: int,
    as_json: bool,
) -> None:
    """Use the bundle in DIR from now on.

    It is verified, copied beside the old one and tested. Files that an installed bundle has
    already are not copied again and need not be in DIR. Until the last moment, and after any
    failure, the old bundle stays in use. Commands that run already keep the bundle that they began
    with. The oldest bundles beyond --keep are removed, with their TensorRT engines.
    """
    from runtime.bundle.install import install_bundle
    from runtime.bundle.keys import trusted_keys
    from runtime.bundle.signature import Trust
    from runtime.engines.engine_store import remove_engines
    from runtime.home import engines_folder

    trust = Trust(trusted_keys(keys), required=not allow_unsigned)
    done = install_bundle(source, _store(), trust, allow_downgrade=allow_downgrade, keep=keep)
    remove_engines(engines_folder(), done.removed)
    if as_json:
        print_json(_installation(done))
        return
    tested = f"{len(done.checks)} submodules as stored" if done.checks else "loaded, nothing stored"
    note(f"{done.manifest.name} {done.manifest.version} is in use, digest {done.digest}")
    note(f"signed by {done.signed_by or 'nobody'}; self-test: {tested}")
    note(f"{done.copied_bytes / 1e6:.1f} MB copied, {len(done.reused)} files reused")
    note(f"`sgmn bundle rollback` goes to {done.previous or 'the shipped bundle'}")
    note(_NEXT)


@bundle.command()
@json_option
def rollback(as_json: bool) -> None:
    """Use the bundle before the current one again.

    Before the first installed one lies the shipped one.
    """
    from runtime.bundle.reader import read_head

    store = _store()
    switch = store.roll_back()
    if as_json:
        print_json({"before": switch.before, "current": switch.after})
        return
    if switch.after is None:
        note("the shipped bundle is in use")
    else:
        manifest = read_head(store.place(switch.after)).manifest
        note(f"{manifest.name} {manifest.version} is in use, digest {switch.after}")
    note(_NEXT)


@bundle.command("list")
@json_option
def list_bundles(as_json: bool) -> None:
    """List the shipped and the installed bundles, oldest first."""
    from runtime.bundle.shipped import shipped_bundle

    store = _store()
    installed = store.installed()
    rows = [_row(shipped_bundle(), "shipped", in_use=installed.current is None)]
    rows += [
        _row(store.place(digest), digest, in_use=digest == installed.current)
        for digest in installed.bundles
    ]
    if as_json:
        print_json({"current": installed.current, "previous": installed.previous, "bundles": rows})
        return
    cells = [
        (
            row["id"][:16],
            f"{row['name']} {row['version']} {row['precision']}" if "name" in row else "damaged",
            (row.get("created_at") or "")[:10],
            _mark(row, installed),
        )
        for row in rows
    ]
    table(f"Bundles in {store.folder}", ("digest", "bundle", "made", ""), cells)


def _store() -> BundleStore:
    from runtime.bundle.store import BundleStore
    from runtime.home import bundles_folder

    return BundleStore(bundles_folder())


def _mark(row: dict[str, Any], installed: Installed) -> str:
    """Which is used, and which `rollback` goes to."""
    if row["in_use"]:
        return "in use"
    before = installed.previous or "shipped"
    return "before" if installed.current and row["id"] == before else ""


def _row(folder: Path, identity: str, *, in_use: bool) -> dict[str, Any]:
    """A bundle as far as its manifest tells; files are not read."""
    from runtime.bundle.reader import read_head
    from runtime.errors import BundleError

    row: dict[str, Any] = {"id": identity, "folder": str(folder), "in_use": in_use}
    try:
        head = read_head(folder)
    except BundleError as error:
        return {**row, "damage": error.why}
    return {**row, "digest": head.digest, **_about(head.manifest)}


def _about(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "version": manifest.version,
        "created_at": manifest.created_at,
        "precision": manifest.precision,
    }


def _installation(done: Installation) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "digest": done.digest,
        **_about(done.manifest),
        "signed_by": done.signed_by,
        "previous": done.previous,
        "copied_bytes": done.copied_bytes,
        "reused": list(done.reused),
        "self_test": [check.as_dict() for check in done.checks],
        "removed": list(done.removed),
    }

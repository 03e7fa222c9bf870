"""What the maker of bundles runs: ``sgmn bundle create``, ``keygen`` and ``sign``."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import click

from runtime.commands.output import json_option, note, print_json
from runtime.errors import UsageError

PASSPHRASE_VARIABLE = "SGMN_KEY_PASSPHRASE"


def _checked_version(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    if value is not None and not re.fullmatch(r"\d+(\.\d+){0,3}", value):
        raise click.BadParameter("give numbers with dots, e.g. 1.4.0", context, parameter)
    return value


@click.command()
@click.argument("source", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the new bundle; must not exist.",
)
@click.option(
    "--tensorrt",
    metavar="BUNDLE",
    type=click.Path(path_type=Path),
    help="Add the graphs for TensorRT of this bundle, of the same checkpoint.",
)
@click.option(
    "--self-test",
    is_flag=True,
    help="Store inputs and outputs of every submodule, for `sgmn bundle install` to compare.",
)
@click.option(
    "--feed",
    type=click.Path(path_type=Path),
    help="Products for the self-test. Default: those of the demo.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which products are taken.")
@click.option(
    "--version",
    "version",
    callback=_checked_version,
    help="Version of the new bundle, e.g. 1.4.0. Default: that of BUNDLE.",
)
@json_option
def create(
    source: Path,
    out: Path,
    tensorrt: Path | None,
    self_test: bool,
    feed: Path | None,
    seed: int,
    version: str | None,
    as_json: bool,
) -> None:
    """Make a bundle for devices from BUNDLE.

    It gets what is asked for of graphs for TensorRT, a self-test and a version, and a date. That is
    the one of $SOURCE_DATE_EPOCH where it is set; then the same arguments give the same digest.
    """
    from runtime.bundle.create import SelfTestSource, create_bundle
    from runtime.bundle.reader import open_bundle
    from runtime.demo.store import FEED, shipped_store

    made_from = SelfTestSource(feed or shipped_store() / FEED, seed) if self_test else None
    manifest = create_bundle(
        source,
        out,
        created_s=_now_s(),
        version=version,
        tensorrt=tensorrt,
        self_test=made_from,
    )
    size = sum(entry.size_bytes for entry in manifest.files.values())
    digest = open_bundle(out).digest
    if as_json:
        said = {"folder": str(out), "digest": digest, "version": manifest.version}
        print_json({**said, "created_at": manifest.created_at, "size_bytes": size})
        return
    note(f"{manifest.name} {manifest.version} in {out}, {size / 1e6:.1f} MB, digest {digest}")
    note(f"next: sgmn bundle sign {out} --key KEY")


def _now_s() -> int:
    """Source: reproducible-builds.org, SOURCE_DATE_EPOCH."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "").strip()
    if not text:
        return int(time.time())
    if not re.fullmatch(r"\d{1,11}", text):
        raise UsageError(
            "the date of the bundle cannot be set",
            why=f"SOURCE_DATE_EPOCH is {text!r}, not seconds since 1970",
            fix="unset SOURCE_DATE_EPOCH, or set it to `git log -1 --format=%ct`",
        )
    return int(text)


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="File of the private key; the public key goes beside it, with the suffix .pub.",
)
@click.option(
    "--passphrase",
    "encrypted",
    is_flag=True,
    help=f"Encrypt the private key: ask for a passphrase, or take ${PASSPHRASE_VARIABLE}.",
)
@json_option
def keygen(out: Path, encrypted: bool, as_json: bool) -> None:
    """Make an Ed25519 key pair. The private key stays with you, the public one goes to devices."""
    from runtime.bundle.keys import PUBLIC, generate_key

    key = generate_key(out, _passphrase(confirm=True) if encrypted else None)
    public = out.with_suffix(PUBLIC)
    if as_json:
        print_json({"private": str(out), "public": str(public), "key": key.id})
        return
    note(f"key {key.id}")
    note(f"private  {out}: keep it off the devices and out of version control")
    note(f"public   {public}: copy it to the devices")


@click.command()
@click.argument("folder", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(path_type=Path),
    help=f"Private key. Its passphrase, if it has one, is asked for or in ${PASSPHRASE_VARIABLE}.",
)
@json_option
def sign(folder: Path, key_file: Path, as_json: bool) -> None:
    """Verify BUNDLE and put a signature beside its manifest.

    An older signature is replaced.
    """
    from runtime.bundle.keys import read_private_key
    from runtime.bundle.layout import SIGNATURE
    from runtime.bundle.signature import sign_bundle

    key = read_private_key(key_file, lambda: _passphrase(confirm=False))
    signature = sign_bundle(folder, key)
    if as_json:
        print_json({"signature": str(folder / SIGNATURE), "key": signature.key_id})
    else:
        note(f"{folder / SIGNATURE} by key {signature.key_id}")


def _passphrase(*, confirm: bool) -> bytes:
    said = os.environ.get(PASSPHRASE_VARIABLE, "")
    if not said:
        if not _is_terminal():
            raise UsageError(
                "there is no passphrase for the key",
                why="nobody can be asked: this is no terminal",
                fix=f"set {PASSPHRASE_VARIABLE}",
            )
        said = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return said.encode("utf-8")


def _is_terminal() -> bool:
    return sys.stdin.isatty()

"""`python -m models.store OUT [--seed N]` writes a synthetic shop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from models.store.build import build_store
from runtime.errors import SgmnError


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _build(options)
    except SgmnError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.store", description="Write a synthetic shop with narrated clips."
    )
    parser.add_argument("out", type=Path, help="a new or empty folder")
    parser.add_argument("--seed", type=_whole, default=0, help="0 is the demo store (default)")
    parser.add_argument("--clips", type=_whole, default=6, help="narrated clips (default 6)")
    parser.add_argument("--products", type=_whole, default=48, help="products (default 48)")
    parser.add_argument("--force", action="store_true", help="replace an earlier store in OUT")
    return parser


def _whole(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _build(options: argparse.Namespace) -> None:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("store", total=options.products + options.clips)

        def step(name: str) -> None:
            bar.update(task, advance=1, description=name)

        build_store(options.out, options.seed, options.clips, options.products, options.force, step)
        bar.console.print(f"wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())

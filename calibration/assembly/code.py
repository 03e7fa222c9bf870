"""The code behind a command: all that may make its output another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import distribution, packages_distributions
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder that holds the packages of this program."""


def code_of(modules: Iterable[str]) -> set[Path]:
    """The files of modules and of all modules of this program that they import, at any depth.

    Imports within functions count, as heavy packages are imported there. Of other packages that are
    imported it is the file that tells their version.

    Args:
        modules: dotted names.

    Raises:
        ImportError: there is no such module.
    """
    finder = ModuleFinder(path=[str(ROOT)])
    for module in modules:
        finder.import_hook(module)
    files = (getattr(found, "__file__", None) for found in finder.modules.values())
    own = {Path(file) for file in files if file is not None}
    others = {name.partition(".")[0] for name in finder.badmodules} - finder.modules.keys()
    return own | set(_installed(others))


def _installed(packages: Iterable[str]) -> Iterator[Path]:
    """Metadata of the distributions that packages come from; those of Python itself have none."""
    providers = packages_distributions()
    for name in {name for package in packages for name in providers.get(package, ())}:
        for file in distribution(name).files or ():
            if file.match("*.dist-info/METADATA") and len(file.parts) == 2:
                yield Path(str(file.locate()))

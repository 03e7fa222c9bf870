"""The bundle that commands use where none is named."""

from __future__ import annotations

from pathlib import Path

from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.store import BundleStore
from runtime.errors import StorageError
from runtime.home import bundles_folder


def bundle_in_use() -> Path:
    """The folder of the installed bundle in use, else of the shipped one; not verified here.

    Raises:
        BundleError: the list of installed bundles is damaged, or the bundle in use is gone.
    """
    try:
        folder = bundles_folder()
    except StorageError:  # a user without a home folder has installed nothing
        return shipped_bundle()
    return BundleStore(folder).in_use() or shipped_bundle()

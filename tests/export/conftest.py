"""One exported bundle of preset ``tiny`` for all tests of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from export.bundle import export_bundle
from export.samples import Samples
from models.backbones.tiny import tiny_tokenizer
from models.config import TINY
from models.sgmn import Sgmn, save_checkpoint
from runtime.bundle.manifest import Manifest
from tests.models.made_up_shop import PRODUCTS, make_grocery
from tests.models.tiny_network import stirred_network


@dataclass(frozen=True)
class Exported:
    """What came of an export, and what it was made from; tests leave all of it alone."""

    network: Sgmn
    checkpoint: Path
    tokenizer: Path
    root: Path
    bundle: Path
    manifest: Manifest
    samples: Samples

    @property
    def feed(self) -> Path:
        return self.root / "dev" / "catalog.csv"


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    root = make_grocery(folder / "data")
    network = stirred_network()
    checkpoint, tokenizer = folder / "checkpoint.safetensors", folder / "tokenizer.json"
    save_checkpoint(checkpoint, network, {"seed": 7})
    tiny_tokenizer(TINY.text_tokens).save(str(tokenizer))
    samples = shop_samples(root)
    manifest = export_bundle(checkpoint, tokenizer, samples, folder / "bundle")
    return Exported(network, checkpoint, tokenizer, root, folder / "bundle", manifest, samples)


def shop_samples(root: Path) -> Samples:
    """The made-up shop's photos and titles."""
    photos = sorted((root / "dev" / "images" / "train").iterdir())
    pictures = [cv2.imread(str(photo)) for photo in photos]
    return Samples(pictures, [f"{title}. {about}" for title, about, _ in PRODUCTS.values()])

"""One training run from data to checkpoint."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from models.backbones.registry import BACKBONES, TOKENIZER
from models.config import PRESETS, NetworkConfig
from models.data import sources
from models.data.corpus import Corpus
from models.sgmn import Sgmn, save_checkpoint
from models.training.bank import FeatureBank, build_bank, join
from models.training.config import TrainConfig
from models.training.episodes import EpisodeSampler
from models.training.heads import HeadTraining
from models.training.projection import ProjectionTraining
from models.training.whitening import whiten
from runtime.bundle.files import file_digest
from runtime.text import TextTokenizer
from runtime.version import __version__

Progress = Callable[..., Iterable[Any]]
CHECKPOINT = "checkpoint.safetensors"


def train(config: TrainConfig, data: Path, out: Path, progress: Progress) -> Path:
    """Train a network.

    Args:
        config: the run's settings.
        data: GroceryLPR's folder, the one that holds ``dev``.
        out: the run's folder; encoded features are kept in ``features`` beside it.
        progress: shows how far the work is.

    Returns:
        The checkpoint; the tokenizer lies beside it.
    """
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    network_config = _network_config(config)
    words = _tokenizer(config, network_config.text_tokens, out / TOKENIZER)
    network = Sgmn(network_config)
    encoders = network.load_pretrained(config.weights.file)
    network.requires_grad_(False)
    corpora = _corpora(config, data)
    bank = join([_encoded(c, network, words, out.parent / "features", progress) for c in corpora])
    groups = [item.group for corpus in corpora for item in corpus.items]
    loss = fit(network, bank, groups, config, out, progress)
    notes = _notes(config, corpora, loss)
    notes |= {"encoders": encoders, "tokenizer": file_digest(out / TOKENIZER)}
    (out / "run.json").write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    save_checkpoint(out / CHECKPOINT, network.eval(), notes)
    return out / CHECKPOINT


def fit(
    network: Sgmn,
    bank: FeatureBank,
    groups: list[str],
    config: TrainConfig,
    out: Path,
    progress: Progress,
    allowed: set[int] | None = None,
) -> float:
    """Whiten, train the heads, train the projection; returns the projection's last loss."""
    shown = set(range(len(groups))) if allowed is None else allowed
    network.query_head.requires_grad_(True)
    network.item_head.requires_grad_(True)
    network.reranker.requires_grad_(True)
    whiten(network.shared.projection, bank, shown, config.shrink)
    sampler = EpisodeSampler(
        bank,
        groups,
        frames=network.config.frames,
        batch=config.heads.batch,
        seed=config.seed,
        allowed=shown,
    )
    HeadTraining(network, bank, sampler, config.heads).run(out / "heads.csv", progress)
    return ProjectionTraining(
        network.shared.projection,
        bank,
        groups,
        config.projection,
        frames=network.config.frames,
        seed=config.seed,
        allowed=shown,
    ).run(progress)


def _corpora(config: TrainConfig, data: Path) -> list[Corpus]:
    wanted = config.data
    real = sources.grocery(data, tiers=wanted.clip_tiers, staged=wanted.staged)
    stores = [
        sources.synthetic(seed, views=wanted.store_views, takes=wanted.store_takes)
        for seed in wanted.stores
    ]
    return [real, *stores]


def _encoded(
    corpus: Corpus, network: Sgmn, words: TextTokenizer, cache: Path, progress: Progress
) -> FeatureBank:
    return build_bank(corpus, network.eval(), words, cache, progress)


def _network_config(config: TrainConfig) -> NetworkConfig:
    sizes = PRESETS[config.preset]
    quick_gelu = sizes.quick_gelu and config.weights.quick_gelu
    return replace(sizes, quick_gelu=quick_gelu)


def _tokenizer(config: TrainConfig, max_tokens: int, place: Path) -> TextTokenizer:
    """The encoder's tokenizer, kept in the run's folder for the export."""
    BACKBONES[config.preset].write_tokenizer(place, config.weights.file)
    return TextTokenizer.load(place, max_tokens)


def _notes(config: TrainConfig, corpora: list[Corpus], loss: float) -> dict[str, Any]:
    return {
        "config": config.as_dict(),
        "data": [corpus.digest for corpus in corpora],
        "commit": _commit(),
        "projection_loss": round(loss, 5),
        "versions": {
            "sgmn-edge": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "opencv-python-headless")},
        },
    }


def _commit() -> str:
    place = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=place,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()

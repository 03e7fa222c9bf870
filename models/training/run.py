"""One training run from data to checkpoint."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from models.backbones.registry import BACKBONES
from models.config import PRESETS, NetworkConfig
from models.data.corpus import Corpus
from models.sgmn import Sgmn, save_checkpoint
from models.training.bank import FeatureBank, build_bank, join
from models.training.config import TrainConfig
from models.training.curves import draw_curves
from models.training.data import Data, read_data
from models.training.distributed import World, joined_world
from models.training.ema import copied, put
from models.training.folder import RunFolder, code_versions, git_state, write_json
from models.training.pixels import PixelBatches, numbered
from models.training.prefetch import Prefetch
from models.training.spoiling import Spoiling
from models.training.stages import Progress, Run, fill_memory, fit, fit_heads, sampler, set_start
from models.training.state import Standing
from models.training.validation import RetrievalValidation
from runtime.bundle.files import file_digest
from runtime.machine import describe
from runtime.text import TextTokenizer


def train(
    config: TrainConfig, data: Path, out: Path, progress: Progress, *, restart: bool = False
) -> Path:
    """Train a network; goes on where a former call with the same settings and data ended.

    Args:
        config: the run's settings.
        data: the data set's folder; GroceryLPR's is the one that holds ``dev``.
        out: the run's folder; encoded features are kept in ``features`` beside it.
        progress: shows how far the work is.
        restart: begin anew, whatever is in the folder.

    Returns:
        The checkpoint; the tokenizer lies beside it.

    Raises:
        UsageError: the folder holds a run of other settings or data, or one that is going on.
        TrainingError: the run cannot go on.
        ExportError: the encoders' weights cannot be used.
    """
    began, folder = time.monotonic(), RunFolder(out)
    known = read_data(config.data, data, config.seed)
    digests = known.digests | _weights_digest(config)
    if not restart:
        folder.check(config.as_dict(), digests)
    with ExitStack() as held:
        world = held.enter_context(joined_world())
        if world.first:
            held.enter_context(folder.locked())
            if restart:
                folder.clear()
            folder.begin(config.as_dict(), digests)
            BACKBONES[config.preset].write_tokenizer(folder.tokenizer, config.weights.file)
        world.wait()
        network, encoders = new_network(config)
        run = Run(network, config, folder, progress, world)
        fitted = _fit_pixels if config.encoders.train else _fit_features
        standing = fitted(run, known)
        if world.first:
            notes = _notes(run, digests, encoders, standing)
            draw_curves(folder)
            save_checkpoint(folder.checkpoint, network.cpu(), notes)
            write_json(folder.path / "run.json", {**notes, **_cost(world, standing, began)})
        world.wait()
    return folder.checkpoint


def _fit_features(run: Run, data: Data) -> Standing:
    judged = [data.validation] if data.validation else []
    banks = _banks(run, (*data.corpora, *judged))
    count = len(data.corpora)
    validation = RetrievalValidation(run.network, lambda: banks[count]) if judged else None
    return fit(run, join(banks[:count]), data.groups, validation=validation)


def _banks(run: Run, corpora: Sequence[Corpus]) -> list[FeatureBank]:
    """Features, which the first process encodes while the others wait to read them."""
    if not run.world.first:
        run.world.wait()
    cache = run.folder.path.parent / "features"
    banks = [_encoded(run, corpus, cache) for corpus in corpora]
    if run.world.first:
        run.world.wait()
    return banks


def _fit_pixels(run: Run, data: Data) -> Standing:
    every = set(range(len(data.groups)))
    if run.config.encoders.closed_form:
        set_start(run, join(_banks(run, data.corpora)), every)
    run.world.share(run.network.state_dict().values())
    encoders = _encoder_weights(run.network)
    start = copied(encoders)
    shots, said = numbered(data.corpora)
    drawn = sampler(run, shots, said, data.groups, None)
    words, config = _tokenizer(run), run.network.config
    batches = PixelBatches(data.corpora, drawn, words, config, run.world, Spoiling.of(run.config))
    with Prefetch(batches, run.config.encoders.workers) as prefetched:
        standing = fit_heads(run, prefetched, _pixel_validation(run, data.validation))
    part = run.config.encoders.keep
    mixed = {n: torch.lerp(start[n], w.detach(), part) for n, w in encoders.items()}
    put(encoders, mixed)
    if run.config.encoders.closed_form:
        fill_memory(run, join(_banks(run, data.corpora)), every)
    return standing


def _pixel_validation(run: Run, corpus: Corpus | None) -> RetrievalValidation | None:
    """Encodes its clips anew whenever it is asked."""
    if corpus is None:
        return None
    quiet = replace(run, progress=lambda items, **_: items)

    def judged() -> FeatureBank:
        with TemporaryDirectory() as cache:
            return _encoded(quiet, corpus, Path(cache))

    return RetrievalValidation(run.network, judged)


def _encoder_weights(network: Sgmn) -> dict[str, torch.Tensor]:
    names = dict(network.named_parameters())
    return {n: w for n, w in names.items() if n.startswith(("frame_encoder.", "text_encoder."))}


def new_network(config: TrainConfig) -> tuple[Sgmn, str]:
    """The network before training, with its encoders' weights, and where those come from."""
    torch.manual_seed(config.seed)
    network = Sgmn(_network_config(config)).eval()
    encoders = network.load_pretrained(config.weights.file)
    network.requires_grad_(False)
    return network.to("cuda" if torch.cuda.is_available() else "cpu"), encoders


def _network_config(config: TrainConfig) -> NetworkConfig:
    sizes = PRESETS[config.preset]
    quick_gelu = sizes.quick_gelu and config.weights.quick_gelu
    return replace(sizes, quick_gelu=quick_gelu, **asdict(config.network))


def _encoded(run: Run, corpus: Corpus, cache: Path) -> FeatureBank:
    return build_bank(corpus, run.network, _tokenizer(run), cache, run.progress)


def _tokenizer(run: Run) -> TextTokenizer:
    return TextTokenizer.load(run.folder.tokenizer, run.network.config.text_tokens)


def _weights_digest(config: TrainConfig) -> dict[str, str]:
    file = config.weights.file
    return {"weights": file_digest(file)} if file is not None and file.is_file() else {}


def _notes(run: Run, digests: dict[str, str], encoders: str, standing: Standing) -> dict[str, Any]:
    """What goes into the checkpoint: nothing that differs between equal runs."""
    return {
        "config": run.config.as_dict(),
        "seed": run.config.seed,
        "data": digests,
        "encoders": encoders,
        "tokenizer": file_digest(run.folder.tokenizer),
        "git": git_state(),
        "versions": code_versions(),
        "steps": standing.step,
        "best_step": standing.best_step,
        "best_figure": standing.best_figure,
    }


def _cost(world: World, standing: Standing, began: float) -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    return {
        "machine": describe(),
        "processes": world.size,
        "threads": torch.get_num_threads(),
        "training_seconds": round(standing.seconds, 1),
        "last_call_seconds": round(time.monotonic() - began, 1),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if cuda else None,
    }

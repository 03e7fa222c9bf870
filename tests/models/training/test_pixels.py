"""Training from pixels shows what training from features shows, and moves the encoders."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from models.commands import train
from models.config import TINY
from models.data.corpus import Corpus
from models.sgmn import load_checkpoint
from models.training.bank import build_bank, join
from models.training.closed_form import CameraPictures, remember
from models.training.config import ClosedFormConfig, DataConfig, EpisodeConfig
from models.training.data import read_data
from models.training.distributed import World
from models.training.episodes import BankBatches, Episode, EpisodeSampler
from models.training.log import read_log
from models.training.pixels import PixelBatches, numbered
from models.training.prefetch import Prefetch
from runtime.text import TextTokenizer
from tests.models.made_up_bank import COUNT, made_up_corpus, quiet, tokenizer
from tests.models.made_up_shop import make_grocery
from tests.models.tiny_network import fresh_network

SETTINGS = """
preset = "tiny"
seed = 7
frozen = ["query_head.temporal"]
[data]
staged = 1
stores = []
[train]
steps = 3
batch = 4
save_every = 2
validate_every = 0
ema = 0.0
[encoders]
train = {train}
{more}
"""


def _sampler(corpora: list[Corpus], silent: float) -> EpisodeSampler:
    shots, said = numbered(corpora)
    groups = [item.group for corpus in corpora for item in corpus.items]
    config = EpisodeConfig(silent=silent)
    return EpisodeSampler(shots, said, groups, frames=4, batch=9, seed=4, config=config)


def _close(ours: Episode, theirs: Episode) -> None:
    for one, two in zip((*ours.query, *ours.item), (*theirs.query, *theirs.item), strict=True):
        # A bank pads texts to L, a batch to its longest.
        length = min(one.shape[1], two.shape[1])
        assert torch.allclose(one[:, :length], two[:, :length], atol=2e-3)
        assert not two[:, length:].any()


@pytest.mark.parametrize("world", [World(), World(1, 2)])
def test_pixels_through_the_encoders_are_the_features_of_the_bank(
    tmp_path: Path, world: World
) -> None:
    network, corpora = fresh_network(), [made_up_corpus(), made_up_corpus()]
    bank = join([build_bank(c, network, tokenizer(), tmp_path, quiet) for c in corpora])
    shots, said = numbered(corpora)
    assert (tuple(shots), said) == (bank.shots, bank.said.tolist())
    assert len(shots) == 2 * COUNT
    sampler = _sampler(corpora, 0.4)
    features = BankBatches(bank, sampler, world)
    pixels = PixelBatches(corpora, sampler, tokenizer(), TINY, world)
    for step in (0, 1):
        ours, theirs = pixels.draw(step), features.draw(step)
        with torch.inference_mode():
            encoded = ours.encoded(network)
        assert len(encoded.query[0]) == len(range(9)[world.part(9)])
        assert torch.equal(encoded.whole.items, theirs.whole.items)
        _close(encoded, theirs)


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
@pytest.mark.parametrize("trained", [True, False])
def test_the_command_trains_encoders_where_the_settings_say_so(
    tmp_path: Path, trained: bool
) -> None:
    root, out, settings = make_grocery(tmp_path / "data"), tmp_path / "run", tmp_path / "run.toml"
    settings.write_text(SETTINGS.format(train=str(trained).lower(), more=""), encoding="utf-8")
    arguments = ["--config", str(settings), "--data", str(root), "--out", str(out)]
    CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert read_log(out / "log.csv")["step"] == [0, 1, 2]
    network, _ = load_checkpoint(out / "checkpoint.safetensors")
    start = fresh_network(seed=7).state_dict()
    moved = {n for n, t in network.state_dict().items() if not torch.equal(t, start[n])}
    encoders = {n.split(".")[0] for n in moved} & {"frame_encoder", "text_encoder"}
    assert encoders == ({"frame_encoder", "text_encoder"} if trained else set())
    assert (out.parent / "features").exists() is not trained


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_encoders_go_part_of_the_way_from_a_whitened_start(tmp_path: Path) -> None:
    root, ends = make_grocery(tmp_path / "data"), {}
    for keep in (0.0, 0.25, 1.0):
        out, settings = tmp_path / "runs" / str(keep), tmp_path / "run.toml"
        more = f"rate = 1.0\nclosed_form = true\nkeep = {keep}"
        settings.write_text(SETTINGS.format(train="true", more=more), encoding="utf-8")
        arguments = ["--config", str(settings), "--data", str(root), "--out", str(out)]
        CliRunner().invoke(train, arguments, catch_exceptions=False)
        ends[keep] = load_checkpoint(out / "checkpoint.safetensors")[0].state_dict()
    name, start = "frame_encoder.head.weight", fresh_network(seed=7).state_dict()
    assert torch.equal(ends[0.0][name], start[name])
    way = ends[1.0][name] - start[name]
    assert way.abs().max() > 1e-4
    assert torch.allclose(ends[0.25][name], start[name] + 0.25 * way, atol=1e-7)
    mean = "query_head.shared.projection.frame_mean"
    assert ends[1.0][mean].any(), "set in closed form"
    heads = "query_head.shared.attention.out.weight"
    assert torch.equal(ends[0.0][heads], ends[1.0][heads])
    _check_memory(root, tmp_path / "runs" / "0.25")


def _check_memory(root: Path, out: Path) -> None:
    """It was filled with features of the encoders as they ended."""
    network, notes = load_checkpoint(out / "checkpoint.safetensors")
    kept = {name: t.clone() for name, t in network.item_head.memory.state_dict().items()}
    (corpus,) = read_data(DataConfig(staged=1, stores=()), root, notes["seed"]).corpora
    words = TextTokenizer.load(out / "tokenizer.json", network.config.text_tokens)
    bank = build_bank(corpus, network, words, out / "anew", quiet)
    seen = CameraPictures.of(bank, set(range(len(corpus.items))))
    remember(network, bank, seen, ClosedFormConfig())
    assert kept["moves"].any()
    for name, tensor in network.item_head.memory.state_dict().items():
        assert torch.allclose(kept[name], tensor, atol=1e-6)


def test_batches_drawn_ahead_are_the_same_and_faults_come_at_their_step() -> None:
    class Faulty:
        def draw(self, step: int) -> int:
            if step == 3:
                raise ValueError("broken picture")
            return step * step

    for workers in (0, 1, 4):
        with Prefetch(Faulty(), workers) as prefetched:
            assert [prefetched.draw(step) for step in (0, 1, 2)] == [0, 1, 4]
            with pytest.raises(ValueError, match="broken picture"):
                prefetched.draw(3)
            assert prefetched.draw(7) == 49


def test_no_thread_draws_on_after_the_last_step() -> None:
    class Steps:
        def draw(self, step: int) -> int:
            return step

    with Prefetch(Steps(), 4) as prefetched:
        assert prefetched.draw(0) == 0
        assert [t for t in threading.enumerate() if t.name.startswith("batches")]
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]

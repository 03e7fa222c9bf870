"""Pictures and words that are changed as they are shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.config import TINY
from models.data.augmentation.augment import OFF, Strengths
from models.data.augmentation.speech import SpeechStrengths
from models.training.config import (
    AugmentationConfig,
    EncoderConfig,
    EpisodeConfig,
    SpeechConfig,
    TrainConfig,
)
from models.training.distributed import World
from models.training.episodes import EpisodeSampler
from models.training.pixels import PixelBatches, PixelEpisode, numbered
from models.training.spoiling import Spoiling
from tests.models.made_up_bank import COUNT, made_up_corpus, tokenizer

SPOILT = Spoiling(3, Strengths(), SpeechStrengths(missing=0.2, wrong=0.2, chatter=0.2))
ONLY_WRONG = SpeechStrengths(missing=0, wrong=1, chatter=0, recognised=0, misheard=0)


def _drawn(step: int, spoiling: Spoiling | None, world: World | None = None) -> PixelEpisode:
    corpora = [made_up_corpus(), made_up_corpus()]
    shots, said = numbered(corpora)
    groups = [item.group for item in corpora[0].items] * 2
    config = EpisodeConfig(silent=0.3)
    sampler = EpisodeSampler(shots, said, groups, frames=3, batch=9, seed=4, config=config)
    batches = PixelBatches(corpora, sampler, tokenizer(), TINY, world or World(), spoiling)
    return batches.draw(step)


def _words(episode: PixelEpisode) -> torch.Tensor:
    return episode.words.ids * episode.words.mask


def test_a_step_is_always_spoilt_alike_and_no_step_as_another() -> None:
    one, same, plain = _drawn(2, SPOILT), _drawn(2, SPOILT), _drawn(2, None)
    assert torch.equal(one.frames, same.frames)
    assert torch.equal(_words(one), _words(same))
    assert not torch.equal(one.frames, plain.frames)
    assert torch.equal(one.items, plain.items), "shop pictures stay"
    assert torch.equal(one.titles.ids, plain.titles.ids)
    picture, corpus = np.full((20, 20, 3), 90, np.uint8), made_up_corpus()
    changed = {SPOILT.picture(picture, corpus, 0, (step, 0, 0)).tobytes() for step in range(8)}
    assert len(changed) > 4


def test_processes_show_together_what_one_shows() -> None:
    whole = _drawn(1, SPOILT)
    parts = [_drawn(1, SPOILT, World(rank, 2)) for rank in (0, 1)]
    assert torch.equal(torch.cat([part.frames for part in parts]), whole.frames)
    told = [part.whole.told for part in parts]
    assert torch.equal(told[0], whole.whole.told)
    assert torch.equal(told[1], whole.whole.told)
    assert torch.equal(torch.cat([part.words.there for part in parts]), whole.words.there)


def test_words_about_another_product_tell_nothing_of_this_one() -> None:
    corpus = made_up_corpus()
    for item in range(COUNT):
        heard = Spoiling(speech=ONLY_WRONG).sentence("this is", corpus, item, (0, item))
        assert heard.text in corpus.spoken[item ^ 1], "its look-alike's"
    wrong, right = _drawn(2, Spoiling(speech=ONLY_WRONG)), _drawn(2, None)
    assert right.whole.told.any()
    assert torch.equal(right.whole.told, right.whole.spoken)
    assert not wrong.whole.told.any()
    assert torch.equal(wrong.whole.spoken, right.whole.spoken), "but they are heard"
    assert not torch.equal(_words(wrong), _words(right))


def test_missing_speech_is_silence() -> None:
    missing = Spoiling(speech=SpeechStrengths(missing=1, wrong=0, chatter=0))
    found = _drawn(2, missing)
    assert not found.words.there.any()
    assert not found.whole.told.any()


def test_strengths_of_nothing_leave_everything() -> None:
    gentle = Spoiling(3, OFF, SpeechStrengths(missing=0, wrong=0, chatter=0, misheard=0))
    one, plain = _drawn(2, gentle), _drawn(2, None)
    assert torch.equal(one.frames, plain.frames)
    assert torch.equal(_words(one), _words(plain))


def test_settings_are_off_unless_asked_and_need_encoders_that_are_trained() -> None:
    assert Spoiling.of(TrainConfig(seed=5)) == Spoiling(5)
    on = {"augmentation": AugmentationConfig(on=True, blur=1), "speech": SpeechConfig(on=True)}
    trained = EncoderConfig(train=True, closed_form=True)
    config = TrainConfig(encoders=trained, **on)  # type: ignore[arg-type]
    found = Spoiling.of(config)
    assert found.pictures is not None
    assert found.speech is not None
    assert found.pictures.blur == 1
    for name, section in on.items():
        with pytest.raises(ValueError, match=rf"\[{name}\] needs \[encoders\] train"):
            TrainConfig(**{name: section})  # type: ignore[arg-type]

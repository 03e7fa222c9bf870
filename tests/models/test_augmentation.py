"""Pictures and speech made harder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from models.data.augmentation import operations
from models.data.augmentation.augment import OFF, Context, Strengths, augment
from models.data.augmentation.speech import SpeechStrengths, spoil, wrong_sentences
from models.data.corpus import Corpus, CorpusItem, Shot
from models.data.sentences import CHATTER

BgrImage = npt.NDArray[np.uint8]
GREY = np.full((40, 60, 3), 100, np.uint8)
RED, GREEN, BLUE = (0, 0, 200), (0, 200, 0), (200, 0, 0)


def _plain(colour: tuple[int, int, int], height: int = 40, width: int = 60) -> BgrImage:
    return np.full((height, width, 3), colour, np.uint8)


def _product(colour: tuple[int, int, int]) -> BgrImage:
    white = np.full((50, 50, 3), 255, np.uint8)
    white[10:40, 10:40] = colour
    return white


def _share(picture: BgrImage, colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture.astype(int) - colour).max(2) < 30).mean())


OPERATIONS: list[Callable[[BgrImage, np.random.Generator], BgrImage]] = [
    lambda p, rng: operations.shrink_into(p, _plain(RED, 30, 80), rng, 0.4),
    lambda p, rng: operations.beside(p, _plain(RED, 90, 30), rng, 0.4),
    lambda p, rng: operations.paste(p, _product(RED), rng, 0.4),
    lambda p, rng: operations.occlude(p, rng, 0.4),
    lambda p, rng: operations.recolour(p, rng, 0.1, (0.6, 1.4)),
    lambda p, rng: operations.blur(p, rng, 0.1),
    lambda p, rng: operations.compress(p, rng, 5),
]


@pytest.mark.parametrize("change", OPERATIONS)
@pytest.mark.parametrize("size", [(40, 60), (60, 40), (1, 1), (9, 3)])
def test_size_and_input_are_kept(
    change: Callable[[BgrImage, np.random.Generator], BgrImage], size: tuple[int, int]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = picture.copy()
    for seed in range(8):
        out = change(picture, np.random.default_rng(seed))
        assert (out.shape, out.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("change", OPERATIONS)
def test_the_seed_decides_and_the_picture_changes(
    change: Callable[[BgrImage, np.random.Generator], BgrImage],
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    first, again, other = (change(picture, np.random.default_rng(s)) for s in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, picture)


@pytest.mark.parametrize("seed", range(5))
def test_a_shrunk_picture_keeps_its_least_part(seed: int) -> None:
    out = operations.shrink_into(GREY, _plain(RED), np.random.default_rng(seed), 0.5)
    assert 0.5**2 * 0.9 <= _share(out, (100, 100, 100)) <= 0.9**2 + 0.01
    assert _share(out, (100, 100, 100)) + _share(out, RED) == 1


def test_a_stranger_takes_one_side_and_not_always_the_same() -> None:
    sides = set()
    for seed in range(12):
        out = operations.beside(GREY, _plain(RED), np.random.default_rng(seed), 0.4)
        left, right = _share(out[:, :1], RED), _share(out[:, -1:], RED)
        assert {left, right} == {0.0, 1.0}
        assert 0.15 < _share(out, RED) <= 0.4
        sides.add(left)
    assert sides == {0.0, 1.0}


@pytest.mark.parametrize("seed", range(5))
def test_a_pasted_product_comes_without_its_paper(seed: int) -> None:
    out = operations.paste(GREY, _product(RED), np.random.default_rng(seed), 0.6)
    assert 0.01 < _share(out, RED) < 0.3
    assert _share(out, (255, 255, 255)) < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_a_cover_hides_no_more_than_it_may(seed: int) -> None:
    out = operations.occlude(GREY, np.random.default_rng(seed), 0.4)
    changed = (out != GREY).any(2)
    assert 0.2**2 * 0.8 < changed.mean() <= 0.4**2
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_light_changes_channels_by_one_factor_each() -> None:
    out = operations.recolour(GREY, np.random.default_rng(1), 0.1, (0.5, 0.6))
    assert len(np.unique(out.reshape(-1, 3), axis=0)) == 1
    assert 35 < out[0, 0].mean() < 75
    assert len(set(out[0, 0].tolist())) > 1
    still = operations.recolour(GREY, np.random.default_rng(1), 0.0, (1.0, 1.0))
    assert np.array_equal(still, GREY)


def _corpus() -> Corpus:
    def item(name: str, colour: tuple[int, int, int]) -> CorpusItem:
        return CorpusItem(name, name, "", "", "", partial(_product, colour))

    shots = (
        Shot(0, "photo", (partial(_plain, RED),)),
        Shot(1, "photo", (partial(_plain, GREEN),)),
        Shot(2, "clip", (partial(_plain, BLUE),), also=(0,)),
    )
    items = (item("red", RED), item("green", GREEN), item("blue", BLUE))
    return Corpus(items, shots, (), "")


def test_nothing_that_is_right_is_ever_a_distractor() -> None:
    rng = np.random.default_rng(0)
    alone = Context(_corpus(), frozenset({0, 2}))
    shop = [alone.product(rng) for _ in range(20)]
    scenes = [alone.scene(rng) for _ in range(20)]
    assert all(p is not None and np.array_equal(p, _product(GREEN)) for p in shop)
    assert all(s is not None and np.array_equal(s, _plain(GREEN)) for s in scenes)
    # The third shot is another product's, but shows the first one as well.
    some = [Context(_corpus(), frozenset({0, 1})).scene(rng) for _ in range(20)]
    assert some == [None] * 20


def test_without_others_pictures_stay_as_they_are() -> None:
    context = Context(_corpus(), frozenset({0, 1, 2}))
    strong = replace(OFF, shrink=1, beside=1, paste=1)
    assert np.array_equal(augment(GREY, context, np.random.default_rng(0), strong), GREY)


def test_off_changes_nothing_and_the_seed_decides() -> None:
    context, picture = Context(_corpus(), frozenset({0})), _plain(RED)
    assert np.array_equal(augment(picture, context, np.random.default_rng(0), OFF), picture)
    made = [augment(picture, context, np.random.default_rng(s)).tobytes() for s in (*range(9), 0)]
    assert made[0] == made[-1]
    assert len(set(made)) > 4


def test_one_change_does_not_depend_on_the_others() -> None:
    context = Context(_corpus(), frozenset({0}))
    alone = augment(GREY, context, np.random.default_rng(5), replace(OFF, occlude=1))
    lit = augment(GREY, context, np.random.default_rng(5), replace(OFF, occlude=1, recolour=1))
    covered = (alone != GREY).any(2)
    assert covered.any()
    assert len(np.unique(lit[~covered].reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(lit[covered].reshape(-1, 3), axis=0)) == 1


def test_a_generator_goes_on_from_its_state_alone() -> None:
    context, rng = Context(_corpus(), frozenset({0})), np.random.default_rng(8)
    augment(GREY, context, rng)
    resumed = np.random.default_rng(0)
    resumed.bit_generator.state = rng.bit_generator.state
    always = Strengths(occlude=1, recolour=1)
    again = augment(GREY, context, resumed, always)
    assert np.array_equal(augment(GREY, context, rng, always), again)


def test_chances_hold() -> None:
    context, rng = Context(_corpus(), frozenset({0})), np.random.default_rng(0)
    strong = replace(OFF, occlude=0.3)
    changed = [not np.array_equal(augment(GREY, context, rng, strong), GREY) for _ in range(400)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.07)


NEVER = SpeechStrengths(missing=0, wrong=0, chatter=0, recognised=0, misheard=0)


def _fates(strengths: SpeechStrengths, others: tuple[str, ...] = ("the blue one",)) -> Counter[str]:
    rng = np.random.default_rng(0)
    return Counter(spoil("the red one", others, rng, strengths).fate for _ in range(1000))


def test_speech_fails_as_often_as_it_should() -> None:
    found = _fates(replace(NEVER, missing=0.3, wrong=0.2, chatter=0.1))
    for fate, chance in {"missing": 0.3, "wrong": 0.2, "chatter": 0.1, "said": 0.4}.items():
        assert found[fate] / 1000 == pytest.approx(chance, abs=0.05)


def test_each_fate_says_its_own() -> None:
    rng = np.random.default_rng(0)

    def heard(**changes: float) -> str:
        return spoil("the red one", ["the blue one"], rng, replace(NEVER, **changes)).text

    assert heard() == "the red one"
    assert heard(missing=1) == ""
    assert heard(wrong=1) == "the blue one"
    assert heard(chatter=1) in CHATTER
    assert any(heard(misheard=1, rate=0.5) != "the red one" for _ in range(10))


def test_without_a_sibling_nothing_is_wrong() -> None:
    assert _fates(replace(NEVER, wrong=1), ()) == Counter(said=1000)


def test_wrong_sentences_are_about_look_alikes_that_are_not_right() -> None:
    def item(name: str, group: str) -> CorpusItem:
        return CorpusItem(name, name, "", "", group, partial(_product, RED))

    items = (item("a", "x"), item("b", "x"), item("c", "y"), item("d", "x"))
    sentences = ((0, "an a"), (1, "a b"), (2, "a c"), (3, "a d"), (1, "more b"))
    corpus = Corpus(items, (), sentences, "")
    assert wrong_sentences(corpus, (0,)) == ["a b", "more b", "a d"]
    assert wrong_sentences(corpus, (0, 3)) == ["a b", "more b"]
    assert wrong_sentences(corpus, (2,)) == []


def test_real_errors_stand_in_where_they_are_known() -> None:
    rng, strong = np.random.default_rng(0), replace(NEVER, recognised=1)
    known = {"the red one": ["the read won", "a red one"]}
    texts = {spoil("the red one", (), rng, strong, known).text for _ in range(30)}
    assert texts == {"the read won", "a red one"}
    assert spoil("the blue one", (), rng, strong, known).text == "the blue one"

"""What is published of items and their photos, by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.manifest import PublishRule
from runtime.catalog.catalog import Item, ItemVectors
from runtime.catalog.publisher import (
    PHOTO_PUBLISHER,
    PhotoPublisher,
    PublishedVectors,
    check_published,
)
from runtime.errors import CatalogError

RULE = PublishRule(memory_share=0.25, bonus=0.1, hubness=0.5, usual=0.6, least=0.2)
BIAS = 2
"""Place of the bias: vectors here are two visual numbers, the bias and one of text."""


def shop(*visuals: Sequence[float]) -> tuple[list[Item], list[ItemVectors]]:
    """Items p0, p1, ... of these visual halves, with texts 10, 11, ..."""
    items = [Item(f"p{n}", f"Product {n}", "", Path("x.png")) for n in range(len(visuals))]
    vectors = [
        ItemVectors(np.array([*v, 0, 10 + n], np.float32), np.full((2, 3), n, np.float32))
        for n, v in enumerate(visuals)
    ]
    return items, vectors


def publish(
    shelf: tuple[list[Item], list[ItemVectors]],
    photos: Mapping[str, Sequence[Sequence[float]]],
    rule: PublishRule = RULE,
) -> PublishedVectors:
    seen = {name: np.array(rows, np.float32) for name, rows in photos.items()}
    return PhotoPublisher(rule).publish(*shelf, seen)


def test_without_photos_everything_is_the_network_s_own() -> None:
    shelf = shop((1, 0), (0.6, 0.8))
    made = publish(shelf, {})
    assert np.array_equal(made.items, np.stack([v.item for v in shelf[1]]))
    assert np.array_equal(made.nodes, np.stack([v.nodes for v in shelf[1]]))
    made.items[:] = 5
    assert shelf[1][0].item[0] == 1, "a copy"


def test_an_item_is_its_photos_mixed_with_what_the_network_knows() -> None:
    """Photos of (0, 1) twice at different lengths, and the own vector (1, 0): 3 to 1."""
    made = publish(shop((1, 0), (1, 0)), {"p0": [(0, 5), (0, 0.5)]})
    assert made.items[0, :BIAS] == pytest.approx(np.array([0.25, 0.75]) / np.hypot(0.25, 0.75))
    assert made.items[0, BIAS:].tolist() == [0, 10], "no bias; the text stays"
    assert made.nodes[:, 0, 0].tolist() == [0, 1]


def test_photos_that_differ_weigh_as_much_as_ones_that_agree() -> None:
    made = publish(shop((1, 0)), {"p0": [(0, 5), (0.1, 0)]})
    mixed = 0.75 * np.sqrt([0.5, 0.5]) + [0.25, 0]
    assert made.items[0, :BIAS] == pytest.approx(mixed / np.linalg.norm(mixed))


def test_photos_count_alike_whatever_their_length() -> None:
    rule = RULE.model_copy(update={"memory_share": 0.0})
    made = publish(shop((1, 0)), {"p0": [(0, 5), (0.1, 0)]}, rule)
    assert made.items[0, :BIAS] == pytest.approx(np.sqrt([0.5, 0.5]))


def test_an_item_without_photos_gets_less_bias_the_more_it_resembles_one_with_them() -> None:
    """p0 has photos and stays (1, 0); cosines with it are 1, 0.6 and, capped below, -1."""
    made = publish(shop((1, 0), (1, 0), (0.6, 0.8), (-1, 0)), {"p0": [(1, 0)]})
    expected = [0, 0.1 - 0.5 * 0.4, 0.1, 0.1 + 0.5 * 0.4]
    assert made.items[:, BIAS] == pytest.approx(expected)
    assert np.array_equal(made.items[1:, :BIAS], np.array([[1, 0], [0.6, 0.8], [-1, 0]], "f4"))
    assert made.items[:, BIAS + 1].tolist() == [10, 11, 12, 13]


def test_the_nearest_of_all_photographed_items_decides() -> None:
    made = publish(shop((1, 0), (0, 1), (0.6, 0.8)), {"p0": [(1, 0)], "p1": [(0, 1)]})
    assert made.items[2, BIAS] == pytest.approx(0.1 - 0.5 * (0.8 - 0.6), abs=1e-6)


def test_resemblance_is_to_the_published_vector() -> None:
    """The own vector of p0 is p1's; its photos are of something else."""
    rule = RULE.model_copy(update={"memory_share": 0.0})
    made = publish(shop((1, 0), (1, 0)), {"p0": [(0, 1)]}, rule)
    assert made.items[1, BIAS] == pytest.approx(0.1 - 0.5 * (0.2 - 0.6))


def test_where_all_have_photos_no_bias_is_left() -> None:
    made = publish(shop((1, 0), (0, 1)), {"p0": [(0, 1)], "p1": [(1, 0)]})
    assert not made.items[:, BIAS].any()


def test_the_bias_counts_in_a_search_as_far_as_the_clip_is_clear() -> None:
    """The query holds its quality where the item holds its bias."""
    made = publish(shop((1, 0), (-1, 0)), {"p0": [(1, 0)]})
    clear, blurred = (made.items[:, : BIAS + 1] @ np.array([0, 1, q]) for q in (1.0, 0.3))
    assert clear[1] - clear[0] == pytest.approx(0.3)
    assert blurred[1] - blurred[0] == pytest.approx(0.09)


def test_a_photo_of_nothing_and_an_empty_catalog_are_finite() -> None:
    made = publish(shop((1, 0), (0, 1)), {"p0": [(0, 0)]})
    assert made.items[0, :BIAS].tolist() == [1, 0], "what the network knows is all there is"
    assert np.isfinite(made.items).all()
    assert PHOTO_PUBLISHER.publish([], [], {}).items.shape == (0, 0)


def test_the_same_input_gives_the_same_bits() -> None:
    draw = np.random.default_rng(3)
    shelf = shop(*draw.standard_normal((40, BIAS)).astype(np.float32))
    photos = {f"p{n}": draw.standard_normal((3, BIAS)) for n in range(0, 40, 3)}
    first = publish(shelf, photos)
    turned = publish(shelf, dict(reversed(photos.items())))
    assert first.items.tobytes() == turned.items.tobytes()


def test_a_publisher_is_held_to_its_promise() -> None:
    made = publish(shop((1, 0)), {})
    check_published(made, 1)
    with pytest.raises(ValueError, match="made 1 of 2"):
        check_published(made, 2)
    made.items[0, 0] = np.inf
    with pytest.raises(CatalogError, match="not finite"):
        check_published(made, 1)

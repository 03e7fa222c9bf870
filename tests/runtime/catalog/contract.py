"""What every `Catalog` must do.

Subclass it and give a fixture ``catalog``: an empty one that publishes with `PLAIN`.
"""

from __future__ import annotations

import numpy as np
import pytest

from runtime.bundle.manifest import PublishRule
from runtime.catalog.catalog import Catalog, ItemVectors, PhotoVector
from runtime.catalog.publisher import PhotoPublisher
from runtime.errors import CatalogError

PLAIN = PhotoPublisher(PublishRule(memory_share=0, bonus=0, hubness=0))
"""Photos replace the visual half; nothing else changes."""


def axis(*values: float) -> ItemVectors:
    item = np.array(values, np.float32)
    return ItemVectors(item, np.outer([1, 2], item).astype(np.float32))


def seen(*values: float) -> PhotoVector:
    return PhotoVector(np.array(values, np.float32))


class CatalogContract:
    def test_it_follows_the_protocol(self, catalog: Catalog) -> None:
        assert isinstance(catalog, Catalog)

    def test_an_empty_catalog_answers(self, catalog: Catalog) -> None:
        assert catalog.items() == []
        assert catalog.get("a") is None
        assert catalog.search(np.ones(2, np.float32), 3) == []
        assert catalog.stats().items == 0

    def test_nothing_is_visible_before_publish(self, catalog: Catalog, make_item) -> None:
        assert catalog.upsert([(make_item("a"), axis(1, 0))]) == 1
        assert catalog.items() == []
        assert catalog.search(np.ones(2, np.float32), 3) == []
        catalog.publish()
        assert [item.id for item in catalog.items()] == ["a"]

    def test_removals_are_not_visible_before_publish(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0)), (make_item("b"), axis(0, 1))])
        catalog.publish()
        assert catalog.delete(["a", "unknown"]) == 1
        assert catalog.get("a") is not None
        catalog.publish()
        assert catalog.get("a") is None
        assert [hit.item.id for hit in catalog.search(np.ones(2, np.float32), 9)] == ["b"]

    def test_a_removal_counts_once(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        assert catalog.delete(["a", "a"]) == 1
        assert catalog.delete(["a"]) == 0

    def test_a_staged_item_can_be_removed(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0)), (make_item("b"), axis(0, 1))])
        assert catalog.delete(["a"]) == 1
        catalog.publish()
        assert [item.id for item in catalog.items()] == ["b"]

    def test_a_removed_item_can_come_back(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        catalog.delete(["a"])
        catalog.upsert([(make_item("a", title="again"), axis(0, 1))])
        catalog.publish()
        assert [item.title for item in catalog.items()] == ["again"]

    def test_all_fields_come_back(self, catalog: Catalog, make_item) -> None:
        given = make_item(
            "a", title="Ä ''; --", description="two\nlines", group="g", attributes={"k": "ü"}
        )
        catalog.upsert([(given, axis(1, 0))])
        catalog.publish()
        got = catalog.get("a")
        assert got is not None
        assert (got.title, got.description) == (given.title, given.description)
        assert (got.group, got.attributes) == (given.group, given.attributes)
        assert got.image.read_bytes() == given.image.read_bytes()

    def test_the_last_upsert_wins(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a", title="old"), axis(1, 0))])
        catalog.publish()
        catalog.upsert([(make_item("a", title="new"), axis(0, 1))])
        catalog.publish()
        (hit,) = catalog.search(np.array([0, 1], np.float32), 5)
        assert (hit.item.title, hit.score) == ("new", 1.0)

    def test_search_is_best_first_and_ties_are_in_order_of_id(
        self, catalog: Catalog, make_item
    ) -> None:
        catalog.upsert(
            (make_item(i), axis(s, 0)) for i, s in [("c", 1), ("a", 1), ("z", 3), ("b", 1)]
        )
        catalog.publish()
        query = np.array([2, 0], np.float32)
        assert [(h.item.id, h.score) for h in catalog.search(query, 3)] == [
            ("z", 6.0),
            ("a", 2.0),
            ("b", 2.0),
        ]
        assert len(catalog.search(query, 100)) == 4

    def test_a_beginning_of_a_query_is_the_query_with_zeros_behind(
        self, catalog: Catalog, make_item
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 9)), (make_item("b"), axis(2, 0))])
        catalog.publish()
        found = catalog.search(np.array([3], np.float32), 2)
        assert [(h.item.id, h.score) for h in found] == [("b", 6.0), ("a", 3.0)]
        assert found == catalog.search(np.array([3, 0], np.float32), 2)

    def test_a_prior_is_added_before_the_best_are_taken(self, catalog: Catalog, make_item) -> None:
        catalog.upsert((make_item(i), axis(s, 0)) for i, s in [("c", 3), ("a", 1), ("b", 2)])
        catalog.publish()
        prior = np.array([5, 0.5, -1], np.float32)
        found = catalog.search(np.array([1], np.float32), 2, prior)
        assert [(h.row, h.item.id, h.score) for h in found] == [(0, "a", 6.0), (1, "b", 2.5)]
        level = catalog.search(np.array([1], np.float32), 3, np.array([2, 1, 0], np.float32))
        assert [h.item.id for h in level] == ["a", "b", "c"], "ties in order of id"
        assert catalog.search(np.array([1], np.float32), 1)[0].item.id == "c", "no prior stays"

    def test_scores_are_of_a_part_of_the_vector(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("b"), axis(1, 2, 3)), (make_item("a"), axis(-1, 0, 5))])
        catalog.publish()
        for part, start, expected in [
            ([2], 0, [-2, 2]),
            ([1, 10], 1, [50, 32]),
            ([7], 2, [35, 21]),
        ]:
            scores = catalog.scores(np.array(part, np.float32), start)
            assert (scores.dtype, scores.tolist()) == (np.float32, expected)

    def test_an_empty_catalog_has_no_scores(self, catalog: Catalog) -> None:
        assert catalog.scores(np.ones(2, np.float32), 1).shape == (0,)
        assert catalog.search(np.ones(2, np.float32), 3, np.zeros(0, np.float32)) == []

    def test_every_state_has_a_snapshot_of_its_own(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        first = catalog.publish()
        assert catalog.snapshot == first
        catalog.upsert([(make_item("b"), axis(0, 1))])
        assert catalog.snapshot == first, "what is staged is not seen"
        assert catalog.publish() == catalog.snapshot != first
        catalog.rollback()
        assert catalog.snapshot == first

    def test_k_below_one_is_refused(self, catalog: Catalog) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            catalog.search(np.ones(2, np.float32), 0)

    def test_vectors_come_in_the_order_asked(self, catalog: Catalog, make_item) -> None:
        catalog.upsert((make_item(i), axis(n, -n)) for n, i in enumerate("abc"))
        catalog.publish()
        rows = [hit.row for hit in catalog.search(np.array([1, 0], np.float32), 3)]
        items, nodes = catalog.vectors(rows)
        assert items.dtype == nodes.dtype == np.float32
        assert items.tolist() == [[2, -2], [1, -1], [0, 0]]
        assert nodes.tolist()[0] == [[2, -2], [4, -4]]

    def test_rollback_returns_to_the_snapshot_before(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        first = catalog.publish()
        catalog.upsert([(make_item("b"), axis(0, 1))])
        second = catalog.publish()
        assert first != second
        assert catalog.rollback() == first
        assert catalog.stats().snapshot == first
        assert [item.id for item in catalog.items()] == ["a"]
        assert len(catalog.search(np.ones(2, np.float32), 9)) == 1

    def test_rollback_needs_an_earlier_snapshot(self, catalog: Catalog, make_item) -> None:
        with pytest.raises(CatalogError, match="no earlier"):
            catalog.rollback()
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        with pytest.raises(CatalogError, match="no earlier"):
            catalog.rollback()
        assert catalog.get("a") is not None

    def test_what_was_rolled_back_does_not_return(self, catalog: Catalog, make_item) -> None:
        names = []
        for title in ("good", "bad", "worse"):
            catalog.upsert([(make_item("a", title=title), axis(len(names), 1))])
            names.append(catalog.publish())
            if title == "bad":
                catalog.rollback()
        assert catalog.rollback() == names[0]
        item = catalog.get("a")
        assert item is not None
        assert item.title == "good"

    def test_rollback_drops_what_is_staged(self, catalog: Catalog, make_item) -> None:
        for name in ("a", "b"):
            catalog.upsert([(make_item(name), axis(1, 0))])
            catalog.publish()
        catalog.upsert([(make_item("c"), axis(1, 0))])
        catalog.rollback()
        catalog.publish()
        assert [item.id for item in catalog.items()] == ["a"]

    def test_stats_follow_the_snapshot(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        name = catalog.publish()
        stats = catalog.stats()
        assert (stats.items, stats.snapshot) == (1, name)
        assert stats.size_bytes > 0

    def test_everything_can_be_removed(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        catalog.delete(["a"])
        catalog.publish()
        assert catalog.items() == []
        assert catalog.search(np.ones(2, np.float32), 1) == []

    def test_vectors_that_are_not_numbers_are_refused(self, catalog: Catalog, make_item) -> None:
        with pytest.raises(CatalogError, match="finite"):
            catalog.upsert([(make_item("a"), axis(float("nan"), 0))])

    def test_vectors_of_different_sizes_are_refused(self, catalog: Catalog, make_item) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0)), (make_item("b"), axis(1, 0, 0))])
        with pytest.raises(CatalogError, match="shapes"):
            catalog.publish()

    def test_photos_take_the_place_of_the_visual_half(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        """Their unit mean; the words' half, the nodes and other items stay."""
        catalog.upsert([(make_item("a"), axis(1, 0, 0, 7)), (make_item("b"), axis(0, 1, 0, 8))])
        catalog.publish()
        photos = [(make_photo(1), seen(0, -2)), (make_photo(2), seen(3, 0))]
        assert catalog.enrol("a", photos) == 2
        catalog.publish()
        items, nodes = catalog.vectors([0, 1])
        half = np.sqrt(0.5)
        np.testing.assert_allclose(items, [[half, -half, 0, 7], [0, 1, 0, 8]], rtol=1e-6)
        assert nodes[0].tolist() == axis(1, 0, 0, 7).nodes.tolist()
        (hit,) = catalog.search(np.array([0, -1, 0, 0], np.float32), 1)
        assert hit.item.id == "a"

    def test_photos_are_not_visible_before_publish(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        catalog.enrol("a", [(make_photo(1), seen(-1))])
        assert catalog.photos() == {}
        assert catalog.vectors([0])[0].tolist() == [[1, 0]]
        catalog.publish()
        assert catalog.stats().photos == 1
        (photo,) = catalog.photos()["a"]
        assert photo.read_bytes() == make_photo(1).read_bytes()

    def test_the_same_photo_counts_once(self, catalog: Catalog, make_item, make_photo) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0)), (make_item("b"), axis(1, 1))])
        assert catalog.enrol("a", [(make_photo(1), seen(1)), (make_photo(1), seen(1))]) == 1
        catalog.publish()
        assert catalog.enrol("a", [(make_photo(1), seen(1)), (make_photo(2), seen(2))]) == 1
        assert catalog.enrol("b", [(make_photo(1), seen(1))]) == 1, "of another item"
        catalog.publish()
        assert {item_id: len(paths) for item_id, paths in catalog.photos().items()} == {
            "a": 2,
            "b": 1,
        }

    def test_the_order_of_enrolment_does_not_matter(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        photos = [(make_photo(n), seen(n, 1)) for n in range(5)]
        catalog.upsert([(make_item("a"), axis(1, 0, 0))])
        catalog.enrol("a", photos)
        first = catalog.publish()
        catalog.forget("a")
        assert catalog.publish() != first
        for photo in reversed(photos):
            catalog.enrol("a", [photo])
        assert catalog.publish() == first

    def test_forgetting_brings_the_own_vector_back(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0)), (make_item("b"), axis(1, 1))])
        catalog.publish()
        catalog.enrol("a", [(make_photo(1), seen(-1)), (make_photo(2), seen(-2))])
        catalog.enrol("b", [(make_photo(1), seen(-1))])
        catalog.publish()
        assert catalog.forget("a") == 2
        assert catalog.forget("a") == 0
        catalog.publish()
        assert catalog.vectors([0, 1])[0].tolist() == [[1, 0], [-1, 1]]
        assert list(catalog.photos()) == ["b"]

    def test_photos_stay_with_an_item_that_changes(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.enrol("a", [(make_photo(1), seen(-1))])
        catalog.publish()
        catalog.upsert([(make_item("a", title="new"), axis(1, 5))])
        catalog.publish()
        assert catalog.vectors([0])[0].tolist() == [[-1, 5]]

    def test_photos_go_with_their_item(self, catalog: Catalog, make_item, make_photo) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0)), (make_item("b"), axis(1, 1))])
        catalog.enrol("a", [(make_photo(1), seen(-1))])
        catalog.publish()
        catalog.delete(["a"])
        catalog.publish()
        assert catalog.photos() == {}
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        assert catalog.vectors([0])[0].tolist() == [[1, 0]]
        assert catalog.stats().photos == 0

    def test_rollback_brings_photos_back_and_takes_them_away(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        catalog.enrol("a", [(make_photo(1), seen(-1))])
        catalog.publish()
        catalog.delete(["a"])
        catalog.publish()
        catalog.rollback()
        assert catalog.vectors([0])[0].tolist() == [[-1, 0]]
        assert catalog.photos()["a"][0].is_file()
        catalog.rollback()
        assert catalog.photos() == {}
        catalog.enrol("a", [(make_photo(2), seen(-3))])
        catalog.publish()
        assert catalog.vectors([0])[0].tolist() == [[-1, 0]]

    def test_rollback_drops_staged_photos(self, catalog: Catalog, make_item, make_photo) -> None:
        for value in (1, 2):
            catalog.upsert([(make_item("a", title=str(value)), axis(value, 0))])
            catalog.publish()
        catalog.enrol("a", [(make_photo(1), seen(-1))])
        catalog.rollback()
        catalog.publish()
        assert catalog.photos() == {}

    def test_photos_of_an_unknown_item_are_refused(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("oat-1l"), axis(1, 0)), (make_item("soy"), axis(1, 1))])
        catalog.publish()
        with pytest.raises(CatalogError, match=r"no product oat-2l.*nearest ids are oat-1l\."):
            catalog.enrol("oat-2l", [(make_photo(1), seen(1))])
        with pytest.raises(CatalogError, match="no product zzz"):
            catalog.forget("zzz")
        catalog.delete(["soy"])
        with pytest.raises(CatalogError, match="no product soy"):
            catalog.enrol("soy", [(make_photo(1), seen(1))])

    def test_photo_vectors_that_cannot_be_used_are_refused(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 0))])
        catalog.publish()
        with pytest.raises(CatalogError, match="finite"):
            catalog.enrol("a", [(make_photo(1), seen(float("inf")))])
        for vectors in ([seen(1), seen(1, 0)], [seen(1, 0)], [seen(1, 0, 0)]):
            catalog.forget("a")
            catalog.enrol("a", [(make_photo(n), vector) for n, vector in enumerate(vectors)])
            with pytest.raises(CatalogError, match="shapes"):
                catalog.publish()
        assert catalog.photos() == {}

    def test_a_photo_of_nothing_spoils_nothing(
        self, catalog: Catalog, make_item, make_photo
    ) -> None:
        catalog.upsert([(make_item("a"), axis(1, 5))])
        catalog.enrol("a", [(make_photo(1), seen(0))])
        catalog.publish()
        assert catalog.vectors([0])[0].tolist() == [[0, 5]]

    def test_close_is_legal_twice(self, catalog: Catalog) -> None:
        catalog.close()
        catalog.close()

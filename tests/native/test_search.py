"""The native search against NumPy's. The GPU library shares its arithmetic and its sort."""

import ctypes

import numpy as np
import pytest

from runtime.catalog.search import best_rows
from runtime.engines.native import LIBRARY_VARIABLE, Rows, Search, find_kernels
from runtime.errors import GpuError
from tests.native.binding import CPU_LIBRARY, CUDA_LIBRARY, OK, copy_rows, load, search
from tests.native.test_preprocess import NATIVE

SIZES = [1, 2, 31, 32, 1023, 1024, 1025, 2048, 4097, 40_000]


def _exact(rng: np.random.Generator, rows: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Small whole numbers: their sums are the same in any order, and ties are many."""
    items = rng.integers(-3, 4, (rows, length)).astype(np.float32)
    return items, rng.integers(-3, 4, length).astype(np.float32)


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("best", [1, 32, 256])
def test_the_best_rows_are_found_and_ties_keep_their_order(rows: int, best: int) -> None:
    items, query = _exact(np.random.default_rng(rows), rows, 9)
    status, found, scores = search(items, query, best)
    wanted = best_rows(items @ query, best)
    count = min(rows, best)
    assert status == OK
    assert found[:count].tolist() == wanted[:count].tolist()
    assert scores[:count].tolist() == (items @ query)[wanted[:count]].tolist()
    assert (found[count:] == -1).all()
    assert not scores[count:].any()


@pytest.mark.parametrize("length", [1, 31, 32, 33, 257])
def test_part_of_a_row_counts_and_the_prior_is_added(length: int) -> None:
    rng = np.random.default_rng(length)
    items, _ = _exact(rng, 3000, 300)
    query = rng.integers(-3, 4, length).astype(np.float32)
    prior = rng.integers(-9, 10, 3000).astype(np.float32)
    _, found, scores = search(items, query, 16, prior)
    wanted = items[:, :length] @ query + prior
    assert found.tolist() == best_rows(wanted, 16).tolist()
    assert scores.tolist() == wanted[found].tolist()


def test_real_numbers_agree_with_numpy() -> None:
    rng = np.random.default_rng(4)
    items = rng.standard_normal((5000, 257)).astype(np.float32)
    query = rng.standard_normal(257).astype(np.float32)
    _, found, scores = search(items, query, 32)
    exact = items.astype(np.float64) @ query.astype(np.float64)
    assert scores == pytest.approx(exact[found], abs=1e-4)
    assert found.tolist() == np.argsort(-exact, kind="stable")[:32].tolist()


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-42, -1e-42, 3e38, np.inf, -np.inf])
def test_every_score_survives_and_its_order_is_that_of_floats(value: float) -> None:
    prior = np.array([value, -1.0, 1.0], np.float32)
    _, found, scores = search(np.zeros((3, 1), np.float32), np.ones(1, np.float32), 3, prior)
    assert found.tolist() == np.argsort(-prior, kind="stable").tolist()
    assert scores.tolist() == prior[found].tolist()


def test_minus_zero_ties_with_zero() -> None:
    prior = np.array([-0.0, 0.0, -0.0], np.float32)
    _, found, _ = search(np.zeros((3, 1), np.float32), np.ones(1, np.float32), 3, prior)
    assert found.tolist() == [0, 1, 2]


def test_what_is_not_a_number_comes_last() -> None:
    prior = np.array([np.nan, -np.inf, -np.nan, 2.0], np.float32)
    _, found, scores = search(np.zeros((4, 1), np.float32), np.ones(1, np.float32), 4, prior)
    assert found.tolist() == [3, 1, 0, 2]
    assert np.isnan(scores[2:]).all()


def test_an_empty_matrix_has_no_rows() -> None:
    status, found, scores = search(np.zeros((0, 4), np.float32), np.ones(4, np.float32), 5)
    assert (status, found.tolist(), scores.tolist()) == (OK, [-1] * 5, [0.0] * 5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rows": -1}, "out of range"),
        ({"best": 0}, "out of range"),
        ({"best": 257}, "out of range"),
        ({"length": 0}, "out of range"),
        ({"stride": 3}, "stride"),
        ({"items": None}, "null"),
        ({"query": None}, "null"),
        ({"workspace": None}, "null"),
        ({"found": None}, "null"),
        ({"scores": None}, "null"),
        ({"query": 6}, "aligned"),
        ({"workspace": 12}, "aligned"),
        ({"capacity": 31}, "too small"),
    ],
)
def test_a_bad_search_is_refused(changes: dict[str, object], reason: str) -> None:
    items = np.zeros((28, 4), np.float32)
    status, found, _ = search(items, np.ones(4, np.float32), 4, changes=changes)
    assert reason in load_text(status)
    assert (found == 77).all()


def load_text(status: int) -> str:
    text: bytes = load(CPU_LIBRARY).sgmn_status_text(status)
    return text.decode()


def test_rows_are_gathered_and_missing_ones_are_zeros() -> None:
    source = np.arange(12, dtype=np.float32).reshape(4, 3) + 1
    target = np.full((5, 3), 9, np.float32)
    index = np.array([3, -1, 0, 4], np.int32)
    assert copy_rows(source, target, 4, index) == OK
    assert target.tolist() == [[10, 11, 12], [0, 0, 0], [1, 2, 3], [0, 0, 0], [9, 9, 9]]


def test_rows_are_scattered_and_none_beyond_the_target() -> None:
    source = np.arange(6, dtype=np.float32).reshape(2, 3) + 1
    target = np.zeros((4, 3), np.float32)
    for place, wanted in ((2, 2), (4, None), (-1, None)):
        target[:] = 0
        assert copy_rows(source[1:], target, 1, None, np.array([place], np.int32)) == OK
        rows = [i for i in range(4) if target[i].any()]
        assert rows == ([] if wanted is None else [wanted])
    assert copy_rows(source, target, 2) == OK
    assert target[:2].tolist() == source.tolist()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": -1}, "out of range"),
        ({"count": 65536}, "out of range"),
        ({"row_bytes": 6}, "out of range"),
        ({"row_bytes": 0}, "out of range"),
        ({"target": None}, "null"),
        ({"source": None}, "null"),
        ({"source": 2}, "aligned"),
    ],
)
def test_a_bad_copy_is_refused(changes: dict[str, object], reason: str) -> None:
    array = np.zeros((2, 2), np.float32)
    assert reason in load_text(copy_rows(array, array, 1, changes=changes))


def test_the_cuda_library_checks_arguments_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    load(CUDA_LIBRARY)
    monkeypatch.setenv(LIBRARY_VARIABLE, str(CUDA_LIBRARY))
    kernels = find_kernels()
    assert kernels is not None
    assert kernels.workspace(2000, 32) == 2000 + 2 * 32
    with pytest.raises(GpuError, match="out of range"):
        kernels.search(Search(best=0), 0)
    with pytest.raises(GpuError, match="out of range"):
        kernels.copy_rows(Rows(count=-1), 0)
    with pytest.raises(GpuError, match="null"):
        kernels.square(0, 8, 0, 4, 0)


def test_a_library_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libnothing-of-ours.so", "libc.so.6"):
        monkeypatch.setenv(LIBRARY_VARIABLE, name)
        assert find_kernels() is None


@pytest.mark.parametrize("name", ["Search", "Rows", "Frame", "Output", "Roi"])
def test_structs_have_the_header_s_fields(name: str) -> None:
    from runtime.engines import native

    struct = getattr(native, name)
    header = "search" if name in ("Search", "Rows") else "preprocess"
    text = (NATIVE / "include" / "sgmn" / f"{header}.h").read_text(encoding="utf-8")
    body = text.split(f"typedef struct sgmn_{name.lower()} {{")[1].split("}")[0]
    code = [line.split("/*")[0] for line in body.splitlines()]
    names = [
        part.split()[-1].strip("*").split("[")[0]
        for line in code
        for part in line.split(";")
        if part.strip(" */")
    ]
    assert [field[0] for field in struct._fields_] == [n for n in names if n.isidentifier()]
    assert issubclass(struct, ctypes.Structure)


@pytest.mark.parametrize("source", ["search_cpu.cpp", "search_cuda.cu"])
def test_host_and_device_share_the_arithmetic(source: str) -> None:
    text = (NATIVE / source).read_text(encoding="utf-8")
    for shared in ("lane_product", "row_key", "compare_exchange", "store_found", "copy_word"):
        assert f"sgmn::{shared}(" in text

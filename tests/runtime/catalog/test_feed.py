from __future__ import annotations

from pathlib import Path

import pytest

from runtime.catalog.feed import read_feed
from runtime.errors import FeedError
from tests.runtime.catalog.conftest import write_image

HEADER = "id,title,description,image_link"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_image(tmp_path / "a.png", 1)
    return tmp_path


def write(folder: Path, text: str | bytes, name: str = "feed.csv") -> Path:
    feed = folder / name
    feed.write_bytes(text if isinstance(text, bytes) else text.encode())
    return feed


def refused(feed: Path) -> str:
    with pytest.raises(FeedError) as caught:
        read_feed(feed)
    assert str(feed) in caught.value.what
    assert caught.value.fix
    return str(caught.value)


def test_all_columns_arrive(folder: Path) -> None:
    header = f"{HEADER},item_group_id,price,brand"
    feed = write(folder, f"{header}\na1, Apple ,,a.png,g1,1 EUR,\n")
    (row,) = read_feed(feed)
    assert row.line == 2
    assert (row.item.id, row.item.title, row.item.description) == ("a1", "Apple", "")
    assert (row.item.group, row.item.attributes) == ("g1", {"price": "1 EUR"})
    assert row.item.image == folder / "a.png"


@pytest.mark.parametrize("name", ["feed.tsv", "feed.txt", "feed.TSV"])
def test_tab_separated(folder: Path, name: str) -> None:
    feed = write(folder, f"{HEADER}\na1\tApple, red\t\ta.png\n".replace(",", "\t", 3), name)
    assert read_feed(feed)[0].item.title == "Apple, red"


def test_byte_order_mark_windows_lines_and_merchant_names(folder: Path) -> None:
    feed = write(folder, b"\xef\xbb\xbfID,Title,Description,image link\r\na1,\xc3\x84,,a.png\r\n")
    assert read_feed(feed)[0].item.title == "Ä"


def test_lines_are_those_of_the_file(folder: Path) -> None:
    feed = write(folder, f'{HEADER}\n\na1,A,"two\nlines",a.png\n\na2,B,,a.png\n')
    rows = read_feed(feed)
    assert [row.line for row in rows] == [3, 6]
    assert rows[0].item.description == "two\nlines"


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_named_with_those_found(folder: Path, column: str) -> None:
    others = [name for name in HEADER.split(",") if name != column]
    said = refused(write(folder, ",".join(others) + "\n"))
    assert f"lacks the column {column}" in said
    assert ", ".join(others) in said


def test_a_column_twice(folder: Path) -> None:
    assert "title more than once" in refused(write(folder, f"{HEADER},title\n"))


def test_duplicate_ids_name_both_lines(folder: Path) -> None:
    said = refused(write(folder, f"{HEADER}\nx,A,,a.png\ny,B,,a.png\nx,C,,a.png\n"))
    assert "line 4" in said
    assert "x is already on line 2" in said


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",A,,a.png", "the id is empty"),
        ("x, ,,a.png", "the title is empty"),
        (f"{'x' * 51},A,,a.png", "51 characters"),
        ("x,A,,", "image_link is empty"),
        ("x,A,,missing.png", "missing.png does not exist"),
        ("x,A,,https://shop.example/a.png", "is a URL"),
        ("x,A,,data:image/png;base64;AAAA", "is a URL"),
        ("x,A,,/etc/hostname", "is absolute"),
        ("x,A,,../a.png", "leads out"),
        ("x,A,,sub/../../a.png", "leads out"),
        ("x,A,,.", "does not exist"),
        ("x,A,", "3 columns, the first line has 4"),
        ("x,A,,a.png,more", "5 columns"),
    ],
)
def test_a_bad_row_is_told_by_line(folder: Path, row: str, words: str) -> None:
    inner = folder / "inner"
    write_image(inner / "a.png", 1)
    said = refused(write(inner, f"{HEADER}\nok,A,,a.png\n{row}\n"))
    assert "1 problem" in said
    assert "line 3" in said
    assert words in said


def test_an_id_of_fifty_characters_is_allowed(folder: Path) -> None:
    assert len(read_feed(write(folder, f"{HEADER}\n{'x' * 50},A,,a.png\n"))) == 1


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "a.png").symlink_to(folder / "a.png")
    assert "leads out" in refused(write(inner, f"{HEADER}\nx,A,,a.png\n"))


def test_ten_problems_are_listed_and_all_are_counted(folder: Path) -> None:
    rows = "".join(f"x{n},,,a.png\n" for n in range(25))
    said = refused(write(folder, f"{HEADER}\n{rows}"))
    assert "25 problems" in said
    assert "line 11:" in said
    assert "line 12:" not in said
    assert "and 15 more" in said


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_has_no_columns(folder: Path, text: str) -> None:
    assert "lacks the column" in refused(write(folder, text))


def test_no_rows(folder: Path) -> None:
    assert "no products" in refused(write(folder, HEADER + "\n\n"))


def test_undecodable_text_names_the_line(folder: Path) -> None:
    said = refused(write(folder, f"{HEADER}\nx,A,,a.png\n".encode() + b"y,\xff\xfe,,a.png\n"))
    assert "line 3 is not UTF-8" in said


def test_nul_bytes_name_the_line(folder: Path) -> None:
    assert "line 2 holds a NUL" in refused(write(folder, f"{HEADER}\nx,\0,,a.png\n"))
    assert "UTF-16" in refused(write(folder, HEADER.encode("utf-16")))


@pytest.mark.parametrize(
    "row", ['x,"open,,a.png\n', 'x,"a"b,,a.png\n', f"x,{'t' * 200_000},,a.png\n"]
)
def test_malformed_records_name_their_line(folder: Path, row: str) -> None:
    said = refused(write(folder, f"{HEADER}\nok,A,,a.png\n{row}"))
    assert "begins on line 3" in said


def test_unknown_kinds_of_file(folder: Path) -> None:
    assert "CSV or TSV" in refused(write(folder, "", "feed.xlsx"))


def test_no_file(folder: Path) -> None:
    assert "no such file" in refused(folder / "absent.csv")
    (folder / "folder.csv").mkdir()
    refused(folder / "folder.csv")


@pytest.mark.parametrize(("name", "count"), [("grocery_lpr/dev", 81), ("fashion", 449)])
def test_real_feeds(assets: Path, name: str, count: int) -> None:
    assert len(read_feed(assets / "data" / name / "catalog.csv")) == count


def test_semicolons_are_recognised(folder: Path) -> None:
    said = refused(write(folder, HEADER.replace(",", ";") + "\na1;A;;a.png\n"))
    assert "commas, not semicolons" in said


def test_an_id_that_breaks_a_line_is_refused(folder: Path) -> None:
    assert "control character" in refused(write(folder, f'{HEADER}\n"a\n1",A,,a.png\n'))


def test_an_image_that_cannot_be_followed_is_named(folder: Path) -> None:
    assert "cannot be followed" in refused(write(folder, f"{HEADER}\na1,A,,{'x' * 300}.png\n"))

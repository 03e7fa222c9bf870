"""What others wrote into names and titles stays text, on every terminal."""

from __future__ import annotations

import json

import pytest

from runtime.commands.output import print_json, printable, table


def test_titles_that_look_like_markup_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table("products", ("id", "title"), [("a", "Milk [organic]"), ("b", "Odd [/close]")])
    shown = capsys.readouterr().out
    assert "Milk [organic]" in shown
    assert "Odd [/close]" in shown


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table("products", ("title",), [("\x1b[31mred\x9b0m",)])
    assert not {"\x1b", "\x9b"} & set(capsys.readouterr().out)
    assert printable("two\nlines \N{SMILING FACE WITH SMILING EYES}\udcff") == (
        "two lines \N{SMILING FACE WITH SMILING EYES} "
    )


def test_words_stand_left_and_numbers_right(capsys: pytest.CaptureFixture[str]) -> None:
    table("", ("name", "value"), [("ab", "1.5 ms"), ("abcdef", "-"), ("abc", "10.5 ms")])
    lines = [line.split("│")[1:3] for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert lines == [
        [" ab     ", "  1.5 ms "],
        [" abcdef ", "       - "],
        [" abc    ", " 10.5 ms "],
    ]


def test_json_is_ascii_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"title": "Käse 蛋", "odd": "\udcff"}
    print_json(value)
    line = capsys.readouterr().out
    assert line.isascii()
    assert json.loads(line) == value

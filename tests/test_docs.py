"""Documentation that is wrong fails here: links, commands, options, error codes, folders."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from runtime import errors
from runtime.commands.main import cli
from runtime.errors import SgmnError
from tests.docs_json import described, keys
from tests.docs_reference import REFERENCE, commands

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
HOUSE = ("runtime", "models", "export", "calibration", "tests", "docs")

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def name(page: Path) -> str:
    """What a failing test calls a page."""
    return page.relative_to(ROOT).as_posix()


def error_classes(kind: type[SgmnError] = SgmnError) -> Iterator[type[SgmnError]]:
    """An error and all that derive from it in `runtime.errors`."""
    yield kind
    for inner in kind.__subclasses__():
        if inner.__module__ == errors.__name__:
            yield from error_classes(inner)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


def command_lines(text: str) -> Iterator[str]:
    """Every `sgmn ...` in shell blocks and code spans; other blocks hold no commands."""
    for language, block in FENCE.findall(text):
        if language in ("sh", "bash", "ini"):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.search(r"(?:^|[\s/=])sgmn (.+)", line.split(" #")[0])
                if found:
                    yield found[1]
    for span in SPAN.findall(FENCE.sub("", text)):
        if span.startswith("sgmn "):
            yield span.removeprefix("sgmn ")


def fault(line: str) -> str:
    """What is unknown in a command line, empty if nothing is."""
    command: click.Command = cli
    context = click.Context(cli)
    for word in shlex.split(line):
        if word.startswith("-"):
            option = word.split("=")[0]
            known = {o for p in command.get_params(context) for o in p.opts + p.secondary_opts}
            if option not in known | {"--help", "-h"}:
                return f"unknown option {option}"
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            if inner is None:
                return f"unknown command {word}"
            command = inner
    return ""


def test_the_command_reference_is_current() -> None:
    # A process of its own, because click keeps the help option of a command that ran before.
    made = subprocess.run(
        [sys.executable, "-m", "tests.docs_reference", "--print"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # Compared without line breaks: another release of click may wrap elsewhere.
    written = REFERENCE.read_text(encoding="utf-8")
    assert written.split() == made.split(), "stale; run: python -m tests.docs_reference"


def test_the_reference_has_every_command_and_option() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for names, command in commands():
        title = f"## `{' '.join(('sgmn', *names))}`\n"
        assert title in text
        section = text.split(title)[1].split("\n## ")[0]
        options = [p for p in command.params if isinstance(p, click.Option)]
        missing = [o for p in options for o in p.opts if o not in section]
        assert not missing, f"{title} lacks {missing}"


def test_the_json_of_every_command_is_described() -> None:
    told = [
        " ".join(names)
        for names, command in commands()
        if any("--json" in option.opts for option in command.params)
    ]
    assert described() == told
    assert all(keys(command) for command in told)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if link.startswith(("http://", "https://")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_the_text_exist(page: Path) -> None:
    for line in command_lines(page.read_text(encoding="utf-8")):
        assert not fault(line), f"sgmn {line}: {fault(line)}"


def test_a_wrong_command_line_would_be_found() -> None:
    assert fault("catalog improt FEED") == "unknown command improt"
    assert fault("match clip.mp4 --catlog DIR") == "unknown option --catlog"
    assert not fault("catalog import feed.csv --catalog DIR --json")
    assert list(
        command_lines("```sh\n.venv/bin/sgmn match A \\\n  --wav B # c\n```\n`sgmn demo`")
    ) == [
        "match A    --wav B",
        "demo",
    ]


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.code)
def test_every_error_code_is_in_troubleshooting(error: type[SgmnError]) -> None:
    text = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text(encoding="utf-8")
    assert f"| `{error.code}` | {error.exit_code} |" in text


@pytest.mark.parametrize("folder", HOUSE)
def test_the_readme_names_every_folder_of_the_house(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert f"| `{folder}/` |" in README.read_text(encoding="utf-8")


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.split("#")[0]).resolve()
        for link in LINK.findall(index.read_text(encoding="utf-8"))
    }
    missing = [name(page) for page in (ROOT / "docs").rglob("*.md") if page not in linked | {index}]
    assert not missing

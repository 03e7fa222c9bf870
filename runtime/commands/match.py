"""``sgmn match``: which product does a clip show?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runtime.commands.engines import engines_told
from runtime.commands.options import (
    bundle_option,
    catalog_option,
    engine_options,
    speech_model_option,
)
from runtime.commands.output import json_option, note, print_json, printable, table
from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.capture.clip import ClipInfo
    from runtime.engines.settings import EngineSettings
    from runtime.events import Event
    from runtime.playback import Moment

_CUT_S = 1.5
"""Containers give their length roughly; what lacks less is not worth a word."""


@click.command()
@click.argument("clip", type=click.Path(path_type=Path))
@click.option("--text", help="What the salesperson says, instead of recognising it.")
@click.option("--wav", type=click.Path(path_type=Path), help="Take the sound from this file.")
@click.option("--no-speech", is_flag=True, help="Pictures only.")
@bundle_option
@catalog_option
@speech_model_option
@engine_options
@json_option
def match(
    clip: Path,
    text: str | None,
    wav: Path | None,
    no_speech: bool,
    bundle_folder: Path | None,
    catalog_folder: Path,
    speech_model: Path | None,
    engine: EngineSettings,
    as_json: bool,
) -> None:
    """Tell which product of a catalog CLIP shows, step by step."""
    if (text is not None) + (wav is not None) + no_speech > 1:
        raise UsageError(
            "--text, --wav and --no-speech exclude one another",
            why="each names another source of the words",
            fix="give only one of them",
        )
    from runtime.bundle.current import bundle_in_use
    from runtime.capture.clip import VideoClip
    from runtime.catalog.sqlite_catalog import SqliteCatalog
    from runtime.matcher import Matcher
    from runtime.opening import open_network
    from runtime.playback import play

    # A clip that cannot be played is said at once, before anything is loaded.
    info = VideoClip(clip).probe()
    with ExitStack() as opened:
        network = opened.enter_context(open_network(bundle_folder or bundle_in_use(), engine))
        told = engines_told(network)
        catalog = opened.enter_context(SqliteCatalog.open(catalog_folder, network.bundle.digest))
        words = opened.enter_context(_words(clip, text, wav, no_speech, speech_model))
        moments = play(clip, words, Matcher(network, catalog))
        seen = [moment.without_picture() for moment in (moments if as_json else _told(moments))]
    _note_if_cut(clip, info, seen[-1].step.time_s)
    if as_json:
        print_json({**_as_dict(seen), "engines": told})
    else:
        _print_answer(seen)
        click.echo(f"Engines: {told['label']} ({', '.join(told['providers'])})")


def _words(
    clip: Path, text: str | None, wav: Path | None, no_speech: bool, speech_model: Path | None
) -> Any:
    from runtime.commands.speech import open_words

    if no_speech:
        return open_words(sound=None, text="", speech_model=None)
    if text is not None:
        return open_words(sound=None, text=text, speech_model=None)
    return open_words(
        sound=wav or clip, text="", speech_model=speech_model, required=wav is not None
    )


def _as_dict(moments: list[Moment]) -> dict[str, Any]:
    from runtime.latency import summarise

    answer = moments[-1]
    event = answer.step.event
    named = None
    if event.product_id is not None:
        named = {"product_id": event.product_id, "confidence": round(event.confidence, 6)}
    return {
        "answer": named,
        "transcript": answer.transcript.text,
        "steps": [m.step.as_dict() for m in moments if not m.last],
        "conclusion": answer.step.as_dict(),
        "latency": summarise(moments),
    }


def _note_if_cut(clip: Path, info: ClipInfo, end_s: float) -> None:
    if end_s + _CUT_S < info.duration_s:
        note(
            f"Note: the pictures of {clip} end after {end_s:.1f} s of {info.duration_s:.1f} s. "
            "It may be cut short; the answer is for what is there."
        )


def _told(moments: Iterator[Moment]) -> Iterator[Moment]:
    """The same moments, each step printed as it comes."""
    for moment in moments:
        if not moment.last:
            _print_step(moment)
        yield moment


def _print_answer(seen: list[Moment]) -> None:
    from runtime.latency import summarise

    click.echo(f"\nAnswer: {_answer(seen[-1].step.event)}")
    click.echo(f"Heard: {printable(seen[-1].transcript.text) or '(no words)'}")
    rows = [
        (stage, f"{figures['p50']:.1f}", f"{figures['p95']:.1f}")
        for stage, figures in summarise(seen).items()
    ]
    table("Latency, ms a step", ("stage", "p50", "p95"), rows)


def _answer(event: Event) -> str:
    shown = [f"{c.product_id}  {printable(c.title)} ({c.confidence:.2f})" for c in event.candidates]
    if event.product_id is not None:
        return shown[0]
    return f"not sure; nearest: {', '.join(shown[:3])}" if shown else "no product of this catalog"


def _print_step(moment: Moment) -> None:
    step = moment.step
    ranked = "  ".join(
        f"{c.product_id} {c.score:.3f} ({c.confidence:.2f})" for c in step.candidates
    )
    shown = step.event.product_id or "-"
    click.echo(f"{step.time_s:6.2f}s  {step.event.kind.value:<7} {shown:<12} {ranked}")
    if moment.transcript.text:
        click.echo(f"         heard: {printable(moment.transcript.text)}")

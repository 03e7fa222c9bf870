"""A study: every arm on every seed, judged on products left out and on validation clips."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from models.ablation.arms import Arm
from models.ablation.folds import Fold, Query, leave_products_out
from models.ablation.questions import Speech, hits, sorted_speech
from models.ablation.shelf import Sentence, publish, read_sentences
from models.backbones.registry import BACKBONES, TOKENIZER
from models.data.corpus import Corpus
from models.data.sources import grocery
from models.data.validation import grocery_validation
from models.sgmn import Sgmn
from models.tensor_file import write_whole
from models.training.bank import FeatureBank, build_bank
from models.training.folder import RunFolder, code_versions, git_state
from models.training.run import new_network
from models.training.stages import Progress, Run, fit
from runtime.catalog.progress import no_progress
from runtime.errors import UsageError
from runtime.machine import describe
from runtime.text import TextTokenizer

GROUPS = ("easy", "hard", "held")


@dataclass(frozen=True)
class Setting:
    """What all arms share.

    Attributes:
        corpus: GroceryLPR's training pictures.
        bank: their features.
        validation: features of the validation clips.
        validation_corpus: those clips.
        speech: of the training clips.
        validation_speech: by text.
    """

    corpus: Corpus
    bank: FeatureBank
    validation: FeatureBank
    validation_corpus: Corpus
    speech: Speech
    validation_speech: Mapping[str, Sentence]


def run_study(
    arms: Sequence[Arm],
    data: Path,
    out: Path,
    progress: Progress,
    *,
    seeds: Sequence[int],
    folds: int = 4,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Measure all arms; what was measured before is read from ``out``.

    Args:
        arms: networks to compare; their data settings must be the same.
        data: GroceryLPR's folder.
        out: JSON of the results, written after every arm and seed.
        progress: shows how far it is.
        seeds: of partition, queries and training together.
        folds: how many of the four folds of each seed to measure.
        cache: encoded features; beside ``out`` if None.

    Returns:
        The contents of ``out``.

    Raises:
        UsageError: the arms do not share their encoders and data.
    """
    _check_shared(arms)
    known = _known(out, arms, folds)
    todo = [(arm, s) for s in seeds for arm in arms if str(s) not in known["arms"][arm.name]]
    if not todo:
        # What measured it stands in the file, whatever code and machine read it now.
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return {**found, "configs": known["configs"], "arms": known["arms"]}
    out.parent.mkdir(parents=True, exist_ok=True)
    setting = _setting(arms[0], data, cache or out.parent / "features", progress)
    for arm, seed in progress(todo, label="Arms", total=len(todo)):
        measured = _measure(arm, seed, setting, folds)
        known["arms"][arm.name][str(seed)] = measured
        write_whole(out, json.dumps(known, indent=1).encode() + b"\n")
    return known


def _check_shared(arms: Sequence[Arm]) -> None:
    first = arms[0].config
    for arm in arms[1:]:
        for section in ("preset", "weights", "data"):
            if getattr(arm.config, section) != getattr(first, section):
                raise UsageError(
                    f"the arms {arms[0].name!r} and {arm.name!r} cannot be compared",
                    why=f"they differ in {section}, and all arms share encoded pictures",
                    fix=f"set {section} in the base, or make two studies",
                )


def _known(out: Path, arms: Sequence[Arm], folds: int) -> dict[str, Any]:
    about: dict[str, Any] = {
        "configs": {arm.name: arm.config.as_dict() for arm in arms},
        "folds": folds,
        "git": git_state(),
        "versions": code_versions(),
        "machine": describe(),
        "arms": {arm.name: {} for arm in arms},
    }
    if not out.exists():
        return about
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    same = json.loads(json.dumps(about["configs"]))
    kept = {
        name: found["arms"].get(name, {})
        for name in same
        if found["folds"] == folds and found["configs"].get(name) == same[name]
    }
    return {**about, "arms": {**about["arms"], **kept}}


def _setting(arm: Arm, data: Path, cache: Path, progress: Progress) -> Setting:
    network, _ = new_network(arm.config)
    with TemporaryDirectory() as folder:
        file = Path(folder) / TOKENIZER
        BACKBONES[arm.config.preset].write_tokenizer(file, arm.config.weights.file)
        tokenizer = TextTokenizer.load(file, network.config.text_tokens)
    wanted = arm.config.data
    corpus = grocery(data, tiers=wanted.clip_tiers, staged=wanted.staged)
    clips = grocery_validation(data)
    bank = build_bank(corpus, network, tokenizer, cache, progress)
    validation = build_bank(clips, network, tokenizer, cache, progress)
    heard = {s.speech.heard for c in (corpus, clips) for s in c.shots if s.speech.heard}
    sentences = _sentences(network, tokenizer, sorted(heard))
    return Setting(corpus, bank, validation, clips, sorted_speech(corpus, sentences), sentences)


def _sentences(
    network: Sgmn, tokenizer: TextTokenizer, texts: Sequence[str]
) -> dict[str, Sentence]:
    read = read_sentences(network, tokenizer, texts)
    return {sentence.text: sentence for sentence in read}


def _measure(arm: Arm, seed: int, setting: Setting, folds: int) -> dict[str, float]:
    """R@1 by group and modality, over folds and on validation clips; none where none asked."""
    config = replace(arm.config, seed=seed)
    found: dict[str, list[float]] = defaultdict(list)
    groups = [item.group for item in setting.corpus.items]
    for number, fold in enumerate(leave_products_out(setting.bank, groups, seed=seed)):
        if number >= folds:
            break
        bank = fold.bank(setting.bank)
        network = _trained(Arm(arm.name, config), bank, groups, set(fold.training))
        for name, value in _judged(network, setting, fold, seed).items():
            found[name].append(value)
    network = _trained(Arm(arm.name, config), setting.bank, groups, None)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {**means, **_validated(network, setting)}


def _trained(arm: Arm, bank: FeatureBank, groups: Sequence[str], allowed: set[int] | None) -> Sgmn:
    network, _ = new_network(arm.config)
    with TemporaryDirectory() as folder:
        kept = RunFolder(Path(folder))
        kept.begin(arm.config.as_dict(), {})
        run = Run(network, arm.config, kept, no_progress)
        fit(run, bank, groups, allowed=allowed)
    return network.eval().requires_grad_(False)


def _judged(network: Sgmn, setting: Setting, fold: Fold, seed: int) -> dict[str, float]:
    shelf = publish(network, setting.bank, setting.corpus.items, fold.training)
    rng = np.random.default_rng([seed, 47])
    said = [setting.speech.draw(query.product, rng) for query in fold.queries]
    silent: list[Sentence | None] = [None] * len(fold.queries)
    image = hits(network, setting.bank, shelf, fold.queries, silent)
    fused = hits(network, setting.bank, shelf, fold.queries, [s for s, _ in said])
    found: dict[str, float] = {}
    for group in GROUPS:
        mine = np.array([query.group == group for query in fold.queries], bool)
        # A small shop may have no query of a group.
        if mine.any():
            found[f"image {group}"] = float(image[mine].mean())
            found[f"fused {group}"] = float(fused[mine].mean())
    chatter = np.array([kind == "chat" for _, kind in said], bool)
    if chatter.any():
        found["fused chatter"] = float(fused[chatter].mean())
    return found


def _validated(network: Sgmn, setting: Setting) -> dict[str, float]:
    photos = {p: rows for p, source, rows in setting.bank.shots if source == "photo"}
    shelf = publish(network, setting.bank, setting.corpus.items, photos)
    found: dict[str, float] = {}
    shots = list(zip(setting.validation.shots, setting.validation_corpus.shots, strict=True))
    for tier in sorted({source for (_, source, _), _ in shots}):
        mine = [(entry, shot) for entry, shot in shots if entry[1] == tier]
        queries = [Query(p, rows, tier) for (p, _, rows), _ in mine]
        said = [setting.validation_speech.get(shot.speech.heard or "") for _, shot in mine]
        for name, words in (("image", [None] * len(mine)), ("fused", said)):
            right = hits(network, setting.validation, shelf, queries, words)
            found[f"{name} val {tier}"] = float(right.mean())
    return found


def mean_and_deviation(study: Mapping[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean and standard deviation over seeds of every figure of every arm."""
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for arm, by_seed in study["arms"].items():
        values: dict[str, list[float]] = defaultdict(list)
        for run in by_seed.values():
            for name, value in run.items():
                values[name].append(value)
        table[arm] = {
            name: (float(np.mean(some)), float(np.std(some, ddof=1)) if len(some) > 1 else 0.0)
            for name, some in values.items()
        }
    return table

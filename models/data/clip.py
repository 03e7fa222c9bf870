"""A clip as its manifest describes it: words, labels and a recipe for every picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from runtime.errors import ClipListError

Tier = Literal["L0", "L1", "L2", "L3"]
TextField = Literal["text_asr", "text_clean"]

Part = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Into:
    """The frame is shrunk into another photo: ``box`` is x, y and side as parts of the picture."""

    bg: str
    box: tuple[Part, Part, Part]


@dataclass(frozen=True)
class Side:
    """Another product's photo takes the part ``frac`` of the width on one side."""

    src: str
    where: Literal["left", "right"]
    frac: Part


@dataclass(frozen=True)
class Paste:
    """A catalog image is laid over: ``box`` is x, y and side as parts, ``rot`` in degrees."""

    product_id: str
    box: tuple[Number, Number, Number]
    rot: Number


@dataclass(frozen=True)
class Occlusion:
    """A rectangle of one BGR colour: ``box`` is x, y, width and height as parts."""

    box: tuple[Part, Part, Part, Part]
    color: tuple[int, int, int]


@dataclass(frozen=True)
class Frame:
    """How one picture is made; paths are relative to the data set's root.

    Attributes:
        src: the photo.
        crop: x, y and side of the square cut, as parts of the picture.
        gain: brightness factor.
        rot: degrees, counter-clockwise.
        blur: width of a horizontal box blur in pixels; 0 for none.
        jpeg: JPEG quality to pass through; 0 for none.
    """

    src: str
    crop: tuple[Part, Part, Part]
    gain: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rot: Number
    into: Into | None = None
    side: Side | None = None
    paste: tuple[Paste, ...] = ()
    occl: tuple[Occlusion, ...] = ()
    blur: Annotated[int, Field(ge=0)] = 0
    jpeg: Annotated[int, Field(ge=0, le=100)] = 0

    @property
    def photos(self) -> tuple[str, ...]:
        """Every photo the recipe needs."""
        found = [self.src]
        if self.into:
            found.append(self.into.bg)
        if self.side:
            found.append(self.side.src)
        return tuple(found)


@dataclass(frozen=True)
class Clip:
    """One line of a manifest; labels are None where the manifest has none.

    Attributes:
        clip_id: unique in the manifest.
        tiers: the frame recipes of each tier of difficulty.
        product_id: the catalog id of the product shown.
        novel: the product has no training photos.
        domain: department, e.g. Fruit.
        asr_kind: what the speech says: named, partial or chat.
        text_clean: the words spoken.
        text_asr: the words as a recogniser heard them.
    """

    clip_id: Annotated[str, Field(min_length=1)]
    tiers: dict[Tier, Annotated[tuple[Frame, ...], Field(min_length=1)]]
    product_id: str | None = None
    novel: bool | None = None
    domain: str | None = None
    asr_kind: str | None = None
    text_clean: str | None = None
    text_asr: str | None = None

    def text(self, field: TextField) -> str:
        """The words of one text field.

        Raises:
            ClipListError: the manifest does not have that field.
        """
        text = self.text_asr if field == "text_asr" else self.text_clean
        if text is None:
            raise ClipListError(
                f"clip {self.clip_id} has no {field}",
                why="its line in the manifest does not have that key",
                fix="choose the other one with --text-field",
            )
        return text

    def frames(self, tier: Tier) -> tuple[Frame, ...]:
        """The frame recipes of one tier.

        Raises:
            ClipListError: the clip does not have that tier.
        """
        if tier not in self.tiers:
            raise ClipListError(
                f"clip {self.clip_id} has no tier {tier}",
                why=f"its line in the manifest has {', '.join(self.tiers) or 'no tiers'}",
                fix="choose another tier with --tier",
            )
        return self.tiers[tier]

"""What sections of settings have in common: known keys, and the ranges of values."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Several = Annotated[int, Field(ge=2)]
Part = Annotated[float, Field(ge=0, le=1)]
LessThanAll = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section:
    """Settings in which every key must be known."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

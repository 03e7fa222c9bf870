"""The tree of errors is the one that is documented, and each says what to do."""

from __future__ import annotations

import re

import pytest

from runtime import errors
from runtime.errors import SgmnError


def _kinds() -> list[type[SgmnError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [kind for kind in found if issubclass(kind, SgmnError)]


def _documented_parents() -> dict[str, str]:
    """Name of the error above each error in the drawing at the head of the module."""
    parents: dict[str, str] = {}
    above: list[str] = ["SgmnError"]
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"    ((?:│   |    )*)[├└]── (\w+)", line)
        if drawn:
            depth = len(drawn[1]) // 4 + 1
            parents[drawn[2]] = above[depth - 1]
            above[depth:] = [drawn[2]]
    return parents


def _branches() -> list[type[SgmnError]]:
    return [kind for kind in _kinds() if kind.__base__ is SgmnError]


def test_the_documented_tree_is_the_real_one() -> None:
    real = {kind.__name__: kind.__base__.__name__ for kind in _kinds() if kind is not SgmnError}
    assert _documented_parents() == real


def test_every_error_has_its_own_code() -> None:
    codes = [kind.code for kind in _kinds()]
    assert sorted(codes) == sorted(set(codes))


def test_every_branch_has_its_own_exit_code_that_nothing_else_uses() -> None:
    exits = [kind.exit_code for kind in _branches()]
    assert sorted(exits) == sorted(set(exits))
    assert set(exits) & {0, SgmnError.exit_code} == set()
    assert max(exits) < 120  # the shell, the interpreter and signals use the codes above


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
def test_an_error_exits_as_its_branch_does(kind: type[SgmnError]) -> None:
    branch = [part for part in kind.__mro__ if part in _branches()]
    assert kind.exit_code == (branch[0] if branch else SgmnError).exit_code


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
def test_an_error_tells_what_why_and_the_fix(kind: type[SgmnError]) -> None:
    error = kind("it broke", why="it was old", fix="buy another")
    assert str(error) == "it broke: it was old. Fix: buy another"
    assert error.as_dict() == {
        "code": kind.code,
        "what": "it broke",
        "why": "it was old",
        "fix": "buy another",
    }


def test_no_error_can_be_made_without_its_remedy() -> None:
    with pytest.raises(TypeError):
        SgmnError("it broke")  # type: ignore[call-arg]

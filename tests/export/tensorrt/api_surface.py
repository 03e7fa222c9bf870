"""``python -m tests.export.tensorrt.api_surface VERSION NETWORKS FAULTS``: builds and runs of an
engine, with everything that the program takes from TensorRT held against its real bindings.

The program sees the real module: its enumerations, and its classes where it makes subclasses of
them. Objects that would need the libraries are those of the fakes, wrapped: every attribute must
be one of the real class, and every call must fit the real signature, types of arguments included.
Prints, as JSON, what was used.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from tests.export.tensorrt.fake_builder import FakeBuilding, Faults
from tests.runtime.engines.fake_cuda import FakeCuda

MADE = ("Builder", "OnnxParser", "Runtime")
NAMES = {"_Context": "IExecutionContext", "_Engine": "ICudaEngine"}
PLAIN = (str, bytes, int, float, bool, type(None), tuple)


class SurfaceError(AssertionError):
    """The program uses what the real bindings do not have."""


class Surface:
    """What is used of the real module.

    Args:
        real: the module of the bindings.
    """

    def __init__(self, real: Any) -> None:
        self.real = real
        self.used: set[str] = set()

    def member(self, kind: type, name: str) -> Any:
        if not hasattr(kind, name):
            raise SurfaceError(f"{kind.__name__} has no {name}")
        self.used.add(f"{kind.__name__}.{name}")
        return getattr(kind, name)

    def check_call(self, what: str, told: str, arguments: tuple[Any, ...], named: Any) -> None:
        """Whether one of the signatures in a docstring of pybind11 takes these arguments."""
        signatures = re.findall(rf"\b{re.escape(what)}\((self: [^\n]*?)\) ->", told or "")
        if not signatures:
            raise SurfaceError(f"{what} tells no signature: {told!r}")
        if not any(_takes(signature, arguments, named) for signature in signatures):
            raise SurfaceError(f"{what} does not take {arguments} {named}: {signatures}")


def _takes(signature: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    parts = [part.partition(": ") for part in re.split(r", (?=\w+: )", signature)[1:]]
    kinds = {name: kind.partition(" = ")[0] for name, _, kind in parts}
    needed = {name for name, _, kind in parts if " = " not in kind}
    given = dict(zip(kinds, arguments, strict=False))
    fits = len(arguments) <= len(kinds) and not given.keys() & named.keys()
    given |= named
    return (
        fits
        and needed <= given.keys() <= kinds.keys()
        and all(is_of(value, kinds[name]) for name, value in given.items())
    )


def is_of(value: Any, told: str) -> bool:
    """Whether a value is of a type as pybind11 writes it, e.g. ``tensorrt.DataType``."""
    kind = told.rpartition(".")[2]
    if kind in ("int", "SupportsInt"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("buffer", "Buffer"):
        return isinstance(value, bytes)
    if kind in ("Dims", "tuple", "list"):
        return isinstance(value, (tuple, list)) and all(isinstance(size, int) for size in value)
    real = value._kind if isinstance(value, Checked) else type(value)
    return kind in {one.__name__ for one in real.__mro__}


class Checked:
    """A fake object that admits only what its real class has."""

    def __init__(self, inner: Any, surface: Surface) -> None:
        name = type(inner).__name__
        kind = getattr(surface.real, NAMES.get(name, name))
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_surface", surface)
        object.__setattr__(self, "_kind", kind)

    def __getattr__(self, name: str) -> Any:
        member = self._surface.member(self._kind, name)
        value = getattr(self._inner, name)
        if not callable(value) or isinstance(member, property):
            return wrap(value, self._surface)

        def call(*arguments: Any, **named: Any) -> Any:
            told = str(member.__doc__)
            self._surface.check_call(name, told, arguments, named)
            inner = [unwrap(a) for a in arguments]
            return wrap(value(*inner, **{k: unwrap(v) for k, v in named.items()}), self._surface)

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        member = self._surface.member(self._kind, name)
        if not isinstance(member, property) or member.fset is None:
            raise SurfaceError(f"{self._kind.__name__}.{name} cannot be set")
        kind = re.search(r"arg1: ([\w.:]+)", str(member.fset.__doc__))
        if kind is None or not is_of(value, kind[1]):
            raise SurfaceError(f"{self._kind.__name__}.{name} cannot be {value!r}")
        setattr(self._inner, name, unwrap(value))


def wrap(value: Any, surface: Surface) -> Any:
    """Objects of the fakes come out checked; IHostMemory and numbers as they are."""
    module = type(value).__module__
    if isinstance(value, PLAIN) or not module.startswith("tests."):
        return value
    return Checked(value, surface)


def unwrap(value: Any) -> Any:
    return value._inner if isinstance(value, Checked) else value


class Module:
    """The ``tensorrt`` module that the program is given.

    Args:
        surface: of the real one.
        fake: makes the objects.
    """

    def __init__(self, surface: Surface, fake: FakeBuilding) -> None:
        self._surface, self._fake = surface, fake
        self.__version__ = fake.__version__

    def __getattr__(self, name: str) -> Any:
        if not hasattr(self._surface.real, name):
            raise SurfaceError(f"tensorrt has no {name}")
        self._surface.used.add(name)
        real = getattr(self._surface.real, name)
        if name not in MADE:
            return Enumeration(real, self._surface) if hasattr(real, "__members__") else real

        def make(*arguments: Any) -> Any:
            self._surface.check_call("__init__", str(real.__init__.__doc__), arguments, {})
            made = getattr(self._fake, name)(*[unwrap(a) for a in arguments])
            return Checked(made, self._surface)

        return make


class Enumeration:
    """A real enumeration whose members are noted."""

    def __init__(self, real: Any, surface: Surface) -> None:
        self._real, self._surface = real, surface

    def __getattr__(self, name: str) -> Any:
        if name not in self._real.__members__:
            raise SurfaceError(f"{self._real.__name__} has no {name}")
        self._surface.used.add(f"{self._real.__name__}.{name}")
        return self._real.__members__[name]


def check_overrides(kind: type, surface: Surface) -> None:
    """TensorRT calls methods of subclasses by the names that it has."""
    ours = [
        made
        for made in kind.__subclasses__()
        if made.__module__.startswith(("export.", "runtime."))
    ]
    for made in ours:
        for name in vars(made):
            if not name.startswith("_"):
                surface.member(kind, name)


def main(version: str, networks: Path, faults: Faults, jobs: list[dict[str, Any]]) -> None:
    sys.path.insert(0, os.environ["BINDINGS"])
    real = importlib.import_module("tensorrt_bindings.tensorrt")
    from export.tensorrt import worker

    surface = Surface(real)
    cuda = FakeCuda(8 << 30)
    fake = FakeBuilding(cuda, version, faults, networks)
    # What the fakes compare with and return is real as well.
    fake.enums = real
    fake.TensorIOMode = real.TensorIOMode
    fake.ILogger = real.ILogger  # type: ignore[misc]
    worker.ask_driver = lambda ordinal: None  # type: ignore[assignment, return-value]
    events: list[dict[str, Any]] = []
    for request in jobs:
        doing = worker.Worker(events.append, lambda: cuda, lambda: Module(surface, fake))
        worker.answer(doing, request, events.append)
    for name in ("ILogger", "IProgressMonitor"):
        if hasattr(real, name):
            check_overrides(getattr(real, name), surface)
    print(json.dumps({"used": sorted(surface.used), "events": events}))  # noqa: T201


if __name__ == "__main__":
    wrong = Faults(**json.loads(sys.argv[3]))
    main(sys.argv[1], Path(sys.argv[2]), wrong, json.load(sys.stdin))

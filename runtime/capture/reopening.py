"""A camera or microphone that comes back by itself."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from runtime.capture.camera import Camera, Frame
from runtime.capture.microphone import Microphone
from runtime.errors import DeviceError, SgmnError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class State(str, Enum):
    """Where a device stands. A device that is lost is always being tried again."""

    STARTING = "starting"
    LIVE = "live"
    LOST = "lost"
    CLOSED = "closed"


@dataclass(frozen=True)
class Status:
    """A state with its circumstances.

    Attributes:
        state: where the device stands.
        since_s: the clock when the state was entered.
        error: why the device was lost last; None before the first loss and while live.
        reopened: how often the device came back.
    """

    state: State
    since_s: float
    error: SgmnError | None = None
    reopened: int = 0


class Backoff:
    """Waits that double from ``first_s`` to ``most_s``, shortened by chance.

    Many kiosks behind one switch must not all come back in the same instant.
    """

    def __init__(self, first_s: float = 1.0, most_s: float = 30.0, jitter: float = 0.2) -> None:
        self.first_s = first_s
        self.most_s = most_s
        self.jitter = jitter
        self._next_s = first_s

    def next_s(self) -> float:
        """The next wait in seconds."""
        wait_s = min(self._next_s, self.most_s)
        self._next_s = wait_s * 2
        return wait_s * (1 - self.jitter * random.random())

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._next_s = self.first_s


class Device(Protocol[T_co]):
    """What cameras and microphones have in common."""

    def open(self) -> None:
        """Start; raises `SgmnError`."""

    def read(self, timeout_s: float) -> T_co:
        """The next item; raises `SgmnError` when the device is lost."""

    def close(self) -> None:
        """Stop; legal in every state and from every thread."""


class Reopening(Generic[T]):
    """Keeps a device open: one thread opens, closes and opens again, for ever.

    Args:
        factory: makes a closed device.
        nothing: what ``read`` gives while there is no device.
        backoff: waits between attempts.
        clock: seconds for ``Status.since_s``.
        on_state: told of every change of state, mostly from the keeping thread; must be quick.
    """

    def __init__(
        self,
        factory: Callable[[], Device[T]],
        nothing: T,
        *,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[Status], None] | None = None,
    ) -> None:
        self._factory = factory
        self._nothing = nothing
        self._backoff = backoff
        self._clock = clock
        self._on_state = on_state
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._keeper: threading.Thread | None = None
        self._live: Device[T] | None = None
        self._making: Device[T] | None = None
        self._failure: SgmnError | None = None
        self._status = Status(State.CLOSED, 0.0)

    @property
    def status(self) -> Status:
        """The state now; may be read from any thread."""
        return self._status

    def open(self) -> None:
        """Begin to keep the device open; never raises and never waits for the device."""
        if self._keeper is not None:
            return
        self._stop = threading.Event()
        self._enter(State.STARTING)
        self._keeper = threading.Thread(target=self._keep, args=(self._stop,), daemon=True)
        self._keeper.start()

    def read(self, timeout_s: float) -> T:
        """The next item of the device, or nothing if none came in time or there is no device."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._changed.wait_for(lambda: self._live is not None or self._stop.is_set(), timeout_s)
            device = self._live
        if device is None:
            return self._nothing
        try:
            item = device.read(max(0.0, deadline - time.monotonic()))
        except SgmnError as failure:
            self._lose(device, failure)
            return self._nothing
        if item:
            self._backoff.reset()
        return item

    def close(self) -> None:
        """Close the device and stop keeping it."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        self._stop.set()
        with self._changed:
            making, self._live = self._making, None
            self._changed.notify_all()
        if making is not None:
            making.close()
        keeper.join(timeout=2)
        self._enter(State.CLOSED)

    def _keep(self, stop: threading.Event) -> None:
        while not stop.is_set():
            failure = self._attempt(stop)
            if stop.is_set():
                return
            self._enter(State.LOST, failure)
            stop.wait(self._backoff.next_s())

    def _attempt(self, stop: threading.Event) -> SgmnError | None:
        """Open the device and stay until it is lost; gives the reason."""
        device: Device[T] | None = None
        try:
            device = self._making = self._factory()
            device.open()
            return self._watch(device, stop)
        except SgmnError as failure:
            return failure
        except Exception as failure:  # noqa: BLE001 - a keeper that ends would end the device for good
            return DeviceError(
                "a device failed", why=repr(failure), fix="report this; it is tried again"
            )
        finally:
            if device is not None:
                device.close()

    def _watch(self, device: Device[T], stop: threading.Event) -> SgmnError | None:
        with self._changed:
            if stop.is_set():
                return None
            self._live, self._failure = device, None
            self._changed.notify_all()
        self._enter(State.LIVE)
        with self._changed:
            self._changed.wait_for(lambda: self._live is not device or stop.is_set())
            return self._failure

    def _lose(self, device: Device[T], failure: SgmnError) -> None:
        with self._changed:
            if self._live is device:
                self._live, self._failure = None, failure
                self._changed.notify_all()

    def _enter(self, state: State, error: SgmnError | None = None) -> None:
        before = self._status
        came_back = state is State.LIVE and before.state is State.LOST
        self._status = Status(state, self._clock(), error, before.reopened + came_back)
        if self._on_state is not None:
            self._on_state(self._status)


class ReopeningCamera(Reopening[Frame | None]):
    """A `Camera` whose ``read`` never raises: None while the camera is lost.

    Waits 1 to 30 s between attempts.
    """

    def __init__(
        self,
        factory: Callable[[], Camera],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[Status], None] | None = None,
    ) -> None:
        backoff = backoff or Backoff(most_s=30.0)
        super().__init__(factory, None, backoff=backoff, clock=clock, on_state=on_state)


class ReopeningMicrophone(Reopening[bytes]):
    """A `Microphone` whose ``read`` never raises: no sound while the microphone is lost.

    Waits 1 to 10 s between attempts.
    """

    def __init__(
        self,
        factory: Callable[[], Microphone],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[Status], None] | None = None,
    ) -> None:
        backoff = backoff or Backoff(most_s=10.0)
        super().__init__(factory, b"", backoff=backoff, clock=clock, on_state=on_state)

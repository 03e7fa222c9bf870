"""Engines that do not fit are built anew while the kiosk serves without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runtime.engines.rebuild import REBUILT, Rebuild
from runtime.engines.selection import HERE, Machine, choose_engines
from runtime.engines.settings import EngineSettings
from runtime.errors import GpuError
from runtime.lifecycle import Openable
from runtime.network import Network
from runtime.opening import open_network

MakeRebuild = Callable[[Path], Rebuild]


def open_or_build(
    folder: Path,
    settings: EngineSettings,
    tell: Callable[[str], None],
    machine: Machine = HERE,
    make_rebuild: MakeRebuild = Rebuild,
) -> Network:
    """Open a bundle; where nothing may take the place of its engines, build those first.

    Args:
        folder: the bundle.
        settings: what is to run it.
        tell: told what takes so long.
        machine: on which.
        make_rebuild: makes a build of a bundle's engines.

    Raises:
        GpuError: TensorRT cannot be used, and nothing may take its place.
        SgmnError: as `open_network`.
    """
    try:
        return open_network(folder, settings, machine)
    except GpuError as error:
        if error.reason not in REBUILT:
            raise
        tell(f"Building engines first, which takes minutes: {error.why}")
        with make_rebuild(folder) as building:
            if building.wait() != "done":
                tell(f"Building engines failed: {building.told}")
                raise
    return open_network(folder, settings, machine, rebuilt=True)


class Renewal(Openable):
    """Builds engines beside a kiosk that serves on the processor, then hands them to its network.

    Args:
        network: open.
        adopted: called on the thread of `refresh` once the network has the new engines, or the
            reason why they cannot be used.
        tell: told what happens.
        machine: on which.
        make_rebuild: makes a build of a bundle's engines.
    """

    def __init__(
        self,
        network: Network,
        adopted: Callable[[], None],
        tell: Callable[[str], None],
        machine: Machine = HERE,
        make_rebuild: MakeRebuild = Rebuild,
    ) -> None:
        self._network = network
        self._adopted = adopted
        self._tell = tell
        self._machine = machine
        self._make_rebuild = make_rebuild
        self._building: Rebuild | None = None

    def open(self) -> None:
        """Start building, where engines are missing or do not fit and building mends that."""
        selection = self._network.selection
        if selection is not None and selection.reason in REBUILT:
            self._tell(f"Building engines meanwhile: {selection.detail}")
            building = self._make_rebuild(self._network.bundle.folder)
            try:
                building.open()
            except OSError as error:  # no room for a process or a file: the kiosk serves as it is
                building.close()
                self._tell(f"Building engines failed: {error}")
            else:
                self._building = building

    def refresh(self) -> None:
        """Take the engines when they are done; call it between two steps."""
        building = self._building
        if building is None or building.state == "running":
            return
        self._building = None
        done, told = building.state == "done", building.told
        building.close()
        if not done:
            self._tell(f"Building engines failed: {told}")
            return
        choice = choose_engines(self._network.bundle, "allow", self._machine, rebuilt=True)
        used = choice.engine_set is not None
        said = "Engines are built and in use" if used else "The engines just built cannot be used"
        self._tell(f"{said}: {choice.selection.detail}")
        self._network.adopt(choice)
        self._adopted()

    def close(self) -> None:
        """End what is being built; legal in every state."""
        if self._building is not None:
            self._building.close()
            self._building = None

"""Installs and rolls back in forked processes that are killed at a random step.

Run as ``python -m tests.runtime.bundle.killed_install FOLDER SEED COUNT``; prints one line of JSON.
A step is a call that changes what is on the disk, or waits for it. What the kill left is looked at
after every trial.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from runtime.bundle.install import install_bundle
from runtime.bundle.installed import Installed
from runtime.bundle.reader import open_bundle
from runtime.bundle.store import LOCK, BundleStore
from tests.runtime.bundle.signing import TRUST, passes, signed_bundle

Change = Callable[[], object]
STEPS = frozenset(
    ["close", "fsync", "link", "mkdir", "open", "rename", "replace", "rmdir", "unlink", "write"]
)
KEEP = 2
CLEARED_EVERY = 5
"""Trials between two changes that are let through and must leave no trace of those killed."""


def main(folder: Path, seed: int, count: int) -> dict[str, Any]:
    """All trials; raises at the first that leaves no working bundle."""
    rng = random.Random(seed)
    store = BundleStore(folder / "bundles")
    sources = [signed_bundle(folder / name, name) for name in "abcd"]
    for source in sources[:2]:
        change(store, source)()
    most = max(steps_of(change(store, source)) for source in sources)
    seen: Counter[str] = Counter()
    for trial in range(count):
        before = store.installed()
        source = None if before.current and rng.random() < 0.3 else rng.choice(sources)
        last = rng.randint(1, most if source else most // 5)
        killed = in_child(lambda s=source, n=last: dying(change(store, s), n))
        seen["killed" if killed else "ended"] += 1
        seen["old" if store.installed() == before else "new"] += 1
        check_working(store, before)
        if trial % CLEARED_EVERY == 0:
            change(store, rng.choice(sources))()
            check_clear(store)
    return dict(seen)


def change(store: BundleStore, source: Path | None) -> Change:
    """An installation, or a rollback for None."""
    if source is None:
        return store.roll_back
    return lambda: install_bundle(
        source, store, TRUST, self_test=passes, allow_downgrade=True, keep=KEEP
    )


def is_step(event: str, called: object) -> bool:
    """Whether a profiler's event is the call of a function of the system that counts."""
    named = event == "c_call" and getattr(called, "__name__", "") in STEPS
    return named and not isinstance(getattr(called, "__self__", None), (str, bytes))


def steps_of(change: Change) -> int:
    """How many steps a change has; it is really made, in a child."""
    reader, writer = os.pipe()

    def counted() -> None:
        steps = [0]

        def count(frame: FrameType, event: str, argument: object) -> None:
            steps[0] += is_step(event, argument)

        sys.setprofile(count)
        change()
        sys.setprofile(None)
        os.write(writer, str(steps[0]).encode())

    assert not in_child(counted)
    os.close(writer)
    with os.fdopen(reader) as source:
        return int(source.read())


def dying(change: Change, last: int) -> None:
    """Make a change and kill this process before its step ``last``."""
    steps = [0]

    def count(frame: FrameType, event: str, argument: object) -> None:
        if is_step(event, argument):
            steps[0] += 1
            if steps[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    change()


def in_child(work: Change) -> bool:
    """Do the work in a fork; whether that was killed. Any other fault of it is raised here."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.setprofile(None)
            if code:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise RuntimeError("a change failed that was not killed")
    return False


def check_working(store: BundleStore, before: Installed) -> None:
    """The bundle in use, and every other that is listed, is whole; nobody had to mend it."""
    installed = store.installed()
    assert installed.current in {before.current, before.previous, *installed.bundles[-1:]}
    for digest in installed.bundles:
        assert open_bundle(store.place(digest), TRUST).digest == digest
    assert installed.current is None or store.in_use() == store.place(installed.current)


def check_clear(store: BundleStore) -> None:
    found = {place.name for place in store.folder.iterdir()}
    assert found == {LOCK, "installed.json", *store.installed().bundles}, found


if __name__ == "__main__":
    seen = main(Path(sys.argv[1]), seed=int(sys.argv[2]), count=int(sys.argv[3]))
    sys.stdout.write(json.dumps(seen) + "\n")

"""The steps of a publication, by name, as a process passes them.

Owns the list of crash points. `watch` patches the process that it is called in, and no other: a
child that was forked to die. Code that is published knows nothing of it. Every step is at the
border of `mesh.lake` or of the catalog, where something that outlives the process is about to
change, or just has; `test_crash_points` holds that no such change has none of them beside it.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from mesh.catalog import publications
from mesh.catalog.quarantine_in_lake import EVENTS_FOLDER, PLANS_FOLDER
from mesh.catalog.store import Catalog
from mesh.lake import Table
from mesh.lake.store import LocalStore, ObjectStore

Tell = Callable[[str], None]

FILES = ("the data file", "the kept rows' file", "the rejected rows' file")
STEPS = (
    "before the probe",
    "after the probe",
    *(
        f"{when} {file} {what}"
        for file in FILES
        for when, what in (
            ("before", "is begun"),
            ("after", "was begun"),
            ("while", "is half written"),
            ("before", "is closed"),
            ("after", "was closed"),
        )
    ),
    "before the quarantine's commit",
    "after the quarantine's commit",
    "before the plan is kept",
    "after the plan was kept",
    "before the contract is kept",
    "after the contract was kept",
    "before the commit",
    "after the commit",
    "before the record",
    "in the record's transaction",
    "after the record",
    "before the event is written",
    "after the event was written",
    "before the event's record",
    "after the event's record",
    "before the retirement's record",
    "after the retirement's record",
    "before the plan is forgotten",
    "after the plan was forgotten",
)
"""Every step, in about their order; which of them a publication takes depends on what it does."""

_HALF = 3
"""The write at which a file is half there: the first is its magic number, the last its footer."""


def watch(tell: Tell) -> None:
    """From now on, in this process, say every step as it is passed."""
    for store in (LocalStore, ObjectStore):
        _around(store, "probe", tell, lambda *_: "the probe", ("before {}", "after {}"))
        _around(store, "put_once", tell, _kept, ("before {} is kept", "after {} was kept"))
        _around(store, "replace", tell, _written, ("before {} is written", "after {} was written"))
        _around(store, "delete", tell, _gone, ("before {} is forgotten", "after {} was forgotten"))
        _around_output(store, tell)
    _around(Table, "commit", tell, _commit, ("before {}", "after {}"))
    _around(Catalog, "record", tell, lambda *_: "the record", ("before {}", "after {}"))
    _around(
        Catalog,
        "record_quarantine_events",
        tell,
        lambda *_: "the event's record",
        ("before {}", "after {}"),
    )
    _around(
        Catalog,
        "record_retirement",
        tell,
        lambda *_: "the retirement's record",
        ("before {}", "after {}"),
    )
    insert = publications.insert_receipts

    def inserted(*arguments: Any) -> int:
        count = insert(*arguments)
        tell("in the record's transaction")
        return count

    publications.insert_receipts = inserted


def occurrences(steps: list[str]) -> list[tuple[str, int]]:
    """The first and the last time that each step was passed, in order."""
    seen: Counter[str] = Counter()
    numbered = []
    for step in steps:
        seen[step] += 1
        numbered.append((step, seen[step]))
    return [(step, number) for step, number in numbered if number in {1, seen[step]}]


def _around(
    owner: type, name: str, tell: Tell, what: Callable[..., str], words: tuple[str, str]
) -> None:
    original = getattr(owner, name)

    def told(*arguments: Any, **options: Any) -> Any:
        about = what(*arguments)
        if about:
            tell(words[0].format(about))
        result = original(*arguments, **options)
        if about:
            tell(words[1].format(about))
        return result

    setattr(owner, name, told)


def _around_output(store: type, tell: Tell) -> None:
    original = store.open_output  # type: ignore[attr-defined]

    def told(self: Any, path: str) -> Any:
        file = _file(self, path)
        tell(f"before {file} is begun")
        opened = original(self, path)
        tell(f"after {file} was begun")
        return pa.PythonFile(_Output(opened, file, tell), "w")

    store.open_output = told  # type: ignore[attr-defined]


def _file(store: Any, path: str) -> str:
    if "_quarantine" in str(getattr(store, "root", "") or getattr(store, "url", "")):
        return "the rejected rows' file"
    return "the kept rows' file" if "-kept" in path else "the data file"


def _kept(_: Any, path: str, *__: Any) -> str:
    return "the plan" if path.startswith(PLANS_FOLDER) else "the contract"


def _written(_: Any, path: str, *__: Any) -> str:
    return "the event" if path.startswith(EVENTS_FOLDER) else ""


def _gone(_: Any, paths: list[str]) -> str:
    return "the plan" if any(path.startswith(PLANS_FOLDER) for path in paths) else ""


def _commit(table: Table, *_: Any) -> str:
    return "the quarantine's commit" if table.url.endswith("_quarantine") else "the commit"


class _Output:
    """What is being written, told of at each border."""

    def __init__(self, inner: Any, file: str, tell: Tell) -> None:
        self._inner = inner
        self._file = file
        self._tell = tell
        self._writes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        self._inner.write(data)
        self._writes += 1
        if self._writes == _HALF:
            self._tell(f"while {self._file} is half written")
        return len(data)

    def tell(self) -> int:
        return int(self._inner.tell())

    def flush(self) -> None:
        self._inner.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._tell(f"before {self._file} is closed")
            self._inner.close()
            self._tell(f"after {self._file} was closed")

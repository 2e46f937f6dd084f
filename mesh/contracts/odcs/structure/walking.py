"""Walking through plain values, and telling where they are not as they should be.

Owns the primitives that the structure of a document is put together from. Knows no key of ODCS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.contracts.yaml_files import Path_
from mesh.errors import did_you_mean, near_names

Check = Callable[[Any, Path_], None]
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as a version has it; where `is_vital`, no reader could use it."""

    path: Path_
    what: str
    hint: str = ""
    is_vital: bool = True
    is_missing: bool = False


def shown(value: object) -> str:
    """A value for a message: not all of a long one."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _told_apart(value: Any) -> str:
    """A text that is another for another value: 1 and 1.0 are the same, 1 and true are not."""
    is_whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if is_whole else value, sort_keys=True, default=str)


class Walk:
    """One pass through a document. `seen` are the paths that the version has a word for."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.found: dict[Path_, Deviation] = {}
        self.seen: set[Path_] = set()

    def say(self, path: Path_, what: str, hint: str = "", *, is_vital: bool = True) -> None:
        """Tell what is not as it should be; of one place only the first."""
        self.found.setdefault(path, Deviation(path, what, hint, is_vital))

    def text(self, value: Any, path: Path_) -> None:
        """A text."""
        self._kind(value, path, isinstance(value, str), "text")

    def flag(self, value: Any, path: Path_) -> None:
        """True or false."""
        self._kind(value, path, isinstance(value, bool), "true or false")

    def number(self, value: Any, path: Path_) -> None:
        """A number, which true and false are not."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        self._kind(value, path, is_number, "number")

    def whole(self, value: Any, path: Path_) -> None:
        """A whole number."""
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        self._kind(value, path, is_whole and not isinstance(value, bool), "whole number")

    def count(self, value: Any, path: Path_) -> None:
        """A whole number that is not below 0."""
        self.whole(value, path)
        if path not in self.found and value < 0:
            self.say(path, f"{shown(value)} is below 0")

    def anything(self, _: Any, path: Path_) -> None:
        """Whatever it is."""
        self.seen.add(path)

    def scalar(self, value: Any, path: Path_) -> None:
        """Anything but a list or a mapping."""
        self._kind(value, path, not isinstance(value, list | Mapping), "single value")

    def texts(self, value: Any, path: Path_) -> None:
        """A list of texts."""
        self.listing(value, path, self.text)

    def listing(
        self, value: Any, path: Path_, check: Check, *, least: int = 0, is_unique: bool = False
    ) -> None:
        """A list of such things."""
        self._kind(value, path, isinstance(value, list), "list")
        if not isinstance(value, list):
            return
        for index, item in enumerate(value):
            check(item, (*path, str(index)))
        if len(value) < least:
            self.say(path, f"it has {len(value)} items, and needs {least}", is_vital=False)
        elif is_unique and len({_told_apart(item) for item in value}) < len(value):
            self.say(path, "it has an item twice", "once is enough", is_vital=False)

    def each(self, check: Check) -> Check:
        """A check of a list of such things."""
        return lambda value, path: self.listing(value, path, check)

    def one_of(self, words: Iterable[str], *, is_vital: bool = False) -> Check:
        """A check of a text that is one of these."""
        known = tuple(words)

        def check(value: Any, path: Path_) -> None:
            self.text(value, path)
            if isinstance(value, str) and value not in known:
                hint = did_you_mean(near_names(value, known)) or f"one of {', '.join(known)}"
                self.say(path, f"{shown(value)} is not in the standard", hint, is_vital=is_vital)

        return check

    def matching(self, pattern: str, words: str) -> Check:
        """A check of a text that a pattern is found in."""

        def check(value: Any, path: Path_) -> None:
            self.text(value, path)
            if isinstance(value, str) and not re.search(pattern, value):
                self.say(path, f"{shown(value)} is not {words}", is_vital=False)

        return check

    def mapping(
        self,
        value: Any,
        path: Path_,
        keys: Mapping[str, Check],
        *,
        required: Iterable[str] = (),
        is_open: bool = False,
    ) -> None:
        """A mapping with these keys; where it is not open, with no others."""
        self._kind(value, path, isinstance(value, Mapping), "mapping")
        if not isinstance(value, Mapping):
            return
        for key, item in value.items():
            below = (*path, str(key))
            if key in keys:
                keys[key](item, below)
            elif not is_open:
                hint = did_you_mean(near_names(str(key), keys))
                self.say(below, f"{key!r} is no key of it", hint, is_vital=False)
        for key in required:
            if key not in value:
                below = (*path, key)
                gone = Deviation(below, f"{key!r} is missing", is_missing=True)
                self.found.setdefault(below, gone)

    def _kind(self, value: Any, path: Path_, is_fit: bool, words: str) -> None:  # noqa: FBT001 -- what was asked of the value
        self.seen.add(path)
        if not is_fit:
            article = "" if words == "true or false" else "a "
            self.say(path, f"{shown(value)} is not {article}{words}")

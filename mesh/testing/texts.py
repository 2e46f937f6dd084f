"""Texts that look right: of a format, of a pattern, of a length, or words.

Owns how a text column's rules become texts. What is made is a proposal: the rules decide.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from mesh.contracts.formats import format_of
from mesh.contracts.model import Rule
from mesh.contracts.patterns import rust_pattern
from mesh.testing.regexes import RegexTexts, Texts

_FIRST = (
    "amber", "brisk", "calm", "dark", "early", "fair", "gentle", "high", "ivory", "jolly", "keen",
    "light", "mellow", "noble", "open", "plain", "quiet", "rapid", "silver", "tall", "upper",
    "vivid", "warm", "young",
)  # fmt: skip
_SECOND = (
    "arch", "bridge", "cedar", "delta", "elm", "falcon", "garden", "harbor", "island", "juniper",
    "kite", "lake", "meadow", "north", "orchard", "pine", "quarry", "river", "stone", "tower",
    "union", "valley", "willow", "yard",
)  # fmt: skip
_LONGEST = 24
_COMPARED = frozenset({
    "greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A text column whose values are wanted. `moments` are microseconds since 1970, one a row."""

    name: str
    rules: Sequence[Rule]
    is_distinct: bool
    rng: np.random.Generator
    moments: np.ndarray[tuple[int], np.dtype[np.int64]]

    @property
    def count(self) -> int:
        """How many values are wanted."""
        return len(self.moments)

    def values(self) -> list[str]:
        """Texts, one a row."""
        named = {rule.check: rule.arguments for rule in self.rules}
        regexes = [regex for rule in self.rules if (regex := _regex(rule))]
        if "format" in named and named["format"]["name"] not in {"password", "binary"}:
            return self._formatted(named["format"]["name"])
        if self._is_mail and all(_is_found(regex, "amber.elm7@example.com") for regex in regexes):
            regexes = []
        if regexes:
            chosen = regexes[int(self.rng.integers(len(regexes)))]
            return self._matching(chosen, {})
        words = self._beside_bounds(self._words())
        start = named.get("str_startswith", {}).get("string", "")
        end = named.get("str_endswith", {}).get("string", "")
        words = [f"{start}{word}{end}" for word in words] if start or end else words
        return self._of_length(words, named["str_length"]) if "str_length" in named else words

    @property
    def _is_mail(self) -> bool:
        return "mail" in self.name.lower()

    def _words(self) -> list[str]:
        if self._is_mail:
            return _MAKERS["email"](self)
        if self.name.lower().endswith("id"):
            stem = self.name[:-2].strip("_").lower() or "id"
            numbers = self.rng.integers(1, max(1_000_000, 10 * self.count), self.count)
            return [f"{stem}-{number:06d}" for number in numbers]
        first = self.rng.integers(0, len(_FIRST), self.count)
        second = self.rng.integers(0, len(_SECOND), self.count)
        words = [f"{_FIRST[a]} {_SECOND[b]}" for a, b in zip(first, second, strict=True)]
        if "name" in self.name.lower() or "title" in self.name.lower():
            words = [word.title() for word in words]
        if not self.is_distinct:
            return words
        numbers = self.rng.integers(1, max(1_000, 10 * self.count), self.count)
        return [f"{word} {number}" for word, number in zip(words, numbers, strict=True)]

    def _beside_bounds(self, words: list[str]) -> list[str]:
        """Words, and some before and after the texts that they are compared with."""
        bounds = [
            str(value)
            for rule in self.rules
            if rule.check in _COMPARED
            for name, value in rule.arguments.items()
            if name in {"min_value", "max_value"}
        ]
        if not bounds:
            return words
        near = [
            text for bound in bounds for text in (bound, bound[:-1], f"{bound} a", f"{bound} k")
        ]
        chosen = self.rng.integers(0, 2 * len(near), self.count)
        pairs = zip(chosen, words, strict=True)
        return [near[place] if place < len(near) else word for place, word in pairs]

    def _of_length(self, words: list[str], told: Mapping[str, Any]) -> list[str]:
        exact = told.get("exact_value")
        least = exact if exact is not None else told.get("min_value") or 0
        most = exact if exact is not None else told.get("max_value")
        most = max(least, _LONGEST) if most is None else most
        if self.is_distinct and most < _LONGEST:  # numbers at a word's end would be cut
            letters = RegexTexts(self.rng, self.count)
            return list(map(str, letters.matching(f"[a-z0-9]{{{least},{min(most, least + 8)}}}")))
        return [
            (word if len(word) >= least else word + "abcdefgh" * (least // 8 + 1))[
                : max(least, min(most, len(word)))
            ]
            for word in words
        ]

    def _formatted(self, name: str) -> list[str]:
        if name in _MAKERS:
            return _MAKERS[name](self)
        return self._matching(format_of(name).regex, _day_parts(self.moments))

    def _matching(self, regex: str, given: Mapping[str, Sequence[str]]) -> list[str]:
        try:
            made: Texts = RegexTexts(self.rng, self.count, given).matching(regex)
        except ValueError:  # the rule will refuse what is made instead, and be named
            return self._words()
        return [str(text) for text in made]


def _regex(rule: Rule) -> str:
    """The regular expression of a rule, in Rust's words; empty when it has none."""
    if rule.check == "pattern":
        return rust_pattern(rule.arguments["regex"])
    if rule.check in {"str_matches", "str_contains"}:
        pattern = rule.arguments["pattern"]
        return str(getattr(pattern, "pattern", pattern))
    return ""


def _is_found(regex: str, text: str) -> bool:
    try:
        return re.search(regex, text) is not None
    except re.error:
        return False


def _times(moments: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[datetime]:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return [start + timedelta(microseconds=int(moment)) for moment in moments]


def _day_parts(moments: np.ndarray[tuple[int], np.dtype[np.int64]]) -> dict[str, list[str]]:
    times = _times(moments)
    parts = {"year": "%Y", "month": "%m", "day": "%d"}
    return {name: [time.strftime(sign) for time in times] for name, sign in parts.items()}


def _numbers(column: TextColumn, most: int) -> list[int]:
    return [int(number) for number in column.rng.integers(0, most, column.count)]


def _slugs(column: TextColumn, joint: str) -> list[str]:
    numbers = _numbers(column, max(100, 10 * column.count) if column.is_distinct else 100)
    first = column.rng.integers(0, len(_FIRST), column.count)
    second = column.rng.integers(0, len(_SECOND), column.count)
    parts = zip(first, second, numbers, strict=True)
    return [f"{_FIRST[a]}{joint}{_SECOND[b]}{number}" for a, b, number in parts]


def _uuids(column: TextColumn) -> list[str]:
    found = []
    for raw in column.rng.bytes(16 * column.count).hex(" ", 16).split():
        digits = f"{raw[:12]}4{raw[13:16]}a{raw[17:]}"  # RFC 9562: version 4, variant 10
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        found.append("-".join(parts))
    return found


def _durations(column: TextColumn) -> list[str]:
    return [f"PT{1 + n // 60}H{n % 60}M" for n in _numbers(column, max(1_440, 10 * column.count))]


_MAKERS: Mapping[str, Callable[[TextColumn], list[str]]] = {
    "email": lambda column: [f"{slug}@example.com" for slug in _slugs(column, ".")],
    "hostname": lambda column: [f"{slug}.example.com" for slug in _slugs(column, "-")],
    "uri": lambda column: [f"https://example.com/{slug}" for slug in _slugs(column, "/")],
    "uuid": _uuids,
    "ipv4": lambda column: [
        f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}" for n in _numbers(column, 1 << 24)
    ],
    "ipv6": lambda column: [
        f"2001:db8::{n >> 16:x}:{n & 65_535:x}" for n in _numbers(column, 1 << 32)
    ],
    "byte": lambda column: [
        base64.b64encode(slug.encode()).decode() for slug in _slugs(column, " ")
    ],
    "date": lambda column: [f"{time:%Y-%m-%d}" for time in _times(column.moments)],
    "time": lambda column: [f"{time:%H:%M:%S}Z" for time in _times(column.moments)],
    "date-time": lambda column: [f"{time:%Y-%m-%dT%H:%M:%S}Z" for time in _times(column.moments)],
    "duration": _durations,
}

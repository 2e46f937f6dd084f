"""For what, where and when policies tell requests apart, as values to ask them with.

Owns the purposes, regions, environments and moments that occur in policy texts, and their
combinations: the simplest first, and a bounded number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, islice, product, zip_longest
from math import prod
from typing import Any

from mesh.access.policies import Policy

MOST = 100
"""Combinations that are tried on one port for one principal."""
_LOOKED_AT = 10 * MOST
"""Combinations that are looked at for these, among them some twice."""
ELSE = "something else"
"""A purpose, region or environment that no policy names."""
_COMPARING = (
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "like",
    "contains",
    "containsAll",
    "containsAny",
)
_YEARS = range(1000, 9000)
_LONGEST = timedelta(days=36_525)
"""What is further away is not tried: a moment has to be one that Cedar and Python can write."""
_TEXTS = ("purpose", "region", "environment")
_DURATION = re.compile(r"(\d+)(ms|d|h|m|s)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Circumstance:
    """For what, where and when something is asked."""

    purpose: str
    region: str
    environment: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Compared:
    """What a policy compares circumstances with.

    `texts` are by the word of the context; `linked` are words that are compared with what is no
    text of the policy, such as an attribute.
    """

    texts: Mapping[str, frozenset[str]]
    linked: frozenset[str]
    moments: frozenset[datetime]
    times: frozenset[timedelta]

    @classmethod
    def of(cls, policy: Policy) -> Compared:
        """What this policy compares with."""
        conditions = policy.body["conditions"]
        texts: dict[str, set[str]] = {word: set() for word in _present(conditions)}
        linked: set[str] = set()
        told: set[str] = set()
        for comparison in _comparisons(conditions):
            asked, said = _asked(comparison), _texts(comparison)
            for word in asked & {*_TEXTS}:
                texts.setdefault(word, set()).update(said)
                linked |= set() if said else {word}
            told |= said if "now" in asked else set()
        return cls(
            {word: frozenset(found) for word, found in texts.items()},
            frozenset(linked),
            frozenset(filter(None, map(_moment, told))),
            frozenset(filter(None, map(_duration, told))),
        )

    def sides(self, base: Circumstance, others: frozenset[str]) -> dict[str, set[Any]]:
        """What each part of a circumstance may be otherwise, as the policy names it.

        `others` are what its linked words may be compared with. Of a moment, and of a time of the
        day, there is a minute before and one after.
        """
        found: dict[str, set[Any]] = {
            word: {*named, *(others if word in self.linked else ())}
            for word, named in self.texts.items()
        }
        midnight = base.now.replace(hour=0, minute=0, second=0, microsecond=0)
        starts = {midnight, *self.moments}
        turns = {*self.moments, *(start + time for start in starts for time in self.times)}
        return {**found, "now": {turn + side for turn in turns for side in (-_MINUTE, _MINUTE)}}


def combined(
    compared: Sequence[Compared], base: Circumstance, others: Iterable[str]
) -> tuple[list[Circumstance], int]:
    """How a request may be made, as it is made here first of all, and how many ways are left out.

    Then otherwise in one thing, and in all that some policy names; then in two things, and so on.
    """
    linked = frozenset(others)
    own = [policy.sides(base, linked) for policy in compared]
    every: dict[str, set[Any]] = {}
    for sides in own:
        for word, values in sides.items():
            every.setdefault(word, set()).update(values)
    for word in {*_TEXTS} & every.keys():
        every[word] |= {"", ELSE}
    counts = range(len(every) + 1)
    ways = chain(
        [base],
        _in_turn(
            [
                _otherwise(base, every, counts[1:2]),
                *(_otherwise(base, sides, counts[::-1]) for sides in own),
            ]
        ),
        _otherwise(base, every, counts[2:]),
    )
    found = list(islice(dict.fromkeys(islice(ways, _LOOKED_AT)), MOST))
    total = prod(len(values - {getattr(base, word)}) + 1 for word, values in every.items())
    return found, total - len(found)


def _otherwise(
    base: Circumstance, sides: Mapping[str, set[Any]], counts: Iterable[int]
) -> Iterator[Circumstance]:
    """Circumstances that differ in so many things."""
    chosen = {word: sorted(values - {getattr(base, word)}) for word, values in sides.items()}
    for count in counts:
        for words in combinations(sorted(chosen), count):
            for values in product(*(chosen[word] for word in words)):
                yield replace(base, **dict(zip(words, values, strict=True)))


def _in_turn(ways: Iterable[Iterator[Circumstance]]) -> Iterator[Circumstance]:
    """One of each, then another of each, until none has any left."""
    for some in zip_longest(*ways):
        yield from (way for way in some if way is not None)


def _present(body: Any) -> Iterator[str]:
    """The words of which a policy asks whether they are there."""
    for asked in _within(body, "has"):
        if asked["left"] == {"Var": "context"} and asked["attr"] in _TEXTS:
            yield asked["attr"]


def _comparisons(body: Any) -> Iterator[Any]:
    """The parts of a policy's conditions that compare two things."""
    waiting = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            yield from (part[word] for word in _COMPARING if word in part)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _asked(part: Any) -> frozenset[str]:
    """The words of the context that a part of a policy asks for."""
    return frozenset(dot["attr"] for dot in _within(part, ".") if _is_of_context(dot["left"]))


def _is_of_context(part: Any) -> bool:
    """Whether it is the context, or a part of it such as the agreement."""
    while isinstance(part, Mapping) and "." in part:
        part = part["."]["left"]
    return bool(part == {"Var": "context"})


def _texts(part: Any) -> set[str]:
    """Texts that a comparison names; a pattern as one that fits it."""
    plain = {value for value in _within(part, "Value") if isinstance(value, str)}
    patterns = _within(part, "pattern")
    return plain | {
        "".join(piece["Literal"] if isinstance(piece, Mapping) else "" for piece in pattern)
        for pattern in patterns
    }


def _within(body: Any, word: str) -> Iterator[Any]:
    """Everything of that name within a part."""
    waiting = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if word in part:
                yield part[word]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.year not in _YEARS:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _duration(text: str) -> timedelta | None:
    """`1h30m`; None for what is no duration. One below zero counts from its other side."""
    bare = text.removeprefix("-")
    if not bare or _DURATION.sub("", bare):
        return None
    told = {_UNITS[unit]: int(number) for number, unit in _DURATION.findall(bare)}
    try:
        found = timedelta(**told)
    except OverflowError:
        return None
    if found > _LONGEST:
        return None
    return -found if text != bare else found

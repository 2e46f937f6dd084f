"""Units of time, as people write them in contracts.

Owns which words mean a unit, and how long it is. A month and a year are of mean length.
"""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: Mapping[str, tuple[str, ...]] = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "wk", "week", "weeks"),
    "mo": ("mo", "month", "months"),
    "y": ("y", "yr", "yrs", "year", "years"),
}
UNITS: Mapping[str, str] = {word: unit for unit, words in _WORDS.items() for word in words}
"""The unit of a word in small letters: `hours` is `h`."""
SECONDS: Mapping[str, float] = {
    "s": 1,
    "m": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 7 * 86_400,
    "mo": 30.44 * 86_400,
    "y": 365.25 * 86_400,
}
"""How many seconds a unit has."""

"""Texts that match a regular expression, many at a time.

Owns the way from a regular expression of Rust's, as contracts have them, to texts. Reading it is
the standard library's, which Hypothesis, rstr and exrex use for the same; those make one text a
call, which is too slow for a key of a hundred thousand. What is made is a proposal: the rule itself
decides whether it matches.
"""

from __future__ import annotations

import importlib
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Texts = np.ndarray[tuple[int], np.dtype[np.str_]]

_MORE = 8
"""How often something repeats beyond what it has to, at most."""
_PRINTABLE = "".join(chr(code) for code in range(32, 127))
_PLAIN = string.ascii_letters + string.digits
_CATEGORIES = {
    "DIGIT": string.digits,
    "WORD": _PLAIN,
    "SPACE": " ",
    "NOT_DIGIT": string.ascii_letters,
    "NOT_WORD": "-.:/ ",
    "NOT_SPACE": _PLAIN,
}
_POSIX = {
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "A-Za-z0-9", "upper": "A-Z", "lower": "a-z",
    "space": " ", "word": "A-Za-z0-9_", "xdigit": "0-9A-Fa-f", "punct": "!-/",
}  # fmt: skip
_TRANSLATED = re.compile(
    r"\(\?<(?P<group>[A-Za-z_]\w*)>"
    r"|\\[ux]\{(?P<code>[0-9A-Fa-f]{1,6})\}"
    r"|(?P<boundary>\(\?-u:\\[bB]\))"
    r"|(?P<end>\\z)"
    r"|\\(?P<property>[pP])(?:\{[A-Za-z0-9_=]+\}|[A-Z])"
    r"|\[:(?P<posix>[a-z]+):\]"
    r"|(?P<other>\\.|.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class RegexTexts:
    """What makes texts for one regular expression. `given` says what named groups hold."""

    rng: np.random.Generator
    count: int
    given: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def matching(self, regex: str) -> Texts:
        """As many texts as asked for, of Rust's regular expression. Raises ValueError."""
        parser: Any = importlib.import_module("re._parser")
        try:
            tree = parser.parse(_python(regex))
        except re.error as error:
            message = f"{regex!r} cannot be read: {error}"
            raise ValueError(message) from error
        names = {number: name for name, number in tree.state.groupdict.items()}
        return self._sequence(tree, names)

    def _sequence(self, nodes: Any, names: Mapping[int, str]) -> Texts:
        made = self._constant("")
        for kind, value in nodes:
            made = np.strings.add(made, self._node(str(kind), value, names))
        return made

    def _node(self, kind: str, value: Any, names: Mapping[int, str]) -> Texts:
        characters = _characters(kind, value)
        if characters is not None:
            return self._one_of(characters)
        match kind:
            case "AT":
                return self._constant("")
            case "SUBPATTERN" if names.get(value[0], "") in self.given:
                return np.array(self.given[names[value[0]]], dtype=np.str_)
            case "SUBPATTERN":
                return self._sequence(value[-1], names)
            case "BRANCH":
                return self._branch(value[1], names)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, part = value
                return self._repeated(least, most, part, names)
        message = f"no text is made for {kind.lower()}"
        raise ValueError(message)

    def _branch(self, ways: Sequence[Any], names: Mapping[int, str]) -> Texts:
        chosen = self.rng.integers(0, len(ways), self.count)
        made = self._constant("")
        for number, way in enumerate(ways):
            made = np.where(chosen == number, self._sequence(way, names), made)
        return made

    def _repeated(self, least: int, most: Any, part: Any, names: Mapping[int, str]) -> Texts:
        often = self.rng.integers(least, min(int(most), least + _MORE) + 1, self.count)
        made = self._constant("")
        for turn in range(int(often.max(initial=0))):
            more = self._sequence(part, names)
            made = np.strings.add(made, np.where(often > turn, more, ""))
        return made

    def _constant(self, text: str) -> Texts:
        return np.full(self.count, text, dtype=np.str_)

    def _one_of(self, characters: Sequence[str]) -> Texts:
        if len(characters) == 1:
            return self._constant(characters[0])
        return self.rng.choice(np.array(list(characters), dtype=np.str_), self.count)


def _python(regex: str) -> str:
    """The same for Python, where the two write it differently."""
    return _TRANSLATED.sub(_translated, regex)


def _translated(found: re.Match[str]) -> str:
    if found["group"]:
        return f"(?P<{found['group']}>"
    if found["code"]:
        return re.escape(chr(int(found["code"], 16)))
    if found["boundary"]:
        return ""
    if found["end"]:
        return r"\Z"
    if found["property"]:
        return r"\w" if found["property"] == "p" else r"\W"
    if found["posix"]:
        return _POSIX.get(found["posix"], "A-Za-z")
    return found["other"]


def _characters(kind: str, value: Any) -> Sequence[str] | None:
    """The characters of which a node is one; None for a node that is more than a character."""
    match kind:
        case "LITERAL":
            return [chr(value)]
        case "NOT_LITERAL":
            return [c for c in _PLAIN if ord(c) != value]
        case "ANY":
            return _PLAIN
        case "IN":
            return _members(value)
    return None


def _members(items: Sequence[tuple[Any, Any]]) -> list[str]:
    """The characters of a class that a text is made of."""
    is_negated = str(items[0][0]) == "NEGATE"
    held: list[str] = []
    for kind, value in items:
        match str(kind):
            case "LITERAL":
                held.append(chr(value))
            case "RANGE":
                held += map(chr, range(value[0], min(value[1], value[0] + 255) + 1))
            case "CATEGORY":
                held += _CATEGORIES[str(value).removeprefix("CATEGORY_")]
    if is_negated:
        left = [c for c in _PLAIN if c not in held] or [c for c in _PRINTABLE if c not in held]
        return left or ["é"]
    return [c for c in held if c in _PRINTABLE] or held

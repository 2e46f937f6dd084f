"""Words, as they are searched: what a text has, and what somebody types.

Owns the one way from text to words, so that both databases index the same: case, accents and a
plural's `s` do not count, and every other letter than a-z is spelt out in ASCII, since databases
differ in what is a letter to them. Text may be anything at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LETTERS = 64
"""Letters of a word that count."""
MAX_WORDS = 8
"""Words of a query that count."""
MAX_QUERY = 1_000
"""Characters of a query that are looked at."""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SMALL = frozenset(
    "a an and are at by do for from how i in is it of or our "  # noqa: SIM905 -- a list of words
    "that the to we what when where which who why with".split()
)
"""Words of a question that say nothing of what is looked for."""
_SHORTEST_PLURAL = 4
_NO_PLURALS = ("ss", "us", "is")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: as it is searched, and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """A word that somebody looks for. The last one may be a beginning: `is_prefix`."""

    text: str
    is_prefix: bool = False


def composed(text: str) -> str:
    """The text as one string of letters that any database and terminal can hold."""
    whole = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", whole)


def words(text: str) -> Iterator[Word]:
    """The words of a text in their order; `DailyOnTime` and `daily_on_time` have three each."""
    for found in _WORD.finditer(text):
        start = found.start()
        for part in _HUMP.split(found.group()):
            if folded := fold(part):
                yield Word(folded, start, start + len(part))
            start += len(part)


def fold(word: str) -> str:
    """The word without what does not count."""
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    letters = "".join(letter for letter in spread if letter.isalnum())
    if len(letters) >= _SHORTEST_PLURAL and letters[-1] == "s" and letters[-2:] not in _NO_PLURALS:
        letters = letters[:-1]
    plain = letters if letters.isascii() else "".join(map(_in_ascii, letters))
    return plain[:MAX_LETTERS]


def terms(query: str) -> tuple[Term, ...]:
    """What a query looks for; its last word is a prefix unless something follows it."""
    text = composed(query[:MAX_QUERY])
    found = list(words(text))
    is_open = bool(found) and found[-1].end == len(text)
    last = found[-1].text if is_open else None
    texts = dict.fromkeys(word.text for word in found)
    telling = [word for word in texts if word not in _SMALL] or list(texts)
    return tuple(Term(word, word == last) for word in telling[:MAX_WORDS])


def distance(word: str, other: str) -> int:
    """How many edits make one word of the other.

    An edit is a letter more, less or another, or two that changed places: the optimal string
    alignment distance.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def edits_allowed(word: str) -> int:
    """How many typing errors a word may have: none in a short one, nor in one spelt out."""
    if not word.isascii() or len(word) < 4:  # noqa: PLR2004 -- of three letters, one is too much
        return 0
    return 1 if len(word) < 8 else 2  # noqa: PLR2004 -- one in four or so


def _in_ascii(letter: str) -> str:
    return letter if letter.isascii() else f"z{ord(letter):06x}"

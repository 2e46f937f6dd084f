"""Why something was found: the texts that have the words, cut to what can be shown.

Marks are positions in the piece that is shown, so that any page may mark words in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mesh.catalog.search.model import Match
from mesh.catalog.search.texts import FieldText
from mesh.catalog.search.words import Term, Word, words

MOST = 3
"""Reasons that a hit gives, at most."""
LONGEST = 160
"""Characters of a text that are shown."""
_BEFORE = 40


@dataclass(frozen=True, slots=True)
class Sought:
    """A term, and the words that it was taken for, if any."""

    term: Term
    meant: tuple[str, ...] = ()
    is_beginning: bool = False

    def is_typed(self, word: str) -> bool:
        """Whether a word is what was typed."""
        text = self.term.text
        return word.startswith(text) if self.term.is_prefix else word == text

    def is_meant(self, word: str) -> bool:
        """Whether a word is what was typed, or what it was taken for."""
        if self.is_typed(word) or word in self.meant:
            return True
        return self.is_beginning and word.startswith(self.meant)


@dataclass(frozen=True, slots=True)
class _Found:
    text: FieldText
    marks: tuple[tuple[int, int], ...]
    terms: frozenset[int]
    is_guess: bool


def explain(texts: Iterable[FieldText], sought: Sequence[Sought]) -> tuple[Match, ...]:
    """The texts that tell most: each adds a term that the ones before have not."""
    found = list(_found(texts, sought))
    chosen: list[_Found] = []
    covered: set[int] = set()
    while found and len(chosen) < MOST:
        best = max(found, key=lambda item: len(item.terms - covered))
        if not best.terms - covered:
            break
        chosen.append(best)
        covered |= best.terms
        found.remove(best)
    return tuple(_shown(item) for item in chosen)


def _found(texts: Iterable[FieldText], sought: Sequence[Sought]) -> Iterator[_Found]:
    for text in texts:
        marks: list[tuple[int, int]] = []
        terms: set[int] = set()
        is_guess = False
        for word in _words(text.text) if len(text.text) <= LONGEST else words(text.text):
            has = {n for n, item in enumerate(sought) if item.is_meant(word.text)}
            if has:
                marks.append((word.start, word.end))
                terms |= has
                is_guess |= not any(item.is_typed(word.text) for item in sought)
        if marks:
            yield _Found(text, tuple(marks), frozenset(terms), is_guess)


@lru_cache(maxsize=20_000)
def _words(text: str) -> tuple[Word, ...]:
    """The words of a short text: many columns are called alike, and many searches find the same."""
    return tuple(words(text))


def _shown(found: _Found) -> Match:
    text, start = found.text.text, 0
    first = found.marks[0][0]
    if len(text) > LONGEST and first > _BEFORE:
        start = text.rfind(" ", 0, first - _BEFORE) + 1 or first - _BEFORE
    end = min(len(text), start + LONGEST)
    piece = f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
    shift = (1 if start else 0) - start
    marks = tuple((a + shift, b + shift) for a, b in found.marks if b <= end)
    return Match(found.text.field, piece, marks, found.is_guess)

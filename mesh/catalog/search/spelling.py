"""Words that somebody may have meant: typing errors, by the vocabulary of what is indexed.

Owns which errors are forgiven. One edit is found by trying every one of them, two by words that are
alike: both databases give the same answer.
"""

from __future__ import annotations

from string import ascii_lowercase, digits

from sqlalchemy import Connection

from mesh.catalog.search.index import SHORTEST_ALIKE, Index, likeness
from mesh.catalog.search.words import Term, distance, edits_allowed

MOST = 8
"""Words that one is taken for, at most."""
_SHORTEST_BEGINNING = 5
_LEAST_LIKE = 0.2


def meant(connection: Connection, index: Index, term: Term) -> tuple[tuple[str, ...], bool]:
    """The words that are nearest to a term, and whether they are only beginnings of words."""
    allowed = edits_allowed(term.text)
    if not allowed:
        return (), False
    near = _edits(term.text)
    if found := index.known(connection, near):
        return _first(found), False
    if term.is_prefix and len(term.text) >= _SHORTEST_BEGINNING:
        changed = [word for word in near if len(word) >= len(term.text)]
        if found := index.begun(connection, changed):
            return _first(found), True
    return _first(_alike(connection, index, term.text) if allowed > 1 else []), False


def _alike(connection: Connection, index: Index, word: str) -> list[str]:
    return [
        other
        for other in index.alike(connection, word)
        if len(other) >= SHORTEST_ALIKE
        and likeness(word, other) >= _LEAST_LIKE
        and abs(len(word) - len(other)) <= 2  # noqa: PLR2004 -- two edits
        and distance(word, other) <= 2  # noqa: PLR2004
    ]


def _first(words: list[str]) -> tuple[str, ...]:
    return tuple(sorted(words)[:MOST])


def _edits(word: str) -> list[str]:
    """Every word that one edit makes of another, except itself."""
    letters = ascii_lowercase + digits
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {left + right[1:] for left, right in cuts if right}
    found |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    found |= {left + new + right[1:] for left, right in cuts if right for new in letters}
    found |= {left + new + right for left, right in cuts for new in letters}
    return sorted(found - {word})

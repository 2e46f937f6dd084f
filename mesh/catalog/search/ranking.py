"""In which order documents are found, and the best of many without reading all of them.

Owns the rank of a document: exact names, then names that begin so, then how much the fields say
that have the words, then use, freshness and quality, then the name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from mesh.catalog import schema
from mesh.catalog.conditions import FreshnessState, QualityState, freshness_state
from mesh.catalog.search import cursors
from mesh.catalog.search.explaining import Sought
from mesh.catalog.search.texts import WEIGHTS, Tier

MOST_HITS = 200
"""Hits of a page, at most."""
MOST_BY_KEY = 1_000
"""Documents above which all are read instead of these by their keys."""
EXACT, BEGINNING, GUESS = 4, 3, 2
"""What a word counts, in quarters: as it was typed, as a beginning, as a typing error."""
_UNNAMED = 2
"""The first of a rank: 0 is named so, 1 has a name that begins so."""
_FRESH = {FreshnessState.FRESH: 0, FreshnessState.UNKNOWN: 1, FreshnessState.LATE: 2}
_QUALITY = {
    str(QualityState.PASSED): 0,
    str(QualityState.WARNED): 1,
    str(QualityState.REJECTED): 2,
    str(QualityState.REFUSED): 4,
}
_OTHER_QUALITY = 3

Scores = dict[int, int]
"""How much the fields say of each document that was found, by its key."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that may be shown: where it stands, its row, and the value of each facet."""

    rank: tuple[int | str, ...]
    row: Row[Any]
    facets: tuple[str, ...]


def page_size(limit: int) -> int:
    """How many hits a page has for whoever asks for so many."""
    return max(1, min(limit, MOST_HITS))


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked for: the text as folded words, when, how many hits, and after which."""

    said: str
    now: datetime
    limit: int
    after: str


def by_rank(candidate: Candidate) -> tuple[int | str, ...]:
    """What candidates are sorted by."""
    return candidate.rank


def is_open(sought: Sequence[Sought]) -> bool:
    """Whether the last word may be a beginning, so that what it names has it in its name."""
    return any(item.term.is_prefix for item in sought)


def best_of(
    connection: Connection, sought: Sequence[Sought], scores: Scores, asking: Asking
) -> list[Candidate]:
    """The best of many: a page of them and one more at least, without reading all the others.

    Read by score, the highest first. What is named so stands before what has a higher score, and
    has every word in its name, so that no score below that is of one of these.
    """
    by_score: dict[int, list[int]] = defaultdict(list)
    for document, score in scores.items():
        by_score[score].append(document)
    named = WEIGHTS[Tier.NAME] * (EXACT * len(sought) - (EXACT - BEGINNING))
    passed = cursors.read(asking.after) if asking.after else None
    best: list[Candidate] = []
    left = page_size(asking.limit)
    for score in sorted(by_score, reverse=True):
        if left < 0 and score < named:
            break
        if passed is not None and passed[0] == _UNNAMED and score > -int(passed[1]):
            continue
        found = candidates(connection, dict.fromkeys(by_score[score], score), asking)
        best += found
        left -= len(found) if passed is None else sum(item.rank > passed for item in found)
    return sorted(best, key=by_rank)


_LISTED = tuple(
    schema.search_documents.c[name]
    for name in (
        "id",
        "key",
        "domain",
        "owner",
        "kind",
        "classification",
        "due",
        "quality",
        "access",
        "reads",
        "forms",
    )
)


def candidates(connection: Connection, scores: Scores | None, asking: Asking) -> list[Candidate]:
    """All of these documents, or all there are, in any order."""
    found = select(*_LISTED)
    if scores is not None and len(scores) <= MOST_BY_KEY:
        found = found.where(schema.search_documents.c.id.in_(scores))
    rows = connection.execute(found).all()
    return [_candidate(row, scores, asking) for row in rows if scores is None or row[0] in scores]


def _candidate(row: Row[Any], scores: Scores | None, asking: Asking) -> Candidate:
    listed: tuple[Any, ...] = tuple(row)
    identity, key, domain, owner, kind, classification, due, quality, access, reads, forms = listed
    fresh, said = freshness_state(due, asking.now), asking.said
    named = _UNNAMED
    if said and said in forms:
        named = 0 if said in (own := forms.split("\n")) else 1
        named = named if any(form.startswith(said) for form in own) else _UNNAMED
    rank = (
        named,
        -scores[identity] if scores is not None else 0,
        -int(reads).bit_length(),
        _FRESH[fresh],
        _QUALITY.get(quality, _OTHER_QUALITY),
        key,
    )
    facets = (domain, owner, kind, classification, str(fresh), quality, access)
    return Candidate(rank, row, facets)

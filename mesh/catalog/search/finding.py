"""Finding: from what somebody types to a page of hits, the same on either database.

Owns the order of what is found: exact names, then names that begin so, then how much the fields
say that have the words, then use, freshness and quality, then the name. The database gives
candidates only, so that no order of its own gets in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from mesh.catalog import schema
from mesh.catalog.conditions import FreshnessState, QualityState, freshness_state
from mesh.catalog.search import cursors
from mesh.catalog.search.explaining import Sought, explain
from mesh.catalog.search.index import Index, Wanted, index_of
from mesh.catalog.search.model import Facet, FacetCount, Hit, Match, SearchPage
from mesh.catalog.search.spelling import meant
from mesh.catalog.search.texts import WEIGHTS, FieldText, Tier, folded
from mesh.catalog.search.words import MAX_QUERY, terms

MOST_HITS = 200
"""Hits of a page, at most."""
MOST_BY_KEY = 1_000
"""Documents above which all are read instead of these by their keys."""
_EXACT, _BEGINNING, _GUESS = 4, 3, 2
"""What a word counts, in quarters: as it was typed, as a beginning, as a typing error."""
_FRESH = {FreshnessState.FRESH: 0, FreshnessState.UNKNOWN: 1, FreshnessState.LATE: 2}
_QUALITY = {
    str(QualityState.PASSED): 0,
    str(QualityState.WARNED): 1,
    str(QualityState.REJECTED): 2,
    str(QualityState.REFUSED): 4,
}
_OTHER_QUALITY = 3

Scores = dict[int, int]


@dataclass(frozen=True, slots=True)
class _Candidate:
    rank: tuple[int | str, ...]
    row: Row[Any]
    facets: tuple[str, ...]


def find(
    connection: Connection,
    text: str,
    facets: Mapping[Facet, Collection[str]],
    *,
    limit: int,
    after: str,
) -> SearchPage:
    """The page of what is found; see `facade.Search.find`."""
    sought, scores, notes = _sought(connection, text)
    rows = _rows(connection, scores)
    now = datetime.now(UTC)
    said = folded(text[:MAX_QUERY])
    candidates = [_candidate(row, scores, said, now) for row in rows]
    counts = _counted(candidates, facets)
    chosen = sorted((c for c in candidates if _fits(c, facets)), key=lambda c: c.rank)
    start = cursors.place(after, [item.rank for item in chosen])
    page = chosen[start : start + max(1, min(limit, MOST_HITS))]
    is_last = start + len(page) >= len(chosen)
    return SearchPage(
        hits=tuple(_hits(connection, page, sought)),
        total=len(chosen),
        facets=counts,
        cursor="" if is_last else cursors.written(page[-1].rank),
        notes=notes,
    )


def _sought(
    connection: Connection, text: str
) -> tuple[tuple[Sought, ...], Scores | None, tuple[str, ...]]:
    """What is looked for, the score of each document, and what was done about it.

    No scores at all where nothing is looked for, so that everything is found.
    """
    if not text.strip():
        return (), None, ()
    sought = tuple(Sought(term) for term in terms(text))
    if not sought:
        return (), {}, ("there is no word in it",)
    index = index_of(connection)
    found = _scores(connection, index, sought)
    widened = {n: _meant(connection, index, sought[n]) for n, by in enumerate(found) if not by}
    if not widened and not set.intersection(*map(set, found)):
        widened = {n: _meant(connection, index, item) for n, item in enumerate(sought)}
    again = [n for n, item in widened.items() if item.meant]
    for n, guessed in zip(
        again, _guesses(connection, index, [widened[n] for n in again]), strict=True
    ):
        found[n] = guessed | found[n]
    sought = tuple(widened.get(n, item) for n, item in enumerate(sought))
    notes = tuple(
        f"{sought[n].term.text!r} was taken for {', '.join(sought[n].meant)}" for n in again
    )
    return sought, *_together(found, notes)


def _meant(connection: Connection, index: Index, item: Sought) -> Sought:
    words, is_beginning = meant(connection, index, item.term)
    return replace(item, meant=words, is_beginning=is_beginning)


def _scores(connection: Connection, index: Index, sought: Sequence[Sought]) -> list[Scores]:
    """For each term the documents that have it, by the field that says most of it."""
    asked: list[tuple[int, int, Wanted]] = []
    for number, item in enumerate(sought):
        words = (item.term.text,)
        for tier in Tier:
            asked.append((number, _EXACT * WEIGHTS[tier], Wanted(tier, words)))
            if item.term.is_prefix:
                beginning = Wanted(tier, words, is_prefix=True)
                asked.append((number, _BEGINNING * WEIGHTS[tier], beginning))
    return _asked(connection, index, asked, len(sought))


def _guesses(connection: Connection, index: Index, sought: Sequence[Sought]) -> list[Scores]:
    """The same by the words that terms are taken for."""
    asked = [
        (number, _GUESS * WEIGHTS[tier], Wanted(tier, item.meant, item.is_beginning))
        for number, item in enumerate(sought)
        for tier in Tier
    ]
    return _asked(connection, index, asked, len(sought))


def _asked(
    connection: Connection, index: Index, asked: list[tuple[int, int, Wanted]], count: int
) -> list[Scores]:
    found: list[Scores] = [{} for _ in range(count)]
    answers = index.matching(connection, [wanted for _, _, wanted in asked])
    # The least score first, so that the most is what stays.
    ranked = sorted(zip(asked, answers, strict=True), key=lambda pair: pair[0][1])
    for (number, score, _), documents in ranked:
        found[number].update(dict.fromkeys(documents, score))
    return found


def _together(found: Sequence[Scores], notes: tuple[str, ...]) -> tuple[Scores, tuple[str, ...]]:
    """The documents that have every word; where none has, those that have most of them."""
    whole = set.intersection(*map(set, found))
    if whole:
        return {key: sum(scores[key] for scores in found) for key in whole}, notes
    had = Counter(key for scores in found for key in scores)
    if not had:
        return {}, notes
    most = max(had.values())
    best = {key for key, count in had.items() if count == most}
    told = f"nothing has all {len(found)} words: these have {most} of them"
    return {key: sum(scores.get(key, 0) for scores in found) for key in best}, (*notes, told)


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


def _rows(connection: Connection, scores: Scores | None) -> list[Row[Any]]:
    """What is needed to rank and count documents."""
    found = select(*_LISTED)
    if scores is None:
        return list(connection.execute(found))
    if len(scores) > MOST_BY_KEY:
        return [row for row in connection.execute(found) if row[0] in scores]
    return list(connection.execute(found.where(schema.search_documents.c.id.in_(scores))))


def _candidate(row: Row[Any], scores: Scores | None, said: str, now: datetime) -> _Candidate:
    listed: tuple[Any, ...] = tuple(row)
    identity, key, domain, owner, kind, classification, due, quality, access, reads, forms = listed
    fresh = freshness_state(due, now)
    named = 2
    if said and said in forms:
        named = 0 if said in (own := forms.split("\n")) else 1
        named = named if any(form.startswith(said) for form in own) else 2
    rank = (
        named,
        -scores[identity] if scores is not None else 0,
        -int(reads).bit_length(),
        _FRESH[fresh],
        _QUALITY.get(quality, _OTHER_QUALITY),
        key,
    )
    facets = (domain, owner, kind, classification, str(fresh), quality, access)
    return _Candidate(rank, row, facets)


def _fits(
    candidate: _Candidate, facets: Mapping[Facet, Collection[str]], but: Facet | None = None
) -> bool:
    return all(
        candidate.facets[_AT[name]] in values for name, values in facets.items() if name is not but
    )


_AT = {facet: place for place, facet in enumerate(Facet)}


def _counted(
    candidates: Sequence[_Candidate], facets: Mapping[Facet, Collection[str]]
) -> dict[Facet, tuple[FacetCount, ...]]:
    """The values of each facet with how many have them, the most first."""
    counted = {}
    every = [candidate for candidate in candidates if _fits(candidate, facets)]
    for facet, place in _AT.items():
        among = every
        if facet in facets:
            among = [item for item in candidates if _fits(item, facets, facet)]
        counts = Counter(candidate.facets[place] for candidate in among)
        counts.pop("", None)
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        counted[facet] = tuple(FacetCount(value, count) for value, count in ordered)
    return counted


def _hits(
    connection: Connection, page: Iterable[_Candidate], sought: Sequence[Sought]
) -> Iterable[Hit]:
    wanted = {item.row[0]: item for item in page}
    table = schema.search_documents
    found = select(table).where(table.c.id.in_(wanted))
    rows = {row.id: row for row in connection.execute(found)}
    for identity, item in wanted.items():
        row = rows[identity]
        texts = [FieldText.from_json(text) for text in row.content["texts"]]
        yield Hit(
            key=row.key,
            name=row.name,
            domain=row.domain,
            kind=row.kind,
            owner=row.owner,
            product_owner=row.product_owner,
            description=row.content["description"],
            classification=row.classification,
            freshness=item.facets[_AT[Facet.FRESHNESS]],
            quality=row.quality,
            access=row.access,
            published_at=row.published_at,
            reads=row.reads,
            completeness=row.completeness,
            matches=explain(texts, sought) or _by_name(row.name, sought),
        )


def _by_name(name: str, sought: Sequence[Sought]) -> tuple[Match, ...]:
    """What has a word in none of its texts was found by its name, written as one word."""
    return (Match("name", name, ((0, len(name)),)),) if sought else ()

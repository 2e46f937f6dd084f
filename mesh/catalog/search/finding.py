"""Finding: from what somebody types to a page of hits, the same on either database.

Owns how much each word says of a document, and what is done about words that nothing has. The
database gives candidates only, so that no order of its own gets in: `ranking` has the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from mesh.catalog import schema
from mesh.catalog.search import cursors
from mesh.catalog.search.counting import AT, counted, counted_by_database, fits
from mesh.catalog.search.explaining import Sought, explain
from mesh.catalog.search.index import Index, Wanted, index_of
from mesh.catalog.search.model import Facet, Hit, Match, SearchPage
from mesh.catalog.search.ranking import (
    BEGINNING,
    EXACT,
    GUESS,
    MOST_BY_KEY,
    Asking,
    Candidate,
    Scores,
    best_of,
    by_rank,
    candidates,
    is_open,
    page_size,
)
from mesh.catalog.search.spelling import meant
from mesh.catalog.search.texts import WEIGHTS, FieldText, Tier, folded
from mesh.catalog.search.words import MAX_QUERY, Term, terms


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
    asking = Asking(folded(text[:MAX_QUERY]), datetime.now(UTC), limit, after)
    if scores is not None and len(scores) > MOST_BY_KEY and not facets and is_open(sought):
        best = best_of(connection, sought, scores, asking)
        counts = counted_by_database(connection, scores.keys(), asking.now)
        total = len(scores)
    else:
        every = candidates(connection, scores, asking)
        best = sorted((item for item in every if fits(item.facets, facets)), key=by_rank)
        counts = counted([item.facets for item in every], facets)
        total = len(best)
    start = cursors.place(after, [item.rank for item in best])
    page = best[start : start + page_size(limit)]
    is_last = start + len(page) >= len(best)
    return SearchPage(
        hits=tuple(_hits(connection, page, sought)),
        total=total,
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
    if len(sought) > 1 and (whole := _of_few(connection, index, sought)):
        return sought, whole, ()
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


def _of_few(connection: Connection, index: Index, sought: Sequence[Sought]) -> Scores:
    """The score of each document that has every word; none at all where these are many.

    Of several words one may be everywhere: to ask for each of them alone costs as much as it finds.
    """
    every = tuple(item.term for item in sought)
    having = index.having(connection, every, MOST_BY_KEY + 1)
    if len(having) > MOST_BY_KEY:
        return {}
    return {key: sum(_score(term, found) for term in every) for key, found in having.items()}


def _score(term: Term, found: Mapping[Tier, AbstractSet[str]]) -> int:
    """How much the field says that says most of a word which is in one of them."""
    exact = (EXACT * WEIGHTS[tier] for tier in Tier if term.text in found[tier])
    begun = (
        BEGINNING * WEIGHTS[tier]
        for tier in Tier
        if term.is_prefix and any(word.startswith(term.text) for word in found[tier])
    )
    return max((*exact, *begun), default=0)


def _scores(connection: Connection, index: Index, sought: Sequence[Sought]) -> list[Scores]:
    """For each term the documents that have it, by the field that says most of it."""
    asked: list[tuple[int, int, Wanted]] = []
    for number, item in enumerate(sought):
        words = (item.term.text,)
        for tier in Tier:
            asked.append((number, EXACT * WEIGHTS[tier], Wanted(tier, words)))
            if item.term.is_prefix:
                beginning = Wanted(tier, words, is_prefix=True)
                asked.append((number, BEGINNING * WEIGHTS[tier], beginning))
    return _asked(connection, index, asked, len(sought))


def _guesses(connection: Connection, index: Index, sought: Sequence[Sought]) -> list[Scores]:
    """The same by the words that terms are taken for."""
    asked = [
        (number, GUESS * WEIGHTS[tier], Wanted(tier, item.meant, item.is_beginning))
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
    if len(found) == 1:
        return found[0], notes
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


def _hits(
    connection: Connection, page: Iterable[Candidate], sought: Sequence[Sought]
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
            freshness=item.facets[AT[Facet.FRESHNESS]],
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

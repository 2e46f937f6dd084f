"""Periods and what is told of them, put together: equal to going through all events in order."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.publishing.modes.timeline import Timeline

TIMELINE = Timeline(["key", "begin", "end", "name", "parts"], ["key"], "begin", "end")
SCHEMA = {
    "key": pl.Int64,
    "begin": pl.Int64,
    "end": pl.Int64,
    "name": pl.String,
    "parts": pl.List(pl.Float64),
}
AT = {"key": pl.Int64, "begin": pl.Int64}
NAN = float("nan")
STATES = [None, ("x", [1.0, None]), ("y", [1.0, None]), ("x", None), (None, None), ("x", [NAN])]

Events = dict[tuple[int | None, int], int]
batches = st.lists(
    st.dictionaries(
        st.tuples(st.sampled_from([1, 2, None]), st.integers(0, 7)),
        st.integers(0, len(STATES) - 1),
        max_size=6,
    ),
    min_size=1,
    max_size=6,
)


def naive(events: Events) -> list[tuple]:
    found = []
    for key in {key for key, _ in events}:
        state, begun = 0, 0
        for when in sorted(when for known, when in events if known == key):
            now = events[key, when]
            if now != state:
                if state:
                    found.append((key, begun, when, *STATES[state]))
                state, begun = now, when
        if state:
            found.append((key, begun, None, *STATES[state]))
    return found


def as_text(rows: list[tuple]) -> list[str]:
    return sorted(map(repr, rows))  # NaN is none of Python's equals


def first_told(batch: Events) -> dict[int | None, int]:
    """The first moment that a batch speaks of, by key."""
    return {key: min(when for known, when in batch if known == key) for key, _ in batch}


def tell(stored: pl.DataFrame, silent: pl.DataFrame, batch: Events):
    """One publication: only what concerns its keys from then on is looked at."""
    since = first_told(batch)
    rows = [(*place, None, *STATES[n]) for place, n in batch.items() if n]
    told = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    ends = pl.DataFrame([p for p, n in batch.items() if not n], schema=AT, orient="row")
    looked_at = [
        number
        for number, (key, _, end, *_) in enumerate(stored.rows())
        if key in since and (end is None or end >= since[key])
    ]
    known = [key in since and when >= since[key] for key, when in silent.rows()]
    merged = TIMELINE.merged(
        stored[looked_at] if looked_at else stored.clear(),
        told,
        ends,
        silent.filter(pl.Series(known, dtype=pl.Boolean)) if known else silent,
    )
    gone = {looked_at[number] for number in merged.removed}
    stays = [number not in gone for number in range(stored.height)]
    kept = stored.filter(pl.Series(stays, dtype=pl.Boolean)) if stays else stored
    return merged, pl.concat([kept, merged.added]), pl.concat([silent, merged.silent])


@settings(max_examples=150, deadline=None)
@given(batches)
def test_the_periods_are_those_of_all_events_in_order(told):
    stored, silent, events = pl.DataFrame(schema=SCHEMA), pl.DataFrame(schema=AT), {}
    for batch in told:
        events |= batch
        _, stored, silent = tell(stored, silent, batch)
        assert as_text(stored.rows()) == as_text(naive(events))
    for batch in told[-1:]:
        merged, _, _ = tell(stored, silent, batch)
        assert (merged.removed.len(), merged.added.height, merged.ended) == (0, 0, 0)
        assert merged.silent.is_empty()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(1, 2), st.integers(0, 7)),
                       st.integers(0, len(STATES) - 1), max_size=12), st.randoms())  # fmt: skip
def test_events_arriving_in_any_order_and_split_lead_to_the_same_periods(events, chance):
    arriving = list(events)
    chance.shuffle(arriving)
    stored, silent = pl.DataFrame(schema=SCHEMA), pl.DataFrame(schema=AT)
    while arriving:
        batch = {place: events[place] for place in arriving[: chance.randint(1, 4)]}
        arriving = arriving[len(batch) :]
        _, stored, silent = tell(stored, silent, batch)
    assert as_text(stored.rows()) == as_text(naive(events))

"""What a compiled filter shows is what Cedar says of each row by itself."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from hypothesis import assume, given
from hypothesis import strategies as st

from mesh.access.row_filters import compiled_rows
from mesh.access.row_terms import Known
from tests.access.ports import PORT, ROWS
from tests.security.cedar_rows import CONTEXT, POLICY, PRINCIPAL, ROW, rows_seen

KNOWN = Known.of(PRINCIPAL, CONTEXT)


@dataclass(frozen=True)
class Told:
    """A policy's id and body."""

    id: str
    body: dict[str, Any]


def frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows in the types of the contract."""
    return pl.DataFrame(rows, schema=ROWS.schema)


@given(st.lists(POLICY, min_size=1, max_size=2), st.lists(ROW, min_size=1, max_size=8))
def test_a_filter_shows_the_rows_that_cedar_does(bodies, rows):
    found, problems = compiled_rows([Told(f"p{n}", b) for n, b in enumerate(bodies)], PORT, KNOWN)
    assume(not problems)
    expected = rows_seen(bodies, rows)
    if found is None:
        assert all(expected)
        return
    frame = frame_of(rows).with_row_index()
    seen = frame.lazy().filter(found.expression).collect(engine="streaming")["index"].to_list()
    assert seen == [number for number, is_seen in enumerate(expected) if is_seen], found.text
    assert frame.select(found.expression.alias("_")).null_count().item() == 0

"""What a governed read hands out is what Cedar and the masks say of each row by itself."""

import hashlib
import hmac
from datetime import datetime
from decimal import Decimal
from math import floor, isfinite
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mesh.access.row_filters import compiled_rows
from mesh.access.secret import holder_of
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading.governed import open_governed
from mesh.settings import AccessSettings
from tests.access.ports import PORT, PRODUCT, ROWS, Decided, agreement, ask_of, view_of
from tests.products.small import module, write_mesh
from tests.security.cedar_rows import (
    CARRIERS,
    DAYS,
    FARES,
    MOMENTS,
    NUMBERS,
    POLICY,
    SEATS,
    rows_seen,
)
from tests.security.test_rows_as_cedar import KNOWN, Told

SECRET = "a secret of thirty-two characters"
MASKS = {
    "id": [None, "hash", "truncate:10", "constant:7"],
    "carrier": [None, "hash", "partial:1", "partial:first:1", "null", "drop", "constant:XX"],
    "tail_number": [None, "hash", "partial:2", "drop"],
    "day": [None, "truncate:month", "hash", "null"],
    "seats": [None, "truncate:100", "drop", "hash"],
    "delay_minutes": [None, "truncate:10", "null"],
    "is_late": [None, "null", "constant:true"],
    "fare": [None, "truncate:5", "hash"],
}
CHOSEN = st.fixed_dictionaries({name: st.sampled_from(masks) for name, masks in MASKS.items()})
pytestmark = pytest.mark.usefixtures("imports")


LOWEST = {"id": -(2**63), "seats": -(2**15)}


def table() -> list[dict[str, Any]]:
    """Rows of every kind of value that there is, and of none, in a fixed disorder."""
    chance = Random(7)
    pools = {
        "carrier": CARRIERS, "tail_number": [*CARRIERS, "N14228"], "day": DAYS, "left_at": MOMENTS,
        "seats": SEATS, "delay_minutes": [0.5, -0.5, float("nan"), float("inf")],
        "is_late": [True, False], "fare": FARES,
    }  # fmt: skip
    rows = []
    for key in [*NUMBERS, *range(10, 40)]:
        picked = {name: chance.choice([*pool, None]) for name, pool in pools.items()}
        rows.append({"id": key, **picked})
    return rows


TABLE = table()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A mesh with a secret, and the rows."""
    found = write_mesh(tmp_path_factory.mktemp("mesh"), {"shop": {"things": module("things")}})
    rows = pl.DataFrame(TABLE, schema=ROWS.schema)
    publish(PRODUCT, rows, lake=Lake.of(found), run_id="first")
    return found.model_copy(update={"access": AccessSettings(secret=SECRET)})


def shown(name, mask, row, holder):
    """What is seen of one value, by plain Python."""
    value = row[name]
    kind, _, argument = (mask or "").partition(":")
    if kind == "constant":
        return {"7": 7, "true": True}.get(argument, argument)
    if value is None or kind == "null":
        return None
    if kind == "hash":
        return hashed(str(value), holder)
    if kind == "partial":
        return in_part(value, *argument.rpartition(":")[::2])
    return truncated(name, value, argument) if kind else value


def in_part(value, end, count):
    """Some characters of a text."""
    if len(value) < 2 * int(count):
        return "***"
    return value[: int(count)] + "***" if end else "***" + value[-int(count) :]


def truncated(name, value, argument):
    """A moment or a number, made coarse."""
    if argument == "month":
        return value.replace(day=1)
    if isinstance(value, float):
        return floor(value / int(argument)) * float(argument) if isfinite(value) else None
    if isinstance(value, Decimal):
        return Decimal(floor(value / int(argument)) * int(argument)).quantize(Decimal("0.01"))
    return max(value // int(argument) * int(argument), LOWEST[name])


def hashed(text, holder):
    """A keyed hash, made from the secret by the book."""
    key = hmac.digest(SECRET.encode(), f"mesh.access/1\0hash\0{holder}".encode(), "sha256")
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


@given(st.lists(POLICY, max_size=2), CHOSEN, st.sampled_from([None, "a1", "a2"]))
def test_rows_and_values_are_those_that_are_decided_one_by_one(published, bodies, masks, agreed):
    known = [Told(f"p{n}", body) for n, body in enumerate(bodies)]
    rows_filter, problems = compiled_rows(known, PORT, KNOWN)
    assume(not problems)
    view = view_of(rows=rows_filter, agreement=agreement(agreed) if agreed else None, **masks)
    found = open_governed(Decided(view), ask_of(view), settings=published)
    expected = [
        {
            name: shown(name, masks.get(name), row, holder_of(view))
            for name in PRODUCT.contract.column_names
            if masks.get(name) != "drop"
        }
        for row, is_seen in zip(TABLE, rows_seen(bodies, TABLE), strict=True)
        if is_seen
    ]
    handed_out = found.reader().read_all()
    assert handed_out.schema.equals(found.schema)
    assert told(handed_out.to_pylist()) == told(expected)
    scanned = found.scan().filter(pl.col(found.columns[0]).is_null().or_(True))
    assert told(scanned.collect().to_dicts()) == told(expected)


def told(rows):
    """Rows in any order, in a form in which a NaN equals itself."""
    return sorted(str({name: plain(row[name]) for name in sorted(row)}) for row in rows)


def plain(value):
    """A moment as its text, whichever class its time zone has."""
    return value.isoformat() if isinstance(value, datetime) else value

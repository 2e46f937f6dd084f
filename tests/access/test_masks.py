"""A mask hides values, and the type after it follows from the column and the mask alone."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from mesh.access.masks import column_after, masked, polars_type, problems_of
from mesh.access.model import Mask, MaskKind
from mesh.contracts.model import Column

KEY = b"k" * 32


def behind(mask, kind, values, key=KEY):
    """Values of a type behind a mask, and the type that they have then."""
    column = Column("x", kind, is_nullable=True)
    word, _, argument = mask.partition(":")
    told = Mask(MaskKind(word), argument)
    frame = pl.DataFrame({"x": pl.Series(values, dtype=polars_type(kind), strict=False)})
    seen = frame.lazy().with_columns(masked(told, column, key)).collect(engine="streaming")["x"]
    assert seen.dtype == polars_type(column_after(told, column).type)
    return seen.to_list()


def problems(mask, kind):
    """Why a mask does not fit a type."""
    word, _, argument = mask.partition(":")
    return problems_of(Mask(MaskKind(word), argument), Column("x", kind))


@pytest.mark.parametrize(
    ("mask", "kind", "values", "seen"),
    [
        ("null", "string", ["a", None], [None, None]),
        ("null", "list<int64>", [[1], None], [None, None]),
        ("constant:***", "string", ["a", None], ["***", "***"]),
        ("constant:-7", "int8", [1, None], [-7, -7]),
        ("constant:true", "boolean", [False, None], [True, True]),
        ("constant:1.5", "decimal(9,2)", [Decimal(3), None], [Decimal("1.50")] * 2),
        ("constant:2013-01-31", "date", [date(2000, 1, 1)], [date(2013, 1, 31)]),
        (
            "constant:2013-01-31T01:00+01:00",
            "timestamp",
            [datetime(2000, 1, 1, tzinfo=UTC)],
            [datetime(2013, 1, 31, tzinfo=UTC)],
        ),
        ("partial:2", "string", ["N14228", None], ["***28", None]),
        ("partial:first:2", "string", ["N14228"], ["N1***"]),
        ("partial:last:2", "string", ["N14228"], ["***28"]),
        ("partial:0", "string", ["N14228", "", None], ["***", "***", None]),
        ("truncate:month", "date", [date(2013, 1, 31), None], [date(2013, 1, 1), None]),
        ("truncate:quarter", "date", [date(2013, 6, 30)], [date(2013, 4, 1)]),
        ("truncate:week", "date", [date(2013, 1, 31)], [date(2013, 1, 28)]),
        (
            "truncate:hour",
            "timestamp",
            [datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)],
            [datetime(1969, 12, 31, 23, tzinfo=UTC)],
        ),
        ("truncate:day", "local_timestamp", [datetime(2013, 1, 1, 5)], [datetime(2013, 1, 1)]),
        ("truncate:10", "int64", [17, -1, 0, None], [10, -10, 0, None]),
        ("truncate:10", "decimal(9,2)", [Decimal("-0.01"), Decimal("19.99")], [-10, 10]),
        ("truncate:10", "float64", [17.5, -0.5, None], [10.0, -10.0, None]),
    ],
)
def test_a_mask_shows_what_its_name_says(mask, kind, values, seen):
    assert behind(mask, kind, values) == seen


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        ("constant:x", "int64"),
        ("constant:128", "int8"),
        ("constant:1.005", "decimal(9,2)"),
        ("constant:NaN", "decimal(9,2)"),
        ("constant:yes", "boolean"),
        ("constant:nan", "float64"),
        ("constant:inf", "float64"),
        ("constant:31.1.2013", "date"),
        ("constant:x", "binary"),
        ("hash", "float64"),
        ("hash", "boolean"),
        ("hash", "list<string>"),
        ("partial:4", "int64"),
        ("partial:middle:4", "string"),
        ("partial:-4", "string"),
        ("partial:", "string"),
        ("truncate:month", "int64"),
        ("truncate:month", "string"),
        ("truncate:10", "date"),
        ("truncate:day", "date"),
        ("truncate:decade", "timestamp"),
        ("truncate:1", "int64"),
        ("truncate:0", "float64"),
        ("truncate:128", "int8"),
        ("truncate:1000", "decimal(4,2)"),
        ("truncate:10", "decimal(38,2)"),
    ],
)
def test_a_mask_that_does_not_fit_says_why(mask, kind):
    assert problems(mask, kind)
    word, _, argument = mask.partition(":")
    with pytest.raises(ValueError, match="x"):
        masked(Mask(MaskKind(word), argument), Column("x", kind), KEY)


def test_what_is_left_out_has_no_values():
    assert not problems("drop", "string")
    with pytest.raises(ValueError, match="left out"):
        masked(Mask(MaskKind.DROP), Column("x", "string"))


@pytest.mark.parametrize("kind", ["string", "binary", "int8", "int64", "date", "decimal(9,2)"])
def test_every_type_that_can_be_hashed_becomes_a_text_of_128_bits(kind):
    values = {
        "string": ["a", "a", "b", None],
        "binary": [b"\xff", b"\xff", b"", None],
        "date": [date(2013, 1, 1), date(2013, 1, 1), date(2013, 1, 2), None],
        "decimal(9,2)": [Decimal("1.5"), Decimal("1.50"), Decimal(0), None],
    }.get(kind, [1, 1, 2, None])
    first, same, other, null = behind("hash", kind, values)
    assert first == same != other
    assert null is None
    assert all(len(bytes.fromhex(seen)) == 16 for seen in (first, other))


def test_values_that_repeat_hash_as_those_that_do_not():
    repeated = behind("hash", "string", ["a", "b"] * 1000)
    assert repeated == behind("hash", "string", ["a", "b"]) * 1000


def test_hashes_match_under_one_key_and_whole_numbers_of_any_width():
    assert behind("hash", "int8", [7]) == behind("hash", "int64", [7])
    assert behind("hash", "string", ["a"]) != behind("hash", "string", ["a"], key=b"l" * 32)
    with pytest.raises(ValueError, match="without a key"):
        behind("hash", "string", ["a"], key=b"")


def test_a_hashs_key_is_not_told_by_the_plan():
    expression = masked(Mask(MaskKind.HASH), Column("x", "string"), KEY)
    assert KEY.decode() not in f"{expression!r} {expression}"

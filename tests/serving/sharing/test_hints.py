"""A hint leaves out files, and never one that has a row that meets it."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.serving.sharing.hints import chosen_files

DAY, MOMENT = date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = {
    "whole": ("int", lambda n: n),
    "text": ("string", lambda n: f"{n:03}"),
    "day": ("date", lambda n: DAY + timedelta(days=n)),
    "moment": ("timestamp", lambda n: MOMENT + timedelta(hours=n)),
    "flag": ("bool", lambda n: n > 2),
    "part": ("long", lambda n: n),
}
COMPARED = {
    "equal": lambda a, b: a == b,
    "lessThan": lambda a, b: a < b,
    "lessThanOrEqual": lambda a, b: a <= b,
    "greaterThan": lambda a, b: a > b,
    "greaterThanOrEqual": lambda a, b: a >= b,
}
values = st.none() | st.integers(0, 5)


@st.composite
def files(draw):
    """Rows of a few files: a column's values by file; `part` is one value a file."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 3))
        rows = {name: [draw(values) for _ in range(count)] for name in COLUMNS if name != "part"}
        found.append({**rows, "part": [draw(values)] * count})
    return found


@st.composite
def predicates(draw, depth=2):
    """A predicate in the protocol's JSON."""
    kinds = ["compare", "isNull", *(["and", "or", "not"] if depth else [])]
    kind = draw(st.sampled_from(kinds))
    if kind in {"and", "or"}:
        children = draw(st.lists(predicates(depth - 1), min_size=1, max_size=3))
        return {"op": kind, "children": children}
    if kind == "not":
        return {"op": "not", "children": [draw(predicates(depth - 1))]}
    name = draw(st.sampled_from(sorted(COLUMNS)))
    value_type, made = COLUMNS[name]
    column = {"op": "column", "name": name, "valueType": value_type}
    if kind == "isNull":
        return {"op": "isNull", "children": [column]}
    value = made(draw(st.integers(0, 5)))
    text = (
        str(value).lower()
        if isinstance(value, bool)
        else getattr(value, "isoformat", value.__str__)()
    )
    literal = {"op": "literal", "value": text, "valueType": value_type, "is": value}
    pair = [column, literal] if draw(st.booleans()) else [literal, column]
    return {"op": draw(st.sampled_from(sorted(COMPARED))), "children": pair}


def met(node, row):
    """Whether a row meets a predicate, by SQL's three values."""
    children = node.get("children", [])
    if node["op"] == "isNull":
        return row[children[0]["name"]] is None
    if node["op"] == "not":
        inner = met(children[0], row)
        return None if inner is None else not inner
    if node["op"] in {"and", "or"}:
        found, decisive = [met(child, row) for child in children], node["op"] == "or"
        if decisive in found:
            return decisive
        return None if None in found else not decisive
    left, right = (row[c["name"]] if c["op"] == "column" else c["is"] for c in children)
    return None if left is None or right is None else COMPARED[node["op"]](left, right)


def typed(rows):
    """Rows of a file with the values that the numbers stand for."""
    return {
        name: [None if n is None else COLUMNS[name][1](n) for n in numbers]
        for name, numbers in rows.items()
    }


def described(found, *, has_bounds=True):
    """What the log tells of these files."""
    told = []
    for rows in map(typed, found):
        inside = {name: [v for v in own if v is not None] for name, own in rows.items()}
        told.append(
            {
                "rows": len(rows["whole"]),
                "low": {
                    name: min(own, default=None) for name, own in inside.items() if name != "part"
                },
                "high": {
                    name: max(own, default=None) for name, own in inside.items() if name != "part"
                },
                "nulls": {name: rows[name].count(None) for name in rows if name != "part"},
                "part": {"part": rows["part"][0]},
            }
        )
    kinds = {
        "whole": pl.Int64,
        "text": pl.String,
        "day": pl.Date,
        "moment": pl.Datetime("us", "UTC"),
        "flag": pl.Boolean,
    }
    schema = {
        "rows": pl.Int64,
        "low": pl.Struct(kinds),
        "high": pl.Struct(kinds),
        "nulls": pl.Struct(dict.fromkeys(kinds, pl.Int64)),
        "part": pl.Struct({"part": pl.Int64}),
    }
    frame = pl.DataFrame(told, schema=schema).with_row_index("at")
    return frame if has_bounds else frame.drop("low", "high", "nulls")


def plain(node):
    """A predicate as a client sends it."""
    kept = {name: value for name, value in node.items() if name != "is"}
    if "children" in kept:
        kept["children"] = [plain(child) for child in kept["children"]]
    return kept


@given(files(), predicates(), st.booleans())
def test_no_file_with_a_row_that_meets_a_predicate_is_left_out(found, predicate, has_bounds):
    told = described(found, has_bounds=has_bounds)
    chosen = set(chosen_files(told, json_hints=json.dumps(plain(predicate)))["at"])
    for at, rows in enumerate(map(typed, found)):
        is_met = any(
            met(predicate, dict(zip(rows, values, strict=True)))
            for values in zip(*rows.values(), strict=True)
        )
        assert at in chosen or not is_met


TWO = described(
    [
        {**{name: [0, 1] for name in COLUMNS}, "part": [0, 0]},
        {**{name: [4, None] for name in COLUMNS}, "part": [None, None]},
    ]
)


@pytest.mark.parametrize(
    ("hint", "chosen"),
    [
        ("whole = 1", [0]),
        ("whole > 1", [1]),
        ("`whole` >= 0", [0, 1]),
        ("whole<0", []),
        ("text = '004'", [1]),
        ("day < '2026-01-03'", [0]),
        ("part = 0", [0]),
        ("part IS NULL", [1]),
        ("part is not null", [0]),
        ("whole is null", [1]),
        ("whole is not null", [0, 1]),
        ("whole = 1 OR text = 'x'", [0, 1]),
        ("unknown = 1", [0, 1]),
        ("whole = 'one'", [0, 1]),
        ("1 = whole", [0, 1]),
        ("", [0, 1]),
        ("whole = 99999999999999999999999999", [0, 1]),
        ("'; DROP TABLE files; --", [0, 1]),
    ],
)
def test_a_sql_hint_that_is_understood_is_followed(hint, chosen):
    assert chosen_files(TWO, sql_hints=[hint])["at"].to_list() == chosen


DEEP = '{"op":"not","children":[' * 3_000 + "1" + "]}" * 3_000
COLUMN = '{"op":"column","name":"whole","valueType":"int"}'


@pytest.mark.parametrize(
    "hint",
    [
        "{",
        "[]",
        "7",
        '"equal"',
        '{"op":"equal"}',
        '{"op":"like","children":[]}',
        '{"op":"and","children":[]}',
        '{"op":"equal","children":[1,2]}',
        '{"op":"isNull","children":[{}]}',
        f'{{"op":"equal","children":[{COLUMN},{COLUMN}]}}',
        f'{{"op":"equal","children":[{COLUMN},{{"op":"literal","value":"x","valueType":"int"}}]}}',
        f'{{"op":"equal","children":[{COLUMN},{{"op":"literal","value":"1","valueType":"string"}}]}}',
        DEEP,
    ],
)
def test_a_hint_that_is_not_understood_leaves_out_nothing(hint):
    assert chosen_files(TWO, json_hints=hint)["at"].to_list() == [0, 1]


def test_a_limit_takes_as_many_files_as_have_the_rows():
    assert [chosen_files(TWO, limit=n).height for n in (0, 1, 2, 3, 99)] == [0, 1, 1, 2, 2]
    unknown = TWO.with_columns(rows=pl.lit(None, pl.Int64))
    assert chosen_files(unknown, limit=1).height == 2

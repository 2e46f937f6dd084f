"""Policies over rows, made at random, and what Cedar says of each row by itself.

Owns the form in which a row is told to Cedar: an entity with its columns as attributes, without
those that are null.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import cedarpy
from hypothesis import strategies as st

CARRIERS = ["UA", "AA", "a*b", "ab\n", "", "ü"]
NUMBERS = [0, 1, -1, 7, 149, -32768, 2**63 - 1, -(2**63)]
DAYS = [date(2013, 1, 1), date(2013, 1, 31), date(1969, 12, 31), date(9999, 12, 31)]
MOMENTS = [
    datetime(2013, 1, 1, 5, 17, tzinfo=UTC),
    datetime(2013, 1, 31, 0, 0, 0, 999_999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC),
]
FARES = [Decimal("-12.50"), Decimal("9999999.99"), Decimal("0.00"), Decimal("1.50")]
SEATS = [-32768, 0, 149, 32767]


def _seldom_null(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 7).flatmap(lambda n: st.none() if n == 7 else values)


ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from(NUMBERS),
        "carrier": _seldom_null(st.sampled_from(CARRIERS)),
        "tail_number": _seldom_null(st.sampled_from(CARRIERS)),
        "day": _seldom_null(st.sampled_from(DAYS)),
        "left_at": _seldom_null(st.sampled_from(MOMENTS)),
        "seats": _seldom_null(st.sampled_from(SEATS)),
        "delay_minutes": st.none() | st.sampled_from([0.5, float("nan")]),
        "is_late": _seldom_null(st.booleans()),
        "fare": _seldom_null(st.sampled_from(FARES)),
    }
)
PRINCIPAL = {
    "uid": {"type": "Mesh::Person", "id": "ana@example.com"},
    "attrs": {
        "name": "ana@example.com",
        "known": True,
        "carrier": "UA",
        "level": 7,
        "trusted": False,
        "domains": [{"__entity": {"type": "Mesh::Domain", "id": "shop"}}],
    },
    "parents": [
        {"type": "Mesh::Domain", "id": "shop"},
        {"type": "Mesh::Role", "id": "analyst"},
    ],
}
CONTEXT = {
    "purpose": "UA",
    "environment": "dev",
    "now": {"__extn": {"fn": "datetime", "arg": "2013-01-31T00:00:00.999Z"}},
    "agreement": {"id": "a1", "purpose": "analysis", "columns": ["UA", "carrier"]},
}
PORT = [
    {
        "uid": {"type": "Mesh::Port", "id": "shop.flights_v1"},
        "attrs": {},
        "parents": [{"type": "Mesh::Domain", "id": "shop"}],
    }
]
_SEE = {"type": "Mesh::Action", "id": "see_row"}
_ANY = {"op": "All"}


def as_entity(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """A row as Cedar is told of it."""
    attributes = {name: _told(value) for name, value in row.items() if value is not None}
    attributes.pop("delay_minutes", None)
    return {
        "uid": {"type": "Mesh::Row", "id": str(number)},
        "attrs": attributes,
        "parents": [PORT[0]["uid"]],
    }


def rows_seen(bodies: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[bool]:
    """Whether Cedar shows each row: permitted, and without a failure."""
    permit = {
        "effect": "permit", "principal": _ANY, "action": _ANY, "resource": _ANY, "conditions": [],
    }  # fmt: skip
    policies = {"permit": permit, **{f"p{n}": body for n, body in enumerate(bodies)}}
    told = {"staticPolicies": policies, "templates": {}, "templateLinks": []}
    entities = [PRINCIPAL, *PORT, *(as_entity(n, row) for n, row in enumerate(rows))]
    requests = [
        {
            "principal": PRINCIPAL["uid"],
            "action": _SEE,
            "resource": {"type": "Mesh::Row", "id": str(number)},
            "context": CONTEXT,
        }
        for number in range(len(rows))
    ]
    found = cedarpy.is_authorized_batch(
        requests, cedarpy.PolicySet.from_json_str(json.dumps(told)), entities
    )
    return [result.allowed and not result.diagnostics.errors for result in found]


def _told(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _extension("decimal", str(value))
    if isinstance(value, datetime):
        return _extension("datetime", f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z")
    if isinstance(value, date):
        return _extension("datetime", value.isoformat())
    return value


def _extension(name: str, argument: str) -> dict[str, Any]:
    return {"__extn": {"fn": name, "arg": argument}}


def _value(value: Any) -> dict[str, Any]:
    return {"Value": value}


def _entity(kind: str, name: str) -> dict[str, Any]:
    return _value({"__entity": {"type": f"Mesh::{kind}", "id": name}})


def _of(variable: str, *names: str) -> dict[str, Any]:
    found: dict[str, Any] = {"Var": variable}
    for name in names:
        found = {".": {"left": found, "attr": name}}
    return found


_LEAVES = {
    "flag": st.sampled_from(
        [
            _value(True),
            _value(False),
            _of("resource", "is_late"),
            _of("resource", "is_late"),
            _of("principal", "region"),
            _of("principal", "trusted"),
            _of("principal", "known"),
            {"has": {"left": {"Var": "resource"}, "attr": "carrier"}},
            {"has": {"left": {"Var": "resource"}, "attr": "seats"}},
            {"has": {"left": {"Var": "principal"}, "attr": "carrier"}},
            {"has": {"left": {"Var": "principal"}, "attr": "region"}},
            {"has": {"left": _of("context", "agreement"), "attr": "id"}},
            {"is": {"left": {"Var": "principal"}, "entity_type": "Mesh::Person"}},
            {"in": {"left": {"Var": "resource"}, "right": _entity("Port", "shop.flights_v1")}},
            {"in": {"left": {"Var": "resource"}, "right": _entity("Domain", "other")}},
        ]
    ),
    "number": st.one_of(
        st.sampled_from(NUMBERS).map(_value),
        st.sampled_from(
            [_of("resource", "id"), _of("resource", "seats"), _of("principal", "level")]
        ),
    ),
    "text": st.one_of(
        st.sampled_from(CARRIERS).map(_value),
        st.sampled_from(
            [
                _of("resource", "carrier"),
                _of("resource", "tail_number"),
                _of("principal", "carrier"),
                _of("context", "purpose"),
                _of("context", "agreement", "id"),
            ]
        ),
    ),
    "decimal": st.one_of(
        st.just(_of("resource", "fare")),
        st.sampled_from(["1.5", "1.5000", "-12.5", "922337203685477.5807", "0.0"]).map(
            lambda text: {"decimal": [_value(text)]}
        ),
    ),
    "moment": st.one_of(
        st.sampled_from(
            [_of("resource", "day"), _of("resource", "left_at"), _of("context", "now")]
        ),
        st.sampled_from(
            [
                "2013-01-31",
                "2013-01-31T00:00:00.999Z",
                "1969-12-31T23:59:59Z",
                "2013-01-01T06:17:00+0100",
            ]
        ).map(lambda text: {"datetime": [_value(text)]}),
    ),
    "duration": st.sampled_from(["1d", "-1d2h3m4s5ms", "0ms", "106751991167d", "90m"]).map(
        lambda text: {"duration": [_value(text)]}
    ),
    "entity": st.sampled_from(
        [
            {"Var": "principal"},
            {"Var": "action"},
            _entity("Domain", "shop"),
            _entity("Role", "analyst"),
            _entity("Person", "ana@example.com"),
        ]
    ),
}  # fmt: skip
_SCALARS = ("flag", "number", "text", "decimal", "moment", "duration")
_UNITS = ("toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays")


def _two(operator: str, left: Any, right: Any) -> Any:
    return {operator: {"left": left, "right": right}}


@st.composite
def expressions(draw: st.DrawFn, kind: str, depth: int = 3) -> Any:
    """An expression that mostly is of a kind; sides of some operators are of any."""
    if kind == "set":
        inner = draw(st.sampled_from([*_SCALARS, "entity"]))
        items = draw(st.lists(expressions(inner, depth - 1), max_size=3))
        plain = st.sampled_from(
            [_of("context", "agreement", "columns"), _of("principal", "domains")]
        )
        return draw(st.just({"Set": items}) | plain)
    if depth <= 0 or kind == "entity":
        return draw(_LEAVES[kind])
    wrong = draw(st.integers(0, 60)) == 60
    own = draw(st.sampled_from(_SCALARS)) if wrong else kind
    return draw(_LEAVES[own] | _compound(own, depth - 1))


def _compound(kind: str, depth: int) -> st.SearchStrategy[Any]:
    def of(inner: str) -> st.SearchStrategy[Any]:
        return expressions(inner, depth)

    chosen = st.builds(
        lambda c, a, b: {"if-then-else": {"if": c, "then": a, "else": b}},
        of("flag"), _LEAVES[kind], _LEAVES[kind],
    )  # fmt: skip
    if kind == "flag":
        return _flags(of) | chosen
    if kind == "number":
        sums = st.builds(_two, st.sampled_from(["+", "-", "*"]), of("number"), of("number"))
        minus = of("number").map(lambda a: {"neg": {"arg": a}})
        units = st.builds(lambda name, a: {name: [a]}, st.sampled_from(_UNITS), of("duration"))
        return sums | minus | units | chosen
    if kind == "moment":
        shifted = st.builds(lambda a, b: {"offset": [a, b]}, of("moment"), of("duration"))
        return shifted | of("moment").map(lambda a: {"toDate": [a]}) | chosen
    if kind == "duration":
        since = st.builds(lambda a, b: {"durationSince": [a, b]}, of("moment"), of("moment"))
        return since | of("moment").map(lambda a: {"toTime": [a]}) | chosen
    return chosen


def _flags(of: Any) -> st.SearchStrategy[Any]:
    joined = st.builds(_two, st.sampled_from(["&&", "||"]), of("flag"), of("flag"))
    inverted = of("flag").map(lambda a: {"!": {"arg": a}})
    same = st.one_of(
        st.builds(_two, st.sampled_from(["==", "!="]), of(kind), of(kind))
        for kind in (*_SCALARS, "entity", "set")
    )
    ordered = st.one_of(
        st.builds(_two, st.sampled_from(["<", "<=", ">", ">="]), of(kind), of(kind))
        for kind in ("number", "moment", "duration")
    )
    decimals = st.builds(
        lambda name, a, b: {name: [a, b]},
        st.sampled_from(["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]),
        of("decimal"), of("decimal"),
    )  # fmt: skip
    pieces = st.lists(
        st.sampled_from(["Wildcard", *({"Literal": c} for c in "UAab*\nü.")]), max_size=4
    )
    alike = st.builds(lambda a, p: {"like": {"left": a, "pattern": p}}, of("text"), pieces)
    held = st.one_of(
        st.builds(_two, st.just("contains"), of("set"), of(kind)) for kind in (*_SCALARS, "entity")
    )
    many = st.builds(_two, st.sampled_from(["containsAll", "containsAny"]), of("set"), of("set"))
    empty = of("set").map(lambda a: {"isEmpty": {"arg": a}})
    within = st.builds(_two, st.just("in"), of("entity"), of("entity") | of("set"))
    return st.one_of(
        joined, joined, inverted, same, ordered, decimals, alike, held, many, empty, within
    )


_SCOPES = st.sampled_from(
    [
        (_ANY, _ANY),
        ({"op": "is", "entity_type": "Mesh::Person"}, {"op": "is", "entity_type": "Mesh::Row"}),
        (
            {"op": "in", "entity": {"type": "Mesh::Role", "id": "analyst"}},
            {"op": "in", "entity": PORT[0]["uid"]},
        ),
        ({"op": "==", "entity": PRINCIPAL["uid"]}, {"op": "in", "entity": PRINCIPAL["parents"][0]}),
        ({"op": "is", "entity_type": "Mesh::Service"}, _ANY),
        (_ANY, {"op": "==", "entity": PORT[0]["uid"]}),
    ]
)
CONDITIONS = st.lists(
    st.builds(
        lambda kind, body: {"kind": kind, "body": body},
        st.sampled_from(["when", "unless"]),
        expressions("flag"),
    ),
    max_size=2,
)
POLICY = st.builds(
    lambda scope, conditions: {
        "effect": "forbid",
        "principal": scope[0],
        "action": {"op": "==", "entity": _SEE},
        "resource": scope[1],
        "conditions": conditions,
    },
    _SCOPES,
    CONDITIONS,
)

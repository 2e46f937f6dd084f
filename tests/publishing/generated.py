"""Contracts and data made up by Hypothesis: every type, every built-in check, checks of one's own.

Owns the strategies of `test_gate_property`. A contract is drawn as a plain description, from which
Pandera models are made: the contract itself, and the judges whose verdict it is compared with.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from hypothesis import strategies as st

import mesh
from mesh.contracts.model import Scope

NAMES = ("a", "b", "order", "größe", "日本", "x-1", "check")
BOUNDS = ("eq", "ne", "gt", "ge", "lt", "le", "in_range", "isin", "notin", "unique_values_eq")
TEXTS = ("str_matches", "str_contains", "str_startswith", "str_endswith", "str_length")
MOMENT = datetime(2013, 2, 12, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """A type of column: how it is annotated, what it may hold, which built-in checks are for it."""

    annotation: Any
    values: st.SearchStrategy[Any]
    checks: tuple[str, ...] = BOUNDS
    is_number: bool = False


def whole(bits: int) -> st.SearchStrategy[int]:
    """Small numbers that repeat, and the widest that fit."""
    widest = 2 ** (bits - 1)
    return st.integers(-3, 3) | st.sampled_from([-widest, widest - 1])


floats = st.sampled_from([-1.5, -0.0, 0.0, 1.0, float("nan"), float("inf"), float("-inf")])
texts = st.text(string.ascii_lowercase + "ä日🙂 \n", max_size=3) | st.sampled_from(
    ["", "x" * 10_000, "'; DROP TABLE t; --", "ß", "a\0b", "%_\\"]
)
seconds = st.integers(-2, 2)

KINDS = {
    "int8": Kind(pl.Int8, whole(8), is_number=True),
    "int16": Kind(pl.Int16, whole(16), is_number=True),
    "int32": Kind(pl.Int32, whole(32), is_number=True),
    "int64": Kind(pl.Int64, whole(63), is_number=True),
    "float32": Kind(pl.Float32, floats, is_number=True),
    "float64": Kind(pl.Float64, floats | st.floats(width=64), is_number=True),
    "decimal": Kind(
        Annotated[pl.Decimal, 12, 2], st.decimals(-2, 2, places=2, allow_nan=False), is_number=True
    ),
    "string": Kind(str, texts, (*BOUNDS, *TEXTS)),
    "boolean": Kind(bool, st.booleans(), ("eq", "ne", "isin", "notin")),
    "date": Kind(date, st.dates(date(2013, 1, 1), date(2013, 1, 4)) | st.just(date(1600, 2, 29))),
    "timestamp": Kind(mesh.UTCDatetime, seconds.map(lambda s: MOMENT + timedelta(seconds=s))),
    "local": Kind(
        datetime, seconds.map(lambda s: MOMENT.replace(tzinfo=None) + timedelta(seconds=s))
    ),
    "duration": Kind(timedelta, seconds.map(lambda s: timedelta(seconds=s, microseconds=s))),
    "enum": Kind(Annotated[pl.Enum, ["x", "y", "ß"]], st.sampled_from(["x", "y", "ß"]), ()),
    "binary": Kind(pl.Binary, st.binary(max_size=2), ()),
    "list": Kind(
        Annotated[pl.List, pl.Int64], st.lists(st.integers(0, 1) | st.none(), max_size=2), ()
    ),
    "struct": Kind(
        Annotated[pl.Struct, {"x": pl.Int64, "y": pl.String}],
        st.fixed_dictionaries({"x": st.integers(0, 1) | st.none(), "y": st.sampled_from("ab")}),
        (),
    ),
}


@dataclass(frozen=True)
class Custom:
    """A check of the domain's own. `column` is None for one on the whole frame."""

    name: str
    column: str | None
    scope: Scope
    function: Callable[..., Any]
    options: dict[str, Any]


@dataclass(frozen=True)
class DrawnColumn:
    """One column, and what it holds."""

    name: str
    kind: str
    is_key: bool
    options: dict[str, Any]
    checks: dict[str, Any]
    values: list[Any]


@dataclass(frozen=True)
class Drawn:
    """A contract and data for it, as drawn."""

    columns: tuple[DrawnColumn, ...]
    customs: tuple[Custom, ...]
    unique: tuple[tuple[str, ...], ...]
    batch_rows: int
    workers: int
    key_memory_bytes: int
    tells_dictionaries: bool
    is_sorted: bool

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    def contract(self) -> type[mesh.Contract]:
        """The contract, as a domain would write it."""
        return self._model(self.unique)

    def judge(self) -> type[mesh.Contract]:
        """The same for Pandera alone, which knows no keys: a key is columns that are unique."""
        return self._model((*([self.key] if self.key else []), *self.unique))

    def strict_judge(self) -> type[mesh.Contract]:
        """The judge with warnings as errors: of a warning, Pandera tells no rows."""
        columns = [replace(c, options={**c.options, "raise_warning": False}) for c in self.columns]
        customs = [replace(c, options={**c.options, "raise_warning": False}) for c in self.customs]
        return replace(self, columns=tuple(columns), customs=tuple(customs)).judge()

    def frame(self) -> pl.DataFrame:
        """The data, typed as the contract says."""
        types = {n: c.dtype.type for n, c in self.contract().to_schema().columns.items()}
        frame = pl.DataFrame(
            {c.name: pl.Series(c.name, c.values, types[c.name]) for c in self.columns}
        )
        return frame.sort(self.key, maintain_order=True) if self.key and self.is_sorted else frame

    def _model(self, unique: tuple[tuple[str, ...], ...]) -> type[mesh.Contract]:
        config = {"unique": [list(names) for names in unique]} if unique else {}
        body: dict[str, Any] = {
            "__module__": __name__,
            "__annotations__": {c.name: KINDS[c.kind].annotation for c in self.columns},
            "Config": type("Config", (), config),
        }
        for column in self.columns:
            body[column.name] = mesh.Field(key=column.is_key, **column.options, **column.checks)
        for custom in self.customs:
            decorate = (
                mesh.dataframe_check(**custom.options)
                if custom.column is None
                else mesh.check(custom.column, **custom.options)
            )
            function = custom.function
            body[custom.name] = decorate(_named(function, custom.name))
        return type("Generated", (mesh.Contract,), body)


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def check(cls, data):
        return function(data)

    check.__name__ = name
    return check


@st.composite
def builtin_checks(draw: st.DrawFn, kind: Kind, pool: list[Any]) -> dict[str, Any]:
    """Checks of one column, with arguments that lie on and beside what it holds."""
    value = st.sampled_from(pool) | kind.values
    real = value.filter(lambda v: v == v)  # noqa: PLR0124 -- NaN is no value to ask for
    chosen = draw(st.sampled_from([None, None, *kind.checks])) if kind.checks else None
    if chosen is None:
        return {}
    if chosen in {"isin", "notin"}:
        named = real if chosen == "isin" else value
        return {chosen: draw(st.lists(named, min_size=1, max_size=4))}
    if chosen == "unique_values_eq":
        return {chosen: set(draw(st.lists(value, min_size=1, max_size=3)))}
    if chosen == "in_range":
        low, high = sorted([draw(real), draw(real)])
        is_open = low < high and draw(st.booleans())
        ends = {"include_min": not is_open, "include_max": not is_open or draw(st.booleans())}
        return {chosen: {"min_value": low, "max_value": high, **ends}}
    if chosen in {"ge", "gt"} and draw(st.booleans()):
        low, high = sorted([draw(real), draw(real)])
        upper = "le" if low == high or draw(st.booleans()) else "lt"
        return {"ge" if low == high else chosen: low, upper: high}
    if chosen == "str_length":
        low = draw(st.integers(0, 3))
        return {chosen: {"min_value": low, "max_value": low + draw(st.integers(0, 2))}}
    if chosen in {"str_matches", "str_contains"}:
        return {chosen: draw(st.sampled_from(["a", "[a-m]+", "^b?$", "日|ä", r"\s", ".{3,}"]))}
    return {chosen: draw(real)}


ROW_CHECKS = {
    "is_there": lambda data: data.lazyframe.select(pl.col(data.key).is_not_null()),
    "is_not_its_text": lambda data: data.lazyframe.select(
        answer=pl.col(data.key).cast(pl.String).str.len_chars() != 1
    ),
}
NUMBER_CHECKS = {
    "is_positive": lambda data: data.lazyframe.select(pl.col(data.key) > 0),
    "is_small_or_no_one": lambda data: data.lazyframe.select(
        (pl.col(data.key).abs() < 2) | (pl.col(data.key) != 1)
    ),
    "is_between": lambda data: data.lazyframe.select(pl.col(data.key).is_between(-1, 2)),
}
SET_CHECKS = {
    "has_few_nulls": lambda data: data.lazyframe.select(pl.col(data.key).null_count() <= 1),
    "has_some_values": lambda data: data.lazyframe.select(pl.col(data.key).n_unique() > 1),
    "is_never_repeated": lambda data: data.lazyframe.select(~pl.col(data.key).is_duplicated()),
    "is_collected": lambda data: data.lazyframe.collect().get_column(data.key).len() % 2 == 0,
}
NUMBER_SET_CHECKS = {
    "is_near_the_highest": lambda data: data.lazyframe.select(
        pl.col(data.key) >= pl.col(data.key).max()
    ),
}


@st.composite
def customs(draw: st.DrawFn, columns: list[DrawnColumn]) -> list[Custom]:
    """Checks of the domain's own: by row, by value, on the whole, and on several columns."""
    found = []
    for number in range(draw(st.integers(0, 3))):
        column = draw(st.sampled_from(columns))
        is_number = KINDS[column.kind].is_number
        options = {"ignore_na": draw(st.booleans()), "raise_warning": draw(st.booleans())}
        rows: dict[str, Any] = dict(NUMBER_CHECKS if is_number else {})
        rows |= {"is_there": ROW_CHECKS["is_there"]}
        if column.kind not in {"list", "struct", "binary", "duration"}:
            rows |= ROW_CHECKS
        sets = SET_CHECKS | (NUMBER_SET_CHECKS if is_number else {})
        if column.kind in {"list", "struct"}:
            sets = {"has_few_nulls": SET_CHECKS["has_few_nulls"]}
        shape = draw(st.sampled_from(["row", "value", "set", "frame", "whole"]))
        name = f"check_{number}"
        if shape == "value" and column.kind not in {"list", "struct", "decimal"}:
            options["element_wise"] = True
            found.append(Custom(name, column.name, Scope.ROW, _has_even_text, options))
        elif shape == "frame":
            found.append(Custom(name, None, Scope.ROW, _either_is_there(columns), options))
        elif shape == "whole":
            least = draw(st.integers(0, 5))
            found.append(Custom(name, None, Scope.SET, _has_rows(least), options))
        else:
            chosen = sets if shape == "set" else rows
            function = chosen[draw(st.sampled_from(sorted(chosen)))]
            scope = Scope.SET if shape == "set" else Scope.ROW
            found.append(Custom(name, column.name, scope, function, options))
    return found


def _has_even_text(value: Any) -> bool:
    return len(repr(value)) % 2 == 0


def _either_is_there(columns: list[DrawnColumn]) -> Callable[..., Any]:
    first, last = columns[0].name, columns[-1].name
    return lambda data: data.lazyframe.select(
        pl.col(first).is_not_null() | pl.col(last).is_not_null(), last=pl.col(last).is_not_null()
    )


def _has_rows(least: int) -> Callable[..., Any]:
    return lambda data: data.lazyframe.select(pl.len() >= least)


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """A contract, data for it that keeps and breaks its rules, and a way to split the data."""
    rows = draw(st.integers(0, 12))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    columns = []
    for name in names:
        kind_name = draw(st.sampled_from(sorted(KINDS)))
        kind = KINDS[kind_name]
        pool = draw(st.lists(kind.values, min_size=1, max_size=4))
        is_key = draw(st.integers(0, 5)) == 0
        options = {
            "nullable": not is_key and draw(st.booleans()),
            "unique": draw(st.integers(0, 7)) == 0,
            "ignore_na": draw(st.booleans()),
            "raise_warning": draw(st.integers(0, 3)) == 0,
        }
        held = st.sampled_from(pool) | (st.none() if draw(st.booleans()) else st.sampled_from(pool))
        columns.append(
            DrawnColumn(
                name=name,
                kind=kind_name,
                is_key=is_key,
                options=options,
                checks=draw(builtin_checks(kind, pool)),
                values=draw(st.lists(held, min_size=rows, max_size=rows)),
            )
        )
    unique = draw(st.just(()) | st.just((tuple(names[:2]),)))
    return Drawn(
        columns=tuple(columns),
        customs=tuple(draw(customs(columns))),
        unique=unique,
        batch_rows=draw(st.integers(1, max(rows, 1))),
        workers=draw(st.integers(1, 3)),
        key_memory_bytes=draw(st.sampled_from([1 << 20] * 7 + [16])),
        tells_dictionaries=draw(st.booleans()),
        is_sorted=draw(st.booleans()),
    )

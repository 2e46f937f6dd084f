"""What a Flight SQL client asks about the server itself, as Arrow tables.

Owns their schemas, which clients check to the letter. A domain is a schema, a product is a table of
it, and there is one catalog, `mesh`. Source: FlightSql.proto of Apache Arrow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mesh.serving.flight.wire import Message

CATALOG = "mesh"
TABLE = "TABLE"


def _fields(*names: str, may_miss: Sequence[str] = ()) -> list[pa.Field]:
    return [pa.field(name, pa.string(), nullable=name in may_miss) for name in names]


CATALOGS = pa.schema(_fields("catalog_name"))
SCHEMAS = pa.schema(_fields("catalog_name", "db_schema_name", may_miss=["catalog_name"]))
TYPES = pa.schema(_fields("table_type"))
TABLES = pa.schema(
    _fields(
        *("catalog_name", "db_schema_name", "table_name", "table_type"),
        may_miss=["catalog_name", "db_schema_name"],
    )
)
WITH_SCHEMA = TABLES.append(pa.field("table_schema", pa.binary(), nullable=False))
KEYS = pa.schema(
    [
        *_fields(
            *("catalog_name", "db_schema_name", "table_name", "column_name"),
            may_miss=["catalog_name", "db_schema_name"],
        ),
        pa.field("key_name", pa.string()),
        pa.field("key_sequence", pa.int32(), nullable=False),
    ]
)
_REFERENCES = pa.schema(
    [
        *_fields(
            *("pk_catalog_name", "pk_db_schema_name", "pk_table_name", "pk_column_name"),
            *("fk_catalog_name", "fk_db_schema_name", "fk_table_name", "fk_column_name"),
            may_miss=[
                *("pk_catalog_name", "pk_db_schema_name", "fk_catalog_name", "fk_db_schema_name")
            ],
        ),
        pa.field("key_sequence", pa.int32(), nullable=False),
        pa.field("fk_key_name", pa.string()),
        pa.field("pk_key_name", pa.string()),
        pa.field("update_rule", pa.uint8(), nullable=False),
        pa.field("delete_rule", pa.uint8(), nullable=False),
    ]
)
_INT_LISTS = pa.map_(pa.int32(), pa.list_(pa.int32()))
INFO = pa.schema(
    [
        pa.field("info_name", pa.uint32(), nullable=False),
        pa.field(
            "value",
            pa.dense_union(
                [
                    pa.field("string_value", pa.string()),
                    pa.field("bool_value", pa.bool_()),
                    pa.field("bigint_value", pa.int64()),
                    pa.field("int32_bitmask", pa.int32()),
                    pa.field("string_list", pa.list_(pa.string())),
                    pa.field("int32_to_int32_list_map", _INT_LISTS),
                ]
            ),
            nullable=False,
        ),
    ]
)


@dataclass(frozen=True, slots=True)
class Described:
    """A table as a client lists it: a product, the columns that its reader sees, and its key."""

    domain: str
    name: str
    schema: Callable[[], pa.Schema]
    key: tuple[str, ...] = ()


def answer(command: str, asked: Message, tables: Callable[[], Iterable[Described]]) -> pa.Table:
    """What a client asks of the server. Raises KeyError for what is no such question."""
    if command == "CommandGetSqlInfo":
        return _info(asked.numbers(1))
    if command == "CommandGetCatalogs":
        return _table(CATALOGS, [(CATALOG,)])
    if command == "CommandGetTableTypes":
        return _table(TYPES, [(TABLE,)])
    if command in {
        "CommandGetExportedKeys",
        "CommandGetImportedKeys",
        "CommandGetCrossReference",
    }:
        return _REFERENCES.empty_table()
    return {
        "CommandGetDbSchemas": _schemas,
        "CommandGetTables": _tables,
        "CommandGetPrimaryKeys": _keys,
    }[command](asked, tables)


def _schemas(asked: Message, tables: Callable[[], Iterable[Described]]) -> pa.Table:
    wanted = _like(asked.text(2))
    is_here = asked.text(1) in {None, CATALOG}
    names = sorted({t.domain for t in tables() if is_here and wanted(t.domain)})
    return _table(SCHEMAS, [(CATALOG, name) for name in names])


def _tables(asked: Message, tables: Callable[[], Iterable[Described]]) -> pa.Table:
    schema, name = _like(asked.text(2)), _like(asked.text(3))
    kinds = asked.texts(4)
    is_here = asked.text(1) in {None, CATALOG} and (not kinds or TABLE in kinds)
    found = [t for t in tables() if is_here and schema(t.domain) and name(t.name)]
    rows = [(CATALOG, t.domain, t.name, TABLE) for t in found]
    if not asked.flag(5):
        return _table(TABLES, rows)
    columns = [t.schema().serialize().to_pybytes() for t in found]
    return _table(WITH_SCHEMA, [(*row, c) for row, c in zip(rows, columns, strict=True)])


def _keys(asked: Message, tables: Callable[[], Iterable[Described]]) -> pa.Table:
    domain, name = asked.text(2), asked.text(3)
    found = [t for t in tables() if t.name == name and domain in {None, t.domain}]
    rows = [
        (CATALOG, t.domain, t.name, column, None, place)
        for t in found
        for place, column in enumerate(t.key, 1)
    ]
    return _table(KEYS, rows)


def _like(pattern: str | None) -> Callable[[str], bool]:
    """SQL's `%` and `_`, without regard to case."""
    if pattern is None:
        return lambda _: True
    parts = {"%": ".*", "_": "."}
    text = "".join(parts.get(letter) or re.escape(letter) for letter in pattern)
    compiled = re.compile(text, re.IGNORECASE | re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def _table(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


_ANSWERS: dict[int, tuple[int, Any]] = {
    0: (0, "Mesh"),
    1: (0, "1"),
    2: (0, str(pa.__version__)),
    3: (1, True),
    4: (1, True),
    5: (1, False),
    8: (3, 0),
    500: (1, False),
    501: (1, False),
    502: (1, False),
    504: (0, '"'),
}
"""By SqlInfo's number: which member of the union, and the answer. Nothing can be written."""


def _info(wanted: Sequence[int]) -> pa.Table:
    names = [n for n in (wanted or _ANSWERS) if n in _ANSWERS]
    union = INFO.field("value").type
    types = pa.array([_ANSWERS[n][0] for n in names], pa.int8())
    members: list[list[Any]] = [[] for _ in range(union.num_fields)]
    places = []
    for number in names:
        member, value = _ANSWERS[number]
        places.append(len(members[member]))
        members[member].append(value)
    children = [pa.array(m, union.field(i).type) for i, m in enumerate(members)]
    values = pa.UnionArray.from_dense(
        types, pa.array(places, pa.int32()), children, [f.name for f in union]
    )
    return pa.Table.from_arrays([pa.array(names, pa.uint32()), values.cast(union)], schema=INFO)

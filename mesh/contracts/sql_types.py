"""DuckDB's types in a contract's words.

Owns the way from a `data_type`, as an analytics engineer writes it, to a type of `contracts.arrow`.
DuckDB itself reads the text, so every spelling that it takes is understood. Refuses types that a
contract cannot promise, each with the type to use instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from mesh.errors import ContractDefinitionError, Problem

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_PLAIN = {
    "BOOLEAN": "boolean",
    "TINYINT": "int8",
    "SMALLINT": "int16",
    "INTEGER": "int32",
    "BIGINT": "int64",
    "UTINYINT": "int16",
    "USMALLINT": "int32",
    "UINTEGER": "int64",
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIMESTAMP": "local_timestamp",
    "TIMESTAMP_S": "local_timestamp",
    "TIMESTAMP_MS": "local_timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
_INSTEAD = {
    "HUGEINT": "cast to bigint, or to decimal(38, 0): sum() of integers makes a hugeint",
    "UHUGEINT": "cast to bigint, or to decimal(38, 0)",
    "UBIGINT": "cast to bigint, or to decimal(20, 0)",
    "INTERVAL": "give the length in a unit, as bigint or double: delay_minutes",
    "TIMESTAMP_NS": "cast to timestamp, which counts microseconds",
    "TIME": "give the minutes since midnight as integer",
    "UUID": "cast to varchar",
    "JSON": "cast to varchar, or to a struct",
    "enum": "use varchar, and a check constraint: status in ('open', 'closed')",
    "map": "use a struct, or a list of structs",
    "union": "use a struct",
}
_OTHERWISE = "use boolean, integer, bigint, double, decimal(p, s), varchar, date, timestamptz, …"


def contract_types(names: Iterable[str]) -> Mapping[str, str | Problem]:
    """The contract's type of each DuckDB type, or what is wrong with it."""
    import duckdb

    found: dict[str, str | Problem] = {}
    with duckdb.connect(":memory:") as connection:
        for name in names:
            try:
                found[name] = _contract_type(connection.sqltype(name))
            except duckdb.Error:
                found[name] = Problem(f"{name!r} is not a type that DuckDB knows", hint=_OTHERWISE)
            except ContractDefinitionError as error:
                found[name] = error.problems[0]
    return found


def _contract_type(found: DuckDBPyType) -> str:
    text, kind = str(found), found.id
    if text in _PLAIN:
        return _PLAIN[text]
    if kind == "decimal":
        return text.lower()
    if kind in {"list", "array"}:
        return f"list<{_contract_type(_parts(found)[0][1])}>"
    if kind == "struct":
        return f"struct<{', '.join(_field(name, part) for name, part in _parts(found))}>"
    raise ContractDefinitionError.of(
        f"type {text.lower()} cannot be promised",
        hint=_INSTEAD.get(text) or _INSTEAD.get(kind, _OTHERWISE),
    )


def _parts(found: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    return cast("list[tuple[str, DuckDBPyType]]", found.children)


def _field(name: str, part: DuckDBPyType) -> str:
    if set(name) & set(",:<>() "):
        raise ContractDefinitionError.of(
            f"a struct cannot have a field {name!r}", hint="use letters, digits and underscores"
        )
    return f"{name}: {_contract_type(part)}"

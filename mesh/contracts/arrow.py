"""Contract and Arrow: types by name, and whether incoming data can become what was promised.

Owns the list of types that a contract may use, the safe widenings, and the form in which a type is
stored (a duration is kept as whole microseconds: Delta has no duration). Never changes a value: a
cast that would lose something is a difference, not a conversion.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa

from mesh.contracts.model import GUARDED, Column, Contract
from mesh.errors import near_names
from mesh.naming import column_name_problems

_SIMPLE: dict[str, pa.DataType] = {
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "local_timestamp": pa.timestamp("us"),
    "duration": pa.duration("us"),
}
_NAMES = {data_type: name for name, data_type in _SIMPLE.items()}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_INTEGER_BITS_IN_FLOAT = {pa.float32(): 16, pa.float64(): 32}
LOGICAL_TYPE = "mesh.type"
"""Key in a stored field's metadata that names a type which Delta cannot hold itself."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which incoming columns are not what the contract promises."""

    column: str
    expected: str
    found: str
    hint: str = ""
    is_quoting: bool = False
    """Whether `found` or `hint` quote a value of the data."""

    def __str__(self) -> str:
        """`wind: promised float64, found string (cast it …)`."""
        text = f"{self.column}: promised {self.expected}, found {self.found}"
        return f"{text} ({self.hint})" if self.hint else text


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a contract's type name. Raises ValueError for a name it does not know."""
    if name in _SIMPLE:
        return _SIMPLE[name]
    if match := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(match[1]), int(match[2]))
    if name.startswith("list<") and name.endswith(">"):
        return pa.list_(arrow_type(name[5:-1]))
    if name.startswith("struct<") and name.endswith(">"):
        parts = (part.split(":", 1) for part in _split(name[7:-1]))
        return pa.struct([pa.field(key.strip(), arrow_type(value.strip())) for key, value in parts])
    message = f"{name!r} is not a type of a contract"
    raise ValueError(message)


def type_name(data_type: pa.DataType) -> str:
    """The contract's name of an Arrow type. Raises ValueError for a type it cannot promise."""
    plain = normal_type(data_type)
    if plain in _NAMES:
        return _NAMES[plain]
    if pa.types.is_decimal128(plain):
        return f"decimal({plain.precision},{plain.scale})"
    if pa.types.is_list(plain):
        return f"list<{_inner_name(plain.value_type)}>"
    if pa.types.is_struct(plain):
        return f"struct<{', '.join(f'{_field_name(f)}: {_inner_name(f.type)}' for f in plain)}>"
    message = f"{data_type} cannot be stored in a Delta table"
    raise ValueError(message)


def _inner_name(data_type: pa.DataType) -> str:
    if pa.types.is_duration(data_type):
        message = "a duration cannot be stored inside a list or struct: keep a number and its unit"
        raise ValueError(message)
    return type_name(data_type)


def _field_name(field: pa.Field) -> str:
    if column_name_problems(field.name) or re.search(r"[:<>]", field.name):
        message = f"{field.name!r} cannot be a field's name: use letters, digits and underscores"
        raise ValueError(message)
    name: str = field.name
    return name


def normal_type(data_type: pa.DataType) -> pa.DataType:
    """The one form of a type that libraries spell differently: large, view, dictionary, UTC."""
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.string()
    if pa.types.is_large_binary(data_type) or pa.types.is_binary_view(data_type):
        return pa.binary()
    if pa.types.is_dictionary(data_type):
        return normal_type(data_type.value_type)
    if pa.types.is_timestamp(data_type) and data_type.tz is not None:
        return pa.timestamp(data_type.unit, tz="UTC")
    if pa.types.is_date64(data_type):
        return pa.date32()
    if _is_list(data_type):
        return pa.list_(normal_type(data_type.value_type))
    if pa.types.is_struct(data_type):
        return pa.struct([pa.field(f.name, normal_type(f.type)) for f in data_type])
    return data_type


def arrow_schema(contract: Contract, names: Collection[str] | None = None) -> pa.Schema:
    """What readers of the product see: the promised columns, in order, or only some of them."""
    return pa.schema(
        [
            pa.field(
                column.name,
                arrow_type(column.type),
                nullable=column.is_nullable,
                metadata=_metadata(column),
            )
            for column in contract.columns
            if names is None or column.name in names
        ]
    )


def stored_schema(contract: Contract) -> pa.Schema:
    """What the Delta table holds: as `arrow_schema`, with durations as microseconds.

    Every field is nullable in the table: the contract holds nulls out, and a later minor version
    may relax it without rewriting what is stored.
    """
    fields = []
    for column in contract.columns:
        logical = arrow_type(column.type)
        stored = stored_type(logical)
        metadata = _metadata(column)
        if stored != logical:
            metadata[LOGICAL_TYPE] = column.type
        fields.append(pa.field(column.name, stored, nullable=True, metadata=metadata))
    return pa.schema(fields)


def stored_type(data_type: pa.DataType) -> pa.DataType:
    """The type in which a logical type is stored."""
    return pa.int64() if pa.types.is_duration(data_type) else data_type


def differences(contract: Contract, schema: pa.Schema) -> tuple[Difference, ...]:
    """Every way in which data of this Arrow schema cannot be published under the contract.

    Order is not one of them: columns are put into the contract's order.
    """
    return tuple(_differences(contract, schema))


def _differences(contract: Contract, schema: pa.Schema) -> Iterator[Difference]:
    found_names, promised_names = Counter(schema.names), set(contract.column_names)
    repeated = {name for name, count in found_names.items() if count > 1}
    for name in sorted(repeated):
        yield Difference(name, "one column", f"{found_names[name]} columns of that name")
    for column in contract.columns:
        if column.name not in found_names:
            near = near_names(column.name, set(found_names) - promised_names)
            hint = f"{near[0]!r} looks like it: rename it" if near else ""
            yield Difference(column.name, column.type, "no such column", hint)
        elif column.name not in repeated:
            found = schema.field(column.name).type
            if hint := why_not(found, arrow_type(column.type)):
                yield Difference(column.name, column.type, name_of(found), hint)
    if contract.is_strict:
        for name in schema.names:
            if name not in promised_names:
                yield Difference(
                    name,
                    "no such column",
                    name_of(schema.field(name).type),
                    "drop it, or add it to the contract",
                )


def name_of(data_type: pa.DataType) -> str:
    """An incoming type in the contract's words, where it has one, else in Arrow's."""
    try:
        return type_name(data_type)
    except ValueError:
        return str(data_type)


def why_not(found: pa.DataType, promised: pa.DataType) -> str:
    """Why one type cannot safely become another; empty when it can."""
    found = normal_type(found)
    if found == promised or pa.types.is_null(found):
        return ""
    if pa.types.is_timestamp(found) and pa.types.is_timestamp(promised):
        return _why_not_timestamp(found, promised)
    if pa.types.is_list(found) and pa.types.is_list(promised):
        return why_not(found.value_type, promised.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(promised):
        return _why_not_struct(found, promised)
    if _is_widening(found, promised):
        return ""
    return "cast it in the transform if that loses nothing"


def _is_widening(found: pa.DataType, promised: pa.DataType) -> bool:
    if pa.types.is_integer(found) and pa.types.is_integer(promised):
        bits = found.bit_width + (1 if pa.types.is_unsigned_integer(found) else 0)
        return bool(bits <= promised.bit_width)
    if pa.types.is_integer(found) and promised in _INTEGER_BITS_IN_FLOAT:
        return bool(found.bit_width <= _INTEGER_BITS_IN_FLOAT[promised])
    if pa.types.is_floating(found) and pa.types.is_floating(promised):
        return bool(found.bit_width <= promised.bit_width)
    if pa.types.is_decimal(found) and pa.types.is_decimal128(promised):
        whole = promised.precision - promised.scale >= found.precision - found.scale
        return bool(whole and promised.scale >= found.scale)
    # A unit finer than a microsecond is cast value by value: one that would lose refuses.
    return bool(pa.types.is_duration(found) and pa.types.is_duration(promised))


def _why_not_timestamp(found: pa.DataType, promised: pa.DataType) -> str:
    if found.tz is None and promised.tz is not None:
        return 'it has no time zone: say which with .dt.replace_time_zone("UTC")'
    if found.tz is not None and promised.tz is None:
        return "it has a time zone, and the contract promises local time"
    return ""


def _why_not_struct(found: pa.DataType, promised: pa.DataType) -> str:
    found_types = {f.name: f.type for f in found}
    promised_types = {f.name: f.type for f in promised}
    if list(found_types) != list(promised_types):
        return f"its fields are {', '.join(found_types) or 'none'}"
    for name, data_type in promised_types.items():
        if hint := why_not(found_types[name], data_type):
            return f"field {name} is {found_types[name]}: {hint}"
    return ""


def guarded_columns(schema: pa.Schema) -> frozenset[str]:
    """Columns of a stored schema whose values are not for everyone."""
    guarded = {str(classification).encode() for classification in GUARDED}
    return frozenset(f.name for f in schema if _fact(f, b"mesh.classification") in guarded)


def key_columns(schema: pa.Schema) -> frozenset[str]:
    """Columns of a stored schema that are part of the key."""
    return frozenset(f.name for f in schema if _fact(f, b"mesh.key"))


def _fact(field: pa.Field, name: bytes) -> bytes:
    found: bytes = (field.metadata or {}).get(name, b"")
    return found


def _metadata(column: Column) -> dict[str, str]:
    facts = {
        "comment": column.description,
        "mesh.unit": column.unit,
        "mesh.classification": str(column.classification),
        "mesh.key": str(column.key_position) if column.is_key else "",
    }
    return {name: value for name, value in facts.items() if value}


def _is_list(data_type: pa.DataType) -> bool:
    # A list view is none: Arrow 26 casts it to a list with other values, and without a word.
    return bool(
        pa.types.is_list(data_type)
        or pa.types.is_large_list(data_type)
        or pa.types.is_fixed_size_list(data_type)
    )


def _split(text: str) -> list[str]:
    """Split at commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]] if text.strip() else []

"""The type of a property, in a contract's words.

Owns how `logicalType`, its options, `physicalType`, `properties` and `items` become one type name
of `contracts.arrow`. A `physicalType` that is such a name itself is taken where it fits the logical
type; of other physical types counts only what the logical type leaves open: whole numbers,
decimals, bytes, time zones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mesh.contracts.arrow import arrow_type, type_name
from mesh.contracts.odcs.model import Findings, Part
from mesh.naming import column_name_problems

LOGICAL_TYPES: Mapping[str, str] = {
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "time": "string",
    "number": "float64",
    "integer": "int64",
    "boolean": "boolean",
    "object": "struct",
    "array": "list",
    "map": "list",
    "vector": "list",
}
"""What a logical type becomes where nothing else says more."""
NUMBER_FORMATS: Mapping[str, tuple[str, int | None, int | None]] = {
    "i8": ("int8", None, None),
    "i16": ("int16", None, None),
    "i32": ("int32", None, None),
    "i64": ("int64", None, None),
    "i128": ("decimal(38,0)", None, None),
    "u8": ("int16", 0, 2**8 - 1),
    "u16": ("int32", 0, 2**16 - 1),
    "u32": ("int64", 0, 2**32 - 1),
    "u64": ("decimal(20,0)", 0, 2**64 - 1),
    "u128": ("decimal(38,0)", 0, None),
    "f32": ("float32", None, None),
    "f64": ("float64", None, None),
}
"""A number's format as a type, and the bounds that the type does not have by itself."""
_ELEMENTS = {
    "bfloat16": "float32",
    "binary": "boolean",
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
    "int8": "int8",
    "uint8": "int16",
}
_FITTING: Mapping[str, tuple[str, ...]] = {
    "string": ("string", "binary", "duration"),
    "date": ("date", "timestamp", "local_timestamp"),
    "timestamp": ("timestamp", "local_timestamp"),
    "time": ("string", "duration"),
    "number": ("int", "float", "decimal", "duration"),
    "integer": ("int", "decimal", "duration"),
    "boolean": ("boolean",),
    "object": ("struct", "binary"),
    "array": ("list",),
    "map": ("list",),
    "vector": ("list",),
    "": ("",),
}
_DECIMAL = re.compile(r"(?:decimal|numeric|number|dec)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_WHOLE = re.compile(r"(?:tiny|small|medium|big)?int(?:eger)?\d*|(?:big|small)?serial\d?|long|short")
_BYTES = re.compile(r"(?:var)?binary(?:\(\w+\))?|bytea|bytes|(?:tiny|medium|long)?blob|image|raw")
_TEXT = re.compile(
    r"(?:n?(?:var)?char2?|character(?: varying)?|bpchar|string|n?text|clob|uuid|json\w*|xml)\b.*"
)
_REAL = re.compile(r"(?:float|double|real)\b.*|numeric|decimal|number|money")
_WITH_ZONE = re.compile(
    r"timestamp_?(?:l?tz|\(\d\)|\d)?(?: with time zone)?|datetimeoffset|instant"
)
_WITHOUT_ZONE = re.compile(r"timestamp_?ntz|timestamp.* without time zone|datetime2?(?:\(\d\))?")
_MOST_DIGITS = 38


def type_of(column: Part, findings: Findings) -> str:
    """The type name of a property; `string` where something is wrong with it, which is told."""
    return _Typing(findings).name(column)


class _Typing:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def name(self, column: Part) -> str:
        logical = column.text("logicalType")
        own = own_name(column)
        # A physical type `timestamp` is a word of every database, with and without a zone.
        if own not in {"", "timestamp"} and own.startswith(_FITTING.get(logical, ())):
            return own
        options, physical = column.part("logicalTypeOptions"), _physical(column)
        if logical in {"number", "integer"}:
            return _number(logical, options.text("format"), physical)
        if logical in {"date", "timestamp"}:
            return _time(logical, options, physical)
        if logical == "object":
            return self._struct(column, physical)
        if logical in {"array", "map", "vector"}:
            return self._list(column, logical)
        if logical:
            is_bytes = logical == "string" and _BYTES.fullmatch(physical)
            return "binary" if is_bytes else LOGICAL_TYPES.get(logical, "string")
        return self._untyped(column, physical)

    def _untyped(self, column: Part, physical: str) -> str:
        """By the physical type alone, or by what it is made of."""
        if column.parts("properties"):
            return self._struct(column, physical)
        if "items" in column.data:
            return self._list(column, "array")
        if found := _by_physical(physical):
            return found
        named = f"physicalType {physical!r} is" if physical else "without a logicalType it is"
        self.findings.keep(f"{named} no type that Mesh knows: held as a text", column.path)
        return "string"

    def _struct(self, column: Part, physical: str) -> str:
        fields = [field for field in column.parts("properties") if field.text("name")]
        if not fields:
            if _BYTES.fullmatch(physical):
                return "binary"
            what = "an object without properties has no fields to promise: held as a text"
            self.findings.keep(what, column.path)
            return "string"
        typed: dict[str, str] = {}
        for field in fields:
            name = field.text("name")
            if column_name_problems(name) or re.search(r"[:<>]", name):
                hint = "use letters, digits and underscores"
                self.findings.problem(f"{name!r} cannot be a field's name", field.at("name"), hint)
            elif name in typed:
                self.findings.problem(f"field {name!r} is there twice", field.at("name"))
            else:
                typed[name] = self._inner(field)
        inner = ", ".join(f"{name}: {kind}" for name, kind in typed.items())
        return f"struct<{inner}>" if typed else "string"

    def _inner(self, column: Part) -> str:
        found = self.name(column)
        if found == "duration":
            self.findings.problem("a duration cannot be inside of a list or an object", column.path)
            return "int64"
        return found

    def _list(self, column: Part, logical: str) -> str:
        if logical == "vector":
            element = column.part("logicalTypeOptions").text("elementType")
            return f"list<{_ELEMENTS.get(element, 'float32')}>"
        if logical == "map":
            key, value = (self._inner(column.part("map").part(n)) for n in ("key", "value"))
            return f"list<struct<key: {key}, value: {value}>>"
        if "items" not in column.data:
            what = "an array without items does not say of what: held as a list of texts"
            self.findings.keep(what, column.path)
            return "list<string>"
        return f"list<{self._inner(column.part('items'))}>"


def own_name(column: Part) -> str:
    """A `physicalType` that is a type name of Mesh's own; empty for any other."""
    try:
        return type_name(arrow_type(column.text("physicalType")))
    except (ValueError, OverflowError):
        return ""


def _physical(column: Part) -> str:
    return column.text("physicalType").strip().lower()


def _number(logical: str, form: str, physical: str) -> str:
    if form in NUMBER_FORMATS:
        return NUMBER_FORMATS[form][0]
    if decimal := _decimal(physical):
        return decimal
    if logical == "integer" or _WHOLE.fullmatch(physical):
        return "int64"
    return "float64"


def _decimal(physical: str) -> str:
    match = _DECIMAL.fullmatch(physical)
    if match is None:
        return ""
    digits, places = int(match[1]), int(match[2] or 0)
    is_known = 1 <= digits <= _MOST_DIGITS and places <= digits
    return f"decimal({digits},{places})" if is_known else ""


def _time(logical: str, options: Part, physical: str) -> str:
    is_local = _WITHOUT_ZONE.fullmatch(physical) is not None and not options.flag("timezone")
    if logical == "date" and not is_local and not _WITH_ZONE.fullmatch(physical):
        return "date"
    is_local = is_local or options.data.get("timezone") is False
    return "local_timestamp" if is_local else "timestamp"


def _by_physical(physical: str) -> str:
    if decimal := _decimal(physical):
        return decimal
    patterns = {
        "int64": _WHOLE,
        "float64": _REAL,
        "binary": _BYTES,
        "string": _TEXT,
        "local_timestamp": _WITHOUT_ZONE,
        "timestamp": _WITH_ZONE,
    }
    if physical in {"bool", "bit"}:
        return "boolean"
    return next((name for name, known in patterns.items() if known.fullmatch(physical)), "")

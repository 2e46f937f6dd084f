"""Incoming columns against promised ones: what is taken as it is, what is widened, what is not."""

import pyarrow as pa
import pytest

from mesh.contracts.arrow import (
    arrow_schema,
    arrow_type,
    differences,
    stored_schema,
    type_name,
    why_not,
)
from mesh.contracts.model import Classification, Column, Contract, Version

TYPES = [
    "int8", "int16", "int32", "int64", "float32", "float64", "string", "binary", "boolean", "date",
    "timestamp", "local_timestamp", "duration", "decimal(12,2)", "decimal(38,0)", "list<int64>",
    "list<list<string>>", "struct<x: int64>", "struct<x: list<struct<y: decimal(5,2)>>, z: string>",
]  # fmt: skip
UTC = pa.timestamp("us", tz="UTC")


def promised(*columns: Column, is_strict: bool = True) -> Contract:
    return Contract("Promised", Version(1, 0, 0), "", columns, (), is_strict)


def found(contract: Contract, **types: pa.DataType) -> list[str]:
    return [str(d) for d in differences(contract, pa.schema(types))]


WEATHER = promised(Column("origin", "string"), Column("wind", "float64"), Column("at", "timestamp"))
FITTING = {"origin": pa.string(), "wind": pa.float64(), "at": UTC}


@pytest.mark.parametrize("name", TYPES)
def test_a_type_and_its_name_say_the_same(name):
    assert type_name(arrow_type(name)) == name


@pytest.mark.parametrize("name", ["int", "uint8", "list<>", "struct<x>", "map<string,int64>", ""])
def test_a_name_of_no_type_is_none(name):
    with pytest.raises(ValueError, match=r"is not a type of a contract|values to unpack"):
        arrow_type(name)


def test_columns_that_are_as_promised_do_not_differ():
    assert found(WEATHER, **FITTING) == []


def test_order_is_no_difference():
    assert found(WEATHER, **dict(reversed(FITTING.items()))) == []


def test_every_difference_is_listed():
    assert found(WEATHER, wind_speed=pa.float64(), wind=pa.string(), origin=pa.int64()) == [
        "origin: promised string, found int64 (cast it in the transform if that loses nothing)",
        "wind: promised float64, found string (cast it in the transform if that loses nothing)",
        "at: promised timestamp, found no such column",
        "wind_speed: promised no such column, found float64 (drop it, or add it to the contract)",
    ]


def test_a_missing_column_that_was_misspelt_is_guessed():
    columns = {"origin": pa.string(), "wnid": pa.float64(), "at": UTC}
    assert "'wnid' looks like it: rename it" in found(WEATHER, **columns)[0]


def test_a_contract_that_is_not_strict_lets_other_columns_be():
    lenient = promised(Column("origin", "string"), is_strict=False)
    assert found(lenient, origin=pa.string(), more=pa.int64()) == []


def test_no_columns_at_all_lack_every_column():
    assert len(found(WEATHER)) == 3


def test_two_columns_of_one_name_are_named_once():
    schema = pa.schema([("origin", pa.string()), ("origin", pa.int64())])
    assert [str(d) for d in differences(promised(Column("origin", "string")), schema)] == [
        "origin: promised one column, found 2 columns of that name"
    ]


@pytest.mark.parametrize("name", ["größe", "'; DROP TABLE x; --", "../x", "", "a\0b", "x" * 500])
def test_a_column_of_any_name_can_be_reported(name):
    assert found(WEATHER, **FITTING, **{name: pa.int64()}) == [
        f"{name}: promised no such column, found int64 (drop it, or add it to the contract)"
    ]


WIDENINGS = [
    (pa.int8(), pa.int16()), (pa.int8(), pa.int64()), (pa.int16(), pa.int32()),
    (pa.int32(), pa.int64()), (pa.uint8(), pa.int16()), (pa.uint16(), pa.int32()),
    (pa.uint32(), pa.int64()), (pa.int8(), pa.float32()), (pa.int16(), pa.float32()),
    (pa.uint16(), pa.float32()), (pa.int32(), pa.float64()), (pa.uint32(), pa.float64()),
    (pa.float16(), pa.float32()), (pa.float32(), pa.float64()),
    (pa.decimal128(5, 2), pa.decimal128(12, 2)), (pa.decimal128(5, 2), pa.decimal128(12, 4)),
    (pa.decimal32(5, 2), pa.decimal128(5, 2)), (pa.decimal256(20, 2), pa.decimal128(38, 2)),
    (pa.date64(), pa.date32()), (pa.timestamp("s", tz="UTC"), UTC),
    (pa.timestamp("ns", tz="UTC"), UTC), (pa.timestamp("ns", tz="Europe/Berlin"), UTC),
    (pa.timestamp("ms", tz="+02:00"), UTC), (pa.timestamp("s"), pa.timestamp("us")),
    (pa.duration("s"), pa.duration("us")), (pa.duration("ns"), pa.duration("us")),
    (pa.large_string(), pa.string()), (pa.string_view(), pa.string()),
    (pa.dictionary(pa.int8(), pa.string()), pa.string()),
    (pa.dictionary(pa.int8(), pa.int32()), pa.int64()),
    (pa.large_binary(), pa.binary()), (pa.binary_view(), pa.binary()),
    (pa.null(), pa.string()), (pa.null(), pa.list_(pa.int64())), (pa.null(), UTC),
    (pa.large_list(pa.large_string()), pa.list_(pa.string())),
    (pa.list_(pa.int64(), 2), pa.list_(pa.int64())),
    (pa.list_(pa.null()), pa.list_(pa.int64())),
    (pa.struct({"x": pa.int32()}), pa.struct({"x": pa.int64()})),
    (pa.list_(pa.struct({"x": pa.string_view()})), pa.list_(pa.struct({"x": pa.string()}))),
]  # fmt: skip
REFUSED = [
    (pa.int64(), pa.int32()), (pa.uint8(), pa.int8()), (pa.uint64(), pa.int64()),
    (pa.int64(), pa.float64()), (pa.uint64(), pa.float64()), (pa.int32(), pa.float32()),
    (pa.float64(), pa.float32()), (pa.float64(), pa.int64()), (pa.int64(), pa.decimal128(38, 0)),
    (pa.decimal128(12, 2), pa.decimal128(12, 4)), (pa.decimal128(12, 4), pa.decimal128(12, 2)),
    (pa.decimal256(40, 2), pa.decimal128(38, 2)), (pa.float64(), pa.decimal128(12, 2)),
    (pa.int64(), pa.string()), (pa.string(), pa.int64()), (pa.bool_(), pa.int8()),
    (pa.int8(), pa.bool_()), (pa.string(), pa.date32()), (pa.date32(), UTC), (UTC, pa.date32()),
    (pa.timestamp("us"), UTC), (UTC, pa.timestamp("us")), (pa.int64(), UTC),
    (pa.int64(), pa.duration("us")), (pa.duration("us"), pa.int64()), (pa.time32("s"), pa.string()),
    (pa.binary(), pa.string()), (pa.string(), pa.binary()), (pa.binary(4), pa.binary()),
    (pa.list_(pa.int64()), pa.list_(pa.int32())), (pa.list_(pa.int64()), pa.int64()),
    (pa.int64(), pa.list_(pa.int64())), (pa.map_(pa.string(), pa.int64()), pa.list_(pa.string())),
    (pa.struct({"x": pa.int64()}), pa.struct({"x": pa.int32()})),
    (pa.struct({"x": pa.int64()}), pa.struct({"y": pa.int64()})),
    (pa.struct({"x": pa.int64(), "y": pa.int64()}), pa.struct({"y": pa.int64(), "x": pa.int64()})),
    (pa.struct({"x": pa.int64()}), pa.struct({"x": pa.int64(), "y": pa.int64()})),
    (pa.dictionary(pa.int8(), pa.int64()), pa.int32()),
    (pa.run_end_encoded(pa.int32(), pa.int64()), pa.int64()),
    (pa.list_view(pa.int64()), pa.list_(pa.int64())),
    (pa.large_list_view(pa.int32()), pa.list_(pa.int64())),
]  # fmt: skip


def pair(types: tuple[pa.DataType, pa.DataType]) -> str:
    return f"{types[0]} to {types[1]}"


@pytest.mark.parametrize("types", WIDENINGS, ids=pair)
def test_what_loses_nothing_is_taken(types):
    assert why_not(*types) == ""


@pytest.mark.parametrize("types", REFUSED, ids=pair)
def test_what_could_lose_something_is_not(types):
    assert why_not(*types)


def test_a_moment_without_a_zone_is_told_how_to_get_one():
    assert why_not(pa.timestamp("us"), UTC) == (
        'it has no time zone: say which with .dt.replace_time_zone("UTC")'
    )


def test_a_struct_says_which_of_its_fields_differs():
    inside = pa.struct({"x": pa.int64(), "y": pa.string()})
    assert why_not(inside, pa.struct({"x": pa.int32(), "y": pa.string()})) == (
        "field x is int64: cast it in the transform if that loses nothing"
    )
    assert why_not(inside, pa.struct({"x": pa.int64()})) == "its fields are x, y"


def test_readers_see_what_was_promised():
    contract = promised(
        Column("id", "int64", key_position=0),
        Column("delay", "duration", is_nullable=True, unit="s", description="Behind time"),
        Column("name", "string", classification=Classification.PERSONAL),
    )
    schema = arrow_schema(contract)
    assert schema.field("delay").type == pa.duration("us")
    assert [field.nullable for field in schema] == [False, True, False]
    assert schema.field("delay").metadata == {
        b"comment": b"Behind time",
        b"mesh.unit": b"s",
        b"mesh.classification": b"internal",
    }
    assert schema.field("id").metadata[b"mesh.key"] == b"0"
    assert schema.field("name").metadata[b"mesh.classification"] == b"personal"


def test_a_duration_is_stored_as_whole_microseconds_and_says_so():
    stored = stored_schema(promised(Column("delay", "duration"), Column("n", "int64")))
    assert stored.types == [pa.int64(), pa.int64()]
    assert stored.field("delay").metadata[b"mesh.type"] == b"duration"
    assert b"mesh.type" not in stored.field("n").metadata
    assert all(field.nullable for field in stored)

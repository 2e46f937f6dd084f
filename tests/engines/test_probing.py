"""A product's function is looked at without data: what it reads, makes, and from what."""

import inspect
import socket
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

from mesh.engines import quietly
from mesh.engines.plans import WatchedInput, read_plan
from mesh.engines.probing import probe
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.products.modes import Append, Upsert
from mesh.products.ports import Input
from mesh.publishing.source import batches_of, source_of
from mesh.reading.snapshot import annotations_of, in_form
from tests.engines import transforms
from tests.engines.probed_products import CONTRACTS, FLIGHTS, ROWS, contract, origins, probed

FUNCTIONS = [
    f
    for f in vars(transforms).values()
    if inspect.isfunction(f) and f is not transforms.changed  # which has a test of its own
]
LAZY = [
    f
    for f in FUNCTIONS
    if all(kind is pl.LazyFrame for kind in annotations_of(f).values())
    and f is not transforms.mapped_frame
]


def result(function, leave_out=()):
    """What a function makes of real rows; of inputs without some columns. None when it fails."""
    names = list(inspect.signature(function).parameters)
    frames = {
        name: ROWS[name].drop([column for port, column in leave_out if port == name]).lazy()
        for name in names
    }
    kinds = annotations_of(function)
    try:
        made = function(**{name: in_form(frame, kinds[name]) for name, frame in frames.items()})
        source = source_of(made, batch_rows=1_000)
        with source.cleanup:
            batches = list(batches_of(source, batch_rows=1_000))
    except Exception:  # noqa: BLE001 -- whatever it raises: it breaks
        return None
    frame = pl.concat([pl.DataFrame(b) for b in batches]) if batches else pl.DataFrame()
    return frame.sort(frame.columns) if frame.columns else frame


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_is_read_is_what_breaks_when_it_is_gone(function):
    found = probed(function, {})
    whole = result(function)
    assert whole is not None
    for port, read in found.reads.items():
        for column in ROWS[port].columns:
            without = result(function, [(port, column)])
            is_same = without is not None and without.equals(whole)
            if column in read.columns:
                assert not is_same, f"{port}.{column} is read, and nothing changes without it"
            elif read.is_complete:
                assert is_same, f"{port}.{column} is not read, and {without} is not {whole}"


@pytest.mark.parametrize("function", LAZY, ids=lambda f: f.__name__)
def test_every_column_that_a_lazy_function_reads_is_known(function):
    assert all(read.is_complete for read in probed(function, {}).reads.values())


@pytest.mark.parametrize("function", LAZY, ids=lambda f: f.__name__)
def test_the_columns_made_are_those_of_real_rows(function):
    found, whole = probed(function, {}), result(function)

    assert list(found.columns) == whole.columns or set(found.columns) == set(whole.columns)
    assert set(found.lineage) <= set(whole.columns)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (transforms.joined, {"wind": {"weather.wind"}, "late": {"flights.delay"}}),
        (transforms.joined_with_suffix, {"here": {"flights.note"}, "there": {"weather.note"}}),
        (transforms.right_joined, {"origin": {"weather.origin"}, "delay": {"flights.delay"}}),
        (transforms.fully_joined, {"origin": {"flights.origin", "weather.origin"}}),
        (transforms.asof_joined, {"wind": {"weather.wind"}}),
        (transforms.grouped, {"flights": set(), "far": {"flights.delay", "flights.distance"}}),
        (transforms.grouped_by_time, {"left_at": {"flights.left_at"}}),
        (transforms.windowed, {"share": {"flights.delay", "flights.carrier"}}),
        (transforms.renamed, {"delay_minutes": {"flights.delay"}}),
        (transforms.summed_across, {"total": {"flights.delay", "flights.distance"}}),
        (transforms.unpivoted_numbers, {"value": {"weather.wind", "weather.rain"}}),
        (transforms.pivoted, {"EWR": {"flights.distance", "flights.origin"}}),
        (transforms.exploded, {"tag": {"weather.tags"}}),
        (transforms.unnested, {"lat": {"weather.place"}}),
        (transforms.stacked, {"value": {"flights.delay", "weather.wind"}}),
        (transforms.numbered, {"row": set()}),
        (transforms.with_sql, {"delay": {"flights.delay"}}),
        (transforms.with_own_data, {"name": set()}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_output_column_is_made_from_columns_of_inputs(function, expected):
    assert expected.items() <= origins(probed(function, {})).items()


def test_what_only_decides_which_rows_there_are_shapes_and_makes_nothing():
    found = probed(transforms.filtered, {})

    assert found.shaping == {(FLIGHTS, "carrier"), (FLIGHTS, "delay")}
    assert found.made_from((FLIGHTS, "flight")) == ("flight",)


def test_an_expression_that_cannot_be_looked_into_leaves_only_its_column_unknown():
    assert origins(probed(transforms.mapped_expression, {})) == {"flight": {"flights.flight"}}


def test_a_frame_that_cannot_be_looked_into_is_unknown():
    found = probed(transforms.mapped_frame, {})

    assert found.lineage == {}
    assert not found.reads["flights"].is_complete
    assert found.columns == {"flight": "int64", "delay": "float64"}


def test_a_plan_that_polars_does_not_show_is_unknown():
    class Closed(pl.LazyFrame):
        """As of a Polars that has no `visit` any more."""

        def collect_schema(self):
            return pl.Schema({"a": pl.Int8})

    frame = Closed()
    frame._ldf = object()
    told = read_plan(frame, [WatchedInput("flights", pl.DataFrame({"a": [1]}))])

    assert told.reads == {"flights": None}
    assert told.lineage == {"a": None}


def test_changed_rows_come_with_what_happened_to_them():
    makes = {"flight": "int64", "delay": "float64"}
    found = probed(transforms.changed, makes, incremental=True, write=Append())

    assert found.problems == ()
    assert found.reads["flights"].columns == {"flight", "delay"}
    assert origins(found) == {"flight": {"flights.flight"}, "delay": {"flights.delay"}}


def test_an_upsert_may_keep_the_column_that_says_what_is_deleted():
    def feed(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("flight", "_change_type")

    write = Upsert(on=["flight"], delete_when=pl.col("_change_type") == "delete")
    assert probed(feed, {"flight": "int64"}, incremental=True, write=write).problems == ()


def test_a_declared_column_that_nothing_reads_is_noted():
    found = probed(
        transforms.renamed,
        {"flight": "int64", "delay_minutes": "float64"},
        flights=["flight", "delay", "note", "origin"],
    )

    assert found.problems == ()
    (note,) = found.notes
    assert note.what == f"it declares note, origin of {FLIGHTS}, which the transform does not read"
    assert note.where == "domains/reports/products/made.py: reports.made_v1, input 'flights'"


def test_a_column_that_is_named_and_thrown_away_is_read():
    found = probed(transforms.mentioned_and_dropped, {}, flights=["flight", "delay", "note"])

    assert found.reads["flights"].columns == {"flight", "delay", "note"}
    assert found.notes == ()


def test_columns_that_are_used_and_not_declared_are_problems_all_at_once():
    found = probed(
        transforms.joined,
        {"flight": "int64", "wind": "float64", "late": "boolean"},
        flights=["flight", "left_at"],
        weather=["origin", "hour"],
    )

    assert {problem.what.partition(",")[0] for problem in found.problems} == {
        f"the transform reads {FLIGHTS}.origin",
        f"the transform reads {FLIGHTS}.delay",
        "the transform reads sky.weather_v1.wind",
    }
    assert found.problems[0].hint.startswith("add ")
    assert found.columns


def test_a_column_that_nobody_has_is_a_problem():
    def misspelt(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("flight", pl.col("dealy"))

    (problem,) = probed(misspelt, {"flight": "int64"}).problems

    assert 'unable to find column "dealy"' in problem.what
    assert problem.hint == "did you mean delay?"


def test_an_output_that_cannot_fulfil_its_contract_is_a_problem():
    found = probed(
        transforms.renamed, {"flight": "string", "delay_minute": "float64", "extra": "int64"}
    )

    head = "its output cannot fulfil the contract: "
    assert {problem.what.removeprefix(head) for problem in found.problems} == {
        "flight is promised as string, the transform makes int64",
        "delay_minute is promised as float64, the transform makes no such column",
        "extra is promised as int64, the transform makes no such column",
        "delay_minutes is promised as no such column, the transform makes float64",
    }


def test_types_that_widen_safely_and_columns_of_nulls_are_no_problem():
    def widening(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select(pl.col("flight").cast(pl.Int16), nothing=pl.lit(None))

    assert probed(widening, {"flight": "int64", "nothing": "string"}).problems == ()


def test_columns_that_depend_on_rows_are_no_false_alarm():
    makes = {"carrier": "string", "EWR": "int64", "JFK": "int64"}

    assert probed(transforms.eagerly_pivoted, makes).problems == ()


def test_an_eager_function_that_never_makes_a_column_is_a_problem():
    problems = probed(transforms.eager, {"carrier": "string", "miles": "int64"}).problems

    assert any("miles is promised as int64" in problem.what for problem in problems)


def test_a_function_that_needs_rows_is_not_probed_and_no_problem():
    def hungry(flights: pl.DataFrame) -> pl.DataFrame:
        return flights.filter(pl.col("delay") > flights.row(0)[4])

    found = probed(hungry, {"flight": "int64"})

    assert found.problems == ()
    assert "OutOfBoundsError" in found.unknown
    assert found.notes[0].what.startswith("it could not be probed: ")


def test_a_function_that_returns_no_table_is_not_probed():
    def nothing(flights: pl.LazyFrame) -> None:
        flights.collect_schema()

    assert "NoneType" in probed(nothing, {"flight": "int64"}).unknown


def test_a_function_that_ends_the_process_is_not_probed():
    def leaving(flights: pl.LazyFrame) -> pl.LazyFrame:
        raise SystemExit(3)

    assert "SystemExit" in probed(leaving, {"flight": "int64"}).unknown


def test_a_function_that_takes_long_is_given_up(monkeypatch):
    def slow(flights: pl.LazyFrame) -> pl.LazyFrame:
        time.sleep(1.0)
        return flights

    monkeypatch.setattr(quietly.call_quietly, "__kwdefaults__", {"seconds": 0.05})
    begun = time.monotonic()
    found = probed(slow, {"flight": "int64"})

    assert time.monotonic() - begun < 0.8
    assert found.unknown == "it did not return within 0.05 s"
    time.sleep(1.2)


def test_nothing_that_a_function_says_is_heard(capsys):
    def loud(flights: pl.LazyFrame) -> pl.LazyFrame:
        print("here I am")
        return flights.select("flight")

    assert probed(loud, {"flight": "int64"}).problems == ()
    assert capsys.readouterr() == ("", "")


def test_a_function_reaches_no_network_no_process_and_no_file(tmp_path):
    def talking(flights: pl.LazyFrame) -> pl.LazyFrame:
        socket.create_connection(("127.0.0.1", 9))
        return flights

    def starting(flights: pl.LazyFrame) -> pl.LazyFrame:
        subprocess.run(["true"], check=True)
        return flights

    def writing(flights: pl.LazyFrame) -> pl.LazyFrame:
        Path(tmp_path / "left behind").write_text("x", encoding="utf-8")
        return flights

    for function in (talking, starting, writing):
        assert "not while it is looked at" in probed(function, {}).unknown
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "elsewhere").write_text("the rest of the process may", encoding="utf-8")


def test_a_function_without_inputs_is_not_called():
    def fetching() -> pl.LazyFrame:
        raise AssertionError

    found = probed(fetching, {"flight": "int64"})

    assert found.notes == found.problems == ()
    assert found.unknown == "it has no inputs, and is not called: it may fetch data"


def test_an_input_whose_contract_is_unknown_is_not_guessed():
    product = DataProduct(
        id=ProductId("reports", "made", 1),
        contract=contract("Made", {"flight": "int64"}),
        transform=transforms.renamed,
        inputs={"flights": Input("ops.elsewhere_v1")},
    )

    assert probe(product, CONTRACTS).unknown == "the contract of ops.elsewhere_v1 is not known"


def test_a_probe_is_told_as_plain_values():
    told = probed(transforms.renamed, {"flight": "int64", "delay_minutes": "float64"}).as_json()

    assert told["lineage"] == {
        "flight": [f"{FLIGHTS}.flight"],
        "delay_minutes": [f"{FLIGHTS}.delay"],
    }
    assert told["reads"]["flights"] == {
        "product": FLIGHTS,
        "columns": ["delay", "flight"],
        "is_complete": True,
    }

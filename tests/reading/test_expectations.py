"""What a consumer expects of an input is measured on the version that it is pinned to."""

import datetime as dt

import polars as pl
import pytest

import mesh
from mesh.contracts.verdict import Outcome
from mesh.errors import DefinitionError
from mesh.lake import Lake
from mesh.lake.table import Snapshot
from mesh.products.declaration import declaration_of
from mesh.publishing import publish
from mesh.reading import pin
from mesh.reading.expectations import expected_findings
from mesh.settings import load

NOW = dt.datetime(2024, 1, 3, tzinfo=dt.UTC)
READINGS = "weather.readings_v1"


class Readings(mesh.Contract):
    """One row per reading."""

    station: str
    at: mesh.UTCDatetime
    day: dt.date
    wind: float = mesh.Field(nullable=True)
    count: int = mesh.Field(nullable=True)
    reporter: int = mesh.Field(classification="personal")
    lasted: dt.timedelta
    tags: list[str]


@mesh.data_product(contract=Readings, write=mesh.Append())
def readings() -> pl.DataFrame:
    return pl.DataFrame()


def rows(**columns):
    """Four readings, some columns of them otherwise."""
    days = [dt.date(2024, 1, 1), dt.date(2024, 1, 2)] * 2
    return pl.DataFrame(
        {
            "station": ["EWR", "JFK", "EWR", "LGA"],
            "at": [dt.datetime(2024, 1, 2, hour, tzinfo=dt.UTC) for hour in range(4)],
            "day": days,
            "wind": [1.0, None, float("nan"), 12.5],
            "count": [1, None, 3, 4],
            "reporter": [7, 8, 9, 9],
            "lasted": [dt.timedelta(hours=1)] * 4,
            "tags": [["a"]] * 4,
            **columns,
        },
        schema_overrides={"at": pl.Datetime("us", "UTC"), "count": pl.Int64, "wind": pl.Float64},
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    (root / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    made = Lake.of(load(root))
    product = declaration_of(readings).bind("weather", root)
    receipt = publish(product, rows(), lake=made, run_id="one")
    assert isinstance(receipt, mesh.Receipt)
    return made


def measured(lake, expects, columns=None, *, incremental=False):
    """What became of each expectation, as (outcome, message)."""
    declared = mesh.Input(READINGS, columns, expects=expects, incremental=incremental)
    pinned = {"readings": pin("readings", declared, lake)}
    return [(f.outcome, f.message) for f in expected_findings(pinned, now=NOW)]


def wanted(lake, column, **words):
    ((outcome, message),) = measured(lake, {column: words})
    return "" if outcome is Outcome.PASSED else message


@pytest.mark.parametrize(
    ("column", "words", "found"),
    [
        ("wind", {"max_null_share": 0.5}, ""),
        ("wind", {"max_null_share": 0.25}, "found 0.5 (2 of 4 rows)"),
        ("count", {"max_null_share": 0.25}, ""),
        ("count", {"max_null_share": 0}, "found 0.25 (1 of 4 rows)"),
        ("station", {"max_null_share": 0.0}, ""),
        ("tags", {"max_null_share": 0.0}, ""),
        ("wind", {"min": 1}, ""),
        ("wind", {"min": 2}, "found 1.0 as the lowest"),
        ("wind", {"max": 12.5}, ""),
        ("wind", {"max": 12.4}, "found 12.5 as the highest"),
        ("count", {"max": 3}, "found 4 as the highest"),
        ("day", {"min": dt.date(2024, 1, 1)}, ""),
        ("day", {"min": "2024-01-02"}, "found 2024-01-01 as the lowest"),
        ("at", {"max": "2024-01-02T03:00:00Z"}, ""),
        ("at", {"max": dt.datetime(2024, 1, 2, 2, tzinfo=dt.UTC)}, "found 2024-01-02 03:00:00+00:00 as the highest"),
        ("station", {"min": "EWR"}, ""),
        ("station", {"isin": ["EWR", "JFK", "LGA"]}, ""),
        ("station", {"isin": ["EWR"]}, "found 2 of 4 rows that have another value"),
        ("day", {"isin": ["2024-01-01"]}, "found 2 of 4 rows that have another value"),
        ("count", {"unique": True}, ""),
        ("station", {"unique": True}, "found 1 of 4 rows that repeat a value"),
        ("at", {"max_age": "1d"}, ""),
        ("at", {"max_age": "20h"}, "found the latest of 2024-01-02 03:00 UTC"),
        ("day", {"max_age": "24h"}, ""),
        ("*", {"min_rows": 4}, ""),
        ("*", {"min_rows": 5}, "found 4 rows"),
        ("*", {"max_rows": 3}, "found 4 rows"),
        ("*", {"max_rows": 4}, ""),
        ("*", {"published_within": "1h"}, ""),
    ],
)  # fmt: skip
def test_an_expectation_is_met_or_says_what_was_found(lake, column, words, found):
    assert wanted(lake, column, **words) == found


def test_values_of_a_guarded_column_are_not_told(lake):
    assert wanted(lake, "reporter", max=8) == "found a value that is not for everyone"


def test_an_old_publication_is_found(lake):
    declared = mesh.Input(READINGS, expects={"*": {"published_within": "1h"}})
    pinned = {"readings": pin("readings", declared, lake)}
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    (finding,) = expected_findings(pinned, now=later)

    assert finding.message.startswith("found a publication of 20")
    assert finding.rule.text == (
        "input 'readings': of weather.readings_v1, it was published at most 1h ago"
    )


def test_what_the_log_says_is_not_scanned(lake, monkeypatch):
    def no_rows(_):
        raise AssertionError

    measuring = {"count": {"max_null_share": 0.5, "min": 0, "max": 9}, "*": {"min_rows": 1}}
    schema = Snapshot.promised(pin("readings", mesh.Input(READINGS), lake).opened).collect_schema()
    monkeypatch.setattr(Snapshot, "promised", lambda _: Unreadable(schema))

    assert [outcome for outcome, _ in measured(lake, measuring)] == [Outcome.PASSED] * 4
    with pytest.raises(AttributeError):
        measured(lake, {"station": {"unique": True}})


class Unreadable:
    """Rows of which only the types are known."""

    def __init__(self, schema):
        self.collect_schema = lambda: schema


def test_several_expectations_are_measured_together(lake):
    found = measured(
        lake,
        {"station": {"unique": True, "isin": ["EWR"]}, "wind": {"max": 1.0, "severity": "warning"}},
        ["station", "wind"],
    )

    assert [outcome for outcome, _ in found] == [Outcome.FAILED] * 3


def test_of_an_incremental_input_the_whole_version_is_measured(lake):
    assert measured(lake, {"*": {"min_rows": 4}}, incremental=True) == [(Outcome.PASSED, "")]


def test_a_column_that_the_table_lacks_is_not_as_expected(lake):
    assert wanted(lake, "gust", max_null_share=0.1) == "found no such column"


def test_what_cannot_be_measured_is_an_error_and_no_verdict(lake):
    with pytest.raises(DefinitionError) as caught:
        measured(lake, {"station": {"max": 3}, "wind": {"max_age": "1d"}, "lasted": {"min": 1}})

    assert [problem.what for problem in caught.value.problems] == [
        "station is a string, and 3 is none",
        "wind is a float64, which has no age: name a date or a time",
        "lasted is a duration, which has no min",
    ]


def test_an_empty_table_has_no_nulls_no_bounds_and_no_moment(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    lake = Lake.of(load(tmp_path))
    product = declaration_of(readings).bind("weather", tmp_path)
    publish(product, rows().clear(), lake=lake, run_id="one")

    found = measured(
        lake, {"wind": {"max_null_share": 0.1, "min": 0}, "at": {"max_age": "1d"}, "station": {"unique": True}}
    )  # fmt: skip

    assert [outcome for outcome, _ in found] == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]  # fmt: skip

"""The gate finds what breaks a contract: which rows, which rules, and whether they may pass."""

from datetime import timedelta
from typing import Annotated, Any

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.contracts import expressions
from mesh.contracts.model import Contract
from mesh.contracts.pandera import load
from mesh.contracts.rules import RowCount, row_count
from mesh.contracts.verdict import Outcome, Verdict
from mesh.errors import GateError
from mesh.publishing.batch import Batch, is_text
from mesh.publishing.gate import MAX_SAMPLES, Gate, StagedRows

AIRPORT = "network.airports_v1.faa"


class Observations(mesh.Contract):
    """One row per airport and hour."""

    origin: str = mesh.Field(isin=["EWR", "JFK", "LGA"], key=True)
    hour: int = mesh.Field(key=True)
    wind: float = mesh.Field(ge=0, lt=254, nullable=True)
    gust: float = mesh.Field(le=100, nullable=True, raise_warning=True)


def rows(*values: tuple[Any, ...]) -> pl.DataFrame:
    schema = {"origin": pl.String, "hour": pl.Int64, "wind": pl.Float64, "gust": pl.Float64}
    return pl.DataFrame(list(values), schema=schema, orient="row")


GOOD = rows(("EWR", 1, 5.0, None), ("JFK", 1, None, 10.0), ("LGA", 2, 253.9, 99.0))


def batch_of(frame: pl.DataFrame, offset: int) -> Batch:
    """A frame as the pipeline hands it over, with every text told as a dictionary, too."""
    arrow = frame.to_arrow(compat_level=pl.CompatLevel.newest()).combine_chunks()
    (rows,) = arrow.to_batches() or [pa.RecordBatch.from_pylist([], arrow.schema)]
    texts = [field.name for field in rows.schema if is_text(field.type)]
    return Batch(rows, offset).with_dictionaries(texts)


class Run:
    """One contract's gate over batches, and the rows that came out of it."""

    def __init__(self, contract: type[mesh.Contract] | Contract, **options: Any) -> None:
        self.contract = contract if isinstance(contract, Contract) else load(contract)
        self.gate = Gate(self.contract, key_memory_bytes=1 << 20, **options)
        self.accepted: list[pl.DataFrame] = []
        self.rejected: list[pl.DataFrame] = []

    def check(self, *batches: pl.DataFrame) -> "Run":
        for batch in batches:
            checked = self.gate.check(batch_of(batch, self.gate.rows))
            self.accepted.append(batch if checked.keeps is None else batch.filter(checked.keeps))
            self.rejected += [] if checked.rejected is None else [checked.rejected]
        return self

    def verdict(self, *, tolerance: float | None = None) -> Verdict:
        frame = pl.concat(self.accepted).lazy()
        return self.gate.finish(
            StagedRows(frame, self.contract.column_names),
            tolerance=tolerance or 0.0,
            can_quarantine=tolerance is not None,
        )


def test_data_that_keeps_every_rule_passes_untouched():
    run = Run(Observations).check(GOOD)
    verdict = run.verdict()
    assert run.accepted[0] is GOOD
    assert verdict.is_accepted
    assert (verdict.rows, verdict.accepted, verdict.rejected) == (3, 3, 0)
    assert {finding.outcome for finding in verdict.findings} == {Outcome.PASSED}
    assert verdict.failures == ()


def test_a_row_that_breaks_a_rule_is_told_apart_from_those_that_do_not():
    bad = rows(("EWR", 3, 1048.0, 1.0))
    run = Run(Observations).check(pl.concat([GOOD, bad]))
    assert run.accepted[0].equals(GOOD)
    assert run.rejected[0].drop("_mesh_rules", "_mesh_row").equals(bad)
    assert run.rejected[0].select("_mesh_rules", "_mesh_row").to_dicts() == [
        {"_mesh_rules": ["wind_in_range"], "_mesh_row": 3}
    ]


def test_a_rejected_row_names_every_rule_that_it_breaks():
    run = Run(Observations).check(rows((None, 1, -1.0, 200.0)))
    assert run.rejected[0]["_mesh_rules"].to_list() == [["origin_not_null", "wind_in_range"]]


def test_a_finding_tells_how_many_rows_the_first_of_them_and_some_to_look_at():
    batches = [GOOD, *(rows(("EWR", 10 + n, 1000.0 + n, None)) for n in range(9))]
    finding = Run(Observations).check(*batches).verdict().finding("wind_in_range")
    assert finding.outcome is Outcome.FAILED
    assert finding.failed == 9
    assert finding.first_row == 3
    assert len(finding.samples) == MAX_SAMPLES
    assert finding.samples[0] == {"wind": 1000.0, "origin": "EWR", "hour": 10}
    assert finding.message == "in_range(0, 254)"


def test_the_first_row_is_the_first_in_the_data_whichever_batch_is_checked_first():
    run = Run(Observations)
    run.check(GOOD)
    run.gate.check(batch_of(rows(("EWR", 1, -2.0, None)), 500))
    run.gate.check(batch_of(rows(("EWR", 2, -1.0, None)), 20))
    finding = run.verdict().finding("wind_in_range")
    assert finding.first_row == 20
    assert finding.samples[0]["wind"] == -1.0


def test_a_warning_is_counted_and_keeps_no_row_out():
    run = Run(Observations).check(rows(("EWR", 1, 1.0, 101.0), ("EWR", 2, 1.0, 102.0)))
    verdict = run.verdict()
    assert verdict.is_accepted
    assert verdict.rejected == 0
    assert verdict.finding("gust_less_than_or_equal_to").failed == 2


def test_failures_come_with_errors_first():
    run = Run(Observations).check(rows(("EWR", 1, 1.0, 101.0), ("XXX", 2, 1.0, 102.0)))
    assert [f.rule.id for f in run.verdict().failures] == [
        "origin_isin",
        "gust_less_than_or_equal_to",
    ]


def test_refusing_says_how_many_rows_break_the_contract():
    verdict = Run(Observations).check(pl.concat([GOOD, rows(("X", 9, 1.0, None))])).verdict()
    assert not verdict.is_accepted
    assert verdict.reasons == ("1 of 4 rows break the contract",)


@pytest.mark.parametrize(("tolerance", "is_accepted"), [(0.25, True), (0.24, False), (0.0, False)])
def test_a_share_of_rejected_rows_is_tolerated_up_to_the_tolerance(tolerance, is_accepted):
    run = Run(Observations).check(pl.concat([GOOD, rows(("X", 9, 1.0, None))]))
    verdict = run.verdict(tolerance=tolerance)
    assert verdict.is_accepted is is_accepted
    if not is_accepted:
        assert verdict.reasons == (
            f"1 of 4 rows (25.00%) break the contract, more than the tolerance of {tolerance:.2%}",
        )


def test_nothing_at_all_keeps_every_rule_on_rows():
    verdict = Run(Observations).check(GOOD.clear()).verdict()
    assert verdict.is_accepted
    assert verdict.rows == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_wind(value):
    verdict = Run(Observations).check(rows(("EWR", 1, value, None))).verdict()
    assert verdict.finding("wind_in_range").failed == 1


def test_nan_is_no_value_where_one_was_promised():
    class Measured(mesh.Contract):
        value: float

    run = Run(Measured).check(pl.DataFrame({"value": [1.0, float("nan"), None]}))
    assert run.verdict().finding("value_not_null").failed == 2


def test_text_outside_an_enumeration_breaks_a_rule():
    class Named(mesh.Contract):
        kind: Annotated[pl.Enum, ["x", "y"]]

    run = Run(Named).check(pl.DataFrame({"kind": ["x", "z", "y"]}))
    assert run.verdict().finding("kind_isin").failed == 1
    assert run.rejected[0]["kind"].to_list() == ["z"]


class TestKeys:
    def test_rows_of_one_key_refuse_inside_a_batch_and_across_batches(self):
        inside = Run(Observations).check(pl.concat([GOOD, GOOD[:1]])).verdict()
        across = Run(Observations).check(GOOD, GOOD[:1]).verdict()
        for verdict in (inside, across):
            assert verdict.finding("origin_hour_unique").failed == 2
            assert verdict.reasons == ("2 rows break `(origin, hour) is unique`",)
            assert verdict.finding("origin_hour_unique").samples == ({"origin": "EWR", "hour": 1},)

    def test_a_rejected_row_takes_no_key(self):
        broken = rows(("EWR", 1, -1.0, None))
        verdict = Run(Observations).check(GOOD, broken).verdict(tolerance=0.5)
        assert verdict.finding("origin_hour_unique").outcome is Outcome.PASSED
        assert verdict.is_accepted

    def test_a_null_in_a_key_is_a_broken_row(self):
        run = Run(Observations).check(rows(("EWR", None, 1.0, None)))
        assert run.verdict().finding("hour_not_null").failed == 1


class TestReferences:
    def contract(self, severity: str = "error") -> type[mesh.Contract]:
        reference = mesh.Reference(AIRPORT, severity=severity)
        body = {
            "__annotations__": {"id": int, "origin": str},
            "id": mesh.Field(key=True),
            "origin": mesh.Field(references=reference, nullable=True),
        }
        return type("Flights", (mesh.Contract,), body)

    flights = pl.DataFrame({"id": [1, 2, 3, 4], "origin": ["EWR", "XXX", None, "XXX"]})
    known = pl.Series(["EWR", "JFK", None, "EWR"])

    def test_a_value_that_is_not_there_refuses(self):
        verdict = Run(self.contract(), references={AIRPORT: self.known}).check(self.flights)
        finding = verdict.verdict().finding("origin_references")
        assert finding.failed == 2
        assert finding.samples == ({"origin": "XXX", "id": 2}, {"origin": "XXX", "id": 4})
        assert verdict.verdict().reasons == (f"2 rows break `origin is in {AIRPORT}`",)

    def test_a_null_refers_to_nothing(self):
        run = Run(self.contract(), references={AIRPORT: self.known}).check(self.flights[2:3])
        assert run.verdict().is_accepted

    def test_a_warning_counts_over_all_batches_and_publishes(self):
        run = Run(self.contract("warning"), references={AIRPORT: self.known})
        verdict = run.check(self.flights[:2], self.flights[2:]).verdict()
        assert verdict.finding("origin_references").failed == 2
        assert verdict.is_accepted

    @pytest.mark.parametrize(("severity", "is_accepted"), [("error", False), ("warning", True)])
    def test_what_there_is_nothing_to_compare_with_is_skipped(self, severity, is_accepted):
        verdict = Run(self.contract(severity)).check(self.flights).verdict()
        finding = verdict.finding("origin_references")
        assert finding.outcome is Outcome.SKIPPED
        assert finding.message == "network.airports_v1 has no publication to compare with"
        assert verdict.is_accepted is is_accepted

    def test_nothing_to_refer_to_means_that_every_value_is_missing(self):
        nothing = pl.Series([], dtype=pl.String)
        verdict = Run(self.contract(), references={AIRPORT: nothing}).check(self.flights).verdict()
        assert verdict.finding("origin_references").failed == 3

    @pytest.mark.parametrize(
        ("annotation", "known", "values", "missing"),
        [
            (pl.Int32, pl.Series([1, 2], dtype=pl.Int32), [1, 3], 1),
            (float, pl.Series([0.0, float("nan")]), [-0.0, float("nan"), 1.0], 1),
            (
                Annotated[pl.Decimal, 5, 2],
                pl.Series(["1.00"]).cast(pl.Decimal(5, 2)),
                ["1.00", "1.01"],
                1,
            ),
            (timedelta, pl.Series([timedelta(1)]), [timedelta(1), timedelta(2)], 1),
        ],
        ids=["integers", "floats", "decimals", "durations"],
    )
    def test_values_of_any_type_can_be_compared(self, annotation, known, values, missing):
        body = {
            "__annotations__": {"value": annotation},
            "value": mesh.Field(references=AIRPORT, nullable=True),
        }
        contract = type("Referring", (mesh.Contract,), body)
        frame = pl.DataFrame({"value": pl.Series(values).cast(known.dtype)})
        verdict = Run(contract, references={AIRPORT: known}).check(frame).verdict()
        assert verdict.finding("value_references").failed == missing


class TestTheWhole:
    class Totals(mesh.Contract):
        """Parts of a whole."""

        share: float

        @mesh.check("share")
        @classmethod
        def adds_up(cls, data):
            return data.lazyframe.select(pl.col(data.key).sum() <= 1)

        class Config:
            row_count = mesh.RowCount(at_least=2, at_most=3)

    def test_a_total_is_decided_over_all_batches(self):
        halves = [pl.DataFrame({"share": [0.6]}), pl.DataFrame({"share": [0.6]})]
        verdict = Run(self.Totals).check(*halves).verdict()
        assert verdict.finding("share_adds_up").failed == 1
        assert verdict.reasons == ("`share: adds up` is broken",)

    @pytest.mark.parametrize(("count", "is_kept"), [(1, False), (2, True), (3, True), (4, False)])
    def test_rows_are_counted_after_those_that_were_rejected(self, count, is_kept):
        frame = pl.DataFrame({"share": [*[0.1] * count, None]})
        verdict = Run(self.Totals).check(frame).verdict(tolerance=1)
        assert verdict.is_accepted is is_kept
        assert verdict.finding("row_count").outcome is (
            Outcome.PASSED if is_kept else Outcome.FAILED
        )
        if not is_kept:
            (reason,) = verdict.reasons
            assert reason.startswith("`between 2 and 3 rows` is broken: ")
            assert f" {count} row" in reason

    def test_a_rule_beside_the_contracts_own_is_told_apart_from_one_of_the_same_name(self):
        class Counted(mesh.Contract):
            value: int

            @mesh.dataframe_check
            @classmethod
            def row_count(cls, data):
                return data.lazyframe.select(pl.len() > 1)

        run = Run(Counted, extra_rules=[row_count(RowCount(at_least=1))])
        verdict = run.check(pl.DataFrame({"value": [1]})).verdict()
        assert verdict.finding("row_count").outcome is Outcome.FAILED
        assert verdict.finding("row_count_2").outcome is Outcome.PASSED


class TestBrokenMachinery:
    def test_a_check_that_crashes_is_never_bad_data(self):
        class Parsed(mesh.Contract):
            day: str

            @mesh.check("day")
            @classmethod
            def is_a_number(cls, data):
                return data.lazyframe.select(pl.col(data.key).cast(pl.Int64) > 0)

        with pytest.raises(GateError, match="rule `day: is a number` cannot be decided") as caught:
            Run(Parsed).check(pl.DataFrame({"day": ["1", "x"]}))
        assert isinstance(caught.value.__cause__, pl.exceptions.InvalidOperationError)

    def test_a_check_on_the_whole_that_crashes_is_never_bad_data(self):
        class Checked(mesh.Contract):
            value: int

            @mesh.dataframe_check
            @classmethod
            def is_broken(cls, data):
                return data.lazyframe.collect().height / 0 > 1

        run = Run(Checked).check(pl.DataFrame({"value": [1]}))
        with pytest.raises(GateError, match=r"`is broken` cannot be decided: ZeroDivisionError"):
            run.verdict()

    def test_a_check_by_value_that_crashes_is_never_bad_data(self):
        class Checked(mesh.Contract):
            value: int

            @mesh.check("value", element_wise=True)
            @classmethod
            def divides(cls, value):
                return bool(repr(1 // value))

        with pytest.raises(GateError, match="rule `value: divides` cannot be decided"):
            Run(Checked).check(pl.DataFrame({"value": [1, 0]}))

    def test_a_compiled_rule_that_pandera_does_not_agree_with_says_so(self, monkeypatch):
        always_broken = lambda rule, contract: pl.col("origin").is_null()  # noqa: E731
        monkeypatch.setattr(expressions, "keeps_of", always_broken)
        with pytest.raises(GateError, match=r"(?s)Pandera passes 3 of 3 rows.*report this as"):
            Run(Observations).check(GOOD)


def test_a_column_may_be_called_what_pandera_calls_its_own():
    class Named(mesh.Contract):
        check_output: str = mesh.Field(isin=["x"])
        index: int = mesh.Field(ge=0)

    frame = pl.DataFrame({"check_output": ["x", "y"], "index": [-1, 1]})
    verdict = Run(Named).check(frame).verdict()
    assert [finding.failed for finding in verdict.failures] == [1, 1]


def test_the_verdict_reads_as_what_where_and_what_to_do_next():
    run = Run(Observations).check(pl.concat([GOOD, rows(("EWR", 3, 1048.0, 300.0))]))
    name = "weather.observations_v1"
    assert run.verdict().describe(name).splitlines() == [
        f"{name}: 1 of 4 rows break the contract",
        "  1 of 4 rows break `wind in [0, 254)`",
        "    first at row 3: wind = 1048.0, origin = EWR, hour = 3",
        "    in_range(0, 254)",
        "  1 of 4 rows break `gust ≤ 100` (warning)",
        "    first at row 3: gust = 300.0, origin = EWR, hour = 3",
        "    less_than_or_equal_to(100)",
        f"  try: mend the transform or its source; `mesh show {name}` keeps this verdict",
    ]


def test_a_verdict_is_plain_values_with_long_texts_cut():
    class Notes(mesh.Contract):
        note: str = mesh.Field(str_length={"max_value": 3})

    verdict = Run(Notes).check(pl.DataFrame({"note": ["ä" * 10_000]})).verdict()
    (finding,) = [f for f in verdict.as_json()["findings"] if f["outcome"] == "failed"]
    assert finding["samples"] == [{"note": "ä" * 200 + "… (10,000 characters)"}]
    assert verdict.as_json()["rows"] == 1

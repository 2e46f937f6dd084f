"""What docs/performance.md says is what was measured, and everyone is held to the same rules."""

import pytest

from benchmarks import report
from benchmarks.workloads import promises
from benchmarks.workloads.lineitem import Lineitem
from mesh.contracts.pandera import load
from tests.house.repository import text


def test_the_tables_of_the_page_are_the_results_that_were_kept():
    page = report.PAGE.read_text(encoding="utf-8")
    assert report.assembled(page) == page, "run `python -m benchmarks.report`"


def test_every_result_that_was_kept_has_a_place_on_the_page():
    page = report.PAGE.read_text(encoding="utf-8")
    assert {file.stem for file in report.RESULTS.glob("*.md")} <= set(report.names_in(page))


def test_the_plot_shows_the_results_that_were_kept():
    drawn = report.PLOT.read_text(encoding="utf-8")
    assert drawn == report.plot(report.growth_results()), "run `python -m benchmarks.report`"


def test_peers_are_held_to_the_rules_of_the_contract():
    contract = load(Lineitem)
    assert list(contract.column_names) == list(promises.TYPES)
    assert list(contract.key) == promises.KEY
    checks = [rule for rule in contract.rules if rule.check not in {"not_null", "unique", "custom"}]
    ours = {(rule.check, rule.columns[0]) for rule in checks}
    assert ours == {
        *(("greater_than_or_equal_to", name) for name in promises.AT_LEAST),
        *(("greater_than", name) for name in promises.ABOVE),
        *(("in_range", name) for name in promises.BETWEEN),
        *(("isin", name) for name in promises.ONE_OF),
        *(("str_matches", name) for name in promises.MATCHES),
        *(("str_length", name) for name in promises.LENGTH),
    }
    for rule in checks:
        column = rule.columns[0]
        if rule.check == "in_range":
            bounds = (rule.arguments["min_value"], rule.arguments["max_value"])
            assert bounds == promises.BETWEEN[column]
        if rule.check == "isin":
            assert list(rule.arguments["allowed_values"]) == promises.ONE_OF[column]
    assert sum(rule.check == "custom" for rule in contract.rules) == len(promises.GREATER)


def test_the_peers_lock_names_no_index_and_pins_everything():
    lines = text("benchmarks/peers.lock").splitlines()
    pinned = [line for line in lines if line[:1].isalnum()]
    assert pinned
    assert all("==" in line for line in pinned)
    assert not [line for line in lines if "://" in line or line.startswith(("--", "-e", "/"))]
    assert text("benchmarks/peers.lock").count("--hash=sha256:") >= len(pinned)


@pytest.mark.parametrize("name", ["in_memory", "raw_limit", "bad_rows", "tiny_product"])
def test_a_benchmark_measures_a_base_of_its_own(name):
    from benchmarks import publish
    from benchmarks.harness import Options

    table = getattr(publish, name)(Options())
    names = {contender.name for contender in table.contenders}
    assert {contender.base or contender.name for contender in table.contenders} <= names


@pytest.mark.parametrize("name", ["rows", "columns", "rules", "partitions"])
def test_what_grows_can_be_published(name, tmp_path):
    from benchmarks import growth
    from benchmarks.harness import Options

    smallest = getattr(growth, name)(Options()).contenders[0]
    smallest.run(smallest.warm(), tmp_path / "warm")
    assert list(tmp_path.rglob("part-*.parquet"))

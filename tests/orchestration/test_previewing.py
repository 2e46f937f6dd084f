"""A preview makes what a run would publish, tells of it, and leaves everything as it was."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.catalog.store import Catalog
from mesh.errors import (
    MeshError,
    NotPublishedError,
    TransformError,
    UnknownColumnError,
    UnknownInputError,
    UnknownPartitionError,
)
from mesh.lake import Lake
from mesh.orchestration.auditing import audit
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.previewing import Asked, preview
from mesh.orchestration.slicing import Cut
from mesh.orchestration.workspace import Workspace
from mesh.publishing import publish
from mesh.settings import load
from tests.behaviour.products import orders, product
from tests.catalog.factories import manifest
from tests.engines.sql_mesh import TOTALS_SQL, TOTALS_YAML, SqlMesh

ROWS = [(n, "NL" if n % 3 else "BE", n * 10.0) for n in range(1, 21)]


class Bills(mesh.Contract):
    """One row per order, with what it is called where it goes."""

    order_id: int = mesh.Field(key=True)
    country: str = mesh.Field(classification="personal")
    title: str = mesh.Field(nullable=True)
    amount: float = mesh.Field(ge=0, nullable=True)


class Countries(mesh.Contract):
    """One row per country."""

    country: str = mesh.Field(key=True)
    title: str


INPUTS = {"orders": mesh.Input("shop.orders_v1"), "countries": mesh.Input("shop.countries_v1")}


def joined(orders: pl.LazyFrame, countries: pl.LazyFrame) -> pl.LazyFrame:
    """Orders with titles."""
    return orders.join(countries, on="country").sort("order_id")


def bills(function=joined, **options):
    chosen = {"contract": Bills, "name": "bills", "inputs": INPUTS, "domain": "books", **options}
    return product(function=function, **chosen)


@pytest.fixture
def settings(tmp_path):
    return load(tmp_path)


@pytest.fixture
def lake(settings):
    made = Lake.of(settings)
    publish(product(), orders(ROWS), lake=made, run_id="r")
    titles = pl.DataFrame({"country": ["NL", "BE"], "title": ["Netherlands", "Belgium"]})
    publish(product(Countries, name="countries"), titles, lake=made, run_id="r")
    return made


def look(declared, lake, settings, **asked):
    return preview(declared, lake, settings, Asked(**asked))


def everything_in(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_was_never_published_is_shown_with_rows_verdict_and_profile(lake, settings):
    found = look(bills(), lake, settings, head=2)

    assert found.verdict.is_accepted
    assert (found.verdict.rows, found.profile.rows, found.compared) == (20, 20, None)
    assert found.head.get_column("title").to_list() == ["Netherlands", "Netherlands"]
    assert [(used.product, used.version) for used in found.inputs] == [
        ("shop.orders_v1", 0),
        ("shop.countries_v1", 0),
    ]


def test_nothing_is_written(lake, settings, tmp_path):
    publish(bills(), joined(orders(ROWS).lazy(), _titles()), lake=lake, run_id="r")
    before = everything_in(tmp_path)

    look(bills(), lake, settings)
    look(bills(), lake, settings, cut=Cut(at_most=3))

    assert everything_in(tmp_path) == before


def test_values_of_guarded_columns_are_nowhere(lake, settings):
    publish(bills(), _priced(1), lake=lake, run_id="r")

    def wrong(orders, countries):
        return joined(orders, countries).with_columns(amount=-pl.col("amount"), country=pl.lit("X"))

    def unknown(orders, countries):
        return joined(orders, countries).with_columns(code=pl.lit("NL"))

    for function in (joined, wrong, unknown):
        told = str(look(bills(function), lake, settings).as_json())
        assert not any(f"'{word}'" in told for word in ("NL", "BE", "X"))
        assert "(hidden)" in told


def test_the_verdict_is_the_gates_with_the_products_tolerance(lake, settings):
    def partly(orders, countries):
        first = pl.when(pl.col("order_id") == 1).then(-1.0).otherwise("amount")
        return joined(orders, countries).with_columns(amount=first)

    refused = look(bills(partly), lake, settings).verdict
    lenient = bills(partly, on_violation=mesh.Quarantine(tolerance=0.1))
    quarantined = look(lenient, lake, settings).verdict

    assert not refused.is_accepted
    assert refused.reasons == ("1 of 20 rows break the contract",)
    assert (quarantined.is_accepted, quarantined.rejected) == (True, 1)


def test_wrong_columns_are_told_and_the_rows_are_shown_all_the_same(lake, settings):
    publish(bills(), _priced(1), lake=lake, run_id="r")

    found = look(bills(lambda orders, countries: orders), lake, settings)

    assert [d.column for d in found.verdict.differences] == ["title"]
    assert found.profile.rows == 20
    assert (found.compared.removed, found.compared.rows) == (("title",), None)


def test_what_would_change_is_counted_by_key_and_column(lake, settings):
    few = [(1, "NL", 10.0), (2, "NL", 999.0), (99, "NL", 1.0)]
    publish(bills(), joined(orders(few).lazy(), _titles()), lake=lake, run_id="r")

    found = look(bills(), lake, settings).compared

    assert (found.table_version, found.rows_published) == (0, 3)
    rows = found.rows
    assert (rows.added, rows.removed, rows.changed, rows.same) == (18, 1, 1, 1)
    assert rows.columns == {"amount": 1}
    assert rows.examples[0].key == {"order_id": 2}
    assert rows.examples[0].columns == {"amount": (999.0, 20.0)}


def test_a_slice_cuts_the_largest_input_and_joins_still_find_their_partners(lake, settings):
    publish(bills(), _priced(1), lake=lake, run_id="r")

    found = look(bills(), lake, settings, cut=Cut(at_most=5))

    assert str(found.sliced) == "5 of 20 rows of shop.orders_v1, every 4th"
    assert found.profile.columns[2].nulls == 0
    rows = found.compared.rows
    assert (rows.added, rows.removed, rows.same) == (0, None, 5)
    assert "not told as removed" in found.compared.notes[0]


def test_a_slice_may_be_rows_of_a_condition_or_of_another_input(lake, settings):
    by_country = look(bills(), lake, settings, cut=Cut(where="country = 'BE'"))
    other = look(bills(), lake, settings, cut=Cut(at_most=1, port="countries"))

    assert (by_country.profile.rows, by_country.sliced.rows) == (6, 6)
    assert other.sliced.product == "shop.countries_v1"
    assert other.profile.rows in {6, 14}


def test_a_slice_that_cuts_nothing_says_so(lake, settings):
    found = look(bills(), lake, settings, cut=Cut(at_most=1_000))

    assert found.sliced is None
    assert any("all rows" in note for note in found.notes)


def test_what_cannot_be_cut_is_refused(lake, settings):
    with pytest.raises(UnknownInputError, match="'order'"):
        look(bills(), lake, settings, cut=Cut(at_most=1, port="order"))
    with pytest.raises(UnknownColumnError, match="'land'"):
        look(bills(), lake, settings, cut=Cut(where="land = 'NL'"))


def test_an_upsert_is_compared_with_the_rows_of_its_keys_and_deletes_are_counted(lake, settings):
    upsert = mesh.Upsert(on="order_id")
    deleting = mesh.Upsert(on="order_id", delete_when=pl.col("amount") > 150)
    publish(bills(write=upsert), _priced(2, last=18), lake=lake, run_id="r")

    found = look(bills(write=deleting), lake, settings)

    assert (found.verdict.rows, found.compared.rows_published) == (15, 18)
    rows = found.compared.rows
    assert (rows.added, rows.removed, rows.changed, rows.same) == (0, 3, 15, 0)


def test_an_append_of_keys_that_are_there_is_told(lake, settings):
    options = {"write": mesh.Append()}
    publish(bills(**options), _priced(1, last=4), lake=lake, run_id="r")

    found = look(bills(**options), lake, settings).compared

    assert (found.rows.added, found.rows.removed, found.rows.same) == (16, 0, 4)
    assert "4 of its keys are in the table already: it would be refused" in found.notes


def test_repeated_keys_and_no_keys_are_not_compared(lake, settings):
    class Keyless(mesh.Contract):
        order_id: int
        country: str

    def twice(orders, countries):
        return pl.concat([joined(orders, countries)] * 2)

    def keyless(orders, countries):
        return orders.select("order_id", "country")

    publish(bills(), _priced(1), lake=lake, run_id="r")
    found = look(bills(twice), lake, settings)
    assert not found.verdict.is_accepted
    assert (found.compared.rows, "one key" in found.compared.notes[0]) == (None, True)
    plain = bills(keyless, contract=Keyless, name="plain")
    publish(plain, orders(ROWS).select("order_id", "country"), lake=lake, run_id="r")
    assert "no key" in look(plain, lake, settings).compared.notes[0]


class Monthly(mesh.Contract):
    """One row per month and shop."""

    month: str = mesh.Field(key=True)
    shop: str = mesh.Field(key=True)


def monthly(shops):
    def function(partition):
        return pa.table({"month": [partition] * len(shops), "shop": shops})

    return product(
        Monthly,
        name="monthly",
        function=function,
        write=mesh.ReplacePartitions(by="month"),
        partitions=mesh.MonthlyPartitions(start="2026-01", end="2026-03"),
    )


def test_one_partition_is_made_and_compared_with_itself(settings, tmp_path):
    lake = Lake.of(settings)
    both = monthly(["a", "b"])
    for month in ("2026-01", "2026-02", "2026-03"):
        publish(both, both.transform(month), lake=lake, run_id="r", partition=month)

    last = look(monthly(["b", "c", "d"]), lake, settings)
    first = look(monthly(["a", "b"]), lake, settings, partition="2026-01")

    assert last.partition == "2026-03"
    assert any("`--partition` names another" in note for note in last.notes)
    rows = last.compared.rows
    assert (rows.added, rows.removed, rows.same) == (2, 1, 1)
    assert (first.partition, first.compared.rows.same) == ("2026-01", 2)
    with pytest.raises(UnknownPartitionError, match="2027-01"):
        look(both, lake, settings, partition="2027-01")


def test_a_partition_of_a_product_without_them_is_refused(lake, settings):
    with pytest.raises(MeshError, match="it has no partitions"):
        look(bills(), lake, settings, partition="2026-01")


def test_incremental_inputs_hand_over_what_a_run_would_read(lake, settings):
    def changes(orders, countries):
        return joined(orders.select("order_id", "country", "amount"), countries)

    inputs = {**INPUTS, "orders": mesh.Input("shop.orders_v1", incremental=True)}
    declared = bills(changes, inputs=inputs, write=mesh.Upsert(on="order_id"))
    workspace = Workspace(settings, lake, Catalog.open(settings.catalog_url))
    workspace._registered["books"] = manifest("books")
    assert look(declared, lake, settings).profile.rows == 20
    execute(declared, workspace, Run("first"))

    unchanged = look(declared, lake, settings)
    publish(product(), orders([*ROWS, (21, "NL", 5.0)]), lake=lake, run_id="more")
    changed = look(declared, lake, settings)

    assert (unchanged.profile.rows, unchanged.compared.rows.same) == (20, 20)
    assert "they are read whole" in unchanged.notes[0]
    assert (changed.profile.rows, changed.compared.rows.added) == (1, 1)


def test_an_environment_reads_and_compares_with_what_it_falls_back_to(lake, settings, monkeypatch):
    publish(bills(), _priced(1), lake=lake, run_id="r")
    monkeypatch.setenv("MESH_ENVIRONMENT", "mine")
    monkeypatch.setenv("MESH_FALLBACK", settings.environment)
    mine = load(settings.root)

    found = look(bills(), Lake.of(mine), mine)

    assert {used.environment for used in found.inputs} == {settings.environment}
    assert (found.compared.environment, found.compared.rows.same) == (settings.environment, 20)
    assert not Path(mine.storage_url).exists()


def test_what_keeps_a_run_from_beginning_keeps_a_preview(settings):
    with pytest.raises(NotPublishedError, match=r"shop\.orders_v1"):
        look(bills(), Lake.of(settings), settings)


def test_a_transform_that_fails_is_told_with_its_product(lake, settings):
    def failing(orders, countries):
        raise ValueError(orders.collect_schema().names()[0])

    with pytest.raises(TransformError, match=r"books\.bills_v1.*order_id"):
        look(bills(failing), lake, settings)


def test_a_sql_product_is_built_aside_with_its_data_tests(tmp_path):
    small = SqlMesh(tmp_path)
    small.model("totals.sql", TOTALS_SQL)
    small.model("totals.yml", TOTALS_YAML)
    (totals,) = small.products()
    lake = Lake.of(small.settings)

    class Orders(mesh.Contract):
        order_id: int = mesh.Field(key=True)
        customer: str
        amount: float

    rows = pl.DataFrame({"order_id": [1, 2], "customer": ["ada", "eve"], "amount": [1.0, 2.0]})
    publish(product(Orders), rows, lake=lake, run_id="r")
    before = everything_in(tmp_path)

    found = preview(totals, lake, small.settings, Asked())

    assert found.head.get_column("customer").to_list() == ["ada", "eve"]
    broken = {item.rule.text for item in found.verdict.failures}
    assert any("accepted_values" in text for text in broken), broken
    assert not found.verdict.is_accepted
    assert everything_in(tmp_path) == before


def _titles():
    return pl.LazyFrame({"country": ["NL", "BE"], "title": ["Netherlands", "Belgium"]})


def _priced(factor, *, first=1, last=20):
    """The bills of orders, times a factor."""
    made = joined(orders(ROWS).lazy(), _titles()).collect()
    return made.filter(pl.col("order_id").is_between(first, last)).with_columns(
        pl.col("amount") * factor
    )


class Prices(mesh.Contract):
    """One row per article and period."""

    article: str = mesh.Field(key=True)
    valid_from: mesh.UTCDatetime = mesh.Field(key=True)
    valid_to: mesh.UTCDatetime = mesh.Field(nullable=True)
    price: float = mesh.Field(gt=0)


def priced(*prices):
    """What articles cost from hour to hour."""
    return pl.DataFrame(
        [
            (article, datetime(2026, 1, 1, hour, tzinfo=UTC), price)
            for article, hour, price in prices
        ],
        schema={"article": pl.String, "valid_from": pl.Datetime("us", "UTC"), "price": pl.Float64},
        orient="row",
    )


def test_a_history_is_compared_by_its_moments_and_ends_are_worked_out_later(settings):
    history = mesh.SlowlyChanging(key="article", valid_from="valid_from", valid_to="valid_to")
    options = {"name": "prices", "write": history}
    lake = Lake.of(settings)
    first = priced(("pen", 1, 1.0), ("ink", 1, 8.0))
    publish(product(Prices, **options), first, lake=lake, run_id="r")
    second = priced(("pen", 1, 1.0), ("pen", 2, 1.5), ("ink", 1, 9.0))

    found = look(product(Prices, function=lambda: second, **options), lake, settings)

    assert found.verdict.is_accepted
    rows = found.compared.rows
    assert (rows.added, rows.removed, rows.changed, rows.same) == (1, 0, 1, 1)
    assert rows.columns == {"price": 1}
    assert audit(product(Prices, **options), lake, settings.publishing).holds


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: rows.to_arrow(),
        lambda rows: rows.to_pandas(),
        lambda rows: rows.lazy(),
        lambda rows: rows.with_columns(pl.col("country").cast(pl.Categorical)),
        lambda rows: rows.with_columns(pl.col("country").cast(pl.Enum(["NL", "BE"]))),
        lambda rows: rows.to_arrow().to_reader(max_chunksize=3),
        lambda rows: rows.clear(),
    ],
    ids=["arrow", "pandas", "lazy", "categorical", "enum", "reader", "no rows"],
)
def test_any_arrow_producer_can_be_looked_at(form, settings):
    declared = product(function=lambda: form(orders(ROWS)))

    found = look(declared, Lake.of(settings), settings)

    assert not found.verdict.differences
    assert found.verdict.rows == found.profile.rows
    assert found.verdict.is_accepted == bool(found.verdict.rows)


def test_a_column_that_comes_twice_is_told(settings):
    twice = pa.table(
        [[1], ["NL"], [1.0], ["x"]], names=["order_id", "country", "amount", "country"]
    )

    found = look(product(function=lambda: twice), Lake.of(settings), settings)

    assert [d.column for d in found.verdict.differences] == ["country"]
    assert found.head.columns == ["order_id", "country", "amount", "country (2)"]

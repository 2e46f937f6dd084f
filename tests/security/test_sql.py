"""SQL meets a row only after policy did: nothing it says, and no way it fails, tells of others."""

import polars as pl
import pytest

from mesh.access.model import ColumnView, Mask, MaskKind, PolicyNote
from mesh.errors import MeshError, StatementError
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading.answering import Question, answered
from mesh.reading.governed import open_governed
from mesh.reading.statement import names_of
from mesh.settings import SqlSettings
from tests.access.ports import PORT, PRODUCT, ROWS, Decided, Rows, ask_of, view_of
from tests.products.small import module, write_mesh

pytestmark = pytest.mark.usefixtures("imports")
HIDDEN = ("AA", "N39463", "9999999")
"""Values that the view of `seen` never shows."""


@pytest.fixture
def settings(tmp_path):
    found = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(PRODUCT, ROWS[:1], lake=Lake.of(found), run_id="first")
    publish(PRODUCT, ROWS, lake=Lake.of(found), run_id="second")
    return found


@pytest.fixture
def asked(settings):
    """Asks a statement as somebody who sees United's flights, without tails and with hashed fares."""

    def ask(text, view=None, **limits):
        shown = view or view_of(
            rows=Rows(pl.col("carrier") == "UA"), tail_number="drop", seats="null"
        )
        question = Question.of(text, names_of([PRODUCT.id]), SqlSettings(**limits))
        reads = {
            source: open_governed(
                Decided(shown),
                ask_of(shown),
                settings=settings,
                version=source.version,
                as_of=source.as_of,
            )
            for source in question.statement.sources
        }
        with answered(question, reads) as rows:
            return rows.read_all().to_pylist()

    return ask


def test_a_statement_sees_the_rows_and_values_of_its_reader(asked):
    assert asked("select id, carrier, seats from shop.flights order by id") == [
        {"id": 1, "carrier": "UA", "seats": None},
        {"id": 4, "carrier": "UA", "seats": None},
    ]
    assert asked("select count(*) n from shop.flights_v1") == [{"n": 2}]


def test_a_version_and_a_join_with_itself(asked):
    text = (
        """select n.id from shop.flights n anti join shop.flights at (version => 0) o using (id)"""
    )
    assert asked(text) == [{"id": 4}]


@pytest.mark.parametrize(
    "text",
    [
        "select * from shop.flights where cast(carrier as int) = 1",
        "select * from shop.flights where 1 / (id - 2) > 0",
        "select * from shop.flights where cast(carrier || fare as date) is null",
        "select case when id = 2 or true then cast(carrier as int) end from shop.flights",
        "select * from shop.flights order by cast(fare as varchar)::int",
        "select max(carrier)::int from shop.flights",
        "select min(fare) over ()::varchar::date from shop.flights",
        "select * from shop.flights f join shop.flights g on f.carrier::int = g.id",
        "select regexp_extract(carrier, '(') from shop.flights",
    ],
)
def test_an_error_tells_of_no_row_that_is_not_seen(asked, text):
    try:
        told = str(asked(text))
    except StatementError as error:
        told = str(error)
    assert not [value for value in HIDDEN if value in told]


@pytest.mark.parametrize("name", ["tail_number", "f.tail_number", "TAIL_NUMBER", '"tail_number"'])
def test_a_hidden_column_is_not_there_and_a_hint_says_by_which_policy(asked, name):
    note = PolicyNote("mesh.guarded", "confidential columns are shown by agreement", "built in")
    shown = view_of()
    hidden = ColumnView("tail_number", Mask(MaskKind.DROP), (note,))
    columns = tuple(c for c in shown.columns if c.name != "tail_number")
    view = type(shown)(PORT, shown.principal, columns, (hidden,))
    with pytest.raises(StatementError, match=r"mesh\.guarded: confidential columns are shown"):
        asked(f"select {name} from shop.flights f", view)
    assert "tail_number" not in asked("select * from shop.flights", view)[0]


@pytest.mark.parametrize(
    "text",
    [
        "select sum(a.id) from shop.flights a, shop.flights b where a.tail_number = b.tail_number",
        "select id from shop.flights where exists (select 1 from shop.flights x where x.tail_number = 'N1')",
        "select * from shop.flights f where f in (select f from shop.flights f) and f.tail_number = 'N1'",
        "select f.* replace (tail_number as id) from shop.flights f",
        "with a as (select tail_number from shop.flights) select count(*) from a",
        "select unnest(f) from shop.flights f where f.tail_number like 'N3%'",
    ],
)
def test_a_hidden_column_decides_nothing(asked, text):
    with pytest.raises(MeshError):
        asked(text)


def test_a_row_as_a_whole_has_only_what_is_seen(asked):
    (first, _) = asked("select f from shop.flights f order by f.id")
    assert "tail_number" not in first["f"]
    assert "N14228" not in str(first)


def test_limits_are_those_of_the_settings(asked):
    with pytest.raises(StatementError, match="more than 1 rows"):
        asked("select id from shop.flights", rows=1)
    with pytest.raises(StatementError, match="longer than 1 s"):
        asked(
            "select levenshtein(rpad(carrier, 2000000, 'a'), rpad('b', 2000000, 'b')) "
            "from shop.flights",
            seconds=1,
        )

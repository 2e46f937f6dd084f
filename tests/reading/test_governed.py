"""A governed read hands out what its view shows, of one version, and tells of it once it ended."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest

from mesh.access.model import Ask, Mask, MaskKind
from mesh.access.reads import ReadEntry
from mesh.access.refusals import RefusalNote
from mesh.catalog.retirements_in_lake import RETIREMENT_KEY
from mesh.errors import (
    AccessDeniedError,
    CatalogError,
    NotPublishedError,
    UnknownColumnError,
    VersionRemovedError,
)
from mesh.lake import Lake
from mesh.lake.removed import note_removed
from mesh.lake.table import Change
from mesh.publishing import publish
from mesh.reading import RetiredWarning
from mesh.reading.governed import open_governed
from tests.access.ports import ANA, PRODUCT, ROWS, Decided, Rows, agreement, ask_of, view_of
from tests.catalog.test_retiring import END
from tests.products.small import module, write_mesh

pytestmark = pytest.mark.usefixtures("imports")
UNITED = Rows(pl.col("carrier") == "UA", 'carrier == "UA"')


class Kept:
    """Keeps entries in a list."""

    def __init__(self) -> None:
        self.entries: list[ReadEntry] = []
        self.refused_reads: list[RefusalNote] = []

    def require_room(self) -> None:
        """There is always some."""

    def read(self, entry: ReadEntry) -> None:
        self.entries.append(entry)

    def refused(self, note: RefusalNote) -> None:
        self.refused_reads.append(note)


@pytest.fixture
def settings(tmp_path):
    """A mesh with two versions of the flights."""
    found = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(PRODUCT, ROWS[:1], lake=Lake.of(found), run_id="first")
    publish(PRODUCT, ROWS, lake=Lake.of(found), run_id="second")
    return found


def opened(settings, view=None, **options):
    """A view, opened."""
    shown = view_of() if view is None else view
    return open_governed(Decided(shown), ask_of(shown), settings=settings, **options)


def rows_of(found):
    """What a read hands out, in order of the key."""
    return found.scan().collect().sort(pl.nth(0))


def test_a_view_of_everything_is_the_product_itself(settings):
    assert rows_of(opened(settings)).equals(ROWS)


def test_rows_columns_and_values_are_seen_as_the_view_says(settings):
    view = view_of(rows=UNITED, tail_number="partial:2", seats="drop", is_late="null")
    found = rows_of(opened(settings, view))
    assert found["id"].to_list() == [1, 4]
    assert found["tail_number"].to_list() == ["***28", "***63"]
    assert found["is_late"].to_list() == [None, None]
    assert "seats" not in found.columns


def test_a_filter_may_look_at_a_column_that_is_hidden(settings):
    found = opened(settings, view_of(rows=UNITED, carrier="drop"))
    assert rows_of(found)["id"].to_list() == [1, 4]


def test_null_is_never_a_yes(settings):
    found = opened(settings, view_of(rows=Rows(pl.col("carrier") != "AA")))
    assert rows_of(found)["id"].to_list() == [1, 4]


def test_constants_alone_have_as_many_rows_as_the_product(settings):
    masks = dict.fromkeys(PRODUCT.contract.column_names, "drop")
    found = opened(settings, view_of(**{**masks, "carrier": "constant:XX"}))
    assert found.scan().collect()["carrier"].to_list() == ["XX"] * 4
    assert found.scan().select(pl.len()).collect().item() == 4


def test_arrow_batches_have_exactly_the_schema_that_is_told(settings):
    view = view_of(id="hash", left_at="truncate:month", delay_minutes="null")
    found = opened(settings, view)
    table = found.reader().read_all()
    assert table.schema.equals(found.schema, check_metadata=True)
    assert table.schema.field("id").type == pa.string()
    assert table.schema.field("left_at").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("id").metadata[b"mesh.mask"] == b"hash"
    assert table.num_rows == 4


def test_a_reader_stops_at_its_limit_and_takes_columns_in_the_order_asked_for(settings):
    table = opened(settings).reader(limit=2, columns=["carrier", "id"]).read_all()
    assert (table.num_rows, table.column_names) == (2, ["carrier", "id"])


def test_an_earlier_version_is_read_by_its_number_or_by_a_moment(settings):
    table = Lake.of(settings).table(PRODUCT.id)
    first, second = (table.commit_at(version).timestamp for version in (0, 1))
    assert opened(settings, version=0).scan().collect().height == 1
    assert opened(settings, as_of=first).version == 0
    assert opened(settings, as_of=second - timedelta(milliseconds=1)).version == 0
    assert opened(settings, as_of=datetime.now(UTC)).version == 1
    with pytest.raises(NotPublishedError, match="there is no version of 2001-01-01"):
        opened(settings, as_of=datetime(2001, 1, 1))


def test_a_version_that_was_removed_is_told_so(settings):
    note_removed(Lake.of(settings).table(PRODUCT.id), [0], "removed by retention on 2026-01-31")
    with pytest.raises(VersionRemovedError, match="removed by retention"):
        opened(settings, version=0)


def test_nothing_is_looked_for_before_it_is_decided(settings):
    class Denying:
        def view(self, _: Ask):
            raise AccessDeniedError("no")

    log = Kept()
    with pytest.raises(AccessDeniedError):
        open_governed(Denying(), ask_of(view_of()), settings=settings, version=99, audit=log)
    (refused,) = log.refused_reads
    assert (refused.who, refused.port) == (ANA.name, "shop.flights_v1")
    assert (refused.why, refused.policies) == ("no policy and no agreement permits it", ())


def test_a_product_of_which_no_column_is_seen_is_not_read(settings):
    nothing = view_of(**dict.fromkeys(PRODUCT.contract.column_names, "drop"))
    with pytest.raises(AccessDeniedError, match="no column of it is seen"):
        opened(settings, nothing)


def test_a_retired_product_is_read_with_a_warning(settings):
    table = Lake.of(settings).table(PRODUCT.id)
    end = {RETIREMENT_KEY: json.dumps({**END.as_json(), "product": str(PRODUCT.id)})}
    nothing = Change((), table.snapshot().schema, (), end)
    table.commit(nothing, table.snapshot())
    with pytest.warns(RetiredWarning, match="everybody has moved"):
        found = opened(settings)
    assert found.scan().collect().height == 4


def test_what_cannot_be_accounted_for_is_not_read(settings):
    class Full(Kept):
        def require_room(self) -> None:
            raise CatalogError("too many reads wait for the log")

    log = Full()
    found = opened(settings, audit=log)
    with pytest.raises(CatalogError, match="wait for the log"):
        next(found.batches())
    with pytest.raises(CatalogError, match="wait for the log"):
        found.lookup({"id": 1})
    assert log.entries == []


def test_a_mask_that_does_not_fit_shows_nothing(settings):
    log = Kept()
    with pytest.raises(AccessDeniedError, match="seats is int16: only texts can be shown in part"):
        opened(settings, view_of(seats="partial:2"), audit=log)
    assert [note.why for note in log.refused_reads] == ["it cannot be shown as policy wants it"]


def test_rows_told_apart_by_what_the_contract_has_not_show_nothing(settings):
    with pytest.raises(AccessDeniedError, match="told apart by secret"):
        opened(settings, view_of(rows=Rows(pl.col("secret") == 1)))


def test_a_hidden_column_is_as_unknown_as_one_that_never_was(settings):
    found = opened(settings, view_of(tail_number="drop"))
    for name in ("tail_number", "tail_numbr"):
        with pytest.raises(UnknownColumnError) as caught:
            found.reader(columns=[name])
        assert "tail_number" not in caught.value.near


def test_one_entry_is_kept_of_a_read_with_the_rows_that_were_handed_out(settings):
    audit = Kept()
    view = view_of(rows=UNITED, tail_number="hash", agreement=agreement("a1"))
    found = opened(settings, view, audit=audit)
    assert audit.entries == []
    found.reader().read_all()
    (entry,) = audit.entries
    assert (entry.principal, entry.port, entry.purpose) == (ANA, "shop.flights_v1", "analysis")
    assert (entry.rows, entry.is_complete, entry.version) == (2, True, 1)
    assert entry.masked == ("tail_number",)
    assert entry.columns == found.columns
    assert entry.agreement.id == "a1"
    assert entry.view == found.digest


def test_a_scan_is_kept_with_the_columns_that_were_needed(settings):
    audit = Kept()
    scan = opened(settings, audit=audit).scan()
    scan.filter(pl.col("seats") > 0).select("id").collect()
    (entry,) = audit.entries
    assert set(entry.columns) == {"id", "seats"}


def test_a_read_that_was_given_up_is_kept_with_what_was_handed_out(settings):
    audit = Kept()
    batches = opened(settings, audit=audit).batches()
    next(batches)
    batches.close()
    (entry,) = audit.entries
    assert (entry.rows, entry.is_complete) == (4, False)


def test_a_reader_that_is_let_go_of_is_kept_too(settings):
    audit = Kept()
    reader = opened(settings, audit=audit).reader()
    reader.read_next_batch()
    del reader
    assert [entry.is_complete for entry in audit.entries] == [False]


def test_facts_tell_of_the_version_that_is_read(settings):
    facts = opened(settings, version=0).facts
    assert (facts.table_version, facts.contract_version, facts.verdict) == (0, "1.0.0", "passed")
    assert facts.published_at == facts.receipt.published_at
    assert facts.receipt.run_id == "first"


def test_a_digest_names_exactly_what_is_handed_out(settings):
    def digest(view=None, **options):
        return opened(settings, view, **options).digest

    hashed = {"tail_number": "hash"}
    different = [
        digest(),
        digest(version=0),
        digest(view_of(rows=UNITED)),
        digest(view_of(tail_number="drop")),
        digest(view_of(tail_number="null")),
        digest(view_of(**hashed)),
        digest(view_of(**hashed, agreement=agreement("a1"))),
        digest(view_of(**hashed, agreement=agreement("automatic"))),
        digest(view_of(**hashed, agreement=agreement("automatic", "shop.trips_v1"))),
    ]
    assert len(set(different)) == len(different)
    assert digest() == digest(view_of(agreement=agreement("a1")))
    (settings.root / ".mesh" / settings.environment / "access-secret").unlink()
    assert digest(view_of(**hashed)) not in different


def test_a_column_that_came_later_decides_as_null_for_an_earlier_version(settings):
    port = view_of().port
    later = port.contract.column("carrier").__class__("region", "string", is_nullable=True)
    contract = replace(port.contract, columns=(*port.contract.columns, later))
    view = view_of(replace(port, contract=contract), rows=Rows(pl.col("region") == "EU"))
    found = opened(settings, view)
    assert "region" not in found.columns
    assert found.scan().collect().is_empty()


def test_a_column_that_was_widened_since_is_handed_out_as_it_is_promised_now(settings):
    port = view_of().port
    columns = tuple(
        replace(c, type="int64") if c.name == "seats" else c for c in port.contract.columns
    )
    wide = replace(port, contract=replace(port.contract, columns=columns))
    found = opened(settings, view_of(wide, seats="truncate:100000"))
    assert found.scan().collect().schema["seats"] == pl.Int64
    narrow = tuple(
        replace(c, type="int8") if c.name == "seats" else c for c in port.contract.columns
    )
    with pytest.raises(AccessDeniedError, match="this version has seats as int16"):
        opened(settings, view_of(replace(port, contract=replace(port.contract, columns=narrow))))


def test_dropped_masks_among_seen_columns_are_dropped_all_the_same(settings):
    view = view_of()
    columns = tuple(
        replace(c, mask=Mask(MaskKind.DROP)) if c.name == "seats" else c for c in view.columns
    )
    assert "seats" not in opened(settings, replace(view, columns=columns)).columns


def test_no_warning_is_given_of_a_product_that_lives(settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(settings)

"""A stranger's statement has its own rows, memory and time, and nothing else of this machine."""

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from mesh.contracts.isolation.process import Isolated, Table, Task, answering
from mesh.contracts.locked import Limits
from mesh.errors import StatementError, StorageError

ROWS = pa.table({"k": range(200_000), "v": [f"{n:06}" for n in range(200_000)]})
MB = 1024 * 1024
LIMITS = Limits(memory_bytes=256 * MB, seconds=60.0)


def rows():
    return ROWS.to_reader(10_000)


def answer(text, limits=LIMITS, tables=None, **asked):
    tables = {"sea.tides_v1": rows} if tables is None else tables
    sent = {name: Table(ROWS.schema, found) for name, found in tables.items()}
    with answering(Task(text=text, tables=sent, limits=limits, **asked)) as found:
        return found.read_all()


def test_an_answer_is_what_duckdb_says_of_the_rows():
    found = answer(
        'SELECT count(*) AS n, max(v) AS v FROM "sea.tides_v1" WHERE k < ?', parameters=[7]
    )
    assert found.to_pylist() == [{"n": 7, "v": "000006"}]


def test_a_table_is_scanned_as_often_as_the_statement_needs():
    text = """SELECT count(*) AS n FROM "sea.tides_v1" AS a JOIN "sea.tides_v1" AS b ON a.k = b.k + 1
              WHERE a.k IN (SELECT k FROM "sea.tides_v1")"""
    assert answer(text).to_pylist() == [{"n": 199_999}]


def test_rows_are_read_once_for_each_scan_and_not_to_learn_of_the_schema():
    scans = []

    def counted():
        scans.append(1)
        return rows()

    answer('SELECT max(k) FROM "sea.tides_v1"', tables={"sea.tides_v1": counted})
    assert len(scans) == 1


def test_an_answer_comes_in_batches_and_may_be_left_half_read():
    asked = Task(
        text='SELECT * FROM "sea.tides_v1"',
        tables={"sea.tides_v1": Table(ROWS.schema, rows)},
        limits=LIMITS,
    )
    process = Isolated()
    with process.answering(asked) as found:
        assert found.read_next_batch().num_rows > 0
    assert process._process.returncode is not None
    assert answer('SELECT count(*) FROM "sea.tides_v1"').num_rows == 1


@pytest.mark.parametrize(
    "text",
    [
        "SELECT levenshtein(rpad('a', 3000000, 'a'), rpad('b', 3000000, 'b'))",
        'SELECT sum(a.k + b.k) FROM "sea.tides_v1" AS a, "sea.tides_v1" AS b',
    ],
    ids=["one-call-that-cannot-be-interrupted", "a-product-of-all-rows"],
)
def test_what_takes_too_long_is_ended(text):
    with pytest.raises(StatementError, match="it took longer than 2 s"):
        answer(text, Limits(memory_bytes=256 * MB, seconds=2.0))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT length(rpad('x', 1900000000, 'y'))",
        'SELECT list(a.k + b.k) FROM "sea.tides_v1" AS a, "sea.tides_v1" AS b WHERE b.k < 400',
    ],
    ids=["one-text-that-duckdb-does-not-count", "a-list-of-everything"],
)
def test_what_takes_too_much_memory_is_ended(text):
    with pytest.raises(StatementError, match=r"needs more than 134,217,728 bytes|memory|alloc"):
        answer(text, Limits(memory_bytes=128 * MB, seconds=120.0))


def test_more_rows_than_are_allowed_are_refused_and_not_cut_off():
    with pytest.raises(StatementError, match="it answers more than 1,000 rows"):
        answer('SELECT * FROM "sea.tides_v1"', most_rows=1_000)
    assert answer('SELECT * FROM "sea.tides_v1" LIMIT 1000', most_rows=1_000).num_rows == 1_000


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "COPY (SELECT 1) TO '/tmp/mesh-written.csv'",
        "ATTACH '/tmp/mesh-other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA enable_profiling",
        "SELECT * FROM ROWS",
        "EXPORT DATABASE '/tmp/mesh-exported'",
    ],
)
def test_even_a_statement_that_nobody_checked_reaches_nothing_but_its_rows(text):
    with pytest.raises(StatementError):
        answer(text)
    assert not [
        f for f in Path("/tmp").iterdir() if f.name.startswith(("mesh-w", "mesh-o", "mesh-e"))
    ]


def test_its_process_knows_no_secret_of_ours(monkeypatch):
    monkeypatch.setenv("MESH_CATALOG__TOKEN", "planted")
    process = Isolated()
    try:
        environment = Path(f"/proc/{process._process.pid}/environ").read_bytes()
        assert b"planted" not in environment
        opened = [str(f.readlink()) for f in Path(f"/proc/{process._process.pid}/fd").iterdir()]
        assert not [name for name in opened if name.endswith((".db", ".parquet"))]
    finally:
        process.close()


def test_what_reading_a_source_raises_is_raised_to_whoever_reads_the_answer():
    def lost():
        raise StorageError("the store is away", where="sea.tides_v1")

    with pytest.raises(StorageError, match="the store is away"):
        answer('SELECT * FROM "sea.tides_v1"', tables={"sea.tides_v1": lost})


def test_a_source_that_ends_in_an_error_half_way_gives_no_answer_that_looks_whole():
    def half():
        def batches():
            yield ROWS.slice(0, 10).to_batches()[0]
            raise StorageError("the store went away", where="sea.tides_v1")

        return pa.RecordBatchReader.from_batches(ROWS.schema, batches())

    with pytest.raises(StorageError, match="the store went away"):
        answer('SELECT count(*) FROM "sea.tides_v1"', tables={"sea.tides_v1": half})


def test_statements_run_side_by_side():
    found = []

    def one():
        found.append(answer('SELECT sum(k) AS s FROM "sea.tides_v1"').to_pylist()[0]["s"])

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sum(range(200_000))] * 4

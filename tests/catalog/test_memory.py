"""Lineage that a process keeps in memory is what the catalog says, whoever changes it."""

import itertools
from contextlib import contextmanager
from random import Random

import pytest
from sqlalchemy import delete, event, update

from mesh.catalog import changes, memory, schema
from mesh.catalog.database import Database
from mesh.catalog.derivation import Derivation
from mesh.catalog.merging import merge
from mesh.catalog.receipts import InputVersion
from mesh.catalog.store import Catalog
from mesh.catalog.traced import ColumnEdge, Tracing
from mesh.errors import UnknownProductError
from tests.catalog.events import dataset, key, lineage_facet, run_event, symlinks
from tests.catalog.factories import domain, product, receipt

NAMES = [f"d.p{n}_v1" for n in range(6)]
TABLES = [f"t{n}" for n in range(4)]
ENDS = [*NAMES, *map(key, TABLES)]


@pytest.fixture
def other(catalog_url, stored_catalog):
    """The same catalog, opened by another process."""
    del stored_catalog
    with Catalog.open(catalog_url) as opened:
        yield opened


def register(catalog, chance, _step):
    inputs = {n: chance.sample(NAMES, chance.randint(0, 2)) for n in NAMES}
    kept = chance.sample(NAMES, 5)
    catalog.register(
        domain("d", *(product(n, **{f"i{u}": up for u, up in enumerate(inputs[n])}) for n in kept))
    )


def publish(catalog, chance, step):
    read = [InputVersion(n, step, "i0", ("x",)) for n in chance.sample(NAMES, 2)]
    name = chance.choice(NAMES)
    catalog.record(receipt(name, run=f"run-{step}", version=step, inputs=read))


def trace(catalog, chance, step):
    name = chance.choice(NAMES)
    edges = {
        ColumnEdge(
            chance.choice(NAMES), chance.choice("xy"), name, chance.choice(["x", "y", ""]), k
        )
        for k in chance.sample([Derivation.IDENTITY, Derivation.FILTER, Derivation.JOIN], 2)
    }
    why = chance.choice(["", "it is Python"])
    catalog.traces.record([Tracing(name, str(step), tuple(sorted(edges)), ("x",), why)])


def report(catalog, chance, step):
    source, target = chance.sample(TABLES, 2)
    facet = lineage_facet(**{chance.choice("xy"): (source, chance.choice("xy"), "IDENTITY")})
    job = chance.choice(["copy", "move"])
    out = dataset(target, columnLineage=facet)
    catalog.events.take(
        [run_event("COMPLETE", step, f"r{step}", job, inputs=[source], outputs=[out])]
    )


def name_alike(catalog, chance, step):
    one, other = chance.sample(TABLES, 2)
    known = chance.choice([("db", other), ("mesh", chance.choice(NAMES))])
    out = dataset(one, symlinks=symlinks(known))
    catalog.events.take([run_event("COMPLETE", step, f"s{step}", "alike", outputs=[out])])


STEPS = [register, publish, publish, trace, report, report, name_alike]


QUESTIONS = [
    *(("product", name, "", way, "") for name in NAMES for way in ("up", "down")),
    *(
        ("column", end, column, way, through)
        for end in ENDS
        for column in ("x", "y", "")
        for way in ("up", "down")
        for through in ("all", "direct")
    ),
]


def answer(catalog, question):
    kind, name, column, direction, through = question
    if kind == "product":
        return lineage_of(catalog, name, direction)
    return catalog.traces.follow([(name, column)], direction, through=through)


def lineage_of(catalog, name, direction):
    try:
        return catalog.lineage(name, direction)
    except UnknownProductError:
        return None


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_is_what_a_catalog_says_that_keeps_nothing(
    stored_catalog, other, catalog_url, seed
):
    chance = Random(seed)
    for step in range(1, 15):
        chance.choice(STEPS)(chance.choice([stored_catalog, other]), chance, step)
        asked = chance.sample(QUESTIONS, 30)
        with Catalog.open(catalog_url) as fresh:
            expected = [answer(fresh, question) for question in asked]
        assert [answer(stored_catalog, question) for question in asked] == expected, step


@pytest.fixture
def chain(stored_catalog):
    """`d.p0_v1` feeds `d.p1_v1`, and so on; all of it was asked for."""
    products = [product(NAMES[0])]
    products += [product(n, i0=before) for before, n in itertools.pairwise(NAMES)]
    stored_catalog.register(domain("d", *products))
    stored_catalog.lineage(NAMES[-1], "up")
    return stored_catalog


@contextmanager
def statements(catalog):
    """The statements that a catalog executes meanwhile."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    engine = catalog._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def asked_of(seen, table):
    return [statement for statement in seen if f"FROM {table}" in statement]


def test_the_second_answer_reads_no_edges(chain):
    with statements(chain) as seen:
        chain.lineage(NAMES[-1], "up")

    assert not asked_of(seen, "feeds")
    assert not asked_of(seen, "inputs")
    assert len(asked_of(seen, "lineage_changes")) == 1


def test_a_publication_forgets_what_it_touches_and_nothing_else(chain, other):
    chain.lineage(NAMES[5], "up")
    other.record(receipt(NAMES[5], 1, [InputVersion(NAMES[4], 7, "i0")]))

    with statements(chain) as seen:
        found = chain.lineage(NAMES[5], "up")

    assert found.edges[0].versions == ((1, 7),)
    assert found.node(NAMES[5]).latest_version == 1
    assert len(asked_of(seen, "feeds")) == 1, "of the one that was published"


def test_what_a_writer_does_not_tell_of_counts_as_a_change_of_everything(chain, catalog_url):
    database = Database(catalog_url)
    with database.writing() as connection:
        table = schema.products
        connection.execute(update(table).where(table.c.name == NAMES[2]).values(is_declared=False))
    database.close()

    found = chain.lineage(NAMES[-1], "up")

    assert [edge.downstream for edge in found.edges if not edge.is_declared] == [NAMES[2]]


def test_a_change_that_was_rolled_back_was_none(chain, catalog_url):
    database = Database(catalog_url)
    with database.writing() as connection:
        connection.execute(delete(schema.inputs))
        connection.rollback()
    database.close()

    with statements(chain) as seen:
        assert len(chain.lineage(NAMES[-1], "up").edges) == 5
    assert not asked_of(seen, "inputs")


def test_another_catalog_that_is_added_is_seen(chain, catalog_url, tmp_path):
    source = f"sqlite:///{tmp_path / 'team.db'}"
    with Catalog.open(source) as team:
        team.register(domain("e", product("e.q_v1", i0=NAMES[0])))
    here, there = Database(source), Database(catalog_url)
    merge(here, there)
    here.close()
    there.close()

    assert "e.q_v1" in {node.product for node in chain.lineage(NAMES[0], "down").nodes}


def test_a_reader_that_looked_long_ago_begins_anew(chain, other, monkeypatch):
    monkeypatch.setattr(changes, "KEPT", 10)
    for version in range(1, 40):
        other.record(receipt(NAMES[5], version, [InputVersion(NAMES[4], version, "i0")]))

    found = chain.lineage(NAMES[5], "up")

    assert found.edges[0].versions[0] == (39, 39)
    with chain._database.reading() as connection:
        assert len(connection.execute(schema.lineage_changes.select()).all()) <= 20


def test_what_is_kept_is_bounded(stored_catalog, monkeypatch):
    monkeypatch.setattr(memory, "MOST", 3)
    stored_catalog.register(domain("d", *(product(n, i0=NAMES[0]) for n in NAMES[1:])))

    for _ in range(2):
        for name in NAMES[1:]:
            assert len(stored_catalog.lineage(name, "up").edges) == 1
    assert len(stored_catalog._memory._kept) <= 3


def test_a_transaction_that_began_before_a_change_keeps_nothing_of_before(chain, other):
    database, kept = chain._database, chain._memory
    with database.reading() as earlier:
        view = kept.at(earlier)
        other.record(receipt(NAMES[5], 1, [InputVersion(NAMES[4], 7, "i0")]))
        with database.reading() as later:
            kept.at(later)
        assert view.of("node", [(NAMES[5],)], lambda keys: dict.fromkeys(keys, "old")) == {
            (NAMES[5],): "old"
        }

    assert chain.lineage(NAMES[5], "up").node(NAMES[5]).latest_version == 1


def test_what_an_older_transaction_read_is_not_taken_for_newer(chain, other, monkeypatch):
    database, kept, looks_up = chain._database, chain._memory, changes.since
    with database.reading() as oldest:
        looks_up(oldest, 0)  # PostgreSQL's transaction begins with its first question
        other.record(receipt(NAMES[5], 1, [InputVersion(NAMES[4], 7, "i0")]))
        with database.reading() as later:
            kept.at(later)
        other.record(receipt(NAMES[2], 1))

        def meanwhile(connection, number):
            found = looks_up(connection, number)
            monkeypatch.setattr(changes, "since", looks_up)
            kept.at(oldest).of("node", [(NAMES[5],)], lambda keys: dict.fromkeys(keys, "old"))
            return found

        monkeypatch.setattr(changes, "since", meanwhile)
        with database.reading() as newest:
            kept.at(newest)

    assert chain.lineage(NAMES[5], "up").node(NAMES[5]).latest_version == 1

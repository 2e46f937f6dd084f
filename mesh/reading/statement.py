"""A statement: what it reads, and its text as it is run.

Owns how products are named in SQL: `domain.product` is the latest major, `domain.product_v1` that
one, and either at a version or a time. Every table becomes a source, which is all that the
isolated database knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlglot import exp

from mesh.contracts.allowed_sql import parsed, refuse
from mesh.errors import StatementError, UnknownProductError
from mesh.naming import ProductId

_TIME_TRAVEL = (exp.HistoricalData, exp.Version)
_ALSO = (*_TIME_TRAVEL, exp.Placeholder, exp.Lateral, exp.TableSample)
_NAMES = "write products as domain.product, or domain.product_v1"
_TIMES = "AT (VERSION => 3), or AT (TIMESTAMP => '2026-01-31 12:00')"


@dataclass(frozen=True, slots=True)
class Source:
    """A product as a statement names it, at a version or a time in UTC; the latest without."""

    product: str
    version: int | None = None
    as_of: datetime | None = None

    @property
    def name(self) -> str:
        """What it is called where the statement runs."""
        if self.version is not None:
            return f"{self.product} version {self.version}"
        return (
            f"{self.product} as of {self.as_of:%Y-%m-%d %H:%M:%S.%f}"
            if self.as_of
            else self.product
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was checked. `sources` are in the order in which they are first named.

    `parameters` is how many values it waits for.
    """

    text: str
    sources: tuple[Source, ...]
    parameters: int
    words: frozenset[str]
    takes_all: bool

    @classmethod
    def of(cls, sql: str, known: Callable[[str], str]) -> Statement:
        """A statement of somebody's. `known` gives a product's name by that in the statement.

        Raises StatementError for what it may not say, and what `known` raises.
        """
        try:
            tree = parsed(sql, _ALSO)
            sources = tuple(dict.fromkeys(_bound(tree, known)))
            parameters = _parameters(tree)
        except ValueError as error:
            raise StatementError(str(error), where="statement") from None
        words = frozenset(name.name.lower() for name in tree.find_all(exp.Identifier))
        text = tree.sql("duckdb", comments=False)
        return cls(text, sources, parameters, words, _takes_all(tree))

    def columns(self, names: Iterable[str]) -> tuple[str, ...]:
        """Which of a source's columns it may read: those that it names anywhere.

        One of them when it names none: its rows may still be counted.
        """
        every = tuple(names)
        if self.takes_all:
            return every
        return tuple(name for name in every if name.lower() in self.words) or every[:1]


def names_of(products: Iterable[ProductId]) -> Callable[[str], str]:
    """How products are named in SQL: with their major, or without it for the latest.

    Case does not matter. What comes back raises UnknownProductError.
    """
    known: dict[str, str] = {}
    for product in sorted(products, key=lambda product: product.major):
        known[str(product)] = known[f"{product.domain}.{product.name}"] = str(product)

    def name(written: str) -> str:
        found = known.get(written.lower())
        if found is None:
            raise UnknownProductError(written, tuple(known), where="statement")
        return found

    return name


def _parameters(tree: exp.Expr) -> int:
    """How many values it waits for: one for each `?`, or as many as the highest `$n`."""
    found = [str(item.this or "") for item in tree.find_all(exp.Placeholder)]
    if named := [name for name in found if name and not name.isdecimal()]:
        refuse(f"parameter {named[0]!r} has a name: write ?, or $1")
    return max((int(name) for name in found if name), default=len(found))


def _takes_all(tree: exp.Expr) -> bool:
    """Whether it reads columns that it does not name: by a star, a natural join, or a whole row."""
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return True
    if any(str(join.args.get("method")).upper() == "NATURAL" for join in tree.find_all(exp.Join)):
        return True
    rows = {alias.name.lower() for alias in tree.find_all(exp.TableAlias)}
    return any(c.name.lower() in rows for c in tree.find_all(exp.Column) if not c.table)


def _bound(tree: exp.Expr, known: Callable[[str], str]) -> Iterator[Source]:
    """Make every table a source, or a query of the statement's own."""
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in [*tree.find_all(exp.Table)]:
        if not isinstance(table.this, exp.Identifier) or table.catalog:
            refuse(f"`{table.sql('duckdb')}` is no product: {_NAMES}")
        if not table.db:
            if table.name.lower() not in own:
                refuse(f"{table.name!r} is no product: {_NAMES}")
            continue
        source = _source(table, known(f"{table.db}.{table.name}"))
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(source.name, quoted=True))
        table.set("db", None)
        yield source
    for travel in tree.find_all(*_TIME_TRAVEL):
        refuse(f"`{travel.sql('duckdb')}` stands beside no product")
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)


def _source(table: exp.Table, product: str) -> Source:
    travel = table.args.get("when") or table.args.get("version")
    if travel is None:
        return Source(product)
    table.set("when", None)
    table.set("version", None)
    kind, value = _travel(travel)
    if kind == "VERSION" and value.isdecimal():
        return Source(product, version=int(value))
    if kind == "TIMESTAMP":
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            refuse(f"{value!r} is no time: {_TIMES}")
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Source(product, as_of=zoned.astimezone(UTC))
    return refuse(f"`{travel.sql('duckdb')}` names no version and no time: {_TIMES}")


def _travel(travel: exp.Expr) -> tuple[str, str]:
    """Which kind of travel, and its literal; empty for what is none."""
    is_plain = travel.args.get("kind") == "AS OF" if isinstance(travel, exp.Version) else True
    kind = str(travel.this if isinstance(travel, exp.Version) else travel.args.get("kind"))
    value = travel.args.get("expression")
    value = value.this if isinstance(value, exp.Cast) else value
    return (kind.upper(), value.name) if is_plain and isinstance(value, exp.Literal) else ("", "")

"""A lake that is shared: products, who sees what of them, and what was told of each read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

import mesh
from mesh.access.model import Ask, Port, Principal, View
from mesh.access.reads import ReadEntry
from mesh.access.refusals import RefusalNote
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import AccessDeniedError
from mesh.lake import Lake
from mesh.products.ports import Access
from mesh.publishing import publish
from mesh.serving.deciding import Deciding
from mesh.settings import Settings, load
from tests.access.ports import ROWS, Flights, Rows, view_of
from tests.catalog.copies import put
from tests.catalog.factories import domain
from tests.products.small import Things, declared, named

FLIGHTS = declared(named("flights"), contract=Flights, write=mesh.Upsert(on="id"))
THINGS = declared(named("things"), partition_by=("name",), write=mesh.Append())
SECRETS = declared(named("secrets"), domain="vault", contract=Things, access=Access.PRIVATE)
ALL = (FLIGHTS, THINGS, SECRETS)

ANA, CARL, DAN, OLGA = (f"{name}@example.com" for name in ("ana", "carl", "dan", "olga"))
UNITED = Rows(pl.col("carrier") == "UA", 'carrier == "UA"')


def whole(ask: Ask) -> View:
    """Everything, but nothing that is private to others."""
    if ask.port.access is Access.PRIVATE and ask.port.domain not in ask.principal.domains:
        raise AccessDeniedError(f"{ask.port.name} is private", where=ask.port.name)
    return view_of(ask.port, principal=ask.principal)


def of_united(ask: Ask) -> View:
    """Of flights those of United, with tail numbers hashed and without seats; else nothing."""
    if ask.port.id != FLIGHTS.id:
        return nothing(ask)
    masks = {"tail_number": "hash", "seats": "drop"}
    return view_of(ask.port, principal=ask.principal, rows=UNITED, **masks)


def nothing(ask: Ask) -> View:
    """A refusal."""
    what = f"{ask.principal.name} has no agreement on {ask.port.name}"
    raise AccessDeniedError(what, where=ask.port.name, hint="`mesh access request`")


@dataclass
class Views:
    """Who sees what, until it is changed."""

    by: dict[str, Callable[[Ask], View]] = field(
        default_factory=lambda: {ANA: whole, OLGA: whole, CARL: of_united}
    )

    def view(self, ask: Ask) -> View:
        """What they see."""
        return self.by.get(ask.principal.name, nothing)(ask)


@dataclass
class Told:
    """Keeps what was told of reads."""

    entries: list[ReadEntry] = field(default_factory=list)
    refusals: list[RefusalNote] = field(default_factory=list)

    def require_room(self) -> None:
        """There is always some."""

    def read(self, entry: ReadEntry) -> None:
        """Keep it."""
        self.entries.append(entry)

    def refused(self, note: RefusalNote) -> None:
        """Keep what was refused."""
        self.refusals.append(note)


def principal(
    name: str, groups: Iterable[str] = (), attributes: Mapping[str, Any] | None = None
) -> Principal:
    """Olga is of the vault's team, and whoever is in its group."""
    is_of_team = name == OLGA or "vault-team" in groups
    return Principal(name, domains=frozenset({"vault"} if is_of_team else ()))


@dataclass
class SharedLake:
    """A lake with products in it, a catalog that knows them, and who decides."""

    settings: Settings
    database: str
    views: Views = field(default_factory=Views)
    told: Told = field(default_factory=Told)

    @property
    def lake(self) -> Lake:
        """The lake itself."""
        return Lake.of(self.settings)

    @property
    def deciding(self) -> Deciding:
        """What the server decides by."""
        return Deciding(lambda: self.views, principal, self.told)

    def publish(self, product: Any, rows: pl.DataFrame, run: str, **options: Any) -> int:
        """Publish rows, and let the catalog know. Returns the version."""
        receipt = publish(product, rows, lake=self.lake, run_id=run, **options)
        with Catalog.open(self.database) as catalog:
            catalog.record(receipt)
        return receipt.table_version

    def token(self, name: str, *scopes: Scope, lasting: float = 600) -> str:
        """A token of somebody."""
        with Catalog.open(self.database) as catalog:
            chosen = scopes or (Scope.READ,)
            return catalog.tokens.create(name, chosen, lasting=lasting).secret


def things(**names: int) -> pl.DataFrame:
    """A thing of each name, with an id."""
    return pl.DataFrame({"id": list(names.values()), "name": list(names)})


def make(root: Path, **options: Any) -> SharedLake:
    """A lake with two versions of flights, and one of everything else."""
    (root / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    settings = load(root, **options)
    made = SharedLake(settings, f"sqlite:///{root / 'catalog.db'}")
    with Catalog.open(put(made.database)) as catalog:
        catalog.register(domain("shop", FLIGHTS, THINGS))
        catalog.register(domain("vault", SECRETS))
    made.publish(FLIGHTS, ROWS[:2], "first")
    made.publish(FLIGHTS, ROWS, "second")
    made.publish(THINGS, things(apple=1, pear=2), "first")
    made.publish(SECRETS, things(key=1), "first")
    return made


@contextmanager
def changed(views: Views, name: str, view: Callable[[Ask], View]) -> Iterator[None]:
    """Somebody sees something else meanwhile."""
    before = views.by.get(name, nothing)
    views.by[name] = view
    try:
        yield
    finally:
        views.by[name] = before


def port_of(product: Any) -> Port:
    """A product as policies are told of it."""
    return Port(product.id, product.id.domain, product.access, product.contract)

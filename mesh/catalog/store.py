"""The catalog: what everyone can find, in one database.

Owns the way in: every call is one transaction, and errors are Mesh's own. What is written is in
`registration` and `publications`, what is read in `queries` and `lineage`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from mesh.catalog import (
    consumers,
    erasures,
    lineage,
    publications,
    quarantine_events,
    queries,
    registration,
    renewing,
    retirements,
    states,
    version_lineage,
)
from mesh.catalog.agreements import AgreementBook
from mesh.catalog.browsing import Browsing
from mesh.catalog.database import Database
from mesh.catalog.decisions import Decisions
from mesh.catalog.declared import DeclaredDomain
from mesh.catalog.deliveries import Deliveries
from mesh.catalog.emissions import Emissions
from mesh.catalog.glossary import GlossaryBook
from mesh.catalog.memory import Memory
from mesh.catalog.migrating import migrate
from mesh.catalog.model import (
    ContractRecord,
    Deprecation,
    Direction,
    DomainRecord,
    ErasureRecord,
    ExpectationRecord,
    Lineage,
    ProductRecord,
    QuarantineEvent,
    RefusalRecord,
    RetirementRecord,
    Use,
)
from mesh.catalog.outlasting import outlasting
from mesh.catalog.policies import PolicyBook
from mesh.catalog.profiles import Profiles
from mesh.catalog.receipts import Receipt, Refusal
from mesh.catalog.remote.kept import catalog_token
from mesh.catalog.remote.operations import composed
from mesh.catalog.renewing import Difference
from mesh.catalog.reported.events import Events
from mesh.catalog.search import Search
from mesh.catalog.tokens import Tokens
from mesh.catalog.traces import Traces
from mesh.catalog.usage import Usage
from mesh.catalog.version_lineage import MadeVersion
from mesh.contracts.model import Contract
from mesh.errors import UnknownProductError
from mesh.naming import ProductId
from mesh.products.collection import Domain
from mesh.products.state import MeshState
from mesh.settings import Settings


class Catalog:
    """An open catalog. May be shared by threads; each process opens its own.

    Every method may raise CatalogError, and CatalogUnreadableError when the database is damaged or
    locked away.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = Memory()
        self.traces = Traces(database, self._memory)
        self.events = Events(database)
        self.profiles = Profiles(database)
        self.usage = Usage(database)
        self.browsing = Browsing(database)
        self.tokens = Tokens(database)
        self.deliveries = Deliveries(database)
        self.emissions = Emissions(database)
        self.search = Search(database)
        self.glossary = GlossaryBook(database)
        self.decisions = Decisions(database)
        self.agreements = AgreementBook(database)
        self.policies = PolicyBook(database)

    @classmethod
    def of(cls, settings: Settings) -> Catalog:
        """The catalog of a mesh, as its settings say; by URL, as whoever signed in there."""
        token = catalog_token(settings)
        return cls.open(settings.catalog_url, token, ca_bundle=settings.catalog_bundle)

    @classmethod
    def open(
        cls,
        url: str,
        token: str | Callable[[], str] = "",
        *,
        patience: float | None = None,
        ca_bundle: Path | None = None,
    ) -> Catalog:
        """The catalog at a SQLAlchemy URL, made or brought up to date if need be.

        Of an http URL, the catalog that `mesh serve` serves there, to the bearer of a token;
        `ca_bundle` has authorities that may have signed its certificate, besides the known ones.
        `patience` is how many seconds a call waits for a server that restarts.
        Raises CatalogError when a newer Mesh made it, CatalogUnreadableError when it is no catalog.
        """
        if url.startswith(("http://", "https://")):
            from mesh.catalog.remote.opening import open_remote

            return open_remote(cls, url, token, ca_bundle)
        database = Database(url, patience=patience)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Let go of the database. A closed catalog opens again by itself when it is used."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def where(self) -> str:
        """The catalog's file, or its URL without the password."""
        return self._database.where

    def held(self) -> AbstractContextManager[None]:
        """Keep the database open meanwhile: for a process with many calls in a row."""
        return self._database.held()

    def stamp(self) -> Hashable:
        """Another one once anything in the catalog has changed; see `mesh.catalog.watching`."""
        return self._database.stamp()

    def irreplaceable(self) -> Mapping[str, int]:
        """How many rows there are of what neither definitions nor the lake know, by kind."""
        return renewing.irreplaceable(self._database)

    def differences_from(self, expected: Catalog) -> list[Difference]:
        """Where this catalog does not say what another one says, made from definitions and lake."""
        return list(renewing.differences(expected._database, self._database))

    def give_place_to(self, renewed: Catalog, kept: Collection[str]) -> None:
        """Take what definitions and the lake say from another catalog, all at once or not at all.

        `kept` names what stays of what they do not know; see `irreplaceable`.
        """
        renewing.take_place(renewed._database, self._database, kept)

    @composed
    def register(self, domain: Domain) -> None:
        """Make the catalog say what a domain's definitions say.

        Products that are no longer among them are kept, and marked as not declared; contracts are
        added to their product's history.
        """
        self.register_declared(DeclaredDomain.of(domain))

    @outlasting
    def register_declared(self, domain: DeclaredDomain) -> None:
        """Make the catalog say what definitions say that were made plain values."""
        with self._database.reading() as connection:
            if registration.is_registered(connection, domain):
                return
        with self._database.writing() as connection:
            if not registration.is_registered(connection, domain):
                registration.register(connection, domain)

    @outlasting
    def record(self, receipt: Receipt) -> None:
        """Record a publication; one that is recorded already changes nothing."""
        with self._database.writing() as connection:
            publications.insert_receipts(connection, [receipt])

    @outlasting
    def record_all(self, receipts: Sequence[Receipt]) -> int:
        """Record publications together; returns how many were new."""
        with self._database.reading() as connection:
            unknown = publications.unknown_receipts(connection, receipts)
        if not unknown:
            return 0
        with self._database.writing() as connection:
            return publications.insert_receipts(connection, unknown)

    @outlasting
    def record_contracts(self, name: str, found: Sequence[tuple[Contract, datetime]]) -> int:
        """Add contracts, each with when it was first seen, to a registered product's history.

        Returns how many were new; 0 for a product that is not registered.
        """
        with self._database.writing() as connection:
            if not queries.is_registered(connection, name):
                return 0
            return sum(
                registration.keep_contract(connection, name, contract, first_seen)
                for contract, first_seen in found
            )

    @composed
    def record_refusal(self, refusal: Refusal) -> None:
        """Record that nothing was published, and why."""
        self.record_refused(RefusalRecord.of(refusal))

    @outlasting
    def record_refused(self, refusal: RefusalRecord) -> None:
        """Record a refusal that was made plain values."""
        with self._database.writing() as connection:
            publications.insert_refusal(connection, refusal)

    def domains(self) -> list[DomainRecord]:
        """Every domain, by name."""
        with self._database.reading() as connection:
            return list(queries.domains(connection).values())

    def products(self) -> list[ProductRecord]:
        """Every product that was ever registered, by name; see `is_declared`."""
        with self._database.reading() as connection:
            return queries.products(connection)

    def product(self, name: str) -> ProductRecord:
        """The product of a name; the major may be left out.

        Raises UnknownProductError with near names.
        """
        with self._database.reading() as connection:
            (found,) = queries.products(connection, queries.resolve(connection, name))
            return found

    def state(self, origin: str) -> MeshState:
        """Every declared product as it was last published, or else registered, as plain values."""
        with self._database.reading() as connection:
            return states.state(connection, origin)

    def product_ids(self) -> list[ProductId]:
        """Every product that is registered, or that a receipt or a retirement speaks of."""
        with self._database.reading() as connection:
            return queries.product_ids(connection)

    def contract_digests(self) -> Mapping[str, str]:
        """The digest of each registered product's contract, by the product's name."""
        with self._database.reading() as connection:
            return queries.contract_digests(connection)

    def contracts(self, names: Iterable[str]) -> Mapping[str, Contract]:
        """The contracts of those of these products that are registered, by full name."""
        with self._database.reading() as connection:
            return queries.contracts(connection, names)

    def contract_versions(self, name: str) -> list[ContractRecord]:
        """Every contract that a product has had, oldest first. Raises UnknownProductError."""
        with self._database.reading() as connection:
            return queries.contract_versions(connection, queries.resolve(connection, name))

    def receipts(self, name: str, limit: int = 20) -> list[Receipt]:
        """A product's receipts, newest first; its full name, registered or not."""
        with self._database.reading() as connection:
            return publications.receipts(connection, name, limit)

    @composed
    def latest_receipt(self, name: str) -> Receipt | None:
        """A product's newest receipt; None when nothing is recorded."""
        return next(iter(self.receipts(name, limit=1)), None)

    def refusals(self, name: str, limit: int = 20) -> list[RefusalRecord]:
        """A product's refusals, newest first; its full name, registered or not."""
        with self._database.reading() as connection:
            return publications.refusals(connection, name, limit)

    def uses(self, name: str) -> list[Use]:
        """Publications of other products that were made from versions of this one."""
        with self._database.reading() as connection:
            return publications.uses(connection, name)

    def latest_uses(self, name: str) -> list[Use]:
        """Of each product that read versions of this one its newest publication that did."""
        with self._database.reading() as connection:
            return publications.latest_uses(connection, name)

    def expectations(self, name: str) -> list[ExpectationRecord]:
        """What consumers expect of a product beyond its contract; its full name."""
        with self._database.reading() as connection:
            return queries.expectations(connection, name)

    @outlasting
    def record_erasures(self, found: Sequence[ErasureRecord]) -> int:
        """Record erasures; those that are recorded already change nothing."""
        if not found:
            return 0
        with self._database.writing() as connection:
            return erasures.insert_erasures(connection, found)

    @outlasting
    def forget_samples(self, name: str) -> int:
        """Take the sample rows out of a product's refusals; returns how many had any."""
        with self._database.writing() as connection:
            return publications.forget_samples(connection, name)

    def erasures(self, name: str) -> list[ErasureRecord]:
        """A product's erasures, newest first; its full name, registered or not."""
        with self._database.reading() as connection:
            return erasures.erasures(connection, name)

    @outlasting
    def record_quarantine_events(self, found: Sequence[QuarantineEvent]) -> int:
        """Record what left quarantine; events that are recorded already change nothing."""
        if not found:
            return 0
        with self._database.writing() as connection:
            return quarantine_events.insert_events(connection, found)

    def quarantine_events(self, name: str) -> list[QuarantineEvent]:
        """What left a product's quarantine, newest first; its full name, registered or not."""
        with self._database.reading() as connection:
            return quarantine_events.events(connection, name)

    @outlasting
    def record_retirement(self, found: RetirementRecord) -> bool:
        """Record the end of a product; says whether it was new."""
        with self._database.writing() as connection:
            return retirements.insert_retirement(connection, found)

    def retirements(self) -> Mapping[str, RetirementRecord]:
        """Every product that ended, by name."""
        with self._database.reading() as connection:
            return retirements.retirements(connection)

    def deprecations(self, names: Iterable[str]) -> Mapping[str, Deprecation]:
        """The last days that are declared, of those among these products that have one."""
        with self._database.reading() as connection:
            return retirements.deprecations(connection, names)

    def declared_uses(self, names: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Products that declare to read any of these, wherever they are declared, and which."""
        with self._database.reading() as connection:
            return consumers.declared_uses(connection, names)

    def lineage(self, name: str, direction: Direction, depth: int | None = None) -> Lineage:
        """What a product is made from (`up`), or what is made from it (`down`).

        `depth` counts steps; None follows all. Raises UnknownProductError.
        """
        with self._database.reading() as connection:
            try:
                product = queries.resolve(connection, name)
            except UnknownProductError:
                product = lineage.resolve_known(connection, name)
            return lineage.lineage(connection, product, direction, depth, self._memory)

    def made_from(self, name: str, version: int, depth: int | None = None) -> list[MadeVersion]:
        """A version of a product and every version that it was made from, nearest first.

        Its full name. Raises NotPublishedError when no publication up to that version is recorded.
        """
        with self._database.reading() as connection:
            return version_lineage.made_from(connection, name, version, depth)

"""What the catalog knows, as values: domains, products, contracts, refusals and lineage.

Owns the records that the catalog hands out. Frozen, and free of the database: a record is what was
known when it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, Self

from mesh.catalog.receipts import InputVersion, Receipt, Refusal
from mesh.contracts.model import Contract
from mesh.naming import ProductId
from mesh.products.domain import DomainKind
from mesh.products.expectations import Expectation
from mesh.products.ports import Access

Direction = Literal["up", "down"]
"""Which way lineage is followed: `up` towards the inputs, `down` towards the uses."""


class Role(StrEnum):
    """The named roles in a domain's team."""

    PRODUCT_OWNER = "product_owner"
    BUSINESS_TECHNOLOGY_PARTNER = "business_technology_partner"
    DATA_STEWARD = "data_steward"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A person in a role of a domain's team."""

    role: Role
    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRecord:
    """A domain as it was last registered. `manifest` is its whole `domain.yaml`."""

    name: str
    title: str
    purpose: str
    kind: DomainKind
    team: str
    people: tuple[PersonRecord, ...]
    contact_email: str
    contact_channel: str
    usage: str
    limitations: str
    registered_at: datetime
    changed_at: datetime
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def owner(self) -> PersonRecord:
        """Who decides what the domain's products promise."""
        return self.people_in(Role.PRODUCT_OWNER)[0]

    def people_in(self, role: Role) -> tuple[PersonRecord, ...]:
        """Everyone in a role, in the manifest's order."""
        return tuple(person for person in self.people if person.role is role)


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A declared use of another product. Columns None means all of them.

    `port` is the parameter's name; empty for a product that only a `references` rule looks at.
    """

    port: str
    product: str
    columns: tuple[str, ...] | None = None
    purpose: str = ""

    @property
    def is_reference(self) -> bool:
        """Whether only a rule looks at it."""
        return not self.port


@dataclass(frozen=True, slots=True)
class ExpectationRecord:
    """What a consumer expects of a product beyond its contract."""

    consumer: str
    expectation: Expectation

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"consumer": self.consumer, **self.expectation.as_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """A product as it was last registered, and its latest publication.

    `is_declared` is False once the product has vanished from its domain's definitions: what was
    known of it is kept.
    """

    id: ProductId
    description: str
    domain: DomainRecord = field(repr=False)
    contract: Contract = field(repr=False)
    inputs: tuple[InputRecord, ...]
    engine: str
    access: Access
    freshness: str
    schedule: str
    write_mode: str
    partition_by: tuple[str, ...]
    tolerance: float
    tags: Mapping[str, str]
    source: str
    code_version: str
    is_declared: bool
    registered_at: datetime
    latest_receipt: Receipt | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The product's name, `weather.observations_v1`."""
        return str(self.id)

    @property
    def kind(self) -> DomainKind:
        """Where its domain stands between sources and uses."""
        return self.domain.kind

    @property
    def team(self) -> str:
        """The team that answers for it."""
        return self.domain.team

    @property
    def owner(self) -> PersonRecord:
        """The product owner of its domain."""
        return self.domain.owner

    @property
    def is_published(self) -> bool:
        """Whether the catalog knows of a publication."""
        return self.latest_receipt is not None

    @property
    def table_version(self) -> int | None:
        """The table's version that the latest publication made."""
        return self.latest_receipt.table_version if self.latest_receipt else None

    @property
    def published_at(self) -> datetime | None:
        """When it was last published, in UTC."""
        return self.latest_receipt.published_at if self.latest_receipt else None


@dataclass(frozen=True, slots=True)
class ContractRecord:
    """One contract that a product has had. `sequence` counts from 1, oldest first.

    The same version may be there twice, with different digests, when a contract was changed without
    a new version: both are kept.
    """

    product: str
    sequence: int
    version: str
    digest: str
    contract: Contract = field(repr=False)
    first_seen: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A publication of a product that was made from a version of another.

    `is_latest` when the product was published from none since.
    """

    product: str
    version: int
    published_at: datetime
    is_latest: bool


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """Rows that were removed from everywhere, on request: evidence without the data.

    `columns` are those that the condition named. Times are UTC; `content` says how it was shown
    that the rows are gone.
    """

    id: str
    product: str
    erased_at: datetime
    erased_by: str
    why: str
    columns: tuple[str, ...]
    content: Mapping[str, Any]


class Leaving(StrEnum):
    """How rows leave quarantine on request."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class QuarantineEvent:
    """Rows that left quarantine: how many, how, when, by whom and why. Times are UTC.

    A replay has the id of its publication. `content` says which rules they had broken
    (`rules`, rows by rule's id), which runs had rejected them (`runs`, rows by run), what was
    asked for (`asked`), and of a replay the version of the table (`table_version`). No values of
    the rows, unless the condition that was asked for has some.
    """

    id: str
    product: str
    action: Leaving
    at: datetime
    by: str
    why: str
    rows: int
    content: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The event as plain values."""
        return {**asdict(self), "action": str(self.action), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; keys of a later Mesh are passed over."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["action"] = Leaving(data["action"])
        known["at"] = datetime.fromisoformat(data["at"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class RetirementRecord:
    """The end of a product: nothing is published to it any more. Times are UTC.

    Its rows can be read until `keep_until`; `successor` is the product to use instead, if any.
    """

    product: str
    retired_at: datetime
    retired_by: str
    why: str
    keep_until: datetime
    successor: str = ""

    def __str__(self) -> str:
        """`retired on 2027-07-01 by ada: everybody has moved`."""
        return f"retired on {self.retired_at.date()} by {self.retired_by}: {self.why}"

    def told(self, now: datetime) -> str:
        """What readers are told: the end, for how long rows stay, and what to read instead."""
        instead = f": use {self.successor}" if self.successor else ""
        return f"{self.product} was {self}; {self.stay(now)}{instead}"

    def stay(self, now: datetime) -> str:
        """`its rows can be read until 2027-10-01`."""
        verb = "can be read" if now < self.keep_until else "were kept"
        return f"its rows {verb} until {self.keep_until.date()}"

    def as_json(self) -> dict[str, Any]:
        """The end as plain values."""
        times = {name: getattr(self, name).isoformat() for name in ("retired_at", "keep_until")}
        return {**asdict(self), **times}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; keys of a later Mesh are passed over."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        for name in ("retired_at", "keep_until"):
            known[name] = datetime.fromisoformat(data[name])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Deprecation:
    """The last day of a product, as it declares it, and what to use instead, if anything."""

    product: str
    until: date
    successor: str = ""

    def is_over(self, today: date) -> bool:
        """Whether the last day has passed."""
        return today > self.until

    def __str__(self) -> str:
        """`deprecated, with 2027-06-30 as its last day: use weather.observations_v2`."""
        instead = f": use {self.successor}" if self.successor else ""
        return f"deprecated, with {self.until} as its last day{instead}"


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """What is kept of a refusal. `verdict` is the whole of it as plain values, `text` in words."""

    publication_id: str
    product: str
    contract_version: str
    run_id: str
    partition: str
    refused_at: datetime
    reasons: tuple[str, ...]
    text: str = field(repr=False)
    verdict: Mapping[str, Any] = field(repr=False)
    inputs: tuple[InputVersion, ...] = ()

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """What is kept of a refusal that was just made."""
        verdict = refusal.verdict.as_json()
        return cls(
            publication_id=refusal.publication_id,
            product=refusal.product,
            contract_version=refusal.contract_version,
            run_id=refusal.run_id,
            partition=refusal.partition,
            refused_at=refusal.refused_at,
            reasons=refusal.verdict.reasons,
            text=str(refusal),
            verdict=verdict,
            inputs=refusal.inputs,
        )

    def __str__(self) -> str:
        """The verdict in words."""
        return self.text


class NodeKind(StrEnum):
    """How a dataset is known.

    A product that is `declared` by its domain now, one that is only `used` by or in another, or an
    `external` dataset that other producers reported, which is not governed.
    """

    DECLARED = "declared"
    USED = "used"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A product in a lineage. `depth` counts steps from the product that was asked for.

    Of an external dataset `product` is its key.
    """

    product: str
    kind: NodeKind
    depth: int
    latest_version: int | None = None


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """One product feeding another.

    `versions` holds exact (downstream version, upstream version) pairs from receipts, newest first:
    the newest 20, and those that the latest version of what was asked for goes back to. `columns`
    None means all. An edge that is not declared was used by an earlier
    publication, or belongs to a product that is declared no more. `reading` says how the latest
    publication read an incremental input. `jobs` are those of other producers that report the edge.
    """

    upstream: str
    downstream: str
    ports: tuple[str, ...]
    columns: tuple[str, ...] | None
    versions: tuple[tuple[int, int], ...] = ()
    is_declared: bool = False
    is_reference: bool = False
    reading: str = ""
    jobs: tuple[str, ...] = ()

    def upstream_versions(self, downstream_version: int) -> tuple[int, ...]:
        """The upstream's versions that one publication of the downstream saw, newest first."""
        return tuple(up for down, up in self.versions if down == downstream_version)


@dataclass(frozen=True, slots=True)
class Lineage:
    """Products and what feeds what, from one product in one direction; nearest first."""

    product: str
    direction: Direction
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]

    def node(self, product: str) -> LineageNode:
        """The node of a product. Raises KeyError."""
        for node in self.nodes:
            if node.product == product:
                return node
        raise KeyError(product)

    def into(self, product: str) -> tuple[LineageEdge, ...]:
        """The edges that end in a product."""
        return tuple(edge for edge in self.edges if edge.downstream == product)

    def out_of(self, product: str) -> tuple[LineageEdge, ...]:
        """The edges that begin in a product."""
        return tuple(edge for edge in self.edges if edge.upstream == product)

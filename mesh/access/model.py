"""Who asks, for what, and what comes of it, as values.

Owns the words that the parts of access share. Decides nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

import polars as pl

from mesh.contracts.model import Contract
from mesh.naming import ProductId
from mesh.products.ports import Access

Attribute = str | int | bool
"""What a principal's attribute, such as `carrier`, may be."""


class PrincipalKind(StrEnum):
    """What somebody is who asks."""

    PERSON = "person"
    SERVICE = "service"
    PRODUCT = "product"


class OrganizationRole(StrEnum):
    """Roles that are no domain's own."""

    ANALYST = "analyst"
    AUDITOR = "auditor"
    PLATFORM_ENGINEER = "platform_engineer"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. A person is named by e-mail address, a product by `domain.product_v1`.

    `roles` are those of the organisation, and of a domain as `weather.product_owner`; `domains` are
    those that they belong to. A principal whom no manifest knows has neither: not `is_known`.
    """

    name: str
    kind: PrincipalKind = PrincipalKind.PERSON
    domains: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    is_known: bool = True


class Action(StrEnum):
    """What is asked for: to `read` rows, to `use` them as a product's input, to `publish` them."""

    READ = "read"
    USE = "use"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class Port:
    """A major version of a product, as policies are told of it."""

    id: ProductId
    domain: str
    access: Access
    contract: Contract = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`weather.observations_v1`."""
        return str(self.id)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A principal's right to a port for a purpose, as it stands now. Times are UTC.

    `columns` None means all that are not guarded; a guarded column is seen when it is named.
    `holder` is an e-mail address, a service, a product, a domain, or a role (`weather.member`).
    `id` is `automatic` for one that decision rights give without asking.
    """

    id: str
    port: str
    holder: str
    purpose: str
    columns: tuple[str, ...] | None = None
    until: datetime | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a decision. `columns` None asks for all."""

    principal: Principal
    action: Action
    port: Port
    purpose: str = ""
    columns: tuple[str, ...] | None = None
    agreement: Agreement | None = None
    environment: str = ""
    region: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class PolicyNote:
    """A policy that had a say: its `@id`, its `@reason`, where it is written, what would help."""

    id: str
    reason: str
    source: str
    remedy: str = ""


class MaskKind(StrEnum):
    """What stands in a value's place; `drop` leaves the column out."""

    NULL = "null"
    CONSTANT = "constant"
    HASH = "hash"
    PARTIAL = "partial"
    TRUNCATE = "truncate"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Mask:
    """How a column's values are hidden. `argument` is the constant, the characters or the unit."""

    kind: MaskKind
    argument: str = ""


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as it is seen: as it is, or behind a mask, and by which policies."""

    name: str
    mask: Mask | None = None
    notes: tuple[PolicyNote, ...] = ()


class RowFilter(Protocol):
    """Which rows are seen. Null is never a yes."""

    @property
    def text(self) -> str:
        """The filter as people read it."""
        ...

    @property
    def expression(self) -> pl.Expr:
        """True for rows that are seen, and false for all others; never null."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What a principal sees of a port: columns in the contract's order, and rows.

    `hidden` are columns that are left out. `notes` are the policies that allowed it, and those that
    narrow it.
    """

    port: Port
    principal: Principal
    columns: tuple[ColumnView, ...]
    hidden: tuple[ColumnView, ...] = ()
    rows: RowFilter | None = None
    agreement: Agreement | None = None
    notes: tuple[PolicyNote, ...] = ()
    policies_digest: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every value of every row is seen as it is."""
        return self.rows is None and not self.hidden and not any(c.mask for c in self.columns)

    @property
    def digest(self) -> str:
        """Names exactly what is seen: two views with one digest show the same of one version.

        Hashed columns are seen otherwise under each agreement, so it is part of theirs.
        """
        masks = [
            (c.name, str(c.mask.kind), c.mask.argument) if c.mask else (c.name,)
            for c in self.columns
        ]
        is_salted = any(c.mask and c.mask.kind is MaskKind.HASH for c in self.columns)
        salt = (self.agreement.id if self.agreement else self.principal.name) if is_salted else ""
        told = [
            self.port.name,
            self.port.contract.digest,
            masks,
            self.rows.text if self.rows else "",
            salt,
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

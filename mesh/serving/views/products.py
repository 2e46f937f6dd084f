"""Domains, products and contracts, as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from mesh.catalog.browsing import ProductSummary
from mesh.catalog.completeness import Completeness
from mesh.catalog.model import (
    ContractRecord,
    DomainRecord,
    ExpectationRecord,
    InputRecord,
    PersonRecord,
    ProductRecord,
    Use,
)
from mesh.contracts.model import Contract
from mesh.products.glossary import BusinessTerm
from mesh.serving.views.base import Plain, View


class PersonView(View):
    """A person in a role."""

    role: str
    name: str
    email: str

    @classmethod
    def of(cls, person: PersonRecord) -> Self:
        """A person as they are shown."""
        return cls(role=str(person.role), name=person.name, email=person.email)


class DomainView(View):
    """A domain, who answers for it, and on which terms its products are used."""

    name: str
    title: str
    purpose: str
    kind: str
    team: str
    people: list[PersonView]
    contact_email: str
    contact_channel: str
    usage: str
    limitations: str
    registered_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, domain: DomainRecord) -> Self:
        """A domain as it is shown."""
        plain = {name: getattr(domain, name) for name in cls.model_fields}
        people = [PersonView.of(person) for person in domain.people]
        return cls.model_validate({**plain, "kind": str(domain.kind), "people": people})


class ColumnView(View):
    """A promised column."""

    name: str
    type: str
    is_nullable: bool
    key_position: int | None
    description: str
    unit: str
    classification: str
    references: str
    renamed_from: str = ""


class RuleView(View):
    """A promised rule. What its arguments are is the check's own."""

    id: str
    text: str
    check: str
    columns: list[str]
    arguments: dict[str, Plain]
    severity: str
    scope: str
    is_null_ignored: bool
    description: str
    dimension: str = ""


class ContractView(View):
    """What a product promises."""

    product: str
    name: str
    version: str
    digest: str
    description: str
    is_strict: bool
    columns: list[ColumnView]
    rules: list[RuleView]

    @classmethod
    def of(cls, product: str, contract: Contract) -> Self:
        """A contract as it is shown."""
        plain: Mapping[str, Any] = contract.as_json()
        return cls.model_validate({**plain, "product": product, "digest": contract.digest})


class ContractVersionView(View):
    """One contract that a product has had."""

    sequence: int
    version: str
    digest: str
    first_seen: datetime
    is_current: bool
    columns: int
    rules: int

    @classmethod
    def of(cls, record: ContractRecord) -> Self:
        """A contract's place in the history of its product."""
        return cls(
            sequence=record.sequence,
            version=record.version,
            digest=record.digest,
            first_seen=record.first_seen,
            is_current=record.is_current,
            columns=len(record.contract.columns),
            rules=len(record.contract.rules),
        )


class InputView(View):
    """A declared use of another product; without a port, only a rule looks at it."""

    port: str
    product: str
    columns: list[str] | None
    purpose: str
    is_reference: bool

    @classmethod
    def of(cls, use: InputRecord) -> Self:
        """An input as it is shown."""
        return cls(
            port=use.port,
            product=use.product,
            columns=None if use.columns is None else list(use.columns),
            purpose=use.purpose,
            is_reference=use.is_reference,
        )


class ProductRowView(View):
    """A product as lists show it."""

    name: str
    domain: str
    description: str
    kind: str
    team: str
    owner: PersonView | None
    engine: str
    access: str
    freshness: str
    contract_version: str
    is_declared: bool
    table_version: int | None
    published_at: datetime | None

    @classmethod
    def of(cls, product: ProductSummary) -> Self:
        """A row of a list."""
        return cls(
            name=str(product.id),
            domain=product.id.domain,
            description=product.description,
            kind=str(product.kind),
            team=product.team,
            owner=PersonView.of(product.owner) if product.owner else None,
            engine=product.engine,
            access=str(product.access),
            freshness=product.freshness,
            contract_version=product.contract_version,
            is_declared=product.is_declared,
            table_version=product.table_version,
            published_at=product.published_at,
        )


class LinkedTermView(View):
    """A term of the business, and what of a product it is about."""

    id: str
    name: str
    definition: str
    is_whole: bool
    columns: list[str]


class DocumentedPartView(View):
    """A part of the score of documentation: its weight, and the share of it that is there."""

    name: str
    weight: float
    share: float
    missing: list[str]


class DocumentationView(View):
    """How completely a product is documented, in [0, 1], and what to write next."""

    score: float
    missing: list[str]
    parts: list[DocumentedPartView]


class ProductView(ProductRowView):
    """A product, everything that its domain declares of it, and its latest publication."""

    inputs: list[InputView]
    schedule: str
    write_mode: str
    partition_by: list[str]
    tolerance: float
    tags: dict[str, str]
    source: str
    code_version: str
    registered_at: datetime
    table_url: str | None
    rows_accepted: int | None
    rows_rejected: int | None
    glossary: list[LinkedTermView]
    documentation: DocumentationView

    @classmethod
    def of_record(
        cls, product: ProductRecord, terms: Iterable[BusinessTerm], documented: Completeness
    ) -> Self:
        """A product as its own page shows it, with the terms that are linked to it."""
        latest = product.latest_receipt
        same = ("team", "engine", "freshness", "is_declared", "table_version", "published_at")
        more = ("schedule", "write_mode", "tolerance", "source", "code_version", "registered_at")
        return cls(
            **{name: getattr(product, name) for name in ("name", "description", *same, *more)},
            domain=product.id.domain,
            kind=str(product.kind),
            owner=PersonView.of(product.owner),
            access=str(product.access),
            contract_version=str(product.contract.version),
            inputs=[InputView.of(use) for use in product.inputs],
            partition_by=list(product.partition_by),
            tags=dict(product.tags),
            table_url=latest.table_url if latest else None,
            rows_accepted=latest.rows_accepted if latest else None,
            rows_rejected=latest.rows_rejected if latest else None,
            glossary=[LinkedTermView.model_validate(t.linked_to(product.name)) for t in terms],
            documentation=DocumentationView.model_validate(documented.as_json()),
        )


class UseView(View):
    """A publication of a consumer that was made from a version of the product."""

    product: str
    version: int
    published_at: datetime
    is_latest: bool


class ExpectationView(View):
    """What a consumer expects beyond the contract."""

    consumer: str
    port: str
    product: str
    column: str
    word: str
    value: Plain
    severity: str
    text: str


class ConsumersView(View):
    """Who uses a product: what was made from it, and what is expected of it."""

    uses: list[UseView]
    expectations: list[ExpectationView]

    @classmethod
    def of(cls, uses: list[Use], expectations: list[ExpectationRecord]) -> Self:
        """Consumers as they are shown; `uses` has of each product its latest alone."""
        return cls(
            uses=[UseView.model_validate(use) for use in uses],
            expectations=[ExpectationView.model_validate(e.as_json()) for e in expectations],
        )

"""A plan as values: products that are added, changed or removed, hits, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mesh.contracts.evolution import Bump, Change, Evolution, Standing, least, worst


class Action(StrEnum):
    """What happens to a product."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A product that a change of another reaches.

    `reads` is the product that it reads itself, and `columns` what it reads of that and what is
    hit; empty for all rows. `origin_columns` are the columns of the product that changes. `path`
    leads from there to the consumer, both included. What is not `is_certain` may be hit: how the
    columns on the way are made is not known. One that `is_stopped` cannot be built any more.
    `expectations` are what the consumer counts on of these columns, in words. One that
    `is_elsewhere` is not in the working tree: a shared catalog knows of it.
    """

    consumer: str
    reads: str
    columns: tuple[str, ...]
    origin: str
    origin_columns: tuple[str, ...]
    effect: str
    standing: Standing
    path: tuple[str, ...]
    is_certain: bool = True
    is_stopped: bool = False
    expectations: tuple[str, ...] = ()
    is_elsewhere: bool = False

    @property
    def depth(self) -> int:
        """Steps from the product that changes."""
        return len(self.path) - 1

    def __str__(self) -> str:
        """The hit as a sentence."""
        source = named(self.origin, self.origin_columns)
        if self.is_stopped and self.depth > 1:
            reads = named(self.reads, self.columns)
            cause = f"{self.path[1]} reads {source}, which {self.effect}"
            return f"{self.consumer} reads {reads}, which cannot be built any more: {cause}"
        verb = "reads" if self.is_certain else "may read"
        through = f" (through {named(self.reads, self.columns)})" if self.depth > 1 else ""
        where = " (declared elsewhere, as the catalog knows)" if self.is_elsewhere else ""
        return f"{self.consumer}{where} {verb} {source}{through}, which {self.effect}"

    def as_json(self) -> dict[str, Any]:
        """The hit as plain values, with its sentence."""
        return {
            "consumer": self.consumer,
            "reads": self.reads,
            "columns": list(self.columns),
            "origin": self.origin,
            "origin_columns": list(self.origin_columns),
            "effect": self.effect,
            "standing": str(self.standing),
            "path": list(self.path),
            "is_certain": self.is_certain,
            "is_stopped": self.is_stopped,
            "expectations": list(self.expectations),
            "is_elsewhere": self.is_elsewhere,
            "sentence": str(self),
        }


def named(product: str, columns: tuple[str, ...]) -> str:
    """A product with columns of it: `weather.observations_v1.wind_speed_mph`."""
    return f"{product}.{', '.join(columns)}" if columns else product


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPlan:
    """What would become of one product.

    `evolution` is that of its contract; for a new major it is the way from the major before,
    `follows`. `declared` are changes of its declaration. `moved` are consumers that this same
    change takes off what breaks. `failures` say why it may not be deployed, `warnings` what to
    look at.
    """

    name: str
    action: Action
    evolution: Evolution | None = None
    follows: str = ""
    declared: tuple[Change, ...] = ()
    hits: tuple[Hit, ...] = ()
    moved: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    version_before: str = ""
    version_after: str = ""
    is_published: bool | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Changes of this major's contract and declaration."""
        own = self.evolution.changes if self.evolution and not self.follows else ()
        return (*own, *self.declared)

    @property
    def consumer(self) -> Standing:
        """The worst that it does to consumers."""
        if self.action is Action.REMOVED:
            return Standing.BREAKING
        return worst(change.consumer for change in self.changes)

    @property
    def producer(self) -> Standing:
        """The worst that it asks of the producer."""
        return worst(change.producer for change in self.changes)

    @property
    def needed(self) -> Bump:
        """The least bump that it needs; none for what is added or removed."""
        return least(change.bump for change in self.changes)

    @property
    def made(self) -> Bump:
        """The bump that was made."""
        if self.evolution is None or self.follows:
            return Bump.NONE
        return self.evolution.made

    def as_json(self) -> dict[str, Any]:
        """The product's part of the plan as plain values."""
        return {
            "product": self.name,
            "action": str(self.action),
            "version_before": self.version_before,
            "version_after": self.version_after,
            "is_published": self.is_published,
            "consumer": str(self.consumer),
            "producer": str(self.producer),
            "bump_needed": str(self.needed),
            "bump_made": str(self.made),
            "follows": self.follows,
            "contract": self.evolution.as_json() if self.evolution else None,
            "declaration": [change.as_json() for change in self.declared],
            "hits": [hit.as_json() for hit in self.hits],
            "moved": list(self.moved),
            "failures": list(self.failures),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainPlan:
    """What changed in a domain's manifest and in its glossary.

    `consumers` are products of others that read its own.
    """

    name: str
    action: Action
    changes: tuple[Change, ...] = ()
    consumers: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The domain's part of the plan as plain values."""
        return {
            "domain": self.name,
            "action": str(self.action),
            "changes": [change.as_json() for change in self.changes],
            "consumers": list(self.consumers),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A product that can no longer be as fresh as it promises, because of what it is made from."""

    product: str
    promises: str
    upstream: str
    would_promise: str

    def __str__(self) -> str:
        """The shortfall as a sentence."""
        now = f"would promise {self.would_promise}" if self.would_promise else "would promise none"
        return f"{self.product} promises {self.promises}, made from {self.upstream}, which {now}"

    def as_json(self) -> dict[str, Any]:
        """The shortfall as plain values, with its sentence."""
        return {
            "product": self.product,
            "promises": self.promises,
            "upstream": self.upstream,
            "would_promise": self.would_promise,
            "sentence": str(self),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that would change, from one state of a mesh to another.

    `rebuilt` says why, by product, in the order in which they would be built. `digest` stands for
    both states that were judged.
    """

    before: str
    after: str
    digest: str
    products: tuple[ProductPlan, ...] = ()
    domains: tuple[DomainPlan, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    rebuilt: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.products or self.domains)

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """Why it may not be deployed: product and reason."""
        return tuple((item.name, text) for item in self.products for text in item.failures)

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What to look at before it is deployed: product and reason."""
        found = [(item.name, text) for item in self.products for text in item.warnings]
        return (*found, *((item.product, str(item)) for item in self.shortfalls))

    def of(self, action: Action) -> Iterator[ProductPlan]:
        """The products to which this happens."""
        return (item for item in self.products if item.action is action)

    @property
    def hit(self) -> tuple[str, ...]:
        """Every product that some change reaches, by name."""
        return tuple(sorted({hit.consumer for item in self.products for hit in item.hits}))

    def as_json(self) -> dict[str, Any]:
        """The whole plan as plain values."""
        return {
            "before": self.before,
            "after": self.after,
            "digest": self.digest,
            "may_be_deployed": not self.failures,
            "failures": [{"product": name, "reason": text} for name, text in self.failures],
            "warnings": [{"product": name, "reason": text} for name, text in self.warnings],
            "products": [item.as_json() for item in self.products],
            "domains": [item.as_json() for item in self.domains],
            "shortfalls": [item.as_json() for item in self.shortfalls],
            "rebuilt": dict(self.rebuilt),
            "unknown_domains": list(self.unknown),
        }

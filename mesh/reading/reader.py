"""Somebody who reads products by name, as policy lets them.

Owns what every way to read has in common: who reads, for what, and where products, decisions and
the log of reads come from. Whoever holds the keys of the lake itself is an `Operator`: a policy
between them and their own files would be a pretence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mesh.access.model import Action, Ask, ColumnView, Principal, View
from mesh.access.reads import Audit
from mesh.access.registered import port_of_record
from mesh.catalog.model import ProductRecord
from mesh.reading.governed import GovernedRead, Opening, Viewing
from mesh.settings import Settings


class Operator:
    """Sees all of everything: they have the files."""

    def view(self, ask: Ask) -> View:
        """The whole port, as it is."""
        names = ask.columns or ask.port.contract.column_names
        return View(ask.port, ask.principal, tuple(ColumnView(name) for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One principal, reading for one purpose. `product` finds a product by its full name.

    `opening` is what a server keeps for all its readers.
    """

    principal: Principal
    purpose: str
    decider: Viewing
    product: Callable[[str], ProductRecord]
    settings: Settings
    audit: Audit | None = None
    opening: Opening | None = None

    def read(
        self,
        name: str,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
    ) -> GovernedRead:
        """A product as they may see it, at a version or a time; the latest by default.

        Raises AccessDeniedError, UnknownProductError, NotPublishedError and VersionRemovedError.
        """
        ask = Ask(self.principal, Action.READ, port_of_record(self.product(name)), self.purpose)
        opening = self.opening or Opening(self.settings)
        return opening.open(self.decider, ask, version=version, as_of=as_of, audit=self.audit)

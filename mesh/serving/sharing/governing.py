"""Who may see what of a product here: the server's one question to the access model.

Owns the way from a request to a view, and that nothing is told of products that somebody may not
know of. Decides nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from mesh.access.model import Action, Ask, Principal, View
from mesh.access.reads import Audit, telling_refusals
from mesh.access.registered import port_of_record
from mesh.catalog.browsing import ProductFilter
from mesh.catalog.model import ProductRecord
from mesh.catalog.store import Catalog
from mesh.errors import AccessDeniedError, UnknownProductError
from mesh.naming import ProductId
from mesh.products.ports import Access
from mesh.serving.deciding import Deciding
from mesh.serving.readers import Way
from mesh.serving.sharing.names import sort_key, table_name
from mesh.serving.sharing.refusing import nothing_there

WAY = "delta-sharing"
"""How the log tells that something left, or was refused, here."""
_LISTED_SECONDS = 1.0
"""How old a list of products may be, of which each is decided anew all the same."""
_MOST_PRODUCTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Decided:
    """A request that was decided: what was asked, and what is seen.

    `log` has the entries of what of it cannot be shown after all.
    """

    ask: Ask
    view: View
    log: Audit | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Governing:
    """Decides for one catalog. Shared by threads."""

    catalog: Catalog
    deciding: Deciding
    _listed: tuple[float, object, list[tuple[str, ProductRecord]]] = (-_LISTED_SECONDS, None, [])
    _lock: Lock = field(default_factory=Lock)

    def decided(self, who: Principal, product: ProductId) -> Decided:
        """What somebody sees of a product. Raises AccessDeniedError, or RefusedError (404)."""
        missing = nothing_there(table_name(product.domain, product.versioned))
        try:
            record = self.catalog.product(str(product))
        except UnknownProductError:
            raise missing from None
        if record.id != product:
            raise missing
        try:
            return self._decided(who, record)
        except AccessDeniedError:
            if record.access is Access.PRIVATE and product.domain not in who.domains:
                raise missing from None
            raise

    def seen_by(self, who: Principal, *, domain: str = "", after: str = "") -> Iterator[ProductId]:
        """The published products of which somebody sees anything, in the order of their names.

        Of a domain alone, if one is named, and those after a name. Decided as far as is asked for.
        """
        viewing = self.deciding.viewing()
        for name, record in self._published():
            if name > after and (not domain or record.id.domain == domain):
                with suppress(AccessDeniedError):
                    viewing.view(_ask(who, record))
                    yield record.id

    def domains_seen_by(self, who: Principal) -> Iterator[str]:
        """The domains of which somebody sees a product, by name."""
        domains = sorted({record.id.domain for _, record in self._published()})
        return (name for name in domains if any(self.seen_by(who, domain=name)))

    def _decided(self, who: Principal, record: ProductRecord) -> Decided:
        ask, log = _ask(who, record), Way(self.deciding.audit, WAY)
        with telling_refusals(log, ask):
            return Decided(ask, self.deciding.viewing().view(ask), log)

    def _published(self) -> list[tuple[str, ProductRecord]]:
        """Products by name. Read anew only when a domain, or what is published, has changed."""
        with self._lock:
            at, state, found = self._listed
            if time.monotonic() - at >= _LISTED_SECONDS:
                now = self._state()
                if now != state:
                    records = [p for p in self.catalog.products() if p.latest_receipt is not None]
                    found = sorted((sort_key(p.id), p) for p in records)
                self._listed = (time.monotonic(), now, found)
        return found

    def _state(self) -> object:
        domains = [(domain.name, domain.changed_at) for domain in self.catalog.domains()]
        published = ProductFilter(is_published=True)
        rows = self.catalog.browsing.products(published, None, _MOST_PRODUCTS)
        return domains, [(row.id, row.access, row.contract_version) for row in rows]


def _ask(who: Principal, record: ProductRecord) -> Ask:
    return Ask(who, Action.READ, port_of_record(record))

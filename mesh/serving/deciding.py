"""The access model as a server asks it: who somebody is, what they see, and what is told of it.

Owns how these three are put together, from what is registered in the catalog, for every way in
which data leaves. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from mesh.access.auditing import ReadAudit
from mesh.access.model import Principal
from mesh.access.reads import Audit, LoggedReads
from mesh.access.registered import RegisteredAccess
from mesh.access.row_filters import row_filter
from mesh.catalog.store import Catalog
from mesh.reading.governed import Viewing
from mesh.settings import Settings


class Principals(Protocol):
    """Who has a name, as `Directory.principal` knows it.

    `groups` and `attributes` are an identity provider's word, and given only where it spoke.
    """

    def __call__(
        self,
        name: str,
        groups: Iterable[str] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Principal:
        """Somebody, known or not."""
        ...


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a server decides by. `viewing` gives what decides now: policies and rights change."""

    viewing: Callable[[], Viewing]
    principals: Principals
    audit: Audit

    @classmethod
    def of(cls, catalog: Catalog, settings: Settings, audit: ReadAudit) -> Self:
        """By policies, people and agreements as they are registered in a catalog."""
        registered = RegisteredAccess(catalog, row_filter, settings.environment, settings.region)

        def principal(
            name: str, groups: Iterable[str] = (), attributes: Mapping[str, Any] | None = None
        ) -> Principal:
            return registered.decider().directory.principal(name, groups, attributes)

        return cls(registered.decider, principal, LoggedReads(audit))

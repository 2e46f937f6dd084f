"""Which agreement covers a use, as the catalog has it at this moment.

Owns who holds one (a person, a service, a product, everybody in a role, a domain as a whole: its
people, services and products), the purpose, what majors inherit, and what was classified otherwise
since it was decided. Keeps nothing: what was revoked or has ended covers nothing at the next
request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh.access.agreed_rows import ROWS
from mesh.access.model import Agreement, Port, Principal, PrincipalKind
from mesh.access.rights import Matter, Rights, same
from mesh.access.roster import folded
from mesh.access.terms import WHOLE_DOMAIN, classes_of
from mesh.catalog.agreements import AgreementBook
from mesh.catalog.cases import AgreementRecord
from mesh.contracts.model import GUARDED, Classification
from mesh.errors import UnknownColumnError
from mesh.products.decision_rights import ChangeKind, ConsumerKind

AUTOMATIC = "automatic"
"""The id of an agreement that decision rights give without asking."""
_RANKS = {rank: number for number, rank in enumerate(Classification)}


@dataclass(frozen=True, slots=True)
class CatalogAgreements:
    """The agreements of a catalog, and those that decision rights imply.

    `honoured` are the conditions that the caller keeps. An agreement with a condition on rows
    covers nothing for a caller who would hand over all of them.
    """

    book: AgreementBook
    rights: Rights
    honoured: frozenset[str] = frozenset()

    def covering(
        self,
        principal: Principal,
        port: Port,
        purpose: str,
        columns: Sequence[str] | None,
        now: datetime,
    ) -> Agreement | None:
        """The agreement that covers most of these columns; None when none covers any.

        Without a purpose, any agreement of theirs is one that they act under. Of several that cover
        as much, the one that has more columns, then the one that ends last.
        """
        if not principal.is_known:
            return None
        found = [
            _as_held(record, port)
            for record in self.book.of_port(port.id)
            if self._holds(record, principal, purpose, now)
        ]
        implied = self._implied(principal, port, purpose, columns)
        candidates = [*found, *([implied] if implied else [])]
        best = max(candidates, key=lambda a: _width(a, port, columns), default=None)
        return best if best is not None and _width(best, port, columns)[0] else None

    def _holds(
        self, record: AgreementRecord, principal: Principal, purpose: str, now: datetime
    ) -> bool:
        is_whole_domain = WHOLE_DOMAIN in record.conditions
        names = principal.domains if is_whole_domain else _names(principal)
        is_theirs = record.holder in names
        is_meant = not purpose or same(purpose) == same(record.purpose)
        is_kept = ROWS not in record.conditions or ROWS in self.honoured
        is_begun = record.since <= now
        return is_theirs and is_meant and is_kept and is_begun and record.state(now) == "active"

    def _implied(
        self, principal: Principal, port: Port, purpose: str, columns: Sequence[str] | None
    ) -> Agreement | None:
        """What decision rights give without asking; a product that names no columns reads all."""
        is_product = principal.kind is PrincipalKind.PRODUCT
        wanted = tuple(columns) if columns is not None else None
        if is_product and wanted is None:
            wanted = port.contract.column_names
        try:
            classes = classes_of(wanted, port.contract, port.name)
        except UnknownColumnError:  # whoever reads them is told; it is no question of rights
            return None
        matter = Matter(
            ChangeKind.ACCESS,
            frozenset(map(Classification, classes.values())),
            purpose,
            principal.domains,
            ConsumerKind(str(principal.kind)),
        )
        if not self.rights.right_for(matter).is_automatic:
            return None
        return Agreement(AUTOMATIC, port.name, principal.name, purpose, wanted)


def _names(principal: Principal) -> set[str]:
    """The holders that a principal is: itself, its roles, and its team as a whole."""
    is_person = principal.kind is PrincipalKind.PERSON
    teams = {f"{domain}.member" for domain in principal.domains} if is_person else set()
    return {principal.name, folded(principal.name), *principal.roles, *teams}


def _as_held(record: AgreementRecord, port: Port) -> Agreement:
    """The agreement for this port, without columns that it lacks or that are guarded more now."""
    columns = record.columns
    if columns is not None:
        now = {column.name: column.classification for column in port.contract.columns}
        columns = tuple(
            name for name in columns if name in now and _is_decided(record, name, now[name])
        )
    return Agreement(
        record.id,
        port.name,
        record.holder,
        record.purpose,
        columns,
        record.until,
        record.conditions,
    )


def _is_decided(record: AgreementRecord, name: str, now: Classification) -> bool:
    """Whether a column is guarded no more than it was when the agreement was decided."""
    if now not in GUARDED:
        return True
    decided = record.classifications.get(name)
    return decided is not None and _RANKS[now] <= _RANKS[Classification(decided)]


def _width(
    agreement: Agreement, port: Port, columns: Sequence[str] | None
) -> tuple[int, int, bool, float]:
    """How many of these columns it covers, how many in all, whether all rows, and until when."""
    unguarded = {c.name for c in port.contract.columns if c.classification not in GUARDED}
    own = unguarded if agreement.columns is None else set(agreement.columns)
    wanted = own if columns is None else own & set(columns)
    end = agreement.until.timestamp() if agreement.until else float("inf")
    return len(wanted), len(own), ROWS not in agreement.conditions, end

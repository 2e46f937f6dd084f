"""What is told of a read: who was given what, and by which right. Never a value of the data.

Owns the entry, that a refused read has one, and what whoever keeps them has to offer. Keeps none
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from mesh.access.auditing import ReadAudit, ReadNote
from mesh.access.model import Action, Agreement, Ask, Principal, View
from mesh.access.refusals import RefusalNote
from mesh.errors import AccessDeniedError

_FORBIDDEN = "a policy refuses it"
_UNPERMITTED = "no policy and no agreement permits it"
_UNSHOWN = "it cannot be shown as policy wants it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """One read that ended. Times are UTC.

    `rows` were handed out; not `is_complete` when whoever read stopped before the last, or the read
    failed. `masked` are those of the `columns` that were seen behind a mask. `view` names exactly
    what was to be seen, and `policies` all that had a say in it, by id. `way` is how it left, such
    as `delta-sharing`; empty for Python itself.
    """

    principal: Principal
    action: Action
    port: str
    purpose: str
    environment: str
    version: int
    columns: tuple[str, ...]
    masked: tuple[str, ...]
    rows: int
    is_complete: bool
    began_at: datetime
    ended_at: datetime
    agreement: Agreement | None
    policies: tuple[str, ...]
    policies_digest: str
    view: str
    way: str = ""


class Audit(Protocol):
    """Keeps what was read by whom."""

    def require_room(self) -> None:
        """Raise CatalogError where a read could not be accounted for: then no row is read."""
        ...

    def read(self, entry: ReadEntry) -> None:
        """Keep one entry. What it raises ends the read with an error."""
        ...

    def refused(self, note: RefusalNote) -> None:
        """Keep one entry of a read that is refused. Raises nothing."""
        ...


@contextmanager
def telling_refusals(audit: Audit | None, ask: Ask, view: View | None = None) -> Iterator[None]:
    """Have each refusal within the block in the log, and refuse all the same.

    For whatever asks the decision point, or puts its `view` on data, because somebody reads.
    """
    try:
        yield
    except AccessDeniedError as error:
        if audit is not None:
            audit.refused(_note(ask, error.policies, is_decided=view is not None))
        raise


def _note(ask: Ask, policies: Sequence[str], *, is_decided: bool) -> RefusalNote:
    """Why it was refused in words of our own: those of a condition may hold values of data."""
    why = _UNSHOWN if is_decided else _FORBIDDEN if policies else _UNPERMITTED
    return RefusalNote(
        who=ask.principal.name,
        port=ask.port.name,
        why=why,
        purpose=ask.purpose,
        policies=tuple(policies),
    )


def policies_of(view: View) -> tuple[str, ...]:
    """The ids of all policies that had a say in what is seen, each once."""
    told = [*view.notes, *(n for c in (*view.columns, *view.hidden) for n in c.notes)]
    return tuple(dict.fromkeys(note.id for note in told))


@dataclass(frozen=True, slots=True)
class LoggedReads:
    """Reads, into the audit log."""

    log: ReadAudit

    def require_room(self) -> None:
        """Raise CatalogError as the log does."""
        self.log.require_room()

    def read(self, entry: ReadEntry) -> None:
        """Keep one entry. Raises CatalogError as the log does."""
        self.log.read(
            ReadNote(
                who=entry.principal.name,
                port=entry.port,
                columns=entry.columns,
                way=entry.way,
                rows=entry.rows,
                table_version=entry.version,
                purpose=entry.purpose,
                agreement=entry.agreement.id if entry.agreement else "",
                policies=entry.policies,
                at=entry.ended_at,
            )
        )

    def refused(self, note: RefusalNote) -> None:
        """Keep one entry."""
        self.log.refused(note)


@dataclass(frozen=True, slots=True)
class LoggedLooks:
    """Looks at what somebody sees, of which those that are refused go into the log."""

    log: ReadAudit
    way: str
    by: str

    def require_room(self) -> None:
        """A look needs none."""

    def read(self, entry: ReadEntry) -> None:
        """A look is not in the log: nobody was given anything that they did not have."""

    def refused(self, note: RefusalNote) -> None:
        """Keep one entry, with who looked."""
        self.log.refused(replace(note, way=self.way, by=self.by))

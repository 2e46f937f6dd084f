"""What is to be decided, what was, and the log of all of it.

Owns how cases are found and changed: each change with its log entries and with what comes of it, or
not at all. Who may decide is `mesh.access`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mesh.catalog import decision_log, schema
from mesh.catalog.agreements import UNITED, put_agreement, stored_states
from mesh.catalog.cases import AgreementRecord, Case, CaseState
from mesh.catalog.chain import LogEntry, NewEntry, Verification, verify
from mesh.catalog.database import Database
from mesh.catalog.decision_log import LogQuery
from mesh.errors import Problem, UnknownCaseError
from mesh.products.decision_rights import ChangeKind

_CASES = schema.decision_cases


class Decisions:
    """Cases and their log. Every method is one transaction, and may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entries: Sequence[NewEntry]) -> str:
        """Add entries at the end of the log, together. Returns the hash of the last one of all."""
        with self._database.writing() as connection:
            return decision_log.append(connection, entries)

    def entries(self, asked: LogQuery, limit: int = 100) -> list[LogEntry]:
        """The newest entries that fit, newest first."""
        with self._database.reading() as connection:
            return decision_log.newest(connection, asked, limit)

    def following(self, sequence: int, limit: int = 1_000) -> list[LogEntry]:
        """Entries after a sequence, oldest first: 0 begins at the first."""
        with self._database.reading() as connection:
            return decision_log.following(connection, sequence, limit)

    def head(self) -> str:
        """The hash of the last entry; zeros for an empty log."""
        with self._database.reading() as connection:
            return decision_log.last(connection)[1]

    def verify(self, head: str = "") -> Verification:
        """Check every entry, and that cases and agreements are what the log says of them."""
        states: dict[tuple[str, str], str] = {}
        try:
            with self._database.reading() as connection:
                entries = decision_log.noting(decision_log.every(connection), states)
                found = verify(entries, head)
                stored = stored_states(connection) | _stored_cases(connection)
        except (ValueError, TypeError, KeyError) as error:
            what = f"rows cannot be read any more: {error}"
            return Verification(0, "", (Problem(what, where="decision log"),))
        states = {key: state for key, state in states.items() if state != UNITED}
        problems = list(found.problems)
        for key in sorted({*states, *stored}):
            if states.get(key) != stored.get(key):
                what = "it is not what was decided" if key in stored else "it is missing"
                problems.append(Problem(what, where=" ".join(key)))
        return replace(found, problems=tuple(problems))

    def case(self, case_id: str) -> Case:
        """The case of an id. Raises UnknownCaseError."""
        with self._database.reading() as connection:
            found = select(_CASES.c.content).where(_CASES.c.id == case_id)
            row = connection.execute(found).first()
            if row is None:
                known: Iterable[str] = connection.execute(select(_CASES.c.id)).scalars()
                raise UnknownCaseError(case_id, known)
            return Case.from_json(row.content)

    def cases(
        self, kind: ChangeKind | None = None, subject: str = "", state: CaseState | None = None
    ) -> list[Case]:
        """Cases, newest first; of a kind, about a subject, in a state."""
        with self._database.reading() as connection:
            found = _cases(connection, kind, subject, state)
        return sorted(found, key=lambda case: (case.opened_at, case.id), reverse=True)

    def change(
        self,
        case: Case,
        entries: Sequence[NewEntry],
        agreement: AgreementRecord | None = None,
    ) -> bool:
        """Put a case, and what comes of it, in the place of the revision before, and log it.

        A first revision is new. All of it happens, or nothing: False when somebody was faster.
        Raises NotAllowedError for entries that do not tell the states that are left.
        """
        decision_log.require_told(entries, "case", case.id, case.state_digest)
        if agreement is not None:
            told = (agreement.id, agreement.state_digest)
            decision_log.require_told(entries, "agreement", *told)
        with self._database.writing() as connection:
            is_put = _put_case(connection, case)
            if not is_put or not (agreement is None or put_agreement(connection, agreement)):
                connection.rollback()
                return False
            decision_log.append(connection, entries)
            return True


def _cases(
    connection: Connection, kind: ChangeKind | None, subject: str, state: CaseState | None
) -> list[Case]:
    found = select(_CASES.c.content)
    wanted = ((_CASES.c.kind, kind), (_CASES.c.subject, subject), (_CASES.c.state, state))
    for column, value in wanted:
        found = found.where(column == str(value)) if value else found
    return [Case.from_json(row.content) for row in connection.execute(found)]


def _stored_cases(connection: Connection) -> dict[tuple[str, str], str]:
    """The digest of every case as it stands, columns by which it is found included."""
    states: dict[tuple[str, str], str] = {}
    for row in connection.execute(select(_CASES)):
        found = Case.from_json(row.content)
        told = (found.id, found.kind, found.subject, found.state)
        is_as_told = told == (row.id, row.kind, row.subject, row.state)
        states["case", row.id] = found.state_digest if is_as_told else ""
    return states


def _put_case(connection: Connection, case: Case) -> bool:
    """Write a revision, if the one before it is there; a new case, if no twin of it is open."""
    values: dict[str, Any] = {"state": str(case.state), "revision": case.revision}
    values["content"] = case.as_json()
    if case.revision > 1:
        before = (_CASES.c.id == case.id, _CASES.c.revision == case.revision - 1)
        return connection.execute(update(_CASES).where(*before).values(**values)).rowcount == 1
    others = _cases(connection, case.kind, case.subject, CaseState.OPEN)
    if any(other.twin_key == case.twin_key for other in others):
        return False
    own = {"id": case.id, "kind": str(case.kind), "subject": case.subject}
    connection.execute(insert(_CASES).values(**own, **values))
    return True

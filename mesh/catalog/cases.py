"""What is to be decided, and the agreements that come of it, as values.

Owns their plain form, and the digests that votes and the log are bound to. Decides nothing: who may
is `mesh.access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from mesh.catalog.chain import digest_of
from mesh.products.decision_rights import ChangeKind


class CaseState(StrEnum):
    """How far a case is."""

    OPEN = "open"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"


class Verdict(StrEnum):
    """What somebody says to a case."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody said, when, and to exactly what: the case's digest at that time."""

    who: str
    verdict: Verdict
    at: datetime
    digest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Something to be decided: access to a port, a breaking change, a waiver.

    `subject` is a product's full name, `asked` what is asked for, as plain values. `revision` goes
    up with every change, so that two who change it at once find out.
    """

    id: str
    kind: ChangeKind
    subject: str
    asked: Mapping[str, Any]
    requested_by: str
    opened_at: datetime
    changed_at: datetime
    state: CaseState = CaseState.OPEN
    votes: tuple[Vote, ...] = ()
    revision: int = 1

    @property
    def digest(self) -> str:
        """Names exactly what is to be decided."""
        return digest_of([self.id, str(self.kind), self.subject, self.asked, self.requested_by])

    @property
    def twin_key(self) -> tuple[str, ...]:
        """Equal for cases of which only one may be open: the same, asked for the same."""
        told = ("holder", "purpose", "renews", "plan", "guardrail")
        return (str(self.kind), self.subject, *(str(self.asked.get(name, "")) for name in told))

    @property
    def state_digest(self) -> str:
        """Names the case as it stands, votes included."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The case as plain values."""
        return {name: plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        votes = tuple(
            Vote(**{**v, "verdict": Verdict(v["verdict"]), "at": _instant(v["at"])})
            for v in data["votes"]
        )
        return cls(
            **{
                **data,
                "kind": ChangeKind(data["kind"]),
                "state": CaseState(data["state"]),
                "votes": votes,
                "opened_at": _instant(data["opened_at"]),
                "changed_at": _instant(data["changed_at"]),
            }
        )


@dataclass(frozen=True, slots=True)
class AgreementRecord:
    """A right to a port that was agreed on. Times are UTC; `until` is the first moment without it.

    `classifications` are those of the columns when it was decided: what was classified otherwise
    since was not decided about. `case` is where it was decided last.
    """

    id: str
    product: str
    holder: str
    purpose: str
    columns: tuple[str, ...] | None
    since: datetime
    until: datetime | None
    case: str
    requested_by: str
    classifications: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    revoked_at: datetime | None = None
    revoked_by: str = ""
    revision: int = 1

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.until is not None and self.until <= now else "active"

    @property
    def state_digest(self) -> str:
        """Names the agreement as it stands."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The agreement as plain values."""
        return {name: plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        times = {
            name: _instant(data[name]) if data[name] else None
            for name in ("since", "until", "revoked_at")
        }
        columns = None if data["columns"] is None else tuple(data["columns"])
        return cls(**{**data, **times, "columns": columns})


def plain(value: Any) -> Any:
    """Values as JSON has them: times as text, sequences as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)

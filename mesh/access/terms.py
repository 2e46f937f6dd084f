"""What is asked for when access is, and what an agreement then says.

Owns the checks of a request: columns that exist, a condition on rows that names them, an end that
is still to come. And the digest's content: everything that the agreement will hold, classifications
of the columns included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from mesh.access.agreed_rows import agreed_rows
from mesh.access.rights import Matter
from mesh.contracts.model import GUARDED, Classification, Contract
from mesh.errors import DecisionError, UnknownColumnError
from mesh.products.decision_rights import ChangeKind, ConsumerKind
from mesh.products.ports import parse_duration

WHOLE_DOMAIN = "whole_domain"
"""The condition that tells a domain which holds an agreement from a service of the same name."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody asks for, and is agreed to. `until` is the first moment without it.

    `columns` None are all that are not guarded. `rows` is a SQL condition, empty for all.
    """

    holder: str
    holder_kind: ConsumerKind
    purpose: str
    columns: tuple[str, ...] | None = None
    rows: str = ""
    until: datetime | None = None
    may_share: bool = False
    consumers: frozenset[str] = frozenset()
    classifications: Mapping[str, str] = field(default_factory=dict)
    renews: str = ""

    def checked(self, contract: Contract, now: datetime, where: str) -> Self:
        """The terms with the classes of their columns. Raises DecisionError, UnknownColumnError."""
        if not self.purpose.strip():
            raise DecisionError("it is for no purpose", where=where, hint='--purpose "…"')
        if self.until is not None and self.until <= now:
            raise DecisionError(f"its end, {shown(self.until)}, is over", where=where)
        if self.rows:
            agreed_rows(self.rows, contract, where)
        return replace(self, classifications=classes_of(self.columns, contract, where))

    def narrowed(
        self,
        *,
        columns: tuple[str, ...] | None = None,
        until: datetime | None = None,
        rows: str = "",
        where: str = "",
    ) -> Self:
        """The terms with less in them. Raises DecisionError for more."""
        if columns is not None and not {*columns} <= {*self.classifications}:
            extra = sorted({*columns} - {*self.classifications})
            raise DecisionError(f"nobody asked for {', '.join(extra)}", where=where)
        if until is not None and self.until is not None and until > self.until:
            raise DecisionError(f"they asked for it until {shown(self.until)}", where=where)
        if rows and self.rows and rows != self.rows:
            both = f"(\n{self.rows}\n) AND (\n{rows}\n)"  # a comment ends with its line
        else:
            both = rows or self.rows
        kept = self.columns if columns is None else columns
        classes = {n: c for n, c in self.classifications.items() if columns is None or n in columns}
        return replace(
            self, columns=kept, until=until or self.until, rows=both, classifications=classes
        )

    @property
    def matter(self) -> Matter:
        """What decision rights are asked."""
        classes = frozenset(map(Classification, self.classifications.values()))
        return Matter(ChangeKind.ACCESS, classes, self.purpose, self.consumers, self.holder_kind)

    @property
    def conditions(self) -> dict[str, Any]:
        """What the holder has to keep beside columns, purpose and end."""
        return {
            "onward_sharing": self.may_share,
            **({"rows": self.rows} if self.rows else {}),
            **({WHOLE_DOMAIN: True} if self.holder_kind is ConsumerKind.DOMAIN else {}),
        }

    def as_json(self) -> dict[str, Any]:
        """The terms as plain values, as a case asks for them."""
        return {
            "holder": self.holder,
            "holder_kind": str(self.holder_kind),
            "purpose": self.purpose,
            "columns": None if self.columns is None else list(self.columns),
            "rows": self.rows,
            "until": self.until.isoformat() if self.until else None,
            "onward_sharing": self.may_share,
            "classifications": dict(self.classifications),
            "renews": self.renews,
            "matter": self.matter.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(
            data["holder"],
            ConsumerKind(data["holder_kind"]),
            data["purpose"],
            None if data["columns"] is None else tuple(data["columns"]),
            data["rows"],
            datetime.fromisoformat(data["until"]) if data["until"] else None,
            data["onward_sharing"],
            frozenset(data["matter"]["consumers"]),
            data["classifications"],
            data["renews"],
        )


def classes_of(columns: tuple[str, ...] | None, contract: Contract, where: str) -> dict[str, str]:
    """The classes of columns; of None, those of all that are not guarded.

    Raises UnknownColumnError.
    """
    classes = {column.name: column.classification for column in contract.columns}
    for name in columns or ():
        if name not in classes:
            raise UnknownColumnError(name, classes, where=where)
    if columns is None:
        return {name: str(c) for name, c in classes.items() if c not in GUARDED}
    return {name: str(classes[name]) for name in sorted(columns)}


def parse_until(text: str, now: datetime) -> datetime:
    """Read a last day, `2027-06-30`, or a duration, `90d`. Raises DecisionError."""
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return now + parse_duration(text)
    except (ValueError, OverflowError) as error:
        what = f"{text!r} is neither a day such as 2027-06-30 nor a duration such as 90d"
        raise DecisionError(what, where="--until") from error


def shown(until: datetime | None) -> str:
    """An end as people say it: the last day of it, or the moment."""
    if until is None:
        return "no end"
    if until.astimezone(UTC).time() == time():
        return str((until.astimezone(UTC) - timedelta(days=1)).date())
    return until.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")

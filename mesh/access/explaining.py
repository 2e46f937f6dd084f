"""A decision, explained: which rows and columns somebody sees, and by which policies.

Owns the plain values of it. Decides nothing.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from mesh.access.deciding import Decider
from mesh.access.model import Action, Agreement, Ask, ColumnView, PolicyNote, View
from mesh.access.wording import told_mask
from mesh.errors import AccessDeniedError


def explained(decider: Decider, ask: Ask) -> dict[str, Any]:
    """Whether it is allowed, by which policies; of each column how it is seen, and which rows.

    Where only an agreement is missing, columns and rows are those under one (`if_agreed`).
    """
    whole = decider.completed(ask)
    told: dict[str, Any] = {
        "who": ask.principal.name,
        "kind": str(ask.principal.kind),
        "roles": sorted(ask.principal.roles),
        "attributes": dict(ask.principal.attributes),
        "is_known": ask.principal.is_known,
        "product": ask.port.name,
        "access": str(ask.port.access),
        "action": str(ask.action),
        "purpose": ask.purpose,
        "agreement": _agreement(whole.agreement),
        "policies_digest": decider.policies.digest,
    }
    decision = decider.check(whole)
    told["is_allowed"] = decision.is_allowed
    told["policies"] = [_note(note) for note in decision.notes]
    if decision.denial is not None:
        told |= {"why": decision.denial.what, "remedy": decision.denial.hint}
    told["if_agreed"] = False
    if ask.action is Action.PUBLISH:
        return told
    view = _viewed(decider, whole)
    if view is not None:
        told["policies"] = [_note(note) for note in view.notes]
    elif whole.agreement is None:
        wanted = Agreement("", ask.port.name, ask.principal.name, ask.purpose, ask.columns)
        view = _viewed(decider, replace(whole, agreement=wanted))
        told["if_agreed"] = view is not None
    if view is not None:
        told["columns"] = [_column(column) for column in (*view.columns, *view.hidden)]
        told["rows"] = view.rows.text if view.rows else "all"
    return told


def _viewed(decider: Decider, ask: Ask) -> View | None:
    try:
        return decider.view(ask)
    except AccessDeniedError:
        return None


def _column(column: ColumnView) -> dict[str, Any]:
    mask = column.mask
    return {
        "column": column.name,
        "seen": told_mask(mask) if mask else "as it is",
        "mask": str(mask.kind) if mask else "",
        "policies": [_note(note) for note in column.notes],
    }


def _note(note: PolicyNote) -> dict[str, str]:
    return asdict(note)


def _agreement(agreement: Agreement | None) -> dict[str, Any] | None:
    if agreement is None:
        return None
    columns = None if agreement.columns is None else list(agreement.columns)
    return {"id": agreement.id, "purpose": agreement.purpose, "columns": columns}

"""What people are told when policy refuses: which policy, why, and what would change it.

Owns the words. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.access.evaluating import Finding
from mesh.access.model import (
    Action,
    Ask,
    ColumnView,
    Mask,
    MaskKind,
    PolicyNote,
    PrincipalKind,
    View,
)
from mesh.access.principals import Directory
from mesh.errors import AccessDeniedError
from mesh.products.ports import Access

_SHOWN = {
    MaskKind.NULL: "as null",
    MaskKind.CONSTANT: "as {!r}",
    MaskKind.HASH: "hashed",
    MaskKind.PARTIAL: "with {} characters shown",
    MaskKind.TRUNCATE: "cut to {}",
    MaskKind.DROP: "not at all",
}


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal as a value: it is kept, and raised as often as it is asked for.

    `is_failure` where a policy could not be decided.
    """

    what: str
    where: str
    hint: str
    notes: tuple[PolicyNote, ...] = ()
    is_failure: bool = False

    @classmethod
    def failed(cls, ask: Ask, finding: Finding, subject: str = "") -> Denial:
        """The refusal of what a policy could not decide."""
        of = f"{subject}: " if subject else ""
        return cls(
            f"{_may_not(ask)}: {of}a policy cannot be decided: {'; '.join(finding.errors)}",
            ask.port.name,
            "`mesh policy check` finds policies that ask for what may be absent",
            finding.notes,
            is_failure=True,
        )

    def error(self) -> AccessDeniedError:
        """The same, to be raised."""
        policies = [note.id for note in self.notes]
        return AccessDeniedError(self.what, where=self.where, hint=self.hint, policies=policies)


def denial_of(ask: Ask, finding: Finding, directory: Directory) -> Denial | None:
    """The refusal that a finding on a port is; None when it is allowed."""
    if finding.errors:
        return Denial.failed(ask, finding)
    if finding.is_allowed:
        return None
    if finding.notes:
        why = "; ".join(f"{note.reason} (policy {note.id})" for note in finding.notes)
        remedies = [note.remedy for note in finding.notes if note.remedy]
        hint = "; ".join(remedies) or _owner_hint(ask, directory)
        return Denial(f"{_may_not(ask)}: {why}", ask.port.name, hint, finding.notes)
    if ask.action is Action.PUBLISH:
        what = f"{_may_not(ask)}: no policy permits it"
        return Denial(what, ask.port.name, "declare it in the domain that it is to belong to")
    return Denial(
        f"{_may_not(ask)}: no agreement covers it, and it is {ask.port.access}",
        ask.port.name,
        request_hint(ask),
    )


def unseen_input(ask: Ask, view: View) -> Denial:
    """The refusal of an input that would not be handed over as it is."""
    changed = [*view.hidden, *(column for column in view.columns if column.mask)]
    parts = [told_column(column) for column in changed]
    notes = [note for column in changed for note in column.notes]
    if view.rows is not None:
        rows = [note for note in view.notes if note not in notes]
        parts.append(f"rows only where {view.rows.text}")
        notes += rows
    return Denial(
        f"{_may_not(ask)}: an input is handed over whole, and it would see {'; '.join(parts)}",
        ask.port.name,
        _remedies(notes) or request_hint(ask, [column.name for column in changed]),
        tuple(dict.fromkeys(notes)),
    )


def told_column(column: ColumnView) -> str:
    """`tail_number hashed (policy operations.tails: partners join by it)`."""
    how = told_mask(column.mask) if column.mask else "as it is"
    why = "; ".join(f"policy {note.id}: {note.reason}" for note in column.notes)
    return f"{column.name} {how} ({why})" if why else f"{column.name} {how}"


def told_mask(mask: Mask) -> str:
    """How values are shown under a mask, in words."""
    return _SHOWN[mask.kind].format(mask.argument)


def request_hint(ask: Ask, columns: Iterable[str] = ()) -> str:
    """The command that asks for an agreement."""
    named = ",".join(columns) or ",".join(ask.columns or ())
    parts = [f'mesh access request {ask.port.name} --purpose "{ask.purpose or "…"}"']
    if named:
        parts.append(f"--columns {named}")
    if ask.principal.kind is not PrincipalKind.PERSON:
        parts.append(f"--as {ask.principal.name}")
    return f"`{' '.join(parts)}`"


def _may_not(ask: Ask) -> str:
    if ask.action is Action.PUBLISH:
        return f"{ask.port.name} may not be published"
    return f"{ask.principal.name} may not {ask.action} {ask.port.name}"


def _owner_hint(ask: Ask, directory: Directory) -> str:
    owner = directory.owner(ask.port.domain)
    if ask.port.access is Access.PRIVATE or not owner:
        return ""
    return f"ask {owner}, who owns it"


def _remedies(notes: Iterable[PolicyNote]) -> str:
    return "; ".join(dict.fromkeys(note.remedy for note in notes if note.remedy))

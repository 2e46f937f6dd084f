"""Whether somebody sees all that lies where a table does.

Owns the one question that is asked before files themselves are given away, in place of rows: a
table's log and its earlier versions tell what a mask or a filter would hide.
"""

from __future__ import annotations

from mesh.access.model import View
from mesh.errors import AccessDeniedError
from mesh.lake import Snapshot
from mesh.lake.past_columns import columns_ever

_HINT = "rows, SQL and Delta Sharing show exactly what they may see: docs/guides/governed-access.md"


def require_whole(view: View, snapshot: Snapshot) -> None:
    """Raise AccessDeniedError unless every row and value that lies there is seen as it is.

    Also those of versions before, which may have columns that the contract of today has not.
    """
    reasons = list(_hidden(view))
    if not reasons:
        seen = {column.name for column in view.columns}
        if columns_ever(snapshot) <= seen:
            return
        reasons = ["versions before have columns that the contract has no more"]
    narrowing = [n for c in (*view.columns, *view.hidden) if c.mask for n in c.notes]
    notes = [*narrowing, *(view.notes if view.rows is not None else ())]
    raise AccessDeniedError(
        f"{view.principal.name} does not see all of {view.port.name}: {'; '.join(reasons)}",
        where=view.port.name,
        hint=_HINT,
        policies=tuple(dict.fromkeys(note.id for note in notes)),
    )


def _hidden(view: View) -> list[str]:
    told = ["rows are left out"] if view.rows is not None else []
    masked = [column.name for column in view.columns if column.mask]
    hidden = [column.name for column in view.hidden]
    told += [f"masked: {', '.join(masked)}"] if masked else []
    return [*told, *([f"not shown: {', '.join(hidden)}"] if hidden else [])]

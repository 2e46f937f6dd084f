"""A profile as people read it on a terminal: of what would be published, and of what was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mesh.cli import console
from mesh.contracts.profiling.drift import Drift, drifts
from mesh.contracts.verdict import HIDDEN

if TYPE_CHECKING:
    from mesh.catalog.profiles import ProfileRecord
    from mesh.contracts.profiling.profile import ColumnProfile, Profile

_LONGEST = 24
_COLUMNS = ("column", "type", "null", "distinct", "min", "median", "max", "most frequent")
_TOP = 3
_LEAST_SHARE = 0.001
_EXACT = 4_096
_LEAST_POINTS = 0.1
_LEAST_CHANGE = 0.05
"""Below it a change of distinct values may be one of the estimate alone."""


def print_profile(profile: Profile, changes: Mapping[str, Drift] | None = None) -> None:
    """Print the columns, with what changed since the publication before where that is known."""
    words = () if changes is None else ("since the last",)
    made = console.table(*_COLUMNS, *words, right=["null", "distinct"])
    for column in profile.columns:
        drift = [] if changes is None else [_drift(changes.get(column.name))]
        console.add_row(made, *_cells(profile, column), *drift)
    console.print_table(made)


def print_record(name: str, found: ProfileRecord | None, before: ProfileRecord | None) -> None:
    """Print the profile of a product's latest publication, beside the one before."""
    if found is None:
        console.say(f"{name} has no profile", "bold")
        console.say("it was not published yet, or profiles are switched off", "dim")
        return
    rows = console.count(found.profile.rows, "row")
    told = f"{name}, version {found.table_version}: {rows} of one publication"
    console.say(f"{told}, {console.moment(found.profiled_at)}", "bold")
    known = None if before is None else drifts(found.profile, before.profile)
    print_profile(found.profile, None if known is None else {d.column: d for d in known})
    console.say("~ is estimated; `mesh show --json --profile` has quantiles and lengths", "dim")


def record_as_json(found: ProfileRecord | None, before: ProfileRecord | None) -> dict[str, Any]:
    """The same as plain values."""
    if found is None:
        return {"profile": None}
    known = () if before is None else drifts(found.profile, before.profile)
    return {
        "publication_id": found.publication_id,
        "table_version": found.table_version,
        "profiled_at": found.profiled_at,
        "of": "publication",
        "profile": found.profile.as_json(),
        "before": None if before is None else before.table_version,
        "drift": [drift.as_json() for drift in known],
    }


def _cells(profile: Profile, column: ColumnProfile) -> tuple[Any, ...]:
    null = _share(profile.null_share(column)) if column.nulls else console.NOTHING
    low, middle, high = (_short(_moment(column, value)) for value in _range(column))
    about = "~" if column.is_estimated else ""
    top = ", ".join(f"{_short(v)} ({about}{rows:,})" for v, rows in column.top[:_TOP])
    return column.name, column.type, null, _distinct(column), low, middle, high, top


def _distinct(column: ColumnProfile) -> str | None:
    if column.distinct is None:
        return None
    is_estimated = column.distinct >= _EXACT and (column.is_estimated or column.is_hidden)
    return f"{'~' if is_estimated else ''}{column.distinct:,}"


def _range(column: ColumnProfile) -> tuple[Any, Any, Any]:
    if column.is_hidden:
        return HIDDEN, None, HIDDEN
    return column.low, dict(column.quantiles).get(0.5), column.high


def _moment(column: ColumnProfile, value: Any) -> Any:
    """A kept time is text by now: it is shown as it is of a preview."""
    is_kept = column.type == "timestamp" and isinstance(value, str)
    return value.replace("+00:00", "Z") if is_kept else value


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= _LEAST_SHARE else f"< {_LEAST_SHARE:.1%}"


def _drift(drift: Drift | None) -> str | None:
    """What changed enough to be told, in words."""
    if drift is None:
        return None
    words = []
    if drift.null_points is not None and abs(drift.null_points) >= _LEAST_POINTS:
        words.append(f"null {drift.null_points:+.1f} pp")
    if drift.distinct_change is not None and abs(drift.distinct_change) >= _LEAST_CHANGE:
        words.append(f"distinct {drift.distinct_change:+.0%}")
    if drift.mean_change is not None and abs(drift.mean_change) >= _LEAST_CHANGE:
        words.append(f"mean {drift.mean_change:+.2f} sd")
    return ", ".join(words) or None


def _short(value: Any) -> str:
    text = console.one_line(console.shown(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

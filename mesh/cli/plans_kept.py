"""Plans that this clone has made, so that what moved since can be told.

Owns the files `.mesh/plans/<digest>.json`: digests of what each plan judged, and nothing of its
content. Where a plan's file is not there, its own digest still tells which side moved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh.products.plans.digests import Judged
from mesh.products.plans.digests import moved_since as parts_moved
from mesh.products.state import MeshState
from mesh.settings import Settings

KEPT = 20
"""The latest plans of which it is kept what they judged."""


def keep(digest: str, before: MeshState, after: MeshState, settings: Settings) -> None:
    """Keep what a plan judged; the oldest beyond `KEPT` are forgotten."""
    file = _file(digest, settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    unknown = before.unknown | after.unknown
    sides = {"before": before.without(unknown).parts, "after": after.without(unknown).parts}
    draft.write_text(json.dumps(sides, separators=(",", ":")), encoding="utf-8")
    draft.replace(file)
    made = sorted(file.parent.glob("*.json"), key=lambda other: other.stat().st_mtime)
    for old in made[:-KEPT]:
        old.unlink(missing_ok=True)


def moved_since(
    asked: Judged, before: MeshState, after: MeshState, settings: Settings
) -> list[str]:
    """What is not as a plan judged it, in words; empty when the plan holds."""
    now = Judged.of(before, after)
    kept = _kept(_file(str(asked), settings))
    unknown = before.unknown | after.unknown
    moved: list[str] = []
    for side, state, is_same in (
        ("before", before, asked.before == now.before),
        ("after", after, asked.after == now.after),
    ):
        if is_same:
            continue
        found = list(parts_moved(kept[side], state.without(unknown).parts)) if kept else []
        moved += [f"{state.origin}: {line}" for line in found] or [
            f"{state.origin} is not what was judged"
        ]
    return moved


def _kept(file: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # made elsewhere, forgotten, or half of a file
        return None
    return found if isinstance(found, dict) and {"before", "after"} <= set(found) else None


def _file(digest: str, settings: Settings) -> Path:
    return settings.path(settings.state) / "plans" / f"{digest}.json"

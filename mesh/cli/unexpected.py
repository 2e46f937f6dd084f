"""Words for an exception that nobody planned.

Owns the guess whose code it came from: a domain's, or Mesh itself. Refuses to guess about data: a
crash is never reported as bad data.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from mesh.errors import MeshError


def explain(error: BaseException) -> MeshError:
    """The block for an exception that no part of Mesh expected."""
    frames = traceback.extract_tb(error.__traceback__)
    home = Path(__file__).parents[1]
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    foreign = [frame for frame in frames if _is_a_teams(frame.filename, home)]
    what = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    if foreign and frames.index(foreign[-1]) > (frames.index(own[-1]) if own else -1):
        where = f"{_short(foreign[-1].filename)}:{foreign[-1].lineno}"
        return MeshError(
            f"this code failed with {what}", where=where, hint="`--debug` shows the traceback"
        )
    where = f"{_short(own[-1].filename)}:{own[-1].lineno}" if own else "mesh"
    return MeshError(
        f"a bug in Mesh: {what}",
        where=where,
        hint="`--debug` shows the traceback to report it with",
    )


def _is_a_teams(filename: str, home: Path) -> bool:
    path = Path(filename)
    is_library = "site-packages" in path.parts or "dist-packages" in path.parts
    is_code = path.suffix == ".py" and path.is_relative_to(Path.cwd())
    return is_code and not is_library and not path.is_relative_to(home)


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename

"""`mesh contract lint`: what is wrong with ODCS files, and what of them is kept only.

Needs no mesh: a file is held against its version of the standard and against what Mesh can keep.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.errors import DefinitionError, MeshError, Problem

if TYPE_CHECKING:
    from mesh.contracts.odcs.model import Kept


def lint(
    files: Annotated[list[Path], typer.Argument(help="ODCS files, such as orders.odcs.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check contracts in ODCS, of version 3.0.2, 3.1.0 or 3.2.0.

    Prints every problem with file, line and path, and ends with exit code 1 when there is one.
    Notes say where the standard's own schema is stricter than Mesh: they do not fail. What Mesh
    keeps and does not enforce is listed, with the reason.
    """
    from mesh.cli.console import print_json

    found = [_linted(file) for file in files]
    is_sound = not any(item.problems for item in found)
    if as_json:
        print_json({"is_sound": is_sound, "files": [_as_json(item) for item in found]})
    else:
        for item in found:
            _print(item)
    if not is_sound:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Linted:
    """What was found in one file."""

    file: Path
    tables: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    kept: tuple[Kept, ...] = ()


def _linted(file: Path) -> Linted:
    from mesh.contracts.odcs import reading

    try:
        document, where = reading.content(file)
    except DefinitionError as error:
        return Linted(file, problems=error.problems)
    found = reading.lint(document, where)
    return Linted(
        file,
        reading.tables_of(document),
        tuple(found.problems),
        tuple(found.notes),
        tuple(found.kept),
    )


def _as_json(item: Linted) -> dict[str, Any]:
    return {
        "file": str(item.file),
        "is_sound": not item.problems,
        "tables": list(item.tables),
        "problems": [asdict(problem) for problem in item.problems],
        "notes": [asdict(note) for note in item.notes],
        "kept": [asdict(kept) for kept in item.kept],
    }


def _print(item: Linted) -> None:
    from mesh.cli.console import count, print_error, say, warn

    for note in item.notes:
        warn(f"note: {note}")
    for problem in item.problems:
        print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if item.problems:
        print_error(MeshError(count(len(item.problems), "problem"), where=str(item.file)))
        return
    if item.kept:
        say(f"{item.file}: kept, not enforced")
        for kept in item.kept:
            say(f"  {kept.path}: {kept.what}")
    notes = f", {count(len(item.notes), 'note')}" if item.notes else ""
    say(f"{item.file}: {count(len(item.tables), 'table')}{notes}, no problems", "green")

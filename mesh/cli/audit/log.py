"""`mesh audit log`, `verify`, `export`: who decided and read what, and that nobody changed it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError, Problem

if TYPE_CHECKING:
    from mesh.catalog.chain import LogEntry, Verification
    from mesh.catalog.store import Catalog

_AT_ONCE = 1_000
_QUIET = frozenset({"case", "agreement", "separation"})
"""What of an entry's content is for `verify`, and says nothing to people."""
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def log(
    context: typer.Context,
    *,
    product: Annotated[str, typer.Option(help="Only of this product, with major or without.")] = "",
    who: Annotated[str, typer.Option(help="Only what this person, service or product did.")] = "",
    since: Annotated[
        str, typer.Option(help="Only from this day on, `2027-06-30`, or so long ago, `7d`.")
    ] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only entries of this kind, such as `read`; may be given several times."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Entries to show, the newest.")] = 50,
    as_json: _JSON = False,
) -> None:
    """Show who asked, decided and read what, newest first. No value of any data is in it."""
    from mesh.catalog.decision_log import LogQuery
    from mesh.cli.console import add_row, moment, print_json, print_table, say, table

    catalog = Session.of(context).workspace().catalog
    asked = LogQuery(product, who, _since(since), tuple(kind or ()))
    found = catalog.decisions.entries(asked, limit)
    if as_json:
        print_json([entry.as_json() for entry in found])
        return
    made = table("entry", "at", "kind", "who", "subject", "what", wrapping=["what"])
    for entry in found:
        told = (entry.sequence, moment(entry.at), entry.kind, entry.who, entry.subject)
        add_row(made, *told, _words(entry))
    if found:
        print_table(made)
    say(_entries(len(found)), "dim")


def verify(
    context: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Option(help="Check an export instead; it needs no catalog.")
    ] = None,
    head: Annotated[
        str,
        typer.Option(help="A hash that was the last one earlier: was anything cut off since?"),
    ] = "",
    as_json: _JSON = False,
) -> None:
    """Check that no entry was changed, moved, added between or taken away.

    Entries that were cut off at the end are found only with `--head`: keep the hash that this
    prints somewhere else. Cases and agreements are compared with what the log says of them. Ends
    with exit code 1 when anything is wrong.
    """
    from mesh.catalog.chain import verify as verified
    from mesh.cli.console import print_error, print_json, say

    if file is not None:
        found = verified(_exported(file), head)
    else:
        found = Session.of(context).workspace().catalog.decisions.verify(head)
    if as_json:
        problems = [{"what": p.what, "where": p.where, "hint": p.hint} for p in found.problems]
        print_json({"entries": found.entries, "head": found.head, "problems": problems})
    else:
        for problem in found.problems:
            print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
        say(_verdict(found), "green" if found.holds else "bold red")
        say(f"head {found.head}", "dim")
    if not found.holds:
        raise typer.Exit(1)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write, a JSON object a line.")],
    as_json: _JSON = False,
) -> None:
    """Write the whole log to a file, oldest first, with its hashes.

    The file is checked on its own, here or elsewhere: `mesh audit verify --file FILE`.
    """
    from mesh.catalog.chain import GENESIS
    from mesh.cli.console import print_json, say

    if file.exists():
        raise MeshError("there is a file already", where=str(file), hint="choose another name")
    catalog = Session.of(context).workspace().catalog
    number, head = 0, GENESIS
    draft = file.with_name(f"{file.name}.part")
    try:
        with draft.open("w", encoding="utf-8") as lines:
            for entry in _all(catalog):
                lines.write(json.dumps(entry.as_json(), separators=(",", ":")) + "\n")
                number, head = entry.sequence, entry.hash
        draft.replace(file)
    except OSError as error:
        raise MeshError(f"it cannot be written: {error.strerror}", where=str(file)) from error
    finally:
        draft.unlink(missing_ok=True)
    if as_json:
        print_json({"file": str(file), "entries": number, "head": head})
        return
    say(f"wrote {_entries(number)} to {file}", "green")
    say(f"head {head}", "dim")


def _all(catalog: Catalog) -> Iterator[LogEntry]:
    sequence = 0
    while page := catalog.decisions.following(sequence, _AT_ONCE):
        yield from page
        sequence = page[-1].sequence


def _exported(file: Path) -> Iterator[LogEntry]:
    """The entries of an export. Raises MeshError for a line that is none."""
    from mesh.catalog.chain import LogEntry

    number = 0
    try:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                yield LogEntry.from_json(_parsed(line))
    except (ValueError, KeyError, TypeError) as error:
        where = f"{file}:{number}"
        problem = Problem(f"it is no entry of a log: {error}", where, "export it anew")
        raise MeshError(problem.what, where=problem.where, hint=problem.hint) from error
    except OSError as error:
        raise MeshError(f"it cannot be read: {error.strerror}", where=str(file)) from error


def _parsed(line: str) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        message = "not a mapping"
        raise TypeError(message)
    return found


def _since(text: str) -> datetime | None:
    from mesh.products.ports import parse_duration

    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        pass
    try:
        return datetime.now(UTC) - parse_duration(text)
    except (ValueError, OverflowError) as error:
        what = f"{text!r} is neither a day such as 2027-06-30 nor a duration such as 7d"
        raise MeshError(what, where="--since") from error


def _words(entry: LogEntry) -> str:
    from mesh.cli.console import shown

    told = {name: value for name, value in entry.content.items() if name not in _QUIET and value}
    return "; ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in told.items())


def _verdict(found: Verification) -> str:
    from mesh.cli.console import count

    entries = _entries(found.entries)
    if found.holds:
        return f"{entries} hold together"
    return f"{count(len(found.problems), 'problem')} in {entries}"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"

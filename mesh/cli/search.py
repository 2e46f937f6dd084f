"""`mesh search`: what there is, by any word that somebody may know it by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session

if TYPE_CHECKING:
    from rich.text import Text

    from mesh.catalog.search import Hit, Match, SearchPage

_FACETS = ("domain", "kind", "owner", "classification", "freshness", "quality", "access")


def search(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(help="Words of a name, a column, a person, a term; all of it if empty.")
    ] = "",
    *,
    domain: Annotated[list[str] | None, typer.Option(help="Only of this domain.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only of this kind of domain, or `external`.")
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(help="Only of this team.")] = None,
    classification: Annotated[
        list[str] | None, typer.Option(help="Only with this highest classification.")
    ] = None,
    freshness: Annotated[list[str] | None, typer.Option(help="Only `fresh`, `late`, …")] = None,
    quality: Annotated[list[str] | None, typer.Option(help="Only `passed`, `warned`, …")] = None,
    access: Annotated[list[str] | None, typer.Option(help="Only with this access level.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Hits at most.")] = 10,
    after: Annotated[str, typer.Option(help="Go on after a page: its cursor.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find products, and data that others report, by names, columns, people, tags and terms.

    The last word may be a beginning, and a typing error is forgiven. What is found says why.
    """
    from mesh.cli.console import print_json

    session = Session.of(context)
    workspace = session.workspace()
    workspace.register(session.organization().domains)
    chosen = dict(
        zip(
            _FACETS,
            (domain, kind, owner, classification, freshness, quality, access),
            strict=True,
        )
    )
    page = workspace.catalog.search.find(
        text,
        facets={name: values for name, values in chosen.items() if values},
        limit=limit,
        after=after,
    )
    if as_json:
        print_json(page.as_json())
    else:
        _print(page)


def _print(page: SearchPage) -> None:
    from mesh.cli.console import count, say, stdout

    for hit in page.hits:
        say(_headline(hit), "bold")
        if hit.description:
            say(f"  {hit.description.splitlines()[0]}")
        for match in hit.matches[:2]:
            stdout().print(_reason(match))
    for note in page.notes:
        say(note, "yellow")
    are = "is" if len(page.hits) == 1 else "are"
    say(f"{count(page.total, 'hit')}, of which {len(page.hits)} {are} shown", "dim")
    for name, counts in page.facets.items():
        if len(counts) > 1:
            listed = ", ".join(f"{item.value} {item.count:,}" for item in counts[:6])
            say(f"  {name}: {listed}", "dim")
    if page.cursor:
        say(f"  more: --after {page.cursor}", "dim")


def _headline(hit: Hit) -> str:
    if not hit.is_governed:
        return f"{hit.name} (not governed: {hit.key})"
    told = [hit.owner, hit.freshness, hit.quality, hit.access]
    used = [f"{hit.reads:,} reads"] if hit.reads else []
    return f"{hit.name}  {' · '.join([*filter(None, told), *used])}"


def _reason(match: Match) -> Text:
    from rich.text import Text

    from mesh.cli.console import visible

    line = Text(f"  {match.field}: ", style="dim")
    plain = match.text.replace("\n", " ")
    text = visible(plain)
    piece = Text(text)
    if text == plain:
        for start, end in match.marks:
            piece.stylize("bold cyan", start, end)
    line.append_text(piece)
    return line.append(" (a guess)", style="dim") if match.is_guess else line

"""`mesh glossary`: what words of the business mean, and which data they are about."""

from __future__ import annotations

from typing import Annotated

import typer

from mesh.cli.session import Session

app = typer.Typer(help="What words of the business mean.", no_args_is_help=True)


@app.command("list")
def list_terms(
    context: typer.Context,
    domain: Annotated[str, typer.Option(help="Only the terms of this domain.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the terms of every domain."""
    from mesh.cli.console import add_row, print_json, print_table, say, table

    session = Session.of(context)
    workspace = session.workspace()
    workspace.register(session.organization().domains)
    terms = workspace.catalog.glossary.terms(domain)
    if as_json:
        print_json([term.as_json() for term in terms])
        return
    if not terms:
        say("no term is defined: `glossary.yaml` beside `domain.yaml` holds them", "yellow")
        return
    made = table("term", "name", "definition", wrapping=["definition"])
    for term in terms:
        add_row(made, term.id, term.name, term.definition)
    print_table(made)


@app.command("show")
def show_term(
    context: typer.Context,
    term: Annotated[str, typer.Argument(help="A term's id, its name or a synonym.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a term: what it means, other words for it, and the data that it is about."""
    from mesh.cli.console import print_json, say

    session = Session.of(context)
    workspace = session.workspace()
    workspace.register(session.organization().domains)
    found = workspace.catalog.glossary.term(term)
    if as_json:
        print_json(found.as_json())
        return
    say(f"{found.name} ({found.id})", "bold")
    say(found.definition)
    told = {
        "also": ", ".join(found.synonyms),
        "a kind of": found.broader,
        "see": ", ".join(found.related),
        "steward": f"{found.steward} {found.steward_email}".strip(),
        "about": ", ".join(found.applies_to),
    }
    for name, text in told.items():
        if text:
            say(f"  {name}: {text}")

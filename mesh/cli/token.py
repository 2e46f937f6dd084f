"""`mesh token`: who may use the catalog over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.catalog.tokens import Scope, TokenRecord

app = typer.Typer(help="Let people and tools use a served catalog.", no_args_is_help=True)

_JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("create")
def create(
    context: typer.Context,
    principal: Annotated[str, typer.Option("--as", help="Whom the token stands for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is good for: read (by default), events (to report lineage), publish "
            "(both, and what runs of registered products record), write (that, and to register "
            "domains and policies, and to decide), or admin (all, and tokens). May be given "
            "several times."
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option(help="How long it is good, such as `12h`, `90d` or `52w`.")
    ] = "90d",
    note: Annotated[str, typer.Option(help="What it is for, for whoever looks later.")] = "",
    as_json: _JSON = False,
) -> None:
    """Make a token. It is shown once: the catalog keeps only a hash of it."""
    from mesh.cli.console import moment, print_json, say, stdout

    scopes, seconds = [_scope(name) for name in scope or ["read"]], lasting(expires)
    catalog = Session.of(context).workspace().catalog
    made = catalog.tokens.create(principal, scopes, lasting=seconds, note=note)
    if as_json:
        print_json({**_as_json(made.record), "token": made.secret})
        return
    stdout().print(made.secret, soft_wrap=True)
    until = moment(made.record.expires_at)
    say(f"token {made.record.id} of {principal}, good for {_words(made.record)} until {until}")
    say("next: keep it now, it is not shown again; MESH_CATALOG__TOKEN takes it", "cyan")


@app.command("list")
def list_tokens(context: typer.Context, as_json: _JSON = False) -> None:
    """List the tokens, newest first; also those that are good no more."""
    from mesh.cli.console import add_row, age, count, moment, print_json, print_table, say, table

    found = Session.of(context).workspace().catalog.tokens.all()
    if as_json:
        print_json([_as_json(record) for record in found])
        return
    made = table("id", "for", "scopes", "state", "expires", "last used", "note")
    now = datetime.now(UTC)
    for record in found:
        used = age(record.last_used_at) if record.last_used_at else "never"
        add_row(
            made,
            record.id,
            record.principal,
            _words(record),
            record.state(now),
            moment(record.expires_at),
            used,
            record.note,
        )
    if found:
        print_table(made)
    say(count(len(found), "token"), "dim")


@app.command("revoke")
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="The token's id, as `mesh token list` shows it.")],
    as_json: _JSON = False,
) -> None:
    """End a token at once."""
    from mesh.cli.console import print_json, say

    record = Session.of(context).workspace().catalog.tokens.revoke(token)
    if as_json:
        print_json(_as_json(record))
        return
    say(f"token {record.id} of {record.principal} is revoked")


def lasting(expires: str) -> float:
    """How many seconds a token is good, by `--expires`. Raises MeshError."""
    from mesh.products.ports import parse_duration

    try:
        return parse_duration(expires).total_seconds()
    except (ValueError, OverflowError) as error:
        raise MeshError(str(error), where="--expires") from error


def _scope(name: str) -> Scope:
    from mesh.catalog.tokens import Scope

    try:
        return Scope(name)
    except ValueError as error:
        known = ", ".join(Scope)
        raise MeshError(
            f"there is no scope {name!r}", where="--scope", hint=f"scopes are {known}"
        ) from error


def _words(record: TokenRecord) -> str:
    return ", ".join(record.scopes)


def _as_json(record: TokenRecord) -> dict[str, Any]:
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    return {
        "id": record.id,
        "principal": record.principal,
        "scopes": [str(scope) for scope in record.scopes],
        "state": record.state(datetime.now(UTC)),
        "note": record.note,
        **{name: getattr(record, name) for name in times},
    }

"""`mesh login`, `mesh logout` and `mesh whoami`: who one is, at a served mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.settings import Settings

_URL = Annotated[str, typer.Option(help="The server, instead of the setting `catalog.url`.")]


def login(context: typer.Context, url: _URL = "") -> None:
    """Sign in at a served mesh, with its identity provider: by a code, in any browser.

    The sign-in is kept in this clone, for that server alone, and used where no token is set.
    """
    from mesh.catalog.remote.device import asked_code, offered, waited
    from mesh.catalog.remote.kept import SignIns
    from mesh.cli.console import one_line, say

    settings = Session.of(context).settings()
    offer = offered(_server(settings, url))
    code = asked_code(offer)
    say(f"open {one_line(code.complete or code.where)}")
    say(f"and enter the code {one_line(code.user_code)}", "bold")
    SignIns.of(settings).keep(waited(offer, code))
    say(f"signed in at {offer.url}")
    if settings.catalog_url.rstrip("/") != offer.url:
        say(f"next: MESH_CATALOG__URL={offer.url} uses it", "cyan")


def logout(context: typer.Context, url: _URL = "") -> None:
    """Forget a sign-in."""
    from mesh.catalog.remote.kept import SignIns
    from mesh.cli.console import say

    settings = Session.of(context).settings()
    server = _server(settings, url)
    had = SignIns.of(settings).forget(server)
    say(f"signed out at {server}" if had else f"nobody was signed in at {server}")


def whoami(
    context: typer.Context,
    url: _URL = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say who one is at a served mesh, and what one may do there."""
    from mesh.catalog.remote.client import Caller
    from mesh.catalog.remote.kept import SignIns
    from mesh.cli.console import one_line, print_json, say

    settings = Session.of(context).settings()
    server, kept = _server(settings, url), SignIns.of(settings)
    is_set = settings.catalog.token and server == settings.catalog_url
    caller = Caller(server, settings.catalog.token if is_set else lambda: kept.token(server))
    found = caller.get("me")
    caller.close()
    if as_json:
        print_json(found)
        return
    say(one_line(found["name"]) or "nobody: no token is set, and nobody signed in (`mesh login`)")
    for what in ("scopes", "roles", "domains"):
        if found[what]:
            say(f"{what}: {one_line(', '.join(found[what]))}")


def _server(settings: Settings, url: str) -> str:
    found = url or settings.catalog_url
    if not found.startswith(("http://", "https://")):
        raise MeshError(
            "no server is named", hint="--url https://mesh.example.com, or MESH_CATALOG__URL"
        )
    return found

"""`mesh share`: let people read products with the tools of Delta Sharing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session
from mesh.cli.token import lasting
from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.settings import Settings

app = typer.Typer(
    help="Let people read products with the tools of Delta Sharing.", no_args_is_help=True
)

_VERSION = 1
"""Of profiles with a bearer token, as the protocol counts."""


@app.command("profile")
def profile(
    context: typer.Context,
    principal: Annotated[str, typer.Option("--as", help="Whom the profile stands for.")],
    expires: Annotated[
        str, typer.Option(help="How long it is good, such as `12h`, `90d` or `52w`.")
    ] = "90d",
    url: Annotated[
        str,
        typer.Option(help="Where they reach `mesh serve`, such as `https://mesh.example.org`."),
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="File to write; by default named for them, `….share`.")
    ] = None,
    note: Annotated[str, typer.Option(help="What it is for, for whoever looks later.")] = "",
) -> None:
    """Write a profile file: the address of `mesh serve`, and a token that may read.

    Whoever has the file reads as USER, what policy lets USER see. `mesh token revoke` ends it.
    """
    from mesh.catalog.tokens import Scope
    from mesh.cli.console import moment, say

    session = Session.of(context)
    file = output or Path(f"{principal.replace('/', '_')}.share")
    if file.exists():
        raise MeshError("there is a file already", where=str(file), hint="name another: --output")
    endpoint = f"{_reached(url, session.settings())}/delta-sharing"
    tokens = session.workspace().catalog.tokens
    told = note or f"delta sharing, {file.name}"
    made = tokens.create(principal, [Scope.READ], lasting=lasting(expires), note=told)
    _write(
        file,
        {
            "shareCredentialsVersion": _VERSION,
            "endpoint": endpoint,
            "bearerToken": made.secret,
            "expirationTime": f"{made.record.expires_at:%Y-%m-%dT%H:%M:%S.000Z}",
        },
    )
    until = moment(made.record.expires_at)
    say(f"wrote {file}: {principal} reads at {endpoint} until {until}, by token {made.record.id}")
    say("next: give it to them by a way that nobody else reads; it holds a token", "cyan")


def _reached(url: str, settings: Settings) -> str:
    """Where clients reach the server: as is said, or where the catalog is, or will be, served."""
    if url:
        if not url.startswith(("http://", "https://")):
            raise MeshError(f"{url!r} is no http address", where="--url")
        return url.rstrip("/")
    if settings.catalog_url.startswith(("http://", "https://")):
        return settings.catalog_url.rstrip("/")
    serving = settings.serving
    if not serving.port:
        raise MeshError("serving.port takes any", where="--url", hint="say where it is reached")
    scheme = "https" if serving.certificate else "http"
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    return f"{scheme}://{host}:{serving.port}"


def _write(file: Path, content: dict[str, object]) -> None:
    """A file that only its owner reads."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        what = f"the profile cannot be written: {error.strerror}"
        raise MeshError(what, where=str(file), hint="name another: --output") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(json.dumps(content, indent=2) + "\n")

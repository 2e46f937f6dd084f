"""`mesh serve`: the catalog over HTTP, and data as far as policy lets it be seen."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.serving.running import Listening
    from mesh.settings import Settings


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on, instead of the setting `serving.host`.")
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="Port, instead of `serving.port`; 0 takes any that is free.")
    ] = None,
    flight_port: Annotated[
        int | None,
        typer.Option(help="Port for Arrow Flight SQL; by default the one after the other."),
    ] = None,
) -> None:
    """Serve the catalog to people, tools and other Meshes, until it is stopped; and data.

    By default only this machine reaches it, and may read the catalog; writing needs a token (`mesh
    token`). On any other address reading needs one too, unless the setting `serving.reading` says
    `open`. Data always needs one, and is what policy lets its principal see.
    """
    from mesh.access.auditing import ReadAudit
    from mesh.catalog.store import Catalog

    settings = _chosen(
        Session.of(context).settings(), host=host or None, port=port, flight_port=flight_port
    )
    if settings.catalog_url.startswith(("http://", "https://")):
        raise MeshError(
            "the catalog is served already",
            where=settings.catalog_url,
            hint="run `mesh serve` where its database is, with MESH_CATALOG__URL naming that",
        )
    try:
        from mesh.serving.deciding import Deciding
        from mesh.serving.running import ending_quietly, listening
    except ModuleNotFoundError as error:
        raise MeshError(
            f"{error.name!r} is not installed", hint="pip install 'mesh-data[serve]'"
        ) from error
    with (
        # Whoever asks meanwhile is told so, and when to ask again.
        Catalog.open(settings.catalog_url, patience=0) as catalog,
        closing(ReadAudit(catalog)) as audit,
        listening(catalog, settings, Deciding.of(catalog, settings, audit)) as server,
        ending_quietly(),
    ):
        _tell(server, catalog.where, settings)
        server.run()


def _chosen(settings: Settings, **said: str | int | None) -> Settings:
    """The settings, with what the command says in place of theirs."""
    changed = {name: value for name, value in said.items() if value is not None}
    serving = type(settings.serving).model_validate({**settings.serving.model_dump(), **changed})
    return settings.model_copy(update={"serving": serving})


def _tell(server: Listening, where: str, settings: Settings) -> None:
    from mesh.cli.console import say, warn
    from mesh.serving.authority import is_near, is_reading_open

    is_open = is_reading_open(settings.serving)
    reached = "this machine" if is_near(settings.serving.host) else "whoever reaches this address"
    url = server.url
    say(f"serving {where} at {url}", "bold")
    say(f"documentation: {url}/docs")
    say(f"reading is open to {reached}" if is_open else "reading needs a token")
    if settings.identity.client:
        say(f"people sign in: mesh login --url {settings.identity.url or url}")
    say("writing needs a token: mesh token create --as YOU --scope write")
    say(f"data by Delta Sharing: {url}/delta-sharing, with a profile of `mesh share profile`")
    say(f"rows, measures and SQL: {url}/v1, and `mesh.connect({url!r}, token)` in Python")
    if server.flight:
        say(f"SQL by Arrow Flight: {server.flight}")
    if is_near(settings.serving.host):
        return
    if is_open:
        warn("everybody who reaches this address may read the whole catalog")
    if settings.serving.certificate is None:
        warn("this is http: put a proxy with https before it, or set serving.certificate")

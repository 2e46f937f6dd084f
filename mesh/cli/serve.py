"""`mesh serve`: the catalog over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.settings import Settings


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on, instead of the setting `serving.host`.")
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="Port, instead of `serving.port`; 0 takes any that is free.")
    ] = None,
) -> None:
    """Serve the catalog to people, tools and other Meshes, until it is stopped.

    By default only this machine reaches it, and may read; writing needs a token (`mesh token`). On
    any other address reading needs one too, unless the setting `serving.reading` says `open`.
    """
    from mesh.catalog.store import Catalog

    settings = _chosen(Session.of(context).settings(), host, port)
    if settings.catalog_url.startswith(("http://", "https://")):
        raise MeshError(
            "the catalog is served already",
            where=settings.catalog_url,
            hint="run `mesh serve` where its database is, with MESH_CATALOG__URL naming that",
        )
    try:
        from mesh.serving.running import ending_quietly, listening
    except ModuleNotFoundError as error:
        raise MeshError(
            f"{error.name!r} is not installed", hint="pip install 'mesh-data[serve]'"
        ) from error
    with (
        # Whoever asks meanwhile is told so, and when to ask again.
        Catalog.open(settings.catalog_url, patience=0) as catalog,
        listening(catalog, settings) as server,
        ending_quietly(),
    ):
        _tell(server.url, catalog.where, settings)
        server.run()


def _chosen(settings: Settings, host: str, port: int | None) -> Settings:
    """The settings, with what the command says in place of theirs."""
    said = {"host": host or None, "port": port}
    changed = {name: value for name, value in said.items() if value is not None}
    serving = type(settings.serving).model_validate({**settings.serving.model_dump(), **changed})
    return settings.model_copy(update={"serving": serving})


def _tell(url: str, where: str, settings: Settings) -> None:
    from mesh.cli.console import say, warn
    from mesh.serving.authority import is_near, is_reading_open

    is_open = is_reading_open(settings.serving)
    reached = "this machine" if is_near(settings.serving.host) else "whoever reaches this address"
    say(f"serving {where} at {url}", "bold")
    say(f"documentation: {url}/docs")
    say(f"reading is open to {reached}" if is_open else "reading needs a token")
    say("writing needs a token: mesh token create --as YOU --scope write")
    if is_near(settings.serving.host):
        return
    if is_open:
        warn("everybody who reaches this address may read the whole catalog")
    if settings.serving.certificate is None:
        warn("this is http: put a proxy with https before it, or set serving.certificate")

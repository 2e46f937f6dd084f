"""Whether the server lives, whether it can serve, and what it is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from fastapi import APIRouter, Request

from mesh.catalog.remote.operations import PROTOCOL
from mesh.catalog.schema import REVISION
from mesh.serving.authority import is_reading_open
from mesh.serving.routes.asking import Asked
from mesh.serving.views.base import View

health = APIRouter(tags=["health"])
versions = APIRouter(tags=["health"])


class HealthView(View):
    """How the server is."""

    status: Literal["ok"] = "ok"


class VersionView(View):
    """What the server is. `protocol` is of remote catalogs, `catalog` the database's revision."""

    mesh: str
    api: Literal["v1"] = "v1"
    protocol: int
    catalog: str
    reading: Literal["open", "token"]


@health.get("/healthz")
def healthz() -> HealthView:
    """The process lives."""
    return HealthView()


@health.get("/readyz")
def readyz(catalog: Asked) -> HealthView:
    """The catalog can be read; 503 while it cannot."""
    catalog.browsing.ping()
    return HealthView()


@versions.get("/version")
def server_version(request: Request) -> VersionView:
    """What the server is, and which Mesh it runs."""
    is_open = is_reading_open(request.app.state.settings)
    reading: Literal["open", "token"] = "open" if is_open else "token"
    return VersionView(mesh=_installed(), protocol=PROTOCOL, catalog=REVISION, reading=reading)


def _installed() -> str:
    try:
        return version("mesh-data")
    except PackageNotFoundError:
        return "unknown"

"""The protocol's routes to one table: version, columns, files and changes, and the files' bytes.

Owns their parameters: which version is meant, which of several ways to say so may go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from mesh.lake import Snapshot
from mesh.naming import ProductId
from mesh.serving.requests import is_head
from mesh.serving.sharing.answering import Answering, Lines
from mesh.serving.sharing.asking import (
    Asker,
    Shared,
    body_of,
    follower,
    hints_of,
    text,
    whole,
)
from mesh.serving.sharing.delivering import Whole, delivered
from mesh.serving.sharing.formats import CAPABILITIES, MEDIA_TYPE, VERSION, Capabilities
from mesh.serving.sharing.governing import Decided
from mesh.serving.sharing.grants import SIGNATURE
from mesh.serving.sharing.moments import version_at, version_from
from mesh.serving.sharing.names import product_of
from mesh.serving.sharing.refusing import RefusedError
from mesh.serving.sharing.sharing import Sharing

router = APIRouter()
_TABLE = "/shares/{share}/schemas/{schema}/tables/{table}"

Moment = Annotated[str | None, Query(max_length=60)]
Said = Annotated[str, Header(alias=CAPABILITIES, max_length=2_000)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A table that somebody asks for, and what they see of it."""

    product: ProductId
    sharing: Sharing
    decided: Decided
    asker: Asker

    def answering(self, capabilities: str) -> Answering:
        """Who answers, in a format that is understood."""
        said = Capabilities.of(capabilities)
        return Answering(self.sharing, self.decided, said, self.asker.bearer)

    def latest(self) -> Snapshot:
        """The latest version."""
        return self.sharing.latest(self.product)

    def at(self, version: int | None, moment: str | None) -> Snapshot:
        """The version of a number or of a moment; of neither, the latest."""
        if version is not None and moment:
            raise RefusedError(400, "a version or a timestamp is asked for, not both")
        latest = self.latest()
        if moment:
            version = version_at(latest, moment)
        if version is not None and version > latest.version:
            raise RefusedError(400, f"the latest version is {latest.version}")
        return self.sharing.versions.at(self.product, version)


def _asked(asker: Asker, sharing: Shared, share: str, schema: str, table: str) -> Asked:
    product = product_of(share, schema, table)
    return Asked(product, sharing, sharing.governing.decided(asker.who, product), asker)


Table = Annotated[Asked, Depends(_asked)]


@router.get(_TABLE)
@router.get(f"{_TABLE}/version")
def version(
    asked: Table, starting: Annotated[Moment, Query(alias="startingTimestamp")] = None
) -> Response:
    """The latest version, or the first of a moment or after."""
    latest = asked.latest()
    found = latest.version
    if starting:
        found = version_from(latest, starting)
    return Response(headers={VERSION: str(found)})


@router.get(f"{_TABLE}/metadata")
def metadata(
    asked: Table,
    capabilities: Said = "",
    version: Annotated[int | None, Query(ge=0)] = None,
    timestamp: Moment = None,
) -> Response:
    """Protocol and columns of a version."""
    answering = asked.answering(capabilities)
    return _told(answering, answering.metadata(asked.at(version, timestamp)))


@router.post(f"{_TABLE}/query")
def query(
    asked: Table, body: Annotated[Mapping[str, Any], Depends(body_of)], capabilities: Said = ""
) -> Response:
    """The files of a version, or those that versions since one have added and removed."""
    answering = asked.answering(capabilities)
    first, last = whole(body, "startingVersion"), whole(body, "endingVersion")
    version, moment = whole(body, "version"), text(body, "timestamp")
    if first is None:
        return _told(answering, answering.files(asked.at(version, moment), hints_of(body)))
    if version is not None or moment:
        raise RefusedError(400, "changes since a version are asked for, or a version, not both")
    first, until = _range(asked, first, last)
    return _told(answering, answering.changes(first, until, is_feed=False))


@router.get(f"{_TABLE}/changes")
def changes(
    asked: Table,
    capabilities: Said = "",
    first: Annotated[int | None, Query(alias="startingVersion", ge=0, lt=2**63)] = None,
    last: Annotated[int | None, Query(alias="endingVersion", ge=0, lt=2**63)] = None,
    starting: Annotated[Moment, Query(alias="startingTimestamp")] = None,
    ending: Annotated[Moment, Query(alias="endingTimestamp")] = None,
) -> Response:
    """What each version of a range changed, row by row."""
    if (first is None) == (starting is None):
        raise RefusedError(400, "one of startingVersion and startingTimestamp is asked for")
    if last is not None and ending is not None:
        raise RefusedError(400, "one of endingVersion and endingTimestamp is asked for")
    answering = asked.answering(capabilities)
    latest = asked.latest()
    if starting is not None:
        first = version_from(latest, starting)
    if ending is not None:
        last = version_at(latest, ending)
    first, until = _range(asked, first or 0, last)
    return _told(answering, answering.changes(first, until, is_feed=True))


@router.get("/files/{link}/{identity}")
async def file(
    request: Request,
    sharing: Shared,
    link: str,
    identity: str,
    signature: Annotated[str, Query(alias=SIGNATURE, max_length=100)] = "",
) -> Response:
    """The bytes of a file, to whoever has its link; or where the store has them, for a minute.

    HEAD is answered here: what the store signed is good for GET alone.
    """
    grant = sharing.signer.opened(link, signature)
    await follower(request, grant)
    offer = await run_in_threadpool(sharing.followed, grant)
    if (found := offer.file(identity)) is None:
        raise RefusedError(404, "this link leads to no such file")
    path, size = found
    onward = (
        "" if is_head(request) else await run_in_threadpool(sharing.linking.onward, offer, path)
    )
    if onward:
        return RedirectResponse(onward, 302)
    return await run_in_threadpool(
        delivered, request, offer.store, path, size=size, identity=identity
    )


def _range(asked: Asked, first: int, last: int | None) -> tuple[int, Snapshot]:
    """The versions of a range, of which the last may be left out. Raises RefusedError."""
    latest = asked.latest()
    if first > latest.version:
        raise RefusedError(400, f"the latest version is {latest.version}")
    if last is not None and last < first:
        raise RefusedError(400, "the range ends before it begins")
    if last is None or last >= latest.version:
        return first, latest
    return first, asked.sharing.versions.at(asked.product, last)


def _told(answering: Answering, lines: Lines) -> Response:
    headers = {VERSION: str(lines.version), **answering.capabilities.headers(lines.chosen)}
    return Whole(lines.body, headers=headers, media_type=MEDIA_TYPE)

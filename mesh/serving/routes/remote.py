"""The catalog's own methods, for Meshes elsewhere that have this catalog by URL.

Owns the way from a request to one call. Who may only read calls under `only_reading`, where any
write is refused. A protocol between Meshes, which the OpenAPI document leaves out: it is as wide as
the class `Catalog`, and speaks Python's JSON.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Security
from starlette.responses import Response

from mesh.catalog.database import only_reading
from mesh.catalog.decision_log import acting_for
from mesh.catalog.remote.operations import PROTOCOL, Operation, facets_of, operations_of
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import DefinitionError, NotAllowedError
from mesh.serving.authority import Principal, authorise
from mesh.serving.bodies import read_json
from mesh.serving.problems import ProblemError

router = APIRouter()

_FOR_ADMINISTRATORS = frozenset({"tokens"})
_FOR_READERS = frozenset({"usage.add"})
"""What is written of reading, by whoever may read and has a token."""
_OF_RUNS = frozenset(
    {
        "record",
        "record_all",
        "record_contracts",
        "record_quarantine_events",
        "record_refused",
        "profiles.record",
        "traces.record",
        "events.take_batches",
        *(f"emissions.{name}" for name in ("attempt", "begin_as", "end", "prune")),
        *(
            f"deliveries.{name}"
            for name in ("again", "claim", "failed", "forget", "release", "sent", "set_aside")
        ),
    }
)
"""What is written of the runs of products that are registered: nothing by which anybody decides.

Whatever else there is, a catalog's later methods too, is written with `write` alone.
"""
_FOR_THE_NAMED = frozenset({"decisions.entries", "decisions.following"})
"""What says who read what: not for somebody without a token, even where reading is open."""


class Calls:
    """What can be called of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._owners: dict[str, object] = {"": catalog, **facets_of(catalog)}
        self._operations: dict[str, Operation] = {}
        for name, owner in self._owners.items():
            prefix = f"{name}." if name else ""
            for operation in operations_of(type(owner), prefix).values():
                self._operations[operation.name] = operation

    def call(self, name: str, given: object) -> Any:
        """The result of a call, as plain values. Raises ProblemError."""
        operation = self._operations.get(name)
        if operation is None:
            what = f"this catalog has no operation {name[:80]!r}"
            raise ProblemError(404, what, hint="is Mesh here older than there?")
        facet, _, method = name.rpartition(".")
        try:
            arguments = operation.decoded(given if isinstance(given, dict) else {})
        except (ValueError, KeyError, TypeError, AttributeError, DefinitionError) as error:
            raise ProblemError(422, f"{name} cannot be called with that: {error}") from error
        try:
            result = getattr(self._owners[facet], method)(**arguments)
        except (ValueError, OverflowError) as error:  # what the database takes for no value
            raise ProblemError(422, f"{name} was called with what cannot be: {error}") from error
        return operation.result.encode(result)


@router.post("/catalog/{operation}", include_in_schema=False)
def call(
    request: Request,
    operation: str,
    principal: Annotated[Principal, Security(authorise)],
    body: Annotated[Any, Depends(read_json)],
) -> Response:
    """Call one method of the catalog."""
    _understood(request)
    _allowed(principal, operation)
    calls: Calls = request.app.state.calls
    is_counting = operation in _FOR_READERS and bool(principal.name)
    needed = Scope.PUBLISH if operation in _OF_RUNS else Scope.WRITE
    may_write = is_counting or principal.may(needed)
    actor = "" if principal.may(Scope.ADMIN) else principal.name
    with nullcontext() if may_write else only_reading(), acting_for(actor):
        try:
            result = calls.call(operation, body.get("arguments") if isinstance(body, dict) else {})
        except NotAllowedError as error:
            if may_write:  # it is not what may be written that is at fault
                raise
            raise _needs(needed, principal) from error
    # Python's JSON: samples of bad rows hold NaN and lone surrogates, which come back as they went.
    return Response(json.dumps({"result": result}), media_type="application/json")


def _understood(request: Request) -> None:
    told = request.headers.get("mesh-protocol", str(PROTOCOL))
    if told.isdecimal() and int(told) > PROTOCOL:
        raise ProblemError(
            400, "a newer Mesh asks, which speaks otherwise", hint="upgrade Mesh on the server"
        )


def _allowed(principal: Principal, operation: str) -> None:
    needed = Scope.READ
    if operation.partition(".")[0] in _FOR_ADMINISTRATORS:
        needed = Scope.ADMIN
    is_nameless = operation in _FOR_THE_NAMED and not principal.name
    if is_nameless or not principal.may(needed):
        raise _needs(needed, principal)


def _needs(scope: Scope, principal: Principal) -> ProblemError:
    hint = f"`mesh token create --scope {scope}` where the catalog is, then MESH_CATALOG__TOKEN"
    if scope is Scope.WRITE and principal.may(Scope.PUBLISH):
        hint = "`mesh catalog sync` with a token for write registers what changed; then runs go on"
    if not principal.name:
        challenge = {"www-authenticate": 'Bearer realm="mesh"'}
        return ProblemError(401, f"this needs a token for {scope}", hint=hint, headers=challenge)
    return ProblemError(403, f"the token is not good for {scope}", hint=hint)

"""Who one is, and how one signs in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from mesh.catalog.remote.device import OFFER
from mesh.serving.authority import Principal, authorise
from mesh.serving.identity.signing_in import Identities
from mesh.serving.views.base import View

people = APIRouter(tags=["health"])
offers = APIRouter(include_in_schema=False)


class PrincipalView(View):
    """Who asks; `name` is empty for nobody. Roles and domains are told where data is served."""

    name: str
    scopes: list[str]
    roles: list[str]
    domains: list[str]


@people.get("/me")
def me(asking: Annotated[Principal, Depends(authorise)]) -> PrincipalView:
    """Who one is, by the token that is sent, and what one may do."""
    who = asking.who
    return PrincipalView(
        name=asking.name,
        scopes=sorted(asking.allowed),
        roles=sorted(who.roles) if who else [],
        domains=sorted(who.domains) if who else [],
    )


@offers.get(OFFER)
def offer(request: Request) -> dict[str, Any]:
    """At which provider one signs in, and by which client (RFC 9728)."""
    identities: Identities = request.app.state.identities
    told = identities.settings
    return {
        "resource": told.audience,
        "authorization_servers": [told.issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": [*told.scopes, *filter(None, [told.needed_scope])],
        "mesh_client": told.client,
    }

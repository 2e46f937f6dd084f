"""Settings of the identity provider: whom it speaks for, and what of its word is believed.

Owns their fields, defaults and bounds. Nothing of it holds until `issuer` is set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})


class IdentitySettings(BaseModel):
    """The identity provider (OpenID Connect) whose people and services are known here."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuer: str = Field(
        default="",
        description="URL of the identity provider, just as its tokens name it in `iss`; empty for "
        "none: then only tokens of `mesh token` are known.",
    )
    audience: str = Field(
        default="",
        description="What access tokens for this mesh name in `aud`, such as "
        "`https://mesh.example.com`; another than any client's id.",
    )
    client: str = Field(
        default="",
        description="Id of the client by which people sign in, with `mesh login` and in browsers; "
        "empty lets nobody sign in here.",
    )
    client_secret: str = Field(
        default="",
        description="That client's secret, used by the server alone; empty for a public client, "
        "which `mesh login` needs. Keep it out of files.",
        repr=False,
    )
    clients: tuple[str, ...] = Field(
        default=(), description="Ids of further clients whose access tokens are taken."
    )
    services: dict[str, str] = Field(
        default_factory=dict,
        description="Services that get tokens of their own: the token's `sub`, by which the "
        "provider knows a service, and its name in `organization.yaml`.",
    )
    scopes: tuple[str, ...] = Field(
        default=("openid", "profile", "email"),
        description="Scopes that are asked for when somebody signs in.",
    )
    needed_scope: str = Field(
        default="",
        description="Scope that an access token must have to be taken; empty for none.",
    )
    token_types: tuple[Literal["at+jwt", "JWT"], ...] = Field(
        default=("at+jwt",),
        min_length=1,
        description="What access tokens say that they are (`typ`). `JWT` is for providers that do "
        "not mark them: what looks like a token of another kind is refused then, too.",
    )
    person: str = Field(
        default="email",
        min_length=1,
        description="Claim with the e-mail address by which a person is known; of a claim inside "
        "another, both, with a dot between.",
    )
    groups: str = Field(
        default="groups", description="Claim with a person's or service's groups; empty for none."
    )
    attributes: dict[str, str] = Field(
        default_factory=dict,
        description="Attributes of `organization.yaml` that the provider tells, each with its "
        "claim.",
    )
    catalog_scopes: dict[str, Literal["read", "events", "publish", "write", "admin"]] = Field(
        default_factory=dict,
        description="What more than reading the catalog a group may do, by group: `events`, "
        "`publish`, `write` or `admin`, as tokens of `mesh token` have it.",
    )
    ca_bundle: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities that are trusted beside the system's, for "
        "the provider; empty for none.",
    )
    url: str = Field(
        default="",
        description="URL under which browsers reach this server, such as "
        "`https://mesh.example.com`; its `/login/callback` is registered with the provider. Empty "
        "is where it listens, on this machine's own addresses; elsewhere browsers cannot sign in.",
    )
    session_seconds: int = Field(
        default=8 * 3600,
        ge=60,
        le=30 * 24 * 3600,
        description="Seconds after which somebody who signed in with a browser does so again.",
    )

    @property
    def is_on(self) -> bool:
        """Whether there is a provider."""
        return bool(self.issuer)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [*_url_problems("issuer", self.issuer), *_url_problems("url", self.url)]
        own = {self.client, *self.clients} - {""}
        if self.issuer and not self.audience:
            problems.append(
                "audience: it is needed, or a token for anybody else would be good here"
            )
        if self.audience in {*own, *self.services}:
            problems.append("audience: it is a client's id, so that its ID tokens would be taken")
        if self.issuer and not own and not self.services:
            problems.append(
                "client: name it, or `clients` or `services`: nobody's tokens are taken"
            )
        if any("@" in name or "." in name for name in self.services.values()):
            problems.append("services: a service's name has no `@`, as people's, and no dot")
        if problems:
            raise ValueError("; ".join(problems))
        return self


def is_safe(url: str) -> bool:
    """Whether nobody can change on its way what comes from a URL."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _NEAR)


def _url_problems(name: str, url: str) -> list[str]:
    if not url or (is_safe(url) and not urlsplit(url).query):
        return []
    return [f"{name}: it is https://host[/path]; http is for this machine's own addresses only"]

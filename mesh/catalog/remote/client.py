"""Calling a catalog over HTTP: one request an operation.

Owns the requests, when one is made again, and how an answer that is no result becomes an error of
Mesh's. A call is made again when the line broke, or when an answer says to come later: every
operation of a catalog is such that done twice is done once, so that an answer that was lost on its
way harms nothing. Who is not answered in time is not asked again.
"""

from __future__ import annotations

import gzip
import json
import ssl
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from mesh.catalog.remote.kept import Token
from mesh.catalog.remote.operations import PROTOCOL
from mesh.errors import (
    CatalogError,
    CatalogLostError,
    CatalogUnavailableError,
    DefinitionError,
    MeshError,
    Problem,
    UnknownNameError,
    error_named,
)

_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each further attempt."""
_LONGEST_PAUSE = 30.0
# Below the time that `mesh serve` keeps a connection that nobody uses.
_LIMITS = httpx2.Limits(max_connections=20, keepalive_expiry=2.0)
_SMALL = 4096
"""Bytes below which a body is not worth compressing."""
_AGAIN = frozenset({429, 502, 503, 504})
"""Too much, or busy; or a proxy that lost the line to the server."""
_BROKEN = (httpx2.NetworkError, httpx2.RemoteProtocolError)
"""No connection, or one that was cut, before the request arrived or after it was done."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for an answer, and how often a call is made again."""

    pauses: tuple[float, ...] = _PAUSES
    times: httpx2.Timeout = field(default_factory=lambda: httpx2.Timeout(60.0, connect=5.0))


class Caller:
    """Calls operations at one URL. Shared by threads."""

    def __init__(
        self,
        url: str,
        token: Token = "",
        patience: Patience | None = None,
        *,
        ca_bundle: Path | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self.where = checked_url(url)
        self._trust = trusting(ca_bundle) if ca_bundle is not None else None
        self._headers = {"user-agent": "mesh", "mesh-protocol": str(PROTOCOL)}
        self._token = token
        self._client = self._connected()

    def close(self) -> None:
        """Let go of the connections; the next call opens one again."""
        self._client.close()

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """The result of an operation, as plain values. Raises what the other end raised."""
        # Python's JSON, on both ends: samples of bad rows hold NaN and lone surrogates.
        body = json.dumps({"arguments": arguments}, separators=(",", ":")).encode()
        headers = {"content-type": "application/json"}
        if len(body) > _SMALL:
            body = gzip.compress(body, compresslevel=1)
            headers["content-encoding"] = "gzip"
        answer = self._send("POST", f"/api/v1/catalog/{operation}", body, headers)
        return self._content(answer)["result"]

    def get(self, path: str) -> Any:
        """What is at a path of the API, as plain values."""
        return self._content(self._send("GET", f"/api/v1/{path}"))

    def check(self) -> None:
        """Make sure that a catalog answers there, that we may read it, and that we understand it.

        Raises CatalogError.
        """
        found = self._content(self._send("GET", "/api/v1/version"))
        if not isinstance(found, dict) or "protocol" not in found:
            raise CatalogError(
                "what answers there is no catalog", where=self.where, hint="check MESH_CATALOG__URL"
            )
        if found["protocol"] > PROTOCOL:
            raise CatalogError(
                f"it is served by a newer Mesh, {found.get('mesh', '')}, that speaks otherwise",
                where=self.where,
                hint="upgrade Mesh here",
            )

    def _connected(self) -> httpx2.Client:
        made = httpx2.Client(
            base_url=self.where,
            headers=self._headers,
            timeout=self._patience.times,
            limits=_LIMITS,
            verify=True if self._trust is None else self._trust,
        )
        weakref.finalize(self, made.close)  # a catalog need not be closed, wherever it is
        return made

    def _send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        token = self._token if isinstance(self._token, str) else self._token()
        if token:
            headers = {**(headers or {}), "authorization": f"Bearer {token}"}
        if self._client.is_closed:  # a catalog that was closed opens again when it is used
            self._client = self._connected()
        for pause in self._patience.pauses:
            try:
                answer = self._client.request(method, path, content=body, headers=headers)
            except _BROKEN as error:
                if _cause_in_tls(error) is not None:
                    raise self._unreachable(error) from error
                time.sleep(pause)
            except httpx2.HTTPError as error:
                raise self._unreachable(error) from error
            else:
                if answer.status_code not in _AGAIN:
                    return answer
                time.sleep(max(pause, _asked_pause(answer)))
        try:
            return self._client.request(method, path, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx2.HTTPError) -> CatalogError:
        if (cause := _cause_in_tls(error)) is not None:
            return _insecure(cause, self.where)
        if not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return CatalogLostError(
                f"no answer came: {str(error) or type(error).__name__}; whether it was done is not "
                "known",
                where=self.where,
                hint="run it again: what is written already is not written twice",
            )
        return CatalogUnavailableError(
            f"nobody answers there: {str(error) or type(error).__name__}",
            where=self.where,
            hint="check MESH_CATALOG__URL, and that `mesh serve` runs there",
        )

    def _content(self, answer: httpx2.Response) -> Any:
        try:
            content = json.loads(answer.content)
        except ValueError:
            content = {}
        if answer.is_success:
            return content
        raise error_of(answer.status_code, content if isinstance(content, dict) else {}, self.where)


def checked_url(url: str) -> str:
    """The URL without its end slash. Raises CatalogError where a token could be overheard."""
    parts = urlsplit(url)
    is_near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not is_near:
        raise CatalogError(
            "http would let others read the token on its way",
            where=url,
            hint="MESH_CATALOG__URL is https://host[:port]; http is for this machine only",
        )
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise CatalogError(
            "the catalog's URL cannot be used",
            hint="MESH_CATALOG__URL is https://host[:port], the token goes into "
            "MESH_CATALOG__TOKEN",
        )
    return url.rstrip("/")


def trusting(bundle: Path) -> ssl.SSLContext:
    """Whom this machine trusts, and a bundle of authorities. Raises CatalogError."""
    context = httpx2.create_ssl_context()
    try:
        context.load_verify_locations(cafile=bundle)
    except OSError as error:  # of which ssl's own errors are some
        raise CatalogError(
            f"the certificates cannot be read: {error.strerror or error}",
            where=str(bundle),
            hint="MESH_CATALOG__CA_BUNDLE names a PEM file",
        ) from error
    return context


def _cause_in_tls(error: BaseException) -> ssl.SSLError | None:
    """Why no secure connection came about, where that is why: trying again mends nothing."""
    found: BaseException | None = error if isinstance(error, httpx2.ConnectError) else None
    while found is not None and not isinstance(found, ssl.SSLError):
        found = found.__cause__ or found.__context__
    is_cut = isinstance(found, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return None if is_cut else found


def _insecure(error: ssl.SSLError, where: str) -> CatalogError:
    """The error for a certificate that is not trusted, or for what is no https."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CatalogError(
            f"its certificate is not trusted: {error.verify_message.rstrip('.')}",
            where=where,
            hint="name the authority that signed it in MESH_CATALOG__CA_BUNDLE, and the server as "
            "its certificate does in MESH_CATALOG__URL",
        )
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return CatalogError(
        f"no secure connection comes about: {reason}",
        where=where,
        hint="check that https is spoken there, and the port in MESH_CATALOG__URL",
    )


def _asked_pause(answer: httpx2.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return min(float(text), _LONGEST_PAUSE) if text.isdecimal() else 0.0


_REFUSED = {
    401: "sign in (`mesh login`), or set MESH_CATALOG__TOKEN to a token of `mesh token create`",
    404: "check MESH_CATALOG__URL; if it is right, `mesh serve` there is older than this Mesh",
    413: "raise serving.body_bytes where the catalog is",
}


def error_of(status: int, problem: Mapping[str, Any], where: str) -> MeshError:
    """The error that a problem tells of: the very one, where the other end names it."""
    detail = str(problem.get("detail") or problem.get("title") or f"it answered {status}")
    hint = str(problem.get("hint") or _REFUSED.get(status, ""))
    named = error_named(str(problem.get("error", "")))
    if named is None:
        return CatalogError(detail, where=where, hint=_REFUSED.get(status, hint))
    error: MeshError = named.__new__(named)
    is_catalogs = issubclass(named, CatalogError)
    told = where if is_catalogs else str(problem.get("where", ""))
    MeshError.__init__(error, detail, where=told, hint=hint)
    if isinstance(error, UnknownNameError):
        error.name, error.near = str(problem.get("name", "")), tuple(problem.get("near", ()))
    if isinstance(error, DefinitionError):
        error.problems = (Problem(detail, told, hint),)
    return error

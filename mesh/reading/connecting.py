"""`mesh.connect`: products that a server serves, read from Python.

Owns the client's side: one request a read, an Arrow stream in answer or credentials for a table's
files, and the server's refusals as errors of Mesh's. Sees what the token's principal may see, and
nothing else of the server.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import httpx2
import polars as pl
import pyarrow as pa

from mesh.catalog.remote.client import error_of
from mesh.catalog.remote.kept import Token, server_token
from mesh.errors import AccessDeniedError, CatalogError, MeshError
from mesh.naming import ProductId
from mesh.reading.credentials import TableCredentials
from mesh.settings import load

if TYPE_CHECKING:
    import pandas as pd

_TIMES = httpx2.Timeout(300.0, connect=10.0)
_DENIED = (401, 403)
_FACT = "mesh-"


class Rows:
    """What was read: a table of one version, in memory.

    Any library that takes Arrow takes it as it is (`pl.DataFrame(rows)`). `facts` are what the
    server tells of it: contract version, table version, when it was published, verdict, agreement.
    """

    def __init__(self, table: pa.Table, facts: Mapping[str, str]) -> None:
        self._table = table
        self.facts = facts

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream."""
        return self._table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self._table.num_rows)

    def to_arrow(self) -> pa.Table:
        """As an Arrow table."""
        return self._table

    @cached_property
    def _frame(self) -> pl.DataFrame:
        return pl.DataFrame(self._table)

    def to_polars(self) -> pl.DataFrame:
        """As a Polars frame."""
        return self._frame

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas frame."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame


class Connection:
    """A server, and who one is to it. Made by `mesh.connect`; may be shared by threads."""

    def __init__(
        self, url: str, token: Token, purpose: str, trust: ssl.SSLContext | None = None
    ) -> None:
        headers = {"user-agent": "mesh", "mesh-purpose": quote(purpose, safe=" ")}
        self._token = token
        self._client = httpx2.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            timeout=_TIMES,
            verify=True if trust is None else trust,
        )

    def __repr__(self) -> str:
        """The server, without the token."""
        return f"<mesh.connect({str(self._client.base_url)!r})>"

    def __enter__(self) -> Self:
        """Close it at the end of a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the server."""
        self._client.close()

    def read(
        self,
        product: str,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, str] | None = None,
        version: int | None = None,
        as_of: datetime | None = None,
    ) -> Rows:
        """The rows of a product that one may see, of one version.

        Args:
            product: `domain.product_v1`.
            columns: which columns; all that are seen by default.
            where: conditions by column, such as `{"delay_minutes": "gt.30"}`.
            version: the table's version; the latest by default.
            as_of: a moment, for the version that was there.

        Raises AccessDeniedError, UnknownProductError, NotPublishedError, VersionRemovedError.
        """
        name = ProductId.parse(product)
        asked: dict[str, str] = dict(where or {})
        if columns is not None:
            asked["select"] = ",".join(columns)
        if version is not None:
            asked["version"] = str(version)
        if as_of is not None:
            asked["as_of"] = as_of.isoformat()
        return self._rows("GET", f"/v1/products/{name.domain}/{name.versioned}/table", params=asked)

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """The answer to a SELECT over products, `domain.product`.

        Parameters stand for `?`. Raises StatementError, AccessDeniedError, UnknownProductError.
        """
        body = {"statement": statement, "parameters": list(parameters)}
        return self._rows("POST", "/v1/sql", json=body)

    def credentials(self, product: str) -> TableCredentials:
        """Short-lived credentials for the files of a product's table, where all of it is seen.

        `found = server.credentials("weather.observations_v1")`, and then
        `pl.scan_delta(found.url, storage_options=found.storage_options)`, or `DeltaTable` with the
        same: without Mesh between, until `found.expires_at`.

        Raises AccessDeniedError where a row, a column or a value is hidden, NotLentError where the
        server lends none, UnknownProductError, NotPublishedError.
        """
        name = ProductId.parse(product)
        path = f"/v1/products/{name.domain}/{name.versioned}/credentials"
        answer = self._answered("POST", path)
        try:
            return TableCredentials.from_json(json.loads(answer.content))
        except (ValueError, KeyError, TypeError, AttributeError):
            what = "what the server answered is no credentials"
            raise MeshError(what, where=str(self._client.base_url)) from None

    def _rows(self, method: str, path: str, **options: Any) -> Rows:
        answer = self._answered(method, path, **options)
        facts = {
            k.removeprefix("mesh-"): v for k, v in answer.headers.items() if k.startswith("mesh-")
        }
        with pa.ipc.open_stream(answer.content) as stream:
            return Rows(stream.read_all(), facts)

    def _answered(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The whole answer. Raises what the server refused it with, and MeshError."""
        token = self._token if isinstance(self._token, str) else self._token()
        shown = {"authorization": f"Bearer {token}"} if token else {}
        try:
            with self._client.stream(method, path, headers=shown, **options) as answer:
                answer.read()
        except httpx2.HTTPError as error:
            what = (
                f"the server cannot be reached, or broke off: {str(error) or type(error).__name__}"
            )
            raise MeshError(what, where=str(self._client.base_url)) from error
        if answer.status_code != 200:  # noqa: PLR2004 -- anything else is a problem
            raise _error(answer)
        return answer


def connect(url: str, token: str = "", *, purpose: str = "") -> Connection:
    """Read products that `mesh serve` serves, as whom a token stands for, or as who signed in.

    `mesh.connect(url, token).read("weather.observations_v1").to_polars()`

    Args:
        url: where the server is, such as `https://mesh.example.com`.
        token: a token of `mesh token create`, good for reading. Without one, what `mesh login` kept
            for this server, which is made good again in time; or `catalog.token`, where this server
            is the catalog's.
        purpose: what one reads for, as policies and the log of reads are told.

    Raises IdentityError where no token is given and nobody signed in there, then or later.
    """
    _require_server(url)
    return Connection(url, token or server_token(load(), url), purpose)


def _require_server(url: str) -> None:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise MeshError(f"{url!r} is no URL of a server", hint="such as https://mesh.example.com")


def _error(answer: httpx2.Response) -> MeshError:
    """What the server says went wrong, as an error of ours."""
    try:
        told = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        told = None
    if not isinstance(told, dict):
        return MeshError(f"the server answered {answer.status_code}", where=str(answer.url))
    if answer.status_code in _DENIED:
        policies = [str(item) for item in told.get("policies", ())]
        detail, hint = str(told.get("detail", "")), str(told.get("hint", ""))
        return AccessDeniedError(detail, hint=hint, policies=policies)
    found = error_of(answer.status_code, told, "")
    is_ours = type(found) is not CatalogError
    return found if is_ours else MeshError(found.what, hint=found.hint)

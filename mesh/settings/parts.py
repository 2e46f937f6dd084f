"""The groups of settings: each is a table of `[tool.mesh]`.

Owns their fields, defaults and bounds. What they are read from is `mesh.settings`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_DURATION = r"^[1-9]\d*[smhdw]$"


class PublishingSettings(BaseModel):
    """How the write path uses this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(
        default_factory=lambda: min(os.cpu_count() or 1, 8),
        ge=1,
        le=256,
        description="Threads that check and encode batches of one publication.",
    )
    batch_rows: int = Field(
        default=131_072, ge=1, description="Rows that are checked and encoded together."
    )
    file_bytes: int = Field(
        default=128 * 1024 * 1024,
        ge=1024 * 1024,
        description="Size at which a data file is closed and the next one begun, in bytes.",
    )
    key_memory_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=1024,
        description="Memory for the hashes of keys, in bytes, before they spill to disk.",
    )
    sql_memory_bytes: int = Field(
        default=512 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        description="Memory for the query of a SQL rule, in bytes; one that needs more fails.",
    )
    sql_seconds: float = Field(
        default=300,
        gt=0,
        description="Seconds that the query of a SQL rule may take; a longer one fails.",
    )
    profiles: bool = Field(
        default=True,
        description="Whether the rows of a publication are measured: nulls, distinct values, "
        "bounds, quantiles. Of confidential and personal columns no value is ever told.",
    )
    unprofiled: tuple[str, ...] = Field(
        default=(), description="Products that are not measured, such as `weather.observations_v1`."
    )


class UpkeepSettings(BaseModel):
    """What upkeep keeps, and how it rewrites tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_versions_for: str = Field(
        default="7d",
        pattern=_DURATION,
        description="How long a version stays readable after the next one replaced it, unless the "
        "product declares a retention of its own.",
    )
    keep_versions: int = Field(
        default=2, ge=1, description="The latest versions stay readable, however old they are."
    )
    keep_inputs_for: str = Field(
        default="30d",
        pattern=_DURATION,
        description="How long a version stays readable that another product was made from; what "
        "its latest publication was made from always does.",
    )
    keep_retired_for: str = Field(
        default="90d",
        pattern=_DURATION,
        description="How long the rows of a product stay readable after `mesh retire`, unless it "
        "declares a retention of its own.",
    )
    leftovers_after: str = Field(
        default="1d",
        pattern=_DURATION,
        description="Age at which a file that no version shows is a crash's leftover; has to be "
        "longer than the longest publication takes.",
    )
    checkpoint_after: int = Field(
        default=20, ge=1, description="Commits after which a table's log is summed up."
    )
    sort_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=1024 * 1024,
        description="Size of files whose rows are ordered together for `cluster_by`, in bytes; "
        "their rows are in memory meanwhile.",
    )


class CatalogSettings(BaseModel):
    """Where the shared catalog is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        default="",
        description="SQLAlchemy URL of the catalog, or `https://host` of one that `mesh serve` "
        "serves; empty is SQLite in `.mesh/<environment>/catalog.db`.",
    )
    token: str = Field(
        default="",
        description="Token for a catalog that is served; see `mesh token`. Keep it out of files.",
        repr=False,
    )
    ca_bundle: Path | None = Field(
        default=None,
        description="PEM file of authorities that a served catalog's certificate may be signed by, "
        "besides those that this machine trusts.",
    )


class ServingSettings(BaseModel):
    """How `mesh serve` serves the catalog."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address that is listened on; by default this machine only.",
    )
    port: int = Field(default=4040, ge=0, le=65535, description="Port; 0 takes any that is free.")
    flight: bool = Field(
        default=True, description="Whether SQL over products is served by Arrow Flight, too."
    )
    flight_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port for Arrow Flight SQL; empty is the one after `port`, and 0 any that is "
        "free.",
    )
    reading: Literal["auto", "open", "token"] = Field(
        default="auto",
        description="Who may read: `open` lets everybody, `token` whoever has a token, and `auto` "
        "is `open` on this machine's own addresses, unless `proxies` names who lets others in, and "
        "`token` on every other. Writing always needs a token.",
    )
    names: list[str] = Field(
        default_factory=list,
        description="Names that requests may ask for in `Host`; empty is this machine's own on its "
        "own addresses, and any on others.",
    )
    proxies: list[str] = Field(
        default_factory=list,
        description="Addresses or networks of proxies whose `X-Forwarded-For` is believed; empty "
        "for none.",
    )
    origins: list[str] = Field(
        default_factory=list,
        description="Origins of web pages that may read answers (CORS); empty for none.",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file of the certificate for https; empty serves http."
    )
    key: Path | None = Field(default=None, description="PEM file of the certificate's key.")
    body_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        description="Size of a request's body at most, in bytes, after it is uncompressed.",
    )
    request_seconds: float = Field(
        default=30.0, gt=0, description="Seconds that a request may take to arrive."
    )
    requests_per_second: float = Field(
        default=100,
        gt=0,
        description="Requests a second of an address without a token, lastingly: over HTTP, and as "
        "many by Arrow Flight.",
    )
    token_requests_per_second: float = Field(
        default=1000,
        gt=0,
        description="Requests a second of a token, lastingly: over HTTP, and as many by Arrow "
        "Flight.",
    )

    lookup_bytes: int = Field(
        default=256 * 1024**2,
        ge=0,
        description="Bytes of memory for parts of tables that rows are looked up in by key again "
        "and again; 0 for none.",
    )

    @field_validator("proxies")
    @classmethod
    def _are_addresses(cls, proxies: list[str]) -> list[str]:
        """Refuse what no caller's address is like: `*` would have everybody say who they are."""
        for proxy in proxies:
            ipaddress.ip_network(proxy)  # raises ValueError, which names it
        return proxies


class SharingSettings(BaseModel):
    """How `mesh serve` hands out files by Delta Sharing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    links: Literal["auto", "store", "server"] = Field(
        default="auto",
        description="How clients get files that are seen whole. `auto` gives links of this server, "
        "which decides each time one is followed, and then leads on to a URL that the object store "
        "signed, where it is S3; `store` gives URLs that S3 signed at once, which nobody decides "
        "about again; `server` has all bytes pass this server, for clients that do not reach the "
        "store.",
    )
    link_seconds: int = Field(
        default=900,
        ge=60,
        le=7 * 24 * 3600 - 180,
        description="Seconds that a link to a file is good. A link of this server also ends with "
        "the right to read; with `store`, a URL is good until its end.",
    )
    signed_seconds: int = Field(
        default=60,
        ge=5,
        le=3600,
        description="Seconds that a URL is good to which a link leads on, with `auto`: so long it "
        "may outlive the right to read.",
    )
    copy_bytes: int = Field(
        default=10 * 2**30,
        ge=0,
        description="Size on this server's disk, in bytes, of what is shown of products under "
        "masks and row filters; beyond it, those handed out longest ago are deleted, once "
        "links to them have ended or they take twice that.",
    )


class SqlSettings(BaseModel):
    """What one statement of somebody's SQL may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(
        default=60.0, gt=0, description="Seconds that a statement may take, until its last row."
    )
    memory_bytes: int = Field(
        default=1024 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        description="Memory of a statement, in bytes; one that needs more fails.",
    )
    rows: int = Field(
        default=1_000_000,
        ge=0,
        description="Rows that a statement may answer; more is an error, and 0 is any number.",
    )
    threads: int = Field(default=2, ge=1, le=256, description="Threads of a statement.")


class UsageSettings(BaseModel):
    """Who reads what, as the catalog counts it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    counted: bool = Field(
        default=True,
        description="Whether reads are counted in the catalog by consumer, product and column.",
    )
    consumer: str = Field(
        default="",
        max_length=200,
        description="Who reads, when it is no product: the name of a service or a person; empty is "
        "the user's login.",
    )


class AccessSettings(BaseModel):
    """Who asks for access and decides about it, and how what is hidden stays hidden."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    user: str = Field(
        default="",
        max_length=200,
        description="Who you are to `mesh access` and `mesh decision`: your e-mail address, as a "
        "manifest names it; empty is the user's login, which finds the one address that begins so.",
    )
    warn_before: str = Field(
        default="14d",
        pattern=_DURATION,
        description="How long before its end an agreement is warned of.",
    )
    secret: str = Field(
        default="",
        pattern=r"^(.{32,})?$",
        description="What hashed columns are keyed with: 32 characters or more, the same for every "
        "process that serves this mesh. Empty for one that is made once, and kept in `.mesh`. "
        "Another one makes all hashes anew.",
        repr=False,
    )


class ReceiverSettings(BaseModel):
    """A place that gets OpenLineage events over HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(pattern=r"^https?://[^/\s]+", repr=False)
    name: str = ""
    token: str = Field(default="", repr=False)
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    timeout: float = Field(default=5.0, gt=0, le=300)
    compression: Literal["", "gzip"] = ""

    @property
    def label(self) -> str:
        """What it is called: its name, or else its URL, without what may be secret in it."""
        scheme, _, rest = self.url.partition("://")
        place, slash, path = re.split(r"[?#]", rest)[0].partition("/")
        return self.name or f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


class OpenLineageSettings(BaseModel):
    """Who is told of runs, in OpenLineage."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    namespace: str = Field(
        default="mesh", min_length=1, description="Namespace of this mesh's jobs and products."
    )
    catalog: bool = Field(
        default=True,
        description="Whether events are kept in the catalog, for others to ask for. What Mesh "
        "itself shows comes from receipts, and needs none.",
    )
    keep_for: str = Field(
        default="30d", pattern=_DURATION, description="How long the catalog keeps its events."
    )
    receivers: tuple[ReceiverSettings, ...] = Field(
        default=(),
        description="Who gets events over HTTP, each with `url`, and if need be `name`, `token`, "
        "`headers`, `timeout` in seconds (5) and `compression` (`gzip`).",
        repr=False,
    )
    files: tuple[Path, ...] = Field(
        default=(), description="Files to which events are appended, one JSON line each."
    )
    repository: str = Field(
        default="",
        description="URL below which a product's source is found, such as "
        "`https://git.example.com/mesh/blob/main`; empty names the file itself.",
    )
    budget_seconds: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="How long a process that ends goes on delivering events, in seconds; the next "
        "goes on from there.",
    )
    refusals: int = Field(
        default=5,
        ge=1,
        description="Tries after which an event that its receiver refuses is set aside.",
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        labels = [receiver.label for receiver in self.receivers]
        if again := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"two receivers are {again[0]}: give each a name of its own")
        return self


class ObjectStoreSettings(BaseModel):
    """How an object store is reached, beside `storage_options`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = Field(
        default="",
        description="AWS profile whose credentials and region are used; empty is AWS's own order: "
        "environment, default profile, web identity, the machine's role. Needs `mesh-data[aws]`.",
    )
    role: str = Field(
        default="",
        description="ARN of a role that is assumed with those credentials, and again before it "
        "ends. Needs `mesh-data[aws]`.",
    )
    ca_bundle: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities that are trusted beside the system's; "
        "empty for none.",
    )
    retry_seconds: float = Field(
        default=60.0,
        ge=0,
        le=290,
        description="How long a request that the store throttles, fails or does not answer is "
        "made again, in seconds, before that is an error. Credentials must outlive it.",
    )
    request_seconds: float = Field(
        default=30.0, gt=0, description="How long one request may take, in seconds."
    )


class LendingSettings(BaseModel):
    """Credentials of the object store that are lent to readers who see all of a product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str = Field(
        default="",
        pattern=r"^(arn:[a-z-]+:iam::[^:\s]*:role/\S+)?$",
        description="ARN of a role that may get and list the lake's files. It is assumed for a "
        "reader, for the files of one table alone; empty lends nothing. Needs `mesh-data[aws]`.",
    )
    seconds: int = Field(
        default=900,
        ge=900,
        le=12 * 3600,
        description="Seconds that lent credentials are good, which nothing ends earlier. STS takes "
        "900 at least, and no more than the role's own longest session.",
    )

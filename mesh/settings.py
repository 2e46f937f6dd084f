"""The settings of one mesh.

Owns the environment (`MESH_…`) and `[tool.mesh]` in `pyproject.toml`: no other module reads either.
A setting in the environment wins over the file. Nothing is read until `load` is called.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableEnvironmentError

from mesh.errors import InvalidNameError, SettingsError
from mesh.naming import environment_name_problems

_TRUST = "SSL_CERT_FILE"
"""Where OpenSSL, and the TLS of delta-rs, Polars and obstore, look for authorities to trust."""
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


class ServingSettings(BaseModel):
    """How `mesh serve` serves the catalog."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address that is listened on; by default this machine only.",
    )
    port: int = Field(default=4040, ge=0, le=65535, description="Port; 0 takes any that is free.")
    reading: Literal["auto", "open", "token"] = Field(
        default="auto",
        description="Who may read: `open` lets everybody, `token` whoever has a token, and `auto` "
        "is `open` on this machine's own addresses and `token` on every other. Writing always "
        "needs a token.",
    )
    names: list[str] = Field(
        default_factory=list,
        description="Names that requests may ask for in `Host`; empty is this machine's own on its "
        "own addresses, and any on others.",
    )
    proxies: list[str] = Field(
        default_factory=list,
        description="Addresses of proxies whose `X-Forwarded-For` is believed; empty for none.",
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
        default=100, gt=0, description="Requests a second of an address without a token, lastingly."
    )
    token_requests_per_second: float = Field(
        default=1000, gt=0, description="Requests a second of a token, lastingly."
    )


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


class Settings(BaseSettings):
    """Everything that can be set. Immutable; `load` makes one.

    Each field may be set in `[tool.mesh]` of `pyproject.toml`, or as `MESH_<FIELD>` in the
    environment, with `__` between the parts of a nested name (`MESH_CATALOG__URL`).
    """

    model_config = SettingsConfigDict(
        env_prefix="MESH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    root: Path = Field(
        default=Path(),
        description="Folder of the mesh; found by walking up to a `pyproject.toml` that has "
        "`[tool.mesh]`.",
    )
    environment: str = Field(
        default="dev", description="Name of the environment; each has tables of its own."
    )
    fallback: str | dict[str, str] = Field(
        default="",
        description="Environment whose tables are read, never written, for inputs that this one "
        "has not built; or a table of them by environment, which is followed from one to the next. "
        "Empty for none.",
    )
    storage: str = Field(
        default=".mesh/lake",
        description="Where tables live: a folder, or a URL such as `s3://bucket/prefix`.",
    )
    storage_options: dict[str, str] = Field(
        default_factory=dict,
        description="Credentials and endpoints of the object store, in the names that Delta uses "
        "(`aws_endpoint_url`, `aws_access_key_id`, …).",
        repr=False,
    )
    object_store: ObjectStoreSettings = Field(
        default_factory=ObjectStoreSettings,
        description="How an object store is reached, beside `storage_options`.",
    )
    domains: Path = Field(default=Path("domains"), description="Folder of the domains.")
    platform: Path = Field(
        default=Path("assets"), description="Folder of the platform team's own products."
    )
    dbt_project: Path = Field(
        default=Path("dbt_project"), description="Folder of the dbt project with SQL products."
    )
    state: Path = Field(
        default=Path(".mesh"), description="Folder for what a clone keeps to itself."
    )
    catalog: CatalogSettings = Field(
        default_factory=CatalogSettings, description="Where the shared catalog is."
    )
    serving: ServingSettings = Field(
        default_factory=ServingSettings, description="How `mesh serve` serves the catalog."
    )
    publishing: PublishingSettings = Field(
        default_factory=PublishingSettings, description="How the write path uses this machine."
    )
    upkeep: UpkeepSettings = Field(
        default_factory=UpkeepSettings, description="What upkeep keeps, and how it rewrites tables."
    )
    usage: UsageSettings = Field(
        default_factory=UsageSettings, description="Who reads what, as the catalog counts it."
    )
    dagster_home: Path | None = Field(
        default=None,
        description="Dagster's own folder, to which `mesh run` reports; empty is `.mesh/dagster`.",
    )

    @field_validator("environment")
    @classmethod
    def _environment_is_a_name(cls, value: str) -> str:
        if problems := environment_name_problems(value):
            raise ValueError(str(InvalidNameError(problems)))
        return value

    @model_validator(mode="after")
    def _fallbacks_are_names(self) -> Self:
        said = self.fallback
        told = {said} if isinstance(said, str) else {*said, *said.values()}
        problems = [
            problem for name in sorted(told - {""}) for problem in environment_name_problems(name)
        ]
        if problems:
            raise ValueError(f"fallback: {InvalidNameError(problems)}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over `pyproject.toml`."""
        root = Path(init_settings().get("root", Path()))
        table = _project_table(root / "pyproject.toml")
        return (init_settings, env_settings, InitSettingsSource(settings_cls, table))

    def path(self, relative: Path) -> Path:
        """A folder of this mesh as an absolute path."""
        return relative if relative.is_absolute() else self.root / relative

    @property
    def storage_url(self) -> str:
        """Where tables of this environment live, as a URL or an absolute path."""
        return self.storage_url_of(self.environment)

    def storage_url_of(self, environment: str) -> str:
        """Where tables of an environment live."""
        base = self.storage
        if "://" not in base:
            base = str(self.path(Path(base)))
        return f"{base.rstrip('/')}/{environment}"

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The environments that this one falls back to, nearest first.

        One that falls back to itself falls back to none: a setting for all environments names it.
        Raises SettingsError for environments that fall back to each other.
        """
        if isinstance(self.fallback, str):
            return (self.fallback,) if self.fallback not in {"", self.environment} else ()
        found = [self.environment]
        while (following := self.fallback.get(found[-1], "")) not in {"", found[-1]}:
            if following in found:
                raise SettingsError(
                    f"environments fall back to each other: {' → '.join([*found, following])}",
                    where="fallback",
                    hint="let the last of them fall back to none",
                )
            found.append(following)
        return tuple(found[1:])

    @property
    def store_options(self) -> dict[str, str]:
        """`storage_options`, and how else the store is reached, in one mapping."""
        said = self.object_store.model_dump(exclude_none=True)
        own = {name: str(value) for name, value in said.items() if value != ""}
        if bundle := self.object_store.ca_bundle:
            own["ca_bundle"] = str(self.path(bundle))
        return {**self.storage_options, **own}

    def trust_authorities(self) -> None:
        """Let every library of this process trust `ca_bundle`, beside whom the system trusts.

        All of them read one file that the environment names; two of three offer no other way.
        Raises SettingsError for a bundle that cannot be read.
        """
        if self.object_store.ca_bundle is None:
            return
        bundle = self.path(self.object_store.ca_bundle)
        try:
            own = bundle.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"the certificates cannot be read: {error.strerror}",
                where=str(bundle),
                hint="MESH_OBJECT_STORE__CA_BUNDLE names a PEM file",
            ) from error
        before = _trusted_certificates()
        if own in before:
            return
        together = before + b"\n" + own
        name = f"authorities-{hashlib.sha256(together).hexdigest()[:16]}.pem"
        file = self.path(self.state) / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(f".{os.getpid()}")
            draft.write_bytes(together)
            draft.replace(file)
        os.environ[_TRUST] = str(file)

    @property
    def catalog_url(self) -> str:
        """The catalog's SQLAlchemy URL."""
        own = self.path(self.state) / self.environment / "catalog.db"
        return self.catalog.url or f"sqlite:///{own}"

    @property
    def dagster_folder(self) -> Path:
        """Dagster's instance folder."""
        return self.path(self.dagster_home or self.state / "dagster")


def _trusted_certificates() -> bytes:
    """The authorities that this process trusts already."""
    named = os.environ.get(_TRUST) or ssl.get_default_verify_paths().cafile
    return Path(named).read_bytes() if named and Path(named).is_file() else b""


def _project_table(file: Path) -> dict[str, Any]:
    """`[tool.mesh]` of the mesh's own `pyproject.toml`; empty when there is none.

    Raises SettingsError.
    """
    if not file.is_file():
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("mesh", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"it is not TOML: {error}", where=str(file)) from error
    if not isinstance(table, dict):
        raise SettingsError("[tool.mesh] is not a table", where=str(file))
    return table


def load(root: Path | str | None = None, **overrides: Any) -> Settings:
    """Read the settings of the mesh at `root`, or of the one that holds the current folder.

    Raises SettingsError that names every setting that cannot be used.
    """
    folder = Path(root) if root is not None else find_root()
    try:
        return Settings(root=folder.resolve(), **overrides)
    except ValidationError as error:
        raise SettingsError(_readable(error), hint="see docs/reference/settings.md") from error
    except UnreadableEnvironmentError as error:  # a mapping or list that is not JSON
        raise SettingsError(str(error), hint="see docs/reference/settings.md") from error


@contextmanager
def chosen(*, root: Path | None = None, environment: str = "") -> Iterator[None]:
    """Let every `load` in this process mean this mesh and this environment, within the block.

    Whoever chooses for a command chooses for the code that it runs, too: the platform's products
    read settings of their own accord, and so do processes that are started on the way.
    """
    wanted = {"MESH_ROOT": str(root.resolve()) if root else "", "MESH_ENVIRONMENT": environment}
    before = {name: os.environ.get(name) for name, value in wanted.items() if value}
    os.environ.update({name: wanted[name] for name in before})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def find_root(start: Path | None = None) -> Path:
    """The nearest folder, upwards from `start`, that holds a mesh; else `start` itself.

    `MESH_ROOT` in the environment wins.
    """
    if explicit := os.environ.get("MESH_ROOT"):
        return Path(explicit)
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and "[tool.mesh]" in file.read_text(encoding="utf-8", errors="replace"):
            return folder
    return start


def _readable(error: ValidationError) -> str:
    lines = [
        f"{'.'.join(str(part) for part in item['loc'])}: "
        f"{'there is no such setting' if item['type'] == 'extra_forbidden' else item['msg']}"
        for item in error.errors()
    ]
    return "settings that cannot be used:\n  " + "\n  ".join(lines)

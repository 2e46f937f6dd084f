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

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableEnvironmentError

from mesh.errors import InvalidNameError, SettingsError
from mesh.naming import environment_name_problems
from mesh.settings.identity import IdentitySettings
from mesh.settings.parts import (
    AccessSettings,
    CatalogSettings,
    LendingSettings,
    ObjectStoreSettings,
    OpenLineageSettings,
    PublishingSettings,
    ReceiverSettings,
    ServingSettings,
    SharingSettings,
    SqlSettings,
    UpkeepSettings,
    UsageSettings,
)

__all__ = [
    "AccessSettings",
    "CatalogSettings",
    "IdentitySettings",
    "LendingSettings",
    "ObjectStoreSettings",
    "OpenLineageSettings",
    "PublishingSettings",
    "ReceiverSettings",
    "ServingSettings",
    "Settings",
    "SharingSettings",
    "SqlSettings",
    "UpkeepSettings",
    "UsageSettings",
    "chosen",
    "find_root",
    "load",
]

_TRUST = "SSL_CERT_FILE"
"""Where OpenSSL, and the TLS of delta-rs, Polars and obstore, look for authorities to trust."""


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
    region: str = Field(
        default="",
        description="Region in which this environment runs and keeps its tables; a product with a "
        "`residency` tag is read and published only where it is that one.",
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
    lending: LendingSettings = Field(
        default_factory=LendingSettings,
        description="Credentials of the object store that are lent to readers.",
    )
    domains: Path = Field(default=Path("domains"), description="Folder of the domains.")
    organization: Literal["auto", "here", "elsewhere"] = Field(
        default="auto",
        description="Whose organization.yaml and policies of the organisation a catalog has that "
        "several repositories share. `auto`: those of the first that registers any, and whoever "
        "has others is told so; `here`: this repository's; `elsewhere`: another's, and those here "
        "are for plans and runs of this one alone.",
    )
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
    sql: SqlSettings = Field(
        default_factory=SqlSettings, description="What one statement of `mesh sql` may take."
    )
    serving: ServingSettings = Field(
        default_factory=ServingSettings, description="How `mesh serve` serves the catalog."
    )
    sharing: SharingSettings = Field(
        default_factory=SharingSettings,
        description="How `mesh serve` hands out files by Delta Sharing.",
    )
    identity: IdentitySettings = Field(
        default_factory=IdentitySettings,
        description="The identity provider (OpenID Connect) whose people and services are known "
        "here.",
    )
    openlineage: OpenLineageSettings = Field(
        default_factory=OpenLineageSettings, description="Who is told of runs, in OpenLineage."
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
    access: AccessSettings = Field(
        default_factory=AccessSettings,
        description="Who asks for access and decides about it, and how what is hidden stays so.",
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
    def catalog_bundle(self) -> Path | None:
        """Authorities that may have signed the catalog's certificate, besides the known ones."""
        bundle = self.catalog.ca_bundle
        return self.path(bundle) if bundle is not None else None

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

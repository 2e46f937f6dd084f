"""Names, made once.

Owns the grammar of names and every form that a product's name takes: asset key, table path, SQL
name, dbt name, module name; and how OpenLineage names any dataset. Nothing else in Mesh joins these
strings. Refuses product names that could not safely be a path, a SQL identifier and a Python
identifier at once.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from dataclasses import dataclass

from mesh.errors import InvalidNameError, Problem

MAX_LENGTH = 63
"""Longest name, as PostgreSQL allows for an identifier."""

CHANGE_TYPE = "_change_type"
COMMIT_VERSION = "_commit_version"
COMMIT_TIMESTAMP = "_commit_timestamp"
CHANGE_COLUMNS = (CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP)
"""Columns of Delta's change data feed: what happened to a row, in which version, and when."""
INSERT = "insert"
PREIMAGE = "update_preimage"
POSTIMAGE = "update_postimage"
DELETE = "delete"
"""What `_change_type` says."""

_PART = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_VERSIONED = re.compile(r"(?P<name>.+)_v(?P<major>[1-9][0-9]{0,3})")
_MAJOR_SUFFIX = re.compile(r"_v[0-9]+$")
_TABLE = re.compile(
    r"(?:^|/)(?P<domain>[a-z][a-z0-9_]*)/(?P<name>[a-z][a-z0-9_]*)/v(?P<major>[1-9][0-9]{0,3})"
    r"(?:_quarantine|_unchanged)?/?$"
)
_COLUMN_FORBIDDEN = re.compile(r"""[ ,;{}()=.*^/\\"'`\x00-\x1f\x7f\u2028-\u202e\ud800-\udfff]""")
_S3 = re.compile(r"^s3[an]://")
_OBJECT_STORES = frozenset({"s3", "gs", "gcs", "abfs", "abfss", "wasb", "wasbs", "hdfs"})
_MOST_KEY_BYTES = 300
_WINDOWS = "con prn aux nul " + " ".join(f"com{n} lpt{n}" for n in range(1, 10))
_SQL = """
    all analyse analyze any array asc both case cast check collate column constraint create default
    desc describe distinct do else end except exists false fetch foreign full grant group having
    in inner intersect into join lateral leading left limit natural null offset on only order outer
    pivot placing primary qualify references returning right select set show some table then to
    trailing true union unique unpivot update user using values view when where window
"""
_RESERVED = frozenset({"mesh", "domains", "assets", "quarantine", *_WINDOWS.split(), *_SQL.split()})
"""Names of Mesh's own folders, of Windows devices, and words that SQL keeps for itself."""


@dataclass(frozen=True, slots=True, order=True)
class ProductId:
    """The name of one major version of a product: `weather.observations_v1`."""

    domain: str
    name: str
    major: int

    def __post_init__(self) -> None:
        """Refuse a name that cannot be all of path, identifier and key."""
        problems = [*domain_name_problems(self.domain), *product_name_problems(self.name)]
        if not 1 <= self.major <= 9999:  # noqa: PLR2004 -- four digits, as the grammar says
            problems.append(Problem(f"major version {self.major} is not between 1 and 9999"))
        if problems:
            raise InvalidNameError(problems)

    @classmethod
    def parse(cls, text: str) -> ProductId:
        """Read `domain.product_v1`. Raises InvalidNameError with a hint."""
        domain, dot, rest = text.partition(".")
        match = _VERSIONED.fullmatch(rest)
        if not dot or match is None:
            raise InvalidNameError(
                [
                    Problem(
                        f"{text!r} is not a product's name",
                        hint="write domain.product_v1, such as weather.observations_v1",
                    )
                ]
            )
        return cls(domain, match["name"], int(match["major"]))

    def __str__(self) -> str:
        """The name people use: `weather.observations_v1`."""
        return f"{self.domain}.{self.versioned}"

    @property
    def versioned(self) -> str:
        """The name with its major version, without the domain: `observations_v1`."""
        return f"{self.name}_v{self.major}"

    @property
    def asset_key(self) -> tuple[str, str]:
        """The path of the Dagster asset key."""
        return (self.domain, self.versioned)

    @property
    def table_path(self) -> str:
        """Where the table lies below the environment's root."""
        return f"{self.domain}/{self.name}/v{self.major}"

    @classmethod
    def of_table(cls, url: str) -> ProductId | None:
        """The product whose table, or one beside it, is at a URL; None for no telling."""
        match = _TABLE.search(url)
        if match is None or not may_hold_products(match["domain"], match["name"]):
            return None
        return cls(match["domain"], match["name"], int(match["major"]))

    @classmethod
    def of_path(cls, path: str) -> ProductId | None:
        """The product whose own table has this `table_path`; None for every other path."""
        found = cls.of_table(path)
        return found if found is not None and found.table_path == path else None

    @property
    def quarantine_path(self) -> str:
        """Where the table of rejected rows lies, beside the product's own."""
        return f"{self.table_path}_quarantine"

    @property
    def unchanged_path(self) -> str:
        """Where the table of events that changed nothing lies, beside the product's own."""
        return f"{self.table_path}_unchanged"

    @property
    def sql_name(self) -> str:
        """The name in SQL, schema and table."""
        return f"{self.domain}.{self.versioned}"

    @property
    def module_name(self) -> str:
        """The Python module, or dbt model, that declares it: a first major goes without suffix."""
        return self.name if self.major == 1 else self.versioned

    @property
    def dbt_name(self) -> str:
        """The dbt model that builds it, unique within its domain's folder."""
        return self.module_name

    @property
    def class_name(self) -> str:
        """The contract's class: `DailyOnTime`."""
        return "".join(part.capitalize() for part in self.name.split("_"))


@dataclass(frozen=True, slots=True, order=True)
class DatasetName:
    """The name of any dataset, a product or not, as OpenLineage has it.

    Source: OpenLineage, *Naming conventions*.
    """

    namespace: str
    name: str

    @classmethod
    def of_url(cls, url: str) -> DatasetName:
        """The name of a table that lies at a URL, or at a path of this machine's disk."""
        scheme, mark, rest = url.partition("://")
        if not mark:
            return cls("file", scheme).normal()
        place, _, path = rest.partition("/")
        return cls(f"{scheme}://{place}", path).normal()

    def normal(self) -> DatasetName:
        """The one spelling of its scheme and slashes, whoever named it."""
        namespace = _S3.sub("s3://", self.namespace.rstrip("/"))
        if namespace.partition(":")[0] == "file":
            return DatasetName("file", f"/{self.name.strip('/')}")
        is_store = "://" in namespace and namespace.partition("://")[0] in _OBJECT_STORES
        return DatasetName(namespace, self.name.strip("/") if is_store else self.name)

    @property
    def key(self) -> str:
        """Both in one text, by which the catalog knows a dataset that is no product.

        A long one ends in a digest, since PostgreSQL's indexes do not take it.
        """
        whole = f"{self.namespace.replace('%', '%25').replace('#', '%23')}#{self.name}"
        if len(whole.encode(errors="replace")) <= _MOST_KEY_BYTES:
            return whole
        digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()
        return f"{whole[:40].replace('#', '%23')}#{digest}"


def split_versioned(name: str) -> tuple[str, int | None]:
    """Split `observations_v2` into name and major; the major is None when there is none."""
    match = _VERSIONED.fullmatch(name)
    return (match["name"], int(match["major"])) if match else (name, None)


def may_hold_products(domain: str, product: str = "") -> bool:
    """Whether tables of products may lie in a domain's folder, or in a product's within it."""
    if domain_name_problems(domain):
        return False
    return not product or not product_name_problems(product)


def domain_name_problems(name: str) -> list[Problem]:
    """What is wrong with a domain's name; empty when nothing is."""
    return _part_problems(name, "domain")


def product_name_problems(name: str) -> list[Problem]:
    """What is wrong with a product's name (without major); empty when nothing is."""
    problems = _part_problems(name, "product")
    if not problems and _MAJOR_SUFFIX.search(name):
        problems.append(
            Problem(
                f"product name {name!r} ends in a version",
                hint="leave the major out: it comes from the contract's version",
            )
        )
    return problems


def environment_name_problems(name: str) -> list[Problem]:
    """What is wrong with an environment's name; empty when nothing is."""
    return _part_problems(name, "environment", reserved=frozenset())


def column_name_problems(name: str) -> list[Problem]:
    """What is wrong with a column's name.

    Delta refuses `` ,;{}()=`` and controls; Polars reads `*` and `^…$` as patterns; a dot ends a
    product's name in `domain.product_v1.column`; quotes and slashes end names in SQL and in paths.
    """
    is_refused = not name or _COLUMN_FORBIDDEN.search(name) is not None
    if is_refused or len(name.encode()) > 255:  # noqa: PLR2004 -- bytes that a path's part may have
        hint = "use letters, digits and underscores"
        return [Problem(f"{name!r} cannot be a column's name", hint=hint)]
    if name.startswith("_mesh_"):
        return [Problem(f"column {name!r}: names that begin with _mesh_ are Mesh's own")]
    return []


def _part_problems(name: str, what: str, *, reserved: frozenset[str] = _RESERVED) -> list[Problem]:
    if not _PART.fullmatch(name):
        return [Problem(f"{name!r} cannot be a {what}'s name", hint=_suggestion(name, what))]
    if len(name) > MAX_LENGTH:
        return [Problem(f"{what} name {name[:20]!r}… is longer than {MAX_LENGTH} characters")]
    if keyword.iskeyword(name) or name in reserved:
        return [Problem(f"{name!r} is reserved", hint=f"use {name}s or a longer {what} name")]
    return []


def _suggestion(name: str, what: str) -> str:
    cleaned = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:MAX_LENGTH]
    grammar = "lower-case letters, digits and single underscores, beginning with a letter"
    if _PART.fullmatch(cleaned) and not keyword.iskeyword(cleaned):
        return f"use {grammar}, such as {cleaned!r}"
    return f"use {grammar} for a {what}"

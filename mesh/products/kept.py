"""Declarations of domains that nothing changed in since they were loaded last.

Owns the files `.mesh/declared/<domain>.json`, so that whoever only looks at a mesh need not import
all of it, and the digest of what a domain's declarations are made of: its own files, those that all
domains share, the libraries, the settings and the day. A domain that imports anything else of the
mesh is loaded each time. Keeps no functions: a product from here cannot be run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NoReturn

import mesh
from mesh.contracts.model import Contract
from mesh.errors import MeshError
from mesh.naming import ProductId
from mesh.products.collection import (
    BrokenDomain,
    Domain,
    Organization,
    domain_folders,
    domain_name,
    load_domain,
    load_source,
    organization_of,
)
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest
from mesh.products.glossary import BusinessTerm
from mesh.products.ports import Access, Freshness, Input
from mesh.products.state import MeshState, ProductState
from mesh.settings import Settings

_SKIPPED = frozenset({"__pycache__", "target", "logs", "dbt_packages"})
_IMPORT = re.compile(r"^\s*(?:from|import)\s+(\.*[\w.]*)", re.MULTILINE)
_FORM = "2:"
"""Begins keys, so that what an earlier Mesh kept otherwise is loaded anew."""
_BY_NAME = re.compile(r"\bimportlib\b|__import__|\bexec\(|\beval\(")


@dataclass(frozen=True, slots=True)
class Declared:
    """A mesh that is only looked at: `organization` may hold products that cannot be run."""

    organization: Organization
    state: MeshState
    settings: Settings
    _loaded: dict[str, DataProduct] = field(default_factory=dict, repr=False, compare=False)

    def runnable(self, name: str) -> DataProduct:
        """The product with its function. Raises what is wrong with its domain by now."""
        product = self.organization.product(name)
        if not isinstance(product.transform, _NotLoaded):
            return product
        if name not in self._loaded:
            found = load_source(product.source, product.id.domain, self.settings)
            self._loaded.update({str(p.id): p for p in found})
        return self._loaded[name]


@dataclass(frozen=True, slots=True)
class _NotLoaded:
    """In the place of a function that was not imported."""

    product: str

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise MeshError("its function was not imported", where=self.product)


def look(settings: Settings, origin: str = "this working tree") -> Declared:
    """What the folders of a mesh declare, as `load_organization` tells it.

    Raises ManifestError when `organization.yaml` cannot be used.
    """
    shared = _digest(settings.root, _shared_files(settings)) + _surroundings(settings)
    domains: list[Domain] = []
    broken: list[BrokenDomain] = []
    states: list[ProductState] = []
    for folder in domain_folders(settings):
        name = domain_name(folder, settings)
        try:
            domain, products = _look_at(folder, name, shared, settings)
        except MeshError as error:
            broken.append(BrokenDomain(name, folder, error))
        else:
            domains.append(domain)
            states += products
    organization = organization_of(settings, domains, broken)
    manifests = {d.name: d.manifest.model_dump(mode="json") for d in domains}
    unread = frozenset(b.name for b in broken)
    terms = [term for domain in domains for term in domain.terms]
    state = MeshState.made(origin, states, manifests, unread, terms=terms)
    return Declared(organization, state, settings)


def _look_at(
    folder: Path, name: str, shared: str, settings: Settings
) -> tuple[Domain, list[ProductState]]:
    """A domain, as it was kept or else as it is loaded, and kept from now on."""
    files = list(_files(folder))
    key = (
        f"{_FORM}{shared}{_digest(folder, files)}" if _stands_alone(folder, files, settings) else ""
    )
    kept = settings.path(settings.state) / "declared" / f"{name}.json"
    if key and (found := _kept(kept, key)) is not None:
        return _as_domain(folder, found), [ProductState(**p) for p in found["products"]]
    domain = load_domain(folder, settings)
    states = [ProductState(str(p.id), p.as_json(), p.contract.as_json()) for p in domain.products]
    if key:
        manifest = domain.manifest.model_dump(mode="json")
        products = [state.as_json() for state in states]
        terms = [{**term.as_json(), "where": term.where} for term in domain.terms]
        content = {"key": key, "manifest": manifest, "products": products, "terms": terms}
        content["said"] = {str(p.id): _said(p.contract) for p in domain.products}
        _keep(kept, content)
    return domain, states


def _as_domain(folder: Path, kept: Mapping[str, Any]) -> Domain:
    manifest = DomainManifest.model_validate(kept["manifest"])
    said = kept["said"]
    products = tuple(_as_product(product, said[product["name"]]) for product in kept["products"])
    terms = tuple(BusinessTerm.from_json(term) for term in kept["terms"])
    return Domain(manifest.name, folder, manifest, products, terms)


def _said(contract: Contract) -> list[str]:
    """The columns whose classification was written down, which a contract does not keep."""
    return [column.name for column in contract.columns if column.is_class_said]


def _as_contract(kept: Mapping[str, Any], said: Collection[str]) -> Contract:
    found = Contract.from_json(kept)
    columns = (replace(c, is_class_said=c.name in said) for c in found.columns)
    return replace(found, columns=tuple(columns))


def _as_product(kept: Mapping[str, Any], said: Collection[str]) -> DataProduct:
    """What checks of products against each other look at."""
    declared = kept["declaration"]
    return DataProduct(
        id=ProductId.parse(kept["name"]),
        contract=_as_contract(kept["contract"], said),
        transform=_NotLoaded(kept["name"]),
        inputs={
            port: Input(
                told["product"],
                told["columns"],
                told["purpose"],
                incremental=told["incremental"],
                expects=told["expects"],
            )
            for port, told in declared["inputs"].items()
        },
        description=declared["description"],
        source=declared["source"],
        code_version=declared["code_version"],
        deprecated=date.fromisoformat(until) if (until := declared["deprecated"]) else None,
        successor=declared["successor"],
        access=Access(declared["access"]),
        freshness=Freshness(within) if (within := declared["freshness"]) else None,
        schedule=declared["schedule"],
        tags=declared["tags"],
        lineage=declared["lineage"],
    )


def _kept(file: Path, key: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not kept yet, or half of a file
        return None
    is_same = isinstance(found, dict) and found.get("key") == key
    return found if is_same else None


def _keep(file: Path, content: Mapping[str, Any]) -> None:
    """Keep what was loaded; where that cannot be written, it is loaded again the next time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        draft.replace(file)
    except OSError:
        return


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order, without what tools leave there."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if entry.name in _SKIPPED or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _shared_files(settings: Settings) -> Iterator[Path]:
    """Files that any domain's declarations may be made of."""
    yield settings.root / "pyproject.toml"
    yield from (f for f in sorted(settings.path(settings.domains).iterdir()) if f.is_file())
    yield from _files(settings.path(settings.dbt_project))


def _digest(root: Path, files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        name = file.relative_to(root) if file.is_relative_to(root) else file
        content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        found.update(f"{name}\0{content}\n".encode())
    return found.hexdigest()


def _surroundings(settings: Settings) -> str:
    """What declarations depend on besides files: settings, libraries, Mesh itself, and the day."""
    told = (settings.model_dump_json(), _installed(), str(datetime.now(UTC).date()))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


@cache
def _installed() -> str:
    home = Path(mesh.__file__).parent
    own = [f"{f} {f.stat().st_mtime_ns} {f.stat().st_size}" for f in sorted(home.rglob("*.py"))]
    others = sorted(Path(str(found._path)).name for found in distributions())  # type: ignore[attr-defined]  # noqa: SLF001 -- its name has the version, and its metadata need not be read
    return "\n".join([sys.version, *others, *own])


def _stands_alone(folder: Path, files: Iterable[Path], settings: Settings) -> bool:
    """Whether a domain's modules import nothing of the mesh but their own."""
    root = settings.root
    if not folder.resolve().is_relative_to(root):
        return False
    own = ".".join(folder.resolve().relative_to(root).parts)
    for file in files:
        if file.suffix != ".py":
            continue
        source = file.read_text(encoding="utf-8", errors="replace")
        depth = len(file.relative_to(folder).parts)
        if _BY_NAME.search(source) or not all(
            _is_own(name, own, depth, root) for name in _IMPORT.findall(source)
        ):
            return False
    return True


def _is_own(name: str, own: str, depth: int, root: Path) -> bool:
    dots = len(name) - len(name.lstrip("."))
    if dots:
        return dots <= depth
    first = name.partition(".")[0]
    is_of_the_mesh = (root / first).exists() or (root / f"{first}.py").exists()
    return not is_of_the_mesh or first == "mesh" or f"{name}.".startswith(f"{own}.")

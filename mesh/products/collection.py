"""Finding what domains declare.

Owns the way from folders to products: importing a domain's modules, reading its manifest, binding
its declarations. One broken domain is a value among the others, so that it breaks nobody else.
Checks of products against each other are in `products.consistency`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from mesh.errors import (
    DefinitionError,
    DomainImportError,
    MeshError,
    Problem,
    UnknownDomainError,
    UnknownProductError,
)
from mesh.naming import ProductId, domain_name_problems
from mesh.products.declaration import DataProduct, Declaration, declaration_of
from mesh.products.domain import (
    DomainManifest,
    OrganizationManifest,
    read_domain,
    read_organization,
)
from mesh.products.glossary import BusinessTerm, read_glossary
from mesh.products.odcs_file import connected
from mesh.products.people import people_problems
from mesh.products.policy_files import PolicyFile, read_policy_files
from mesh.settings import Settings

MANIFEST = "domain.yaml"
ORGANIZATION = "organization.yaml"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that loaded: its manifest, products by name, terms of its glossary, and policies."""

    name: str
    folder: Path
    manifest: DomainManifest
    products: tuple[DataProduct, ...]
    terms: tuple[BusinessTerm, ...] = ()
    policies: tuple[PolicyFile, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenDomain:
    """A domain that did not load, and why."""

    name: str
    folder: Path
    error: MeshError

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is known to be wrong."""
        if isinstance(self.error, DefinitionError):
            return self.error.problems
        return (Problem(self.error.what, self.error.where or self.name, self.error.hint),)


@dataclass(frozen=True, slots=True)
class Organization:
    """Every domain of a mesh, as its folders declare it now."""

    manifest: OrganizationManifest
    domains: tuple[Domain, ...]
    broken: tuple[BrokenDomain, ...] = ()
    problems: tuple[Problem, ...] = ()
    _products: Mapping[str, DataProduct] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Index the products by name."""
        found = {str(p.id): p for domain in self.domains for p in domain.products}
        object.__setattr__(self, "_products", found)

    @property
    def products(self) -> Mapping[str, DataProduct]:
        """Products by name."""
        return self._products

    def product(self, name: str) -> DataProduct:
        """The product of a name; the major may be left out when there is only one.

        Raises UnknownProductError with near names.
        """
        if name in self._products:
            return self._products[name]
        majors = [p for p in self._products.values() if f"{p.id.domain}.{p.id.name}" == name]
        if majors:
            return max(majors, key=lambda product: product.id.major)
        raise UnknownProductError(name, self._products)

    def domain(self, name: str) -> Domain:
        """The domain of a name. Raises UnknownDomainError or what broke it."""
        for broken in self.broken:
            if broken.name == name:
                raise broken.error
        for domain in self.domains:
            if domain.name == name:
                return domain
        raise UnknownDomainError(name, [domain.name for domain in self.domains])


def load_organization(settings: Settings) -> Organization:
    """Load every domain of a mesh, and the platform's own products.

    Raises ManifestError when `organization.yaml` cannot be used; a domain that cannot be loaded is
    in `broken`.
    """
    domains: list[Domain] = []
    broken: list[BrokenDomain] = []
    for home in domain_folders(settings):
        try:
            domains.append(load_domain(home, settings))
        except MeshError as error:
            broken.append(BrokenDomain(domain_name(home, settings), home, error))
    return organization_of(settings, domains, broken)


def organization_of(
    settings: Settings, domains: Iterable[Domain], broken: Iterable[BrokenDomain]
) -> Organization:
    """A mesh of these domains. Raises ManifestError when `organization.yaml` cannot be used."""
    folder = settings.path(settings.domains)
    file = folder / ORGANIZATION
    manifest = read_organization(file)
    loaded, others = tuple(domains), tuple(broken)
    found = {d.name for d in loaded} | {d.name for d in others}
    problems = (*_membership(manifest, found, folder), *people_problems(manifest, str(file)))
    return Organization(manifest, loaded, others, problems)


def domain_folders(settings: Settings) -> list[Path]:
    """Folders that hold a domain, by name, with the platform's last."""
    folder = settings.path(settings.domains)
    marks = (MANIFEST, "definitions.py")
    found = sorted({path.parent for mark in marks for path in folder.glob(f"*/{mark}")})
    platform = settings.path(settings.platform)
    return [*found, platform] if (platform / MANIFEST).is_file() else found


def domain_name(folder: Path, settings: Settings) -> str:
    """The name of the domain in a folder: the folder's own, or `platform` for the platform's."""
    return "platform" if folder == settings.path(settings.platform) else folder.name


def load_domain(folder: Path, settings: Settings) -> Domain:
    """Load one domain. Raises ManifestError, DomainImportError or DefinitionError, whole."""
    problems: list[Problem] = []
    try:
        manifest = read_domain(folder / MANIFEST)
    except DefinitionError as error:
        manifest = None
        problems += error.problems
    name = manifest.name if manifest else domain_name(folder, settings)
    products: list[DataProduct] = []
    if not domain_name_problems(name):
        products = _collect(folder, name, settings, problems)
    problems += _repeated(products)
    terms: tuple[BusinessTerm, ...] = ()
    policies: tuple[PolicyFile, ...] = ()
    try:
        terms = read_glossary(folder, name)
        policies = read_policy_files(folder, settings.root, name)
    except DefinitionError as error:
        problems += error.problems
    if problems or manifest is None:
        raise DefinitionError(dict.fromkeys(problems))  # several products may have one document
    products = connected(products)
    ordered = tuple(sorted(products, key=lambda p: p.id))
    return Domain(name, folder, manifest, ordered, terms, policies)


def _collect(
    folder: Path, domain: str, settings: Settings, problems: list[Problem]
) -> list[DataProduct]:
    products: list[DataProduct] = []
    for module_name in _module_names(folder, settings):
        products += _bound(module_name, domain, settings, problems)
    from mesh.products.sql import collect_sql_products

    try:
        products += collect_sql_products(domain, settings)
    except DefinitionError as error:
        problems += error.problems
    return products


def load_source(source: str, domain: str, settings: Settings) -> Sequence[DataProduct]:
    """The products that are declared where one of a domain is: in its module, or as SQL.

    Raises DefinitionError, whole.
    """
    if not source.endswith(".py"):
        from mesh.products.sql import collect_sql_products

        return collect_sql_products(domain, settings)
    problems: list[Problem] = []
    name = ".".join(Path(source).with_suffix("").parts)
    products = _bound(name, domain, settings, problems)
    if problems:
        raise DefinitionError(problems)
    return products


def _bound(
    module_name: str, domain: str, settings: Settings, problems: list[Problem]
) -> list[DataProduct]:
    """What a module declares, bound to its domain; what is wrong is added to `problems`."""
    try:
        module = import_module(module_name, settings.root)
    except DomainImportError as error:
        problems += error.problems
        return []
    products = []
    for declaration in _declarations(module):
        try:
            products.append(declaration.bind(domain, settings.root))
        except DefinitionError as error:
            problems += error.problems
    return products


def _module_names(folder: Path, settings: Settings) -> list[str]:
    package = ".".join(folder.resolve().relative_to(settings.root).parts)
    found = pkgutil.iter_modules([str(folder / "products")])
    return sorted(f"{package}.products.{module.name}" for module in found)


def import_module(name: str, root: Path) -> ModuleType:
    """Import a module of the mesh at `root`. Raises DomainImportError with file and line."""
    _prefer(name.partition(".")[0], root)
    try:
        return importlib.import_module(name)
    except DefinitionError as error:
        raise DomainImportError(error.problems) from error
    except (Exception, SystemExit) as error:
        # A domain's module may raise anything at all; what it raises is the problem to report.
        raise DomainImportError([_import_problem(name, error, root)]) from error


def _prefer(package: str, root: Path) -> None:
    """Let `package` mean the one at `root`, also where another mesh's was imported before."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    loaded = sys.modules.get(package)
    homes = [Path(path).resolve() for path in getattr(loaded, "__path__", ())]
    if loaded is not None and root / package not in homes:
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]
        sys.path.remove(str(root))
        sys.path.insert(0, str(root))
        importlib.invalidate_caches()


def _import_problem(name: str, error: BaseException, root: Path) -> Problem:
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(root))
    ]
    last = frames[-1] if frames else None
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{_relative(error.filename, root)}:{error.lineno}"
    elif last is not None and "/mesh/products/collection.py" not in last.filename:
        where = f"{_relative(last.filename, root)}:{last.lineno}"
    else:
        where = name
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = f"install what provides {error.name!r}, or mend the import"
    return Problem(f"it cannot be imported: {type(error).__name__}: {error}", where, hint)


def _relative(file: str, root: Path) -> str:
    path = Path(file)
    return str(path.relative_to(root)) if path.is_relative_to(root) else file


def _declarations(module: ModuleType) -> Iterable[Declaration]:
    """What a module itself declares: not what it imports, and once under however many names."""
    found = {id(d): d for d in map(declaration_of, vars(module).values()) if d is not None}
    return [d for d in found.values() if d.function.__module__ == module.__name__]


def _repeated(products: Iterable[DataProduct]) -> list[Problem]:
    seen: dict[ProductId, DataProduct] = {}
    problems = []
    for product in products:
        other = seen.setdefault(product.id, product)
        if other is not product:
            problems.append(
                Problem(
                    f"{product.id} is declared twice: in {other.source} and {product.source}",
                    where=product.source,
                    hint="rename one of them, or give it the next major",
                )
            )
    return problems


def _membership(manifest: OrganizationManifest, found: set[str], folder: Path) -> Iterable[Problem]:
    where = str(folder / ORGANIZATION)
    for name in sorted(set(manifest.domains) - found):
        yield Problem(f"domain {name!r} has no folder", where, f"`mesh new domain {name}`")
    for name in sorted(found - set(manifest.domains) - {"platform"}):
        yield Problem(f"domain {name!r} is not listed under domains", where, "add it")

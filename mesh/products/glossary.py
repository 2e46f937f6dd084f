"""A domain's glossary: the terms of its business, in `glossary.yaml`.

Owns the file's shape, the terms as values, and whether they hold together: links that lead
somewhere, names that are told apart, no circle of broader terms. Every problem is told by file,
line and path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from mesh.contracts import yaml_files
from mesh.errors import InvalidNameError, ManifestError, Problem, did_you_mean, near_names
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.products.domain import Part, Person, Text, problem_of, read_yaml

FILE = "glossary.yaml"
"""The file's name, beside `domain.yaml`."""
_ID = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"


class TermEntry(Part):
    """A term of the business."""

    name: Text = Field(description="The term as people say it: `departure delay`.")
    id: str = Field(
        default="",
        description="The term's name in links, unique in the domain; made from `name` by default: "
        "`departure_delay`. Others write `domain.departure_delay`.",
    )
    definition: Text = Field(description="What it means, so that two people count the same.")
    synonyms: tuple[Text, ...] = Field(
        default=(), description="Other words for it, by which its products are found as well."
    )
    broader: str = Field(default="", description="The term that it is a kind of.")
    related: tuple[Text, ...] = Field(default=(), description="Terms to read beside it.")
    steward: Person | None = Field(
        default=None, description="Who looks after its meaning; the domain's data steward if empty."
    )
    applies_to: tuple[Text, ...] = Field(
        default=(),
        description="Products, `weather.observations_v1`, and columns, "
        "`weather.observations_v1.wind_speed_mph`, of any domain that it is about.",
    )


class GlossaryManifest(Part):
    """A domain's `glossary.yaml`."""

    terms: tuple[TermEntry, ...] = Field(description="The terms of the domain's business.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessTerm:
    """A term, as everybody sees it: `id` is `domain.term`, and so are the terms that it names.

    `where` is its place in the file.
    """

    id: str
    name: str
    definition: str
    synonyms: tuple[str, ...] = ()
    broader: str = ""
    related: tuple[str, ...] = ()
    steward: str = ""
    steward_email: str = ""
    applies_to: tuple[str, ...] = ()
    where: str = field(default="", compare=False)

    @property
    def domain(self) -> str:
        """The domain whose word it is."""
        return self.id.partition(".")[0]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """What it is about: products, and columns of them; the column is empty for the whole."""
        return tuple(_link(target) for target in self.applies_to)

    def linked_to(self, product: str) -> dict[str, Any]:
        """What it says of a product, as plain values: of the whole, or of some of its columns."""
        linked = [column for name, column in self.links if name == product]
        return {
            "id": self.id,
            "name": self.name,
            "definition": self.definition,
            "is_whole": "" in linked,
            "columns": [column for column in linked if column],
        }

    def as_json(self) -> dict[str, Any]:
        """The term as plain values, without its place."""
        told = asdict(self)
        del told["where"]
        return {name: list(v) if isinstance(v, tuple) else v for name, v in told.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BusinessTerm:
        """Read what `as_json` wrote; keys of a later Mesh are passed over."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known.items()
        }
        return cls(**values)


def read_glossary(folder: Path, domain: str) -> tuple[BusinessTerm, ...]:
    """The terms of a domain's folder; none where it has no glossary.

    Raises ManifestError with every problem.
    """
    file = folder / FILE
    if not file.exists():
        return ()
    data, lines = read_yaml(file)
    if not isinstance(data, dict):
        raise ManifestError([Problem("it is not a mapping of keys to values", where=str(file))])
    try:
        manifest = GlossaryManifest.model_validate(data)
    except ValidationError as error:
        problems = [problem_of(file, item, lines, GlossaryManifest) for item in error.errors()]
        raise ManifestError(problems) from error
    terms = tuple(
        _term(entry, domain, _place(file, lines, number))
        for number, entry in enumerate(manifest.terms)
    )
    if problems := list(_name_problems(terms, domain)):
        raise ManifestError(problems)
    return terms


def term_problems(
    terms: Iterable[BusinessTerm], products: Mapping[str, DataProduct], unloaded: set[str]
) -> Iterator[Problem]:
    """What is wrong with the terms of all domains together."""
    known = {term.id: term for term in terms}
    for term in known.values():
        for target in term.applies_to:
            yield from _target_problems(target, term, products, unloaded)
        for other in filter(None, (term.broader, *term.related)):
            if other not in known and other.partition(".")[0] not in unloaded:
                hint = did_you_mean(near_names(other, known)) or "`mesh glossary list` shows all"
                yield Problem(f"there is no term {other!r}", term.where, hint)
    yield from _circles(known)


def _place(file: Path, lines: dict[tuple[str, ...], int], number: int) -> str:
    path = ("terms", str(number))
    return f"{file}:{yaml_files.line_of(lines, path)}: {'.'.join(path)}"


def _term(entry: TermEntry, domain: str, where: str) -> BusinessTerm:
    name = entry.id or re.sub(r"[^a-z0-9]+", "_", entry.name.lower()).strip("_")
    return BusinessTerm(
        id=f"{domain}.{name}",
        name=entry.name,
        definition=entry.definition,
        synonyms=entry.synonyms,
        broader=_full(entry.broader, domain),
        related=tuple(_full(other, domain) for other in entry.related),
        steward=entry.steward.name if entry.steward else "",
        steward_email=entry.steward.email if entry.steward else "",
        applies_to=entry.applies_to,
        where=where,
    )


def _full(name: str, domain: str) -> str:
    """A term's full name; within its own domain the domain may be left out."""
    return name if not name or "." in name else f"{domain}.{name}"


def _link(target: str) -> tuple[str, str]:
    domain, _, rest = target.partition(".")
    product, _, column = rest.partition(".")
    return f"{domain}.{product}", column


def _name_problems(terms: Sequence[BusinessTerm], domain: str) -> Iterator[Problem]:
    """Names that cannot be linked to, and those that two terms have."""
    ids: dict[str, BusinessTerm] = {}
    spoken: dict[str, BusinessTerm] = {}
    for term in terms:
        own = term.id.removeprefix(f"{domain}.")
        if not re.match(_ID, own):
            hint = "give it an id of lower-case letters, digits and single underscores"
            yield Problem(f"{own!r} cannot be a term's id", term.where, hint)
        if ids.setdefault(term.id, term) is not term:
            yield Problem(f"term {term.id} is there twice", term.where, "give one another id")
        for word in dict.fromkeys(w.casefold() for w in (term.name, *term.synonyms)):
            other = spoken.setdefault(word, term)
            if other is not term and other.id != term.id:
                what = f"{word!r} is said of {other.id} as well"
                yield Problem(what, term.where, "leave it to one of them, or tell them apart")
        if len(set(term.applies_to)) < len(term.applies_to):
            yield Problem("it applies to the same twice", term.where, "once is enough")


def _target_problems(
    target: str, term: BusinessTerm, products: Mapping[str, DataProduct], unloaded: set[str]
) -> Iterator[Problem]:
    where = f"{term.where}: applies_to"
    name, column = _link(target)
    try:
        home = ProductId.parse(name).domain
    except InvalidNameError:
        hint = "domain.product_v1, or domain.product_v1.column"
        yield Problem(f"{target!r} names no product", where, hint)
        return
    if name not in products:
        if home not in unloaded:
            hint = did_you_mean(near_names(name, products)) or "`mesh list` shows them all"
            yield Problem(f"there is no product {name!r}", where, hint)
        return
    names = products[name].contract.column_names
    if column and column not in names:
        hint = did_you_mean(near_names(column, names)) or f"columns are {', '.join(names)}"
        yield Problem(f"{name} has no column {column!r}", where, hint)


def _circles(known: Mapping[str, BusinessTerm]) -> Iterator[Problem]:
    """Each circle of broader terms, once."""
    told: set[str] = set()
    for start in known:
        path: list[str] = []
        name = start
        while name in known and name not in path and name not in told:
            path.append(name)
            name = known[name].broader
        if name in path:
            circle = [*path[path.index(name) :], name]
            what = f"broader terms lead in a circle: {' → '.join(circle)}"
            yield Problem(what, known[name].where, "leave `broader` out of one of them")
        told.update(path)

"""Documents: what is known of a product or of a reported dataset, as it is searched.

Owns which texts are searched, and as what. Reads the catalog's tables, and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from mesh.catalog import schema
from mesh.catalog.completeness import Completeness, Documented, completeness
from mesh.catalog.glossary import terms_of
from mesh.catalog.search.model import EXTERNAL, UNKNOWN
from mesh.catalog.search.texts import FieldText, Tier, folded, texts_of, words_by_tier
from mesh.catalog.search.words import composed
from mesh.contracts.model import Classification, Column
from mesh.products.glossary import BusinessTerm

_CAREFUL = tuple(Classification)
"""Classes, the most careful last."""
_LAST_PART = re.compile(r"[^/.]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything of a document but how it fares."""

    key: str
    name: str
    domain: str = ""
    owner: str = ""
    kind: str = EXTERNAL
    classification: str = UNKNOWN
    access: str = UNKNOWN
    product_owner: str = ""
    completeness: float
    forms: tuple[str, ...]
    description: str
    texts: tuple[FieldText, ...]

    @property
    def digest(self) -> str:
        """Equal for equal documents: saves writing them again."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()

    @property
    def words(self) -> dict[Tier, set[str]]:
        """What it is found by: the words of its texts, and its name as one word."""
        found = words_by_tier(self.texts)
        found[Tier.NAME].update(form for form in self.forms if form and " " not in form)
        return found

    def as_row(self) -> dict[str, Any]:
        """The columns that are not about how it fares."""
        row = {name: value for name, value in asdict(self).items() if isinstance(value, str)}
        del row["description"], row["key"]
        content = {"description": self.description, "texts": [t.as_json() for t in self.texts]}
        return {
            **row,
            "completeness": self.completeness,
            "forms": "\n".join(self.forms),
            "digest": self.digest,
            "content": content,
        }


def documentation(connection: Connection, product: str) -> Completeness | None:
    """How completely a product is documented, declared still or not; None for an unknown one."""
    table, homes = schema.products, schema.domains
    found = (
        select(table, homes.c.team, homes.c.manifest)
        .join(homes, homes.c.name == table.c.domain)
        .where(table.c.name == product)
    )
    row = connection.execute(found).first()
    if row is None:
        return None
    columns, terms = _columns(connection, product), terms_of(connection, product)
    return completeness(_documented(row, columns, terms))


def product_document(connection: Connection, product: str) -> Document | None:
    """The document of a product that is declared; None for any other."""
    table, homes = schema.products, schema.domains
    found = (
        select(table, homes.c.title, homes.c.purpose, homes.c.kind, homes.c.team, homes.c.manifest)
        .join(homes, homes.c.name == table.c.domain)
        .where(table.c.name == product, table.c.is_declared)
    )
    row = connection.execute(found).first()
    if row is None:
        return None
    columns = _columns(connection, product)
    people = _people(connection, row.domain)
    terms = terms_of(connection, product)
    score = completeness(_documented(row, columns, terms)).score
    classes = [column.classification for column in columns] or [Classification.INTERNAL]
    return Document(
        key=product,
        name=product,
        domain=row.domain,
        owner=composed(row.team),
        kind=row.kind,
        classification=str(max(classes, key=_CAREFUL.index)),
        access=row.access,
        product_owner=composed(people[0][1]) if people else "",
        completeness=score,
        forms=_forms(row.domain, row.short_name, row.major),
        description=composed(row.description),
        texts=texts_of(_product_texts(row, columns, people, terms)),
    )


def dataset_document(connection: Connection, key: str) -> Document | None:
    """The document of a dataset that others report; None where it is another one by now."""
    table, columns = schema.datasets, schema.dataset_columns
    row = connection.execute(select(table).where(table.c.key == key)).first()
    if row is None or row.canonical != key:
        return None
    found = select(columns).where(columns.c.dataset == key).order_by(columns.c.position)
    parts = connection.execute(found).all()
    owners, name = _said(row.owners), composed(row.name)
    described = [Column(c.name, c.type, description=c.description) for c in parts]
    documented = Documented(
        description=row.description,
        columns=described,
        owner=" ".join(owners),
        tags=len(_said(row.tags)),
    )
    last = _LAST_PART.search(name)
    return Document(
        key=composed(key),
        name=name,
        owner=composed(owners[0]) if owners else UNKNOWN,
        completeness=completeness(documented).score,
        forms=tuple(dict.fromkeys([folded(name), folded(last.group()) if last else ""])),
        description=composed(row.description),
        texts=texts_of(_dataset_texts(row, described)),
    )


def _documented(
    row: Row[Any], columns: Sequence[Column], terms: Sequence[BusinessTerm]
) -> Documented:
    return Documented(
        description=row.description,
        columns=columns,
        owner=row.team,
        freshness=row.freshness,
        usage=row.manifest["terms"]["usage"],
        tags=len(row.tags),
        terms=len(terms),
    )


def _forms(domain: str, name: str, major: int) -> tuple[str, ...]:
    """Every way to write a product's name: with and without domain and major, and in one word."""
    written = (f"{domain}.{name}_v{major}", f"{domain}.{name}", f"{name}_v{major}", name)
    return tuple(dict.fromkeys([*map(folded, written), folded(name.replace("_", ""))]))


def _product_texts(
    row: Row[Any],
    columns: Iterable[Column],
    people: Iterable[tuple[str, str, str]],
    terms: Iterable[BusinessTerm],
) -> Iterator[tuple[Tier, str, str]]:
    yield Tier.NAME, "name", row.name
    for term in terms:
        words = f" ({', '.join(term.synonyms)})" if term.synonyms else ""
        yield Tier.SUBJECT, "term", f"{term.name}{words}"
    for name, value in row.tags.items():
        yield Tier.SUBJECT, "tag", f"{name}: {value}"
    yield Tier.SUBJECT, "domain", row.title
    for column in columns:
        yield Tier.PART, "column", column.name
    yield Tier.PART, "owner", row.team
    for role, name, email in people:
        yield Tier.PART, role.replace("_", " "), f"{name} <{email}>"
    yield Tier.PROSE, "description", row.description
    for column in columns:
        yield Tier.PROSE, f"column {column.name}", column.description
    for term in terms:
        yield Tier.PROSE, f"term {term.name}", term.definition
    yield Tier.PROSE, "domain", row.purpose


def _dataset_texts(row: Row[Any], columns: Sequence[Column]) -> Iterator[tuple[Tier, str, str]]:
    yield Tier.NAME, "name", row.name
    for tag in _said(row.tags):
        yield Tier.SUBJECT, "tag", tag
    for column in columns:
        yield Tier.PART, "column", column.name
    for owner in _said(row.owners):
        yield Tier.PART, "owner", owner
    yield Tier.PART, "namespace", row.namespace
    yield Tier.PROSE, "description", row.description
    for column in columns:
        yield Tier.PROSE, f"column {column.name}", column.description


def _said(value: Any) -> list[str]:
    """The texts in what a producer reported, whichever way it put them."""
    if isinstance(value, Mapping):
        named = value.get("name")
        return [named] if isinstance(named, str) else [f"{k}: {v}" for k, v in value.items()]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _said(item)]
    return [str(value)] if value else []


def _columns(connection: Connection, product: str) -> list[Column]:
    table = schema.columns
    found = select(table).where(table.c.product == product).order_by(table.c.position)
    return [
        Column(
            row.name,
            row.type,
            key_position=row.key_position,
            description=row.description,
            unit=row.unit,
            classification=Classification(row.classification),
            references=row.refers_to,
        )
        for row in connection.execute(found)
    ]


def _people(connection: Connection, domain: str) -> list[tuple[str, str, str]]:
    table = schema.people
    found = (
        select(table.c.role, table.c.name, table.c.email)
        .where(table.c.domain == domain)
        .order_by(table.c.position)
    )
    return [(row.role, row.name, row.email) for row in connection.execute(found)]

"""A contract as a page that people read.

Owns the page: what it is for, its columns and keys, its rules in words, and whatever else the
caller knows of the product (owner, service levels, terms, versions), section by section.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mesh.contracts.model import Column, Contract, Rule
from mesh.contracts.odcs.model import texts_for_people

_SPECIAL = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]<>|#"} | {"\n": " ", "\r": " "}
)


def page(
    contract: Contract, *, title: str = "", sections: Mapping[str, Iterable[str]] | None = None
) -> str:
    """The page in Markdown. `sections` are headings and their lines; empty ones are left out."""
    return "\n".join(_lines(contract, title or contract.name, sections or {})) + "\n"


def _lines(contract: Contract, title: str, sections: Mapping[str, Iterable[str]]) -> Iterator[str]:
    yield f"# {plain(title)}"
    yield ""
    yield f"Contract **{plain(contract.name)}**, version **{contract.version}**."
    if contract.description:
        yield ""
        yield from _paragraphs(contract.description)
    yield from _columns(contract)
    yield from _rules(contract)
    for heading, lines in sections.items():
        found = [line for line in lines if line]
        if found:
            yield from ("", f"## {heading}", "")
            yield from (f"- {plain(line)}" for line in found)


def _columns(contract: Contract) -> Iterator[str]:
    yield from ("", "## Columns", "")
    if key := contract.key:
        yield f"One row per {' and '.join(f'`{name}`' for name in key)}."
        yield ""
    yield from _table(
        ("column", "type", "unit", "classification", "may be empty", "description"),
        (
            (
                f"`{column.name}`",
                f"`{column.type}`",
                plain(column.unit),
                str(column.classification),
                "yes" if column.is_nullable else "no",
                plain(_described(column)),
            )
            for column in contract.columns
        ),
    )
    if not contract.is_strict:
        yield from ("", "Columns that are not listed here may be there, too.")


def _described(column: Column) -> str:
    parts = [
        column.description,
        f"One of {column.references}." if column.references else "",
        f"Was called {column.renamed_from}." if column.renamed_from else "",
    ]
    return ". ".join(part.rstrip(".") for part in parts if part)


def _rules(contract: Contract) -> Iterator[str]:
    yield from ("", "## Rules", "")
    told = [rule for rule in contract.rules if rule.check != "not_null" or not rule.is_blocking]
    if told:
        yield from _table(("what holds", "of", "when it does not", "why"), map(_row, told))
    else:
        yield "Only types, and where a value has to be."
    for text in texts_for_people(contract.document, contract.table):
        yield from ("", plain(text))


def _row(rule: Rule) -> tuple[str, ...]:
    of = "each row" if rule.scope == "row" else "all rows together"
    if not rule.is_blocking:
        meaning = "it is counted and told"
    else:
        meaning = "the row is rejected" if rule.scope == "row" else "nothing is published"
    return plain(rule.text), of, meaning, plain(rule.description)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    found = [*rows]
    kept = [n for n in range(len(head)) if any(row[n] for row in found)]
    yield f"| {' | '.join(head[n] for n in kept)} |"
    yield f"| {' | '.join('---' for _ in kept)} |"
    for row in found:
        yield f"| {' | '.join(row[n] for n in kept)} |"


def _paragraphs(text: str) -> Iterator[str]:
    for line in text.strip().splitlines():
        yield plain(line) if line.strip() else ""


def plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return text.translate(_SPECIAL)

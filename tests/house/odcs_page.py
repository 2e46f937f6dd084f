"""The page on ODCS: what Mesh enforces of the standard, and what it keeps, by key."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping

INTRODUCTION = """\
A contract may be a document of the [Open Data Contract Standard](https://bitol.io), 3.0.2, 3.1.0 or
3.2.0, beside the module of its product: `contract="orders.odcs.yaml"`, or
`contract="shop.odcs.yaml#orders"` for one of several tables; without `#` it is the table with the
product's name. Everything in a document is kept, in the catalog too. This page says what is enforced.
`mesh contract lint FILE` lists what of a file is kept only, with the reason."""
JUDGED = """\
## How a document is judged

A *problem* refuses the document: no version of the standard could read it, or no data could keep it. A
*note* says where the schema of the document's own version would refuse what Mesh reads all the same: a
key that it does not know or that a later version brought, a word that is not in its list, something
optional to Mesh that it wants. Mesh has a problem or a note exactly where the schema refuses, but for
these: versions 2.x are refused, though the schemas list them; 3.0.0 and 3.0.1 are read as 3.0.2; Mesh
also refuses what contradicts itself or names a column that is not there, which no schema can.

A file has at most {size:,} bytes. Aliases may stand for {added:,} values in all, tags and repeated keys
are refused, and dates stay the text that was written."""
RELATIONSHIPS = """\
`to`, and at a schema object `from`, are `table.column`, `schema/id/properties/id`,
`domain.product_v1.column`, or a list of them. A table of the same document counts where it is a product
of the same domain. What is in another file or is no product is kept. Columns that refer to each other
in a circle are refused."""
QUALITY = """\
Rules of 3.0 name metrics under `rule`: {older}. One without an operator has to
count nothing. Severities {warnings} warn, in any case of letters; all others refuse."""


def odcs_page() -> tuple[str, ...]:
    """The parts of the page, without its title."""
    uses = importlib.import_module("mesh.contracts.odcs.uses")
    reading = importlib.import_module("mesh.contracts.odcs.reading")
    quality = importlib.import_module("mesh.contracts.odcs.quality")
    judged = JUDGED.format(size=reading.MAX_BYTES, added=reading.MAX_ADDED)
    older = ", ".join(f"`{old}` is `{new}`" for old, new in quality.OLDER_NAMES.items())
    warnings = ", ".join(f"`{word}`" for word in sorted(quality.WARNINGS))
    parts = [INTRODUCTION, "", judged]
    for title, keys in uses.KEYS.items():
        parts += ["", f"## Keys of a {title}", "", *table(keys)]
        if title == "quality rule":
            parts += ["", QUALITY.format(older=older, warnings=warnings)]
        if title == "relationship":
            parts += ["", RELATIONSHIPS]
    parts += ["", "## Options", "", *table(uses.OPTIONS)]
    parts += ["", "## Service levels", "", *table(uses.LEVELS)]
    return (*parts, *types(), *classifications(), *own_words())


def table(keys: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    """A table of keys and what becomes of them."""
    yield "| key | what Mesh does | more |"
    yield "| --- | --- | --- |"
    for names, (use, what) in keys.items():
        named = ", ".join(f"`{name}`" if " of " not in name else name for name in names.split(", "))
        yield f"| {named} | {use} | {what} |"


def types() -> Iterable[str]:
    """Logical types and formats of numbers as types of a contract."""
    found = importlib.import_module("mesh.contracts.odcs.types")
    yield from ("", "## Types", "")
    yield "| logical type | without more |"
    yield "| --- | --- |"
    for name, kind in found.LOGICAL_TYPES.items():
        yield f"| `{name}` | `{kind}` |"
    yield from ("", "| format of a number | type |", "| --- | --- |")
    for name, (kind, *_) in found.NUMBER_FORMATS.items():
        yield f"| `{name}` | `{kind}` |"
    yield ""
    yield (
        "A `physicalType` that is one of Mesh's own names, such as `int32`, `decimal(12,2)`, "
        "`local_timestamp` or `struct<a: date>`, is taken where it fits the logical type. An object "
        "without `properties` is held as a text, an array without `items` as a list of texts."
    )


def classifications() -> Iterable[str]:
    """Words that classify."""
    found = importlib.import_module("mesh.contracts.odcs.columns")
    yield from ("", "## Classification", "")
    yield "| handled as | words, in any case of letters |"
    yield "| --- | --- |"
    for kind, words in found.CLASSIFICATIONS.items():
        yield f"| `{kind}` | {', '.join(sorted(words))} |"
    yield from (
        "",
        "Without a word it is `internal`; an unknown word is handled as `confidential`.",
    )


def own_words() -> Iterable[str]:
    """Custom properties that Mesh understands."""
    found = importlib.import_module("mesh.contracts.odcs.model")
    yield from ("", "## Words of Mesh's own", "")
    yield (
        "What the standard has no word for is a custom property. Of a schema object: "
        + ", ".join(f"`{name}`" for name in found.OWN_OF_TABLE)
        + "; of a property: "
        + ", ".join(f"`{name}`" for name in found.OWN_OF_COLUMN)
        + "; of a relationship: `mesh.severity`. A quality rule of type `custom` and engine "
        f"`{found.ENGINE}` is one of Mesh's own rules, its `implementation` a mapping such as "
        "`{check: in_range, arguments: {min_value: 0, max_value: 5}}`."
    )

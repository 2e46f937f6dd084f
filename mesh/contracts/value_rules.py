"""Rules on the values of a row that Pandera has no built-in check for, made.

Owns how each is named and worded; `contracts.value_checks` says what each means. Their arguments
are plain values, so that a contract read from the catalog is enforced as the one that was written.
Knows no library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.contracts import wording
from mesh.contracts.model import Rule

FIELD_CHECKS: Mapping[str, str] = {
    "format": "name",
    "pattern": "regex",
    "multiple_of": "divisor",
    "item_count": "",
    "unique_items": "",
    "required_fields": "fields",
    "field_count": "",
}
"""Checks that `mesh.Field` takes, with the argument that a plain value is; none where it is a
mapping of arguments, or only on or off."""


def text_format(column: str, name: str, **options: Any) -> Rule:
    """The rule that a text has a format: one of `formats.NAMES`, or a date such as `yyyy-MM-dd`.

    `options`, here and below, are a rule's `severity`, `description`, `dimension` and
    `is_null_ignored`.
    """
    return value_rule(column, "format", {"name": name}, **options)


def pattern(column: str, regex: str, **options: Any) -> Rule:
    """The rule that a regular expression of ECMA-262 is found in a text, as JSON Schema says it."""
    return value_rule(column, "pattern", {"regex": regex}, **options)


def multiple_of(column: str, divisor: float, **options: Any) -> Rule:
    """The rule that a number divided by another is whole."""
    return value_rule(column, "multiple_of", {"divisor": divisor}, **options)


def item_count(
    column: str, *, at_least: int | None = None, at_most: int | None = None, **options: Any
) -> Rule:
    """The rule on how many items a list has. A vector of a fixed length has both bounds equal."""
    arguments = {"at_least": at_least, "at_most": at_most}
    return value_rule(column, "item_count", arguments, **options)


def unique_items(column: str, **options: Any) -> Rule:
    """The rule that no two items of a list are equal."""
    return value_rule(column, "unique_items", {}, **options)


def required_fields(column: str, fields: Sequence[str], **options: Any) -> Rule:
    """The rule that a struct, where there is one, has a value in each of these fields.

    A field of a field is `address.city`; of a list of structs, every item has to have it.
    """
    return value_rule(column, "required_fields", {"fields": list(fields)}, **options)


def field_count(
    column: str, *, at_least: int | None = None, at_most: int | None = None, **options: Any
) -> Rule:
    """The rule on how many fields of a struct have a value."""
    arguments = {"at_least": at_least, "at_most": at_most}
    return value_rule(column, "field_count", arguments, **options)


def compare(column: str, operator: str, other: str, **options: Any) -> Rule:
    """The rule that a column compares with another of the same row.

    `operator` is Pandera's word: `equal_to`, `not_equal_to`, `greater_than`,
    `greater_than_or_equal_to`, `less_than`, `less_than_or_equal_to`.
    """
    return Rule(
        id=wording.identifier(column, operator, other),
        text=wording.compared(column, operator, other),
        check="compare",
        columns=(column, other),
        arguments={"operator": operator},
        **options,
    )


def value_rule(column: str, check: str, arguments: Mapping[str, Any], **options: Any) -> Rule:
    """The rule of a check on a column's own values, by the check's name."""
    return Rule(
        id=wording.identifier(column, check),
        text=wording.builtin(check, arguments, column),
        check=check,
        columns=(column,),
        arguments=dict(arguments),
        **options,
    )

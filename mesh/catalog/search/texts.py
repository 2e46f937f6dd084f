"""The texts of a document, each in the field that it is searched as, and what fields count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mesh.catalog.search.words import composed, words


class Tier(StrEnum):
    """How much it says that a word is in a text: names most, running text least."""

    NAME = "a"
    SUBJECT = "b"
    PART = "c"
    PROSE = "d"


WEIGHTS: Mapping[Tier, int] = {Tier.NAME: 8, Tier.SUBJECT: 4, Tier.PART: 2, Tier.PROSE: 1}
"""What a word counts in the field that says most of it."""


@dataclass(frozen=True, slots=True)
class FieldText:
    """A text of a document: its tier, what it is called when it is shown, and the text."""

    tier: Tier
    field: str
    text: str

    def as_json(self) -> list[str]:
        """The text as plain values."""
        return [str(self.tier), self.field, self.text]

    @classmethod
    def from_json(cls, data: Iterable[str]) -> FieldText:
        """Read what `as_json` wrote."""
        tier, field, text = data
        return cls(Tier(tier), field, text)


def texts_of(fields: Iterable[tuple[Tier, str, str]]) -> tuple[FieldText, ...]:
    """Those that have any text, as one string of letters each."""
    made = (FieldText(tier, field, composed(text).strip()) for tier, field, text in fields)
    return tuple(text for text in made if text.text)


def words_by_tier(texts: Iterable[FieldText]) -> dict[Tier, set[str]]:
    """The words of each tier."""
    found: dict[Tier, set[str]] = {tier: set() for tier in Tier}
    for text in texts:
        found[text.tier].update(word.text for word in words(text.text))
    return found


def folded(text: str) -> str:
    """The words of a text, as one line."""
    return " ".join(word.text for word in words(composed(text)))

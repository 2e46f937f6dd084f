"""What a consumer expects of an input beyond its contract: `mesh.Input(..., expects=…)`.

Owns the words, what each may be told, and how an expectation reads. It is measured by
`mesh.reading.expectations`, on the version that the input is pinned to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from mesh.contracts import wording
from mesh.contracts.model import Contract, Rule, Scope, Severity
from mesh.errors import Problem, did_you_mean, near_names
from mesh.products.ports import Input, parse_duration

WHOLE = "*"
"""Stands for the input as a whole, where others name a column."""
SEVERITY = "severity"
_NUMBERS = ("int", "float", "decimal")
_TIMES = ("date", "timestamp", "local_timestamp")
_NESTED = ("list<", "struct<", "binary")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that a consumer expects of an input. `column` is `*` for the input as a whole."""

    port: str
    product: str
    column: str
    word: str
    value: Any
    severity: Severity = Severity.ERROR

    @property
    def text(self) -> str:
        """As people read it: `wind_speed_mph is null in at most 5% of rows`."""
        return _WORDS[self.word].text(self.column, self.value)

    @property
    def rule(self) -> Rule:
        """The expectation as a rule on the whole set, to be told of in verdicts and checks."""
        column = "" if self.column == WHOLE else self.column
        return Rule(
            id=wording.identifier("expects", self.port, column, self.word),
            text=f"input {self.port!r}: of {self.product}, {self.text}",
            check=CHECK,
            arguments=self.as_json(),
            severity=self.severity,
            scope=Scope.SET,
        )

    def as_json(self) -> dict[str, Any]:
        """The expectation as plain values."""
        return {
            "port": self.port,
            "product": self.product,
            "column": self.column,
            "word": self.word,
            "value": plain(self.value),
            "severity": str(self.severity),
            "text": self.text,
        }

    def unfit(self, contract: Contract) -> str:
        """Why it could not be measured on what a contract promises; empty when it can."""
        if self.column == WHOLE:
            return ""
        names = contract.column_names
        if self.column not in names:
            hint = did_you_mean(near_names(self.column, names))
            return f"there is no column {self.column!r}{f' ({hint})' if hint else ''}"
        return self.unfit_for(contract.column(self.column).type)

    def unfit_for(self, kind: str) -> str:
        """Why it cannot be measured on a column of a type; empty when it can."""
        if self.word == "max_null_share":
            return ""
        what = f"{self.column} is a {kind}"
        if kind.startswith(_NESTED):
            return f"{what}, of which only max_null_share can be expected"
        if self.word == "max_age":
            return "" if kind in _TIMES else f"{what}, which has no age: name a date or a time"
        if self.word in {"min", "max"} and kind in {"boolean", "duration"}:
            return f"{what}, which has no {self.word}"
        values = {"isin": self.value, "min": [self.value], "max": [self.value]}.get(self.word, ())
        wrong = [value for value in values if not _suits(value, kind)]
        return f"{what}, and {wrong[0]!r} is none" if wrong else ""


CHECK = "expectation"
"""The kind of rule that an expectation is."""


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of the vocabulary: whom it is said of, what it may be told, how it reads."""

    is_whole: bool
    why_not: Callable[[Any], str]
    text: Callable[[str, Any], str]


def expectations_of(port: str, declared: Input) -> tuple[Expectation, ...]:
    """What an input expects, in the order of the declaration. Ill-formed entries are left out."""
    return tuple(
        Expectation(port, declared.product, column, word, value, _severity(words))
        for column, words in _entries(declared.expects)
        for word, value in words.items()
        if word in _WORDS and not _WORDS[word].why_not(value)
    )


def expectations(inputs: Mapping[str, Input]) -> tuple[Expectation, ...]:
    """What all the inputs of a product expect."""
    return tuple(item for port, use in inputs.items() for item in expectations_of(port, use))


def as_plain(declared: Input) -> dict[str, dict[str, Any]]:
    """What an input expects as plain values, as JSON can hold them."""
    return {
        column: {word: plain(value) for word, value in words.items()}
        for column, words in _entries(declared.expects)
    }


def plain(value: Any) -> Any:
    """A value as JSON can hold it: times and decimals as their text, sets in order."""
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, date | Decimal):  # a datetime is a date
        return value.isoformat() if isinstance(value, date) else str(value)
    return value


def problems_of(declared: Input, where: str) -> Iterator[Problem]:
    """Everything that is wrong with what an input expects, without looking at its product."""
    said: Any = declared.expects
    if not isinstance(said, Mapping):
        hint = 'expects={"column": {"max_null_share": 0.05}}'
        yield Problem(f"expects is {type(said).__name__}, not a mapping", where, hint)
        return
    for column, words in said.items():
        place = f"{where}, expects {column!r}"
        if column != WHOLE and declared.columns is not None and column not in declared.columns:
            near = did_you_mean(near_names(str(column), declared.columns))
            hint = near or f"add it to the input's columns, or say {WHOLE!r} for the whole input"
            yield Problem(f"{column!r} is not a column of the input", place, hint)
        if not isinstance(words, Mapping) or not words:
            hint = '{"max_null_share": 0.05}'
            yield Problem("it is not a mapping of words to values", place, hint)
        else:
            yield from _word_problems(str(column), words, place)
            yield from _contradictions(words, place)


def _word_problems(column: str, words: Mapping[str, Any], place: str) -> Iterator[Problem]:
    for word, value in words.items():
        if word == SEVERITY:
            if value not in set(Severity):
                yield Problem(f"severity is {value!r}", place, "error or warning")
            continue
        known = _WORDS.get(word)
        fitting = [name for name, item in _WORDS.items() if item.is_whole == (column == WHOLE)]
        if known is None:
            hint = did_you_mean(near_names(str(word), _WORDS)) or f"words are {', '.join(fitting)}"
            yield Problem(f"there is no expectation {word!r}", place, hint)
        elif known.is_whole != (column == WHOLE):
            of = "the whole input" if known.is_whole else "a column"
            hint = f"say it of {of}, or one of {', '.join(fitting)}"
            yield Problem(f"{word} is expected of {of}", place, hint)
        elif why := known.why_not(value):
            yield Problem(f"{word} is {value!r}", place, why)
    if set(words) == {SEVERITY}:
        yield Problem("it expects nothing", place, "say what, or leave it out")


def _contradictions(words: Mapping[str, Any], place: str) -> Iterator[Problem]:
    told = {
        word: _comparable(value)
        for word, value in words.items()
        if word in _WORDS and not _WORDS[word].why_not(value)
    }
    for low, high in (("min", "max"), ("min_rows", "max_rows")):
        if low in told and high in told and _is_above(told[low], told[high]):
            what = f"{low} {words[low]} is above {high} {words[high]}: nothing would do"
            yield Problem(what, place, "change one of them")
    outside = [
        value
        for value in told.get("isin", ())
        if _is_above(told.get("min"), _comparable(value))
        or _is_above(_comparable(value), told.get("max"))
    ]
    if outside:
        what = f"isin names {', '.join(map(str, outside))}, which min or max excludes"
        yield Problem(what, place, "change one of them")


def _is_above(low: Any, high: Any) -> bool:
    """Whether one bound is above another; bounds of different kinds are told of elsewhere."""
    if low is None or high is None:
        return False
    try:
        return bool(low > high)
    except TypeError:
        return False


def _comparable(value: Any) -> Any:
    """A bound as what it means: text that is a time is a time in UTC, as is a date its start."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _suits(value: Any, kind: str) -> bool:
    if kind in _TIMES:
        return isinstance(_comparable(value), datetime)
    if kind.startswith(_NUMBERS):
        return _is_number(value)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _entries(said: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for column, words in said.items() if isinstance(said, Mapping) else ():
        if isinstance(words, Mapping):
            yield str(column), words


def _severity(words: Mapping[str, Any]) -> Severity:
    said = words.get(SEVERITY, Severity.ERROR)
    return Severity(said) if said in set(Severity) else Severity.ERROR


def _not_a_share(value: Any) -> str:
    is_share = _is_number(value) and 0 <= value <= 1
    return "" if is_share else "a share of rows from 0 to 1, such as 0.05"


def _not_a_bound(value: Any) -> str:
    is_bound = _is_number(value) or isinstance(value, date | str)
    return "" if is_bound else "a number, a date, a time or a text"


def _not_values(value: Any) -> str:
    is_list = isinstance(value, list | tuple | set | frozenset) and len(value) > 0
    return "" if is_list else 'a list of values, such as ["EWR", "JFK"]'


def _not_true(value: Any) -> str:
    return "" if value is True else "true: leave it out otherwise"


def _not_a_count(value: Any) -> str:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return "" if is_count else "a number of rows, 0 or more"


def _not_a_duration(value: Any) -> str:
    if isinstance(value, timedelta):
        return "" if value > timedelta() else "longer than nothing"
    try:
        parse_duration(str(value))
    except ValueError:
        return "a duration such as 30m, 12h, 1d or 2w"
    return ""


def _listed(values: Iterable[Any]) -> str:
    return wording.builtin("isin", {"allowed_values": values}, "").removeprefix(" in ")


_WORDS: Mapping[str, _Word] = {
    "max_null_share": _Word(
        is_whole=False,
        why_not=_not_a_share,
        text=lambda column, value: f"{column} is null in at most {value:.4g} of rows",
    ),
    "min": _Word(
        is_whole=False, why_not=_not_a_bound, text=lambda column, value: f"{column} ≥ {value}"
    ),
    "max": _Word(
        is_whole=False, why_not=_not_a_bound, text=lambda column, value: f"{column} ≤ {value}"
    ),
    "isin": _Word(
        is_whole=False,
        why_not=_not_values,
        text=lambda column, value: f"{column} in {_listed(value)}",
    ),
    "unique": _Word(
        is_whole=False, why_not=_not_true, text=lambda column, _: f"{column} is unique"
    ),
    "max_age": _Word(
        is_whole=False,
        why_not=_not_a_duration,
        text=lambda column, value: f"the latest {column} is at most {value} ago",
    ),
    "min_rows": _Word(
        is_whole=True,
        why_not=_not_a_count,
        text=lambda _, value: wording.row_count(at_least=value, at_most=None),
    ),
    "max_rows": _Word(
        is_whole=True,
        why_not=_not_a_count,
        text=lambda _, value: wording.row_count(at_least=None, at_most=value),
    ),
    "published_within": _Word(
        is_whole=True,
        why_not=_not_a_duration,
        text=lambda _, value: f"it was published at most {value} ago",
    ),
}

WORDS = tuple(_WORDS)
"""Everything that can be expected."""

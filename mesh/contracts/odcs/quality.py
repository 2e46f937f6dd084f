"""Quality rules of a document as rules of a contract.

Owns which of them Mesh enforces: `library` with its metrics, and 3.0's older names of them under
`rule`; `sql` that `contracts.queries` allows; and `custom` of the engine `mesh`, which is a rule of
Mesh's own in plain values. The others are kept: texts for people, other engines' rules, and what
does not say what it has to be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.contracts import measures, wording
from mesh.contracts.arrow import arrow_type
from mesh.contracts.measures import Bound
from mesh.contracts.model import Rule, Scope, Severity
from mesh.contracts.odcs.model import ENGINE, FOR_PEOPLE, Findings, Part
from mesh.contracts.patterns import rust_pattern
from mesh.contracts.rules import SET_CHECKS
from mesh.contracts.stored_values import restored
from mesh.contracts.value_checks import VALUE_CHECKS

OLDER_NAMES: Mapping[str, str] = {
    "nullCheck": "nullValues",
    "nullCount": "nullValues",
    "duplicateCount": "duplicateValues",
    "duplicateCheck": "duplicateValues",
    "uniqueCheck": "duplicateValues",
    "validValues": "invalidValues",
    "countCheck": "rowCount",
}
"""What ODCS 3.0 calls a metric, under `rule`."""
WARNINGS = frozenset({"warning", "warn", "info", "information", "notice", "minor", "low", "medium"})
"""Severities that do not keep data out, in any case of letters."""
ERRORS = frozenset({"error", "critical", "blocker", "fatal", "major", "high"})
"""Severities that keep data out; so do an unknown one, and none."""
_NONE_ALLOWED = frozenset({"nullValues", "missingValues", "invalidValues", "duplicateValues"})
_UNITS = {"": "rows", "rows": "rows", "row": "rows", "percent": "percent", "%": "percent"}
_PAIRS = frozenset({"mustBeBetween", "mustNotBeBetween"})


@dataclass(frozen=True, slots=True)
class Table:
    """What a rule has to know of where it stands: the table's name, and types by column."""

    name: str
    types: Mapping[str, str]


def rules_of_quality(
    part: Part, columns: tuple[str, ...], table: Table, findings: Findings
) -> Iterator[Rule]:
    """The rules of everything in a part's `quality`, on these columns."""
    for item in part.parts("quality"):
        yield from _Quality(item, columns, table, findings).rules()


def severity_of(word: str) -> Severity:
    """What a severity, which ODCS leaves free, means to the gate."""
    return Severity.WARNING if word.strip().lower() in WARNINGS else Severity.ERROR


class _Quality:
    def __init__(
        self, item: Part, columns: tuple[str, ...], table: Table, findings: Findings
    ) -> None:
        self.item = item
        self.columns = columns
        self.table = table
        self.findings = findings

    def rules(self) -> Iterator[Rule]:
        kind = self._kind()
        self._keep_words()
        if kind == "library":
            yield from self._library()
        elif kind == "sql":
            yield from self._sql()
        elif kind == "custom" and self.item.text("engine") == ENGINE:
            yield from self._own()
        elif kind == "custom":
            engine = self.item.text("engine") or "another engine"
            self._keep(f"a rule for {engine}, which Mesh does not run")
        else:
            self._keep(FOR_PEOPLE)

    def _kind(self) -> str:
        if said := self.item.text("type"):
            return said
        guesses = {
            "metric": "library",
            "rule": "library",
            "query": "sql",
            "implementation": "custom",
        }
        return next((kind for key, kind in guesses.items() if key in self.item.data), "text")

    def _keep(self, what: str, *keys: str) -> None:
        self.findings.keep(what, self.item.at(*keys))

    def _keep_words(self) -> None:
        word = self.item.text("severity")
        if word and word.strip().lower() not in WARNINGS | ERRORS:
            self._keep(f"severity {word!r} is none that Mesh knows: taken as an error", "severity")

    @property
    def _terms(self) -> dict[str, Any]:
        return {
            "severity": severity_of(self.item.text("severity")),
            "dimension": self.item.text("dimension"),
            "description": self.item.text("description").strip(),
        }

    def _bound(self, otherwise: Bound | None = None) -> Bound | None:
        """What is compared with; None, and told, where it is nothing that numbers compare with."""
        found = [name for name in measures.OPERATORS if name in self.item.data]
        if not found:
            if otherwise is None:
                self._keep("it does not say what it must be")
            return otherwise
        if len(found) > 1:
            hint = "write one rule for each"
            what = f"it says {' and '.join(found)}, and may say one of them"
            self.findings.problem(what, self.item.path, hint)
            return None
        value = self.item.data[found[0]]
        ends = value if found[0] in _PAIRS and isinstance(value, list) else [value]
        is_number = all(isinstance(n, int | float) and not isinstance(n, bool) for n in ends)
        if not is_number or len(ends) != (2 if found[0] in _PAIRS else 1):
            hint = (
                "write two numbers, the smaller first" if found[0] in _PAIRS else "write a number"
            )
            self.findings.problem(
                f"{value!r} is nothing to compare with", self.item.at(found[0]), hint
            )
            return None
        if ends[0] > ends[-1]:
            what = f"{ends[0]} is above {ends[1]}"
            self.findings.problem(what, self.item.at(found[0]), "write the smaller number first")
            return None
        return Bound(found[0], value)

    def _library(self) -> Iterator[Rule]:
        said = self.item.text("metric") or self.item.text("rule")
        name = OLDER_NAMES.get(said, said)
        if name not in measures.METRICS:
            self._keep(f"metric {said!r} is none that Mesh knows" if said else "it names no metric")
            return
        is_older = "metric" not in self.item.data and name in _NONE_ALLOWED
        bound = self._bound(Bound("mustBe", 0) if is_older else None)
        unit = _UNITS.get(self.item.text("unit").strip().lower())
        if unit is None:
            self._keep(f"unit {self.item.text('unit')!r} is neither rows nor percent")
        columns = self._measured(name)
        arguments = self._arguments(name, columns)
        if bound is None or unit is None or columns is None or arguments is None:
            return
        yield measures.metric(
            name, bound, columns=columns, unit=unit, arguments=arguments, **self._terms
        )

    def _measured(self, name: str) -> tuple[str, ...] | None:
        """The columns that are counted; None, and told, where there are none or unknown ones."""
        if name == "rowCount":
            return ()
        if self.columns:
            return self.columns
        named = self.item.part("arguments").texts("properties")
        unknown = [column for column in named if column not in self.table.types]
        for column in unknown:
            hint = f"columns are {', '.join(self.table.types)}"
            path = self.item.at("arguments", "properties", named.index(column))
            self.findings.problem(f"{column!r} is no column", path, hint)
        if not named:
            self._keep(f"{name} of a table has to say of which columns: arguments.properties")
        return named if named and not unknown else None

    def _arguments(self, name: str, columns: tuple[str, ...] | None) -> dict[str, Any] | None:
        """The metric's own arguments; None, and told, where they cannot be used."""
        given = dict(self.item.part("arguments").data)
        if "validValues" in self.item.data:
            given.setdefault("validValues", self.item.data["validValues"])
        wanted = {"missingValues": ("missingValues",), "invalidValues": ("validValues", "pattern")}
        keys = [key for key in wanted.get(name, ()) if given.get(key) is not None]
        if name == "invalidValues" and not keys:
            self._keep("it does not say what is valid: arguments.validValues, or arguments.pattern")
            return None
        is_usable = True
        for key in keys:
            if why := _unusable(key, given[key], [self.table.types[c] for c in columns or ()]):
                self.findings.problem(why, self.item.at("arguments", key))
                is_usable = False
        return {key: given[key] for key in keys} if is_usable else None

    def _sql(self) -> Iterator[Rule]:
        query, bound = self.item.text("query"), self._bound()
        if bound is None or not query.strip():
            return
        name = self.item.text("name") or self.item.text("id") or "sql"
        yield measures.sql(
            name,
            query,
            bound,
            table=self.table.name,
            column=self.columns[0] if self.columns else "",
            **self._terms,
        )

    def _own(self) -> Iterator[Rule]:
        """A rule of Mesh's own, as `Rule.as_json` writes it; what is left out is as usual."""
        said = self.item.data.get("implementation")
        try:
            said = json.loads(said) if isinstance(said, str) else said
        except ValueError:
            said = None
        if not isinstance(said, Mapping):
            self._refuse("it is no mapping, nor JSON of one")
            return
        if said.get("check") == "custom":
            self._keep("a check in Python: its function is in no document")
            return
        try:
            rule = Rule.from_json({**self._usual(said), **said}, self.table.types)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            self._refuse(f"it is no rule: {error}")
            return
        if rule.check not in VALUE_CHECKS.keys() | SET_CHECKS and not _is_panderas(rule.check):
            self._refuse(f"there is no check {rule.check!r}")
            return
        yield rule

    def _refuse(self, what: str) -> None:
        hint = "implementation: {check: in_range, arguments: {min_value: 0, max_value: 5}}"
        self.findings.problem(what, self.item.at("implementation"), hint)

    def _usual(self, said: Mapping[str, Any]) -> dict[str, Any]:
        check, columns = (
            str(said.get("check", "")),
            [str(c) for c in said.get("columns", self.columns)],
        )
        arguments = said.get("arguments", {})
        scope = Scope.SET if check in SET_CHECKS else Scope.ROW
        return {
            "id": wording.identifier(*columns, check),
            "text": wording.builtin(check, arguments, ", ".join(columns)),
            "columns": columns,
            "arguments": arguments,
            "scope": str(scope),
            **{name: str(value) for name, value in self._terms.items()},
        }


def _is_panderas(check: str) -> bool:
    import pandera.polars as pa

    return bool(pa.Check.is_builtin_check(check))


def _unusable(key: str, value: Any, kinds: list[str]) -> str:
    """Why a metric's argument cannot be compared with columns of these types; empty when it can."""
    if key == "pattern":
        try:
            rust_pattern(value)
        except (ValueError, TypeError) as error:
            return str(error)
        return ""
    if not isinstance(value, list):
        return f"{value!r} is no list"
    values = [item for item in value if item is not None]
    for kind in kinds:
        read = restored("isin", {"values": values}, kind)["values"]
        read = [str(item) for item in read] if kind == "string" else read
        try:
            pl.Series(read, dtype=_polars_type(kind), strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            return f"{value!r} are not all {kind}"
    return ""


def _polars_type(kind: str) -> pl.DataType:
    found: pl.DataType = pl.DataFrame(
        {"": _empty(kind)},
    ).schema[""]
    return found


def _empty(kind: str) -> pl.Series:
    import pyarrow as pa

    return pl.Series("", pa.array([], arrow_type(kind)))

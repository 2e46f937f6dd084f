"""One schema object of a document as a contract.

Owns columns, keys, classifications and the order of rules. What makes rules of options, quality and
relationships is in modules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mesh.contracts.model import Classification, Column, Contract, Rule, Version, distinct_rules
from mesh.contracts.odcs.model import Findings, Part, ProductOf
from mesh.contracts.odcs.options import rules_of_options
from mesh.contracts.odcs.quality import Table, rules_of_quality
from mesh.contracts.odcs.relations import Relations, Tables, circles
from mesh.contracts.odcs.types import type_of
from mesh.contracts.queries import Query
from mesh.contracts.rules import not_null, unique
from mesh.contracts.sandbox import binding_problem
from mesh.contracts.soundness import soundness_problems
from mesh.naming import column_name_problems

CLASSIFICATIONS: Mapping[Classification, frozenset[str]] = {
    Classification.PUBLIC: frozenset({"public", "open", "unclassified", "unrestricted"}),
    Classification.INTERNAL: frozenset({"internal", "internal use", "internal only", "general"}),
    Classification.CONFIDENTIAL: frozenset(
        {
            "confidential", "highly confidential", "strictly confidential", "restricted", "private",
            "sensitive", "highly sensitive", "secret", "top secret", "proprietary",
        }
    ),
    Classification.PERSONAL: frozenset(
        {
            "personal", "personal data", "personal information", "pii", "spi", "phi", "pci", "gdpr",
            "personally identifiable", "personally identifiable information", "sensitive personal",
            "sensitive personal data", "sensitive pii", "special category",
        }
    ),
}  # fmt: skip
"""Words that classify, in any case of letters, with spaces for dashes and underscores."""
_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_UNKNOWN_NAME = re.compile(r"not found in FROM clause|does not have a column|No column")


class Reader:
    """Reads one schema object, and collects what is wrong with it and what is only kept."""

    def __init__(
        self, document: Part, table: Part, findings: Findings, product_of: ProductOf
    ) -> None:
        self.document = document
        self.table = table
        self.findings = findings
        self.columns = _distinct(table, findings)
        self.relations = Relations(table.text("name"), Tables(document), product_of, findings)

    def contract(self) -> Contract:
        """The contract; where there are problems, only something like it."""
        name = self.table.text("name")
        types = {part.text("name"): type_of(part, self.findings) for part in self.columns}
        table = Table(name, types)
        key = self._key()
        by_column = {
            part.text("name"): [*self._column_rules(part, key, table)] for part in self.columns
        }
        rules = [rule for found in by_column.values() for rule in found]
        rules += self._set_rules(key, table, rules)
        contract = Contract(
            name=str(self.table.custom("mesh.name") or name),
            version=self._version(),
            description=self._description(),
            columns=tuple(
                self._column(part, types, key, by_column[part.text("name")])
                for part in self.columns
            ),
            rules=self._ordered(distinct_rules(rules)),
            is_strict=self.table.custom("mesh.isStrict") is not False,
            document=self.document.data,
            table=name,
        )
        return self._sound(contract)

    def partition_by(self) -> tuple[str, ...]:
        """The columns that rows are partitioned by, in the order of their positions."""
        found = [part for part in self.columns if part.flag("partitioned")]
        last = len(self.columns)
        found.sort(key=lambda part: _position(part, "partitionKeyPosition", last))
        return tuple(part.text("name") for part in found)

    def _version(self) -> Version:
        text = self.document.text("version")
        found = version_of(text)
        if found is None and text:
            hint = "write version: 1.0.0; its major is the product's"
            self.findings.problem(f"{text!r} is no version", ("version",), hint)
        return found or Version(1, 0, 0)

    def _description(self) -> str:
        own = self.table.text("description")
        return (own or self.document.part("description").text("purpose")).strip()

    def _key(self) -> tuple[str, ...]:
        """The key's columns, in the order of their positions."""
        found = [part for part in self.columns if part.flag("primaryKey")]
        last = len(self.columns)
        found.sort(key=lambda part: _position(part, "primaryKeyPosition", last))
        return tuple(part.text("name") for part in found)

    def _column(
        self, part: Part, types: Mapping[str, str], key: tuple[str, ...], rules: list[Rule]
    ) -> Column:
        name = part.text("name")
        position = key.index(name) if name in key else None
        own = part.custom("mesh.keyPosition")
        is_own = position is not None and isinstance(own, int) and not isinstance(own, bool)
        to = next((r.arguments["to"] for r in rules if r.check == "references"), "")
        return Column(
            name=name,
            type=types[name],
            is_nullable=not (part.flag("required") or name in key),
            key_position=own if is_own else position,
            description=part.text("description").strip(),
            unit=_text(part.custom("mesh.unit")),
            classification=self._classification(part),
            references=to,
            renamed_from=_text(part.custom("mesh.renamedFrom") or part.custom("renamedFrom")),
            is_class_said=bool(_said_class(part)),
        )

    def _classification(self, part: Part) -> Classification:
        said = _said_class(part)
        word = re.sub(r"[\s_-]+", " ", said).strip().lower()
        if not word:
            return Classification.INTERNAL
        for classification, words in CLASSIFICATIONS.items():
            if word in words:
                return classification
        what = f"{said!r} is no class that Mesh knows: handled as confidential"
        self.findings.keep(what, part.at("classification"))
        return Classification.CONFIDENTIAL

    def _column_rules(self, part: Part, key: tuple[str, ...], table: Table) -> Iterator[Rule]:
        name = part.text("name")
        if part.flag("required") or name in key:
            yield not_null(name)
        yield from rules_of_options(part, table.types[name], self.findings)
        yield from rules_of_quality(part, (name,), table, self.findings)
        if part.flag("unique"):
            yield unique((name,))
        yield from self.relations.of_column(part)

    def _set_rules(self, key: tuple[str, ...], table: Table, rules: list[Rule]) -> Iterator[Rule]:
        stated = {frozenset(rule.columns) for rule in rules if rule.check == "unique"}
        if key and frozenset(key) not in stated:
            yield unique(key)
        yield from self.relations.of_table(self.table)
        circles(self.relations.tables, self.relations.own, self.findings)
        yield from rules_of_quality(self.table, (), table, self.findings)

    def _ordered(self, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        """In the order that `mesh.ruleOrder` has their ids in; the others come last."""
        order = self.table.custom("mesh.ruleOrder")
        if not isinstance(order, list):
            return rules
        places = {str(name): place for place, name in enumerate(order)}
        return tuple(sorted(rules, key=lambda rule: places.get(rule.id, len(places))))

    def _sound(self, contract: Contract) -> Contract:
        """The contract without SQL that cannot be run here; told is what no data could keep."""
        if self.findings.problems or not contract.columns:
            return contract
        rules = [rule for rule in contract.rules if self._is_run(rule, contract)]
        found = replace(contract, rules=tuple(rules))
        for problem in soundness_problems(found):
            self.findings.problem(problem.what, self._place(problem.where), problem.hint)
        return found

    def _is_run(self, rule: Rule, contract: Contract) -> bool:
        if rule.check != "sql":
            return True
        path = self._query_path(rule)
        try:
            query = Query.of(rule, contract)
        except ValueError as error:
            self.findings.keep(f"its query is not one that Mesh runs: {error}", path)
            return False
        why = binding_problem(query, contract, is_number=True)
        if why and _UNKNOWN_NAME.search(why):
            self.findings.problem(why, path, "name columns of this table")
        elif why:
            self.findings.keep(f"its query is not one that Mesh runs: {why}", path)
        return not why

    def _query_path(self, rule: Rule) -> tuple[str, ...]:
        for part in (*self.columns, self.table):
            for item in part.parts("quality"):
                if item.text("query") == rule.arguments["query"]:
                    return item.at("query")
        return self.table.at("quality")

    def _place(self, name: str) -> tuple[str, ...]:
        found = next((part for part in self.columns if part.text("name") == name), self.table)
        return found.path


def version_of(text: str) -> Version | None:
    """A document's version, which may be short: `v2` is 2.0.0. None for what is none."""
    match = _VERSION.fullmatch(text.strip())
    return Version(*(int(part or 0) for part in match.groups())) if match else None


def _distinct(table: Part, findings: Findings) -> list[Part]:
    """The properties that have a name of their own."""
    found: dict[str, Part] = {}
    for part in table.parts("properties"):
        name = part.text("name")
        if not name:
            continue
        for problem in column_name_problems(name):
            findings.problem(problem.what, part.at("name"), problem.hint)
        if name in found:
            findings.problem(f"column {name!r} is there twice", part.at("name"), "rename one")
        else:
            found[name] = part
    return list(found.values())


def _position(part: Part, key: str, last: int) -> int:
    """A position in a key, which counts from 1; none is after all others."""
    found = part.whole(key)
    return found if found is not None and found > 0 else last + 1


def _said_class(part: Part) -> str:
    own = part.custom("mesh.classification")
    return (own if isinstance(own, str) else part.text("classification")).strip()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

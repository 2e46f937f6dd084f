"""The evidence of what happened to a product: receipts of publications, and refusals.

Owns their shape and how they are written into a Delta commit and read back. Immutable, and equal
after a round trip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from mesh.contracts.model import Contract, Severity
from mesh.contracts.profiling.profile import Profile
from mesh.contracts.verdict import Outcome, Verdict

RECEIPT_KEY = "mesh.receipt"
"""Key in a commit's metadata under which the receipt's JSON is."""


CONTRACTS_FOLDER = "_mesh/contracts"
"""Folder of a table in which every contract that it was published under is kept, by digest."""


class Reading(StrEnum):
    """How an incremental input was read."""

    CHANGES = "changes"
    ADDED_FILES = "added files"
    ALL_ROWS = "all rows"


@dataclass(frozen=True, slots=True, order=True)
class InputVersion:
    """An input as it was read: which product, which version of its table, in which role.

    `port` is the parameter's name; empty for a product that only a `references` rule looks at. An
    incremental input was read from after version `since` up to `version`: `how` says in which way,
    `reason` why all rows were read, and `table_id` of which table the versions are. `environment`
    is that of the table when it is another than the publication's own.
    """

    product: str
    version: int
    port: str = ""
    columns: tuple[str, ...] | None = None
    since: int | None = None
    how: Reading | None = None
    reason: str = ""
    table_id: str = ""
    environment: str = ""

    @property
    def words(self) -> str:
        """What was read of an incremental input; empty for every other."""
        if self.how is None:
            return ""
        if self.how is Reading.ALL_ROWS:
            return f"{self.how}: {self.reason}" if self.reason else str(self.how)
        return f"{self.how} since version {self.since}"

    def as_json(self) -> dict[str, Any]:
        """The input as plain values; what only incremental inputs have is left out of others."""
        data = asdict(self)
        if self.how is None:
            for name in ("since", "how", "reason", "table_id"):
                del data[name]
        if not self.environment:
            del data["environment"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote, an earlier Mesh's too; keys of a later one are passed over."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        columns, how = data.get("columns"), data.get("how")
        known["columns"] = tuple(columns) if columns is not None else None
        known["how"] = Reading(how) if how else None
        return cls(**known)


@dataclass(frozen=True, slots=True)
class ForeignVersion:
    """A version of a table that somebody else wrote, past Mesh: which operation, and when (UTC)."""

    version: int
    operation: str
    committed_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The version as plain values."""
        return {**asdict(self), "committed_at": self.committed_at.isoformat()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(data["version"], data["operation"], datetime.fromisoformat(data["committed_at"]))


@dataclass(frozen=True, slots=True)
class RuleTally:
    """How one rule fared in a publication; `measured` is what a rule that measures compared."""

    rule: str
    text: str
    severity: Severity
    outcome: Outcome
    failed: int = 0
    measured: float | str | None = None

    @classmethod
    def all_of(cls, verdict: Verdict) -> tuple[RuleTally, ...]:
        """The tally of every rule that a verdict speaks of."""
        return tuple(
            cls(f.rule.id, f.rule.text, f.rule.severity, f.outcome, f.failed, f.measured)
            for f in verdict.findings
        )


@dataclass(frozen=True, slots=True)
class ReplayedRows:
    """Rows that one publication had rejected, and a replay published."""

    publication_id: str
    run_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class Replay:
    """Where the rows of a replay come from: which version of the quarantine, whose rejects.

    `replayed_by` is who asked for it.
    """

    quarantine_version: int
    sources: tuple[ReplayedRows, ...]
    replayed_by: str = ""

    @property
    def rows(self) -> int:
        """How many rows they are."""
        return sum(source.rows for source in self.sources)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `asdict` made of it; keys of a later Mesh are passed over."""
        known = ReplayedRows.__dataclass_fields__
        sources = (ReplayedRows(**{name: item[name] for name in known}) for item in data["sources"])
        by = data.get("replayed_by", "")
        return cls(data["quarantine_version"], tuple(sources), by)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The immutable evidence of one publication. Times are UTC; sizes are bytes.

    `foreign` are the versions that somebody else wrote since the publication before.
    `table_version` is the Delta version that the commit made: it is known once the commit has
    landed, and so is not part of what the commit itself carries. It was planned on the one before.
    `notes` are what whoever ran it should know, such as why all rows of an incremental input were
    read.
    `rows_deleted` counts rows of the table that `delete_when` removed, or periods that it ended.
    `replay` says where rows came from that were not a transform's, but had waited in quarantine.
    `profile` is what its rows look like: known to who published them, and kept beside the table.
    """

    publication_id: str
    product: str
    contract_version: str
    contract_digest: str
    run_id: str
    partition: str
    published_at: datetime
    table_url: str
    write_mode: str
    rows_accepted: int
    rows_rejected: int
    rows_deleted: int = 0
    tallies: tuple[RuleTally, ...] = ()
    inputs: tuple[InputVersion, ...] = ()
    notes: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    code_version: str = ""
    mesh_version: str = ""
    foreign: tuple[ForeignVersion, ...] = ()
    replay: Replay | None = None
    table_version: int = -1
    is_repeated: bool = field(default=False, compare=False)
    profile: Profile | None = field(default=None, compare=False, repr=False)

    def with_profile(self, profile: Profile | None) -> Receipt:
        """The receipt of rows that were measured."""
        return replace(self, profile=profile)

    def with_table_version(self, version: int) -> Receipt:
        """The receipt of a commit that landed as this version."""
        return replace(self, table_version=version)

    def as_repeated(self) -> Receipt:
        """The first receipt, given to a later attempt at the same publication."""
        return replace(self, is_repeated=True)

    def as_json(self) -> dict[str, Any]:
        """The receipt as plain values."""
        data = asdict(replace(self, profile=None))
        data.pop("is_repeated")
        data.pop("profile")
        data["published_at"] = self.published_at.isoformat()
        for tally in data["tallies"]:
            if tally["measured"] is None:
                del tally["measured"]
        data["inputs"] = [item.as_json() for item in self.inputs]
        data["foreign"] = [version.as_json() for version in self.foreign]
        if self.replay is None:
            del data["replay"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; keys of a later Mesh are passed over."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["published_at"] = datetime.fromisoformat(data["published_at"])
        known["tallies"] = tuple(
            RuleTally(
                **{**t, "severity": Severity(t["severity"]), "outcome": Outcome(t["outcome"])}
            )
            for t in data.get("tallies", ())
        )
        known["inputs"] = tuple(InputVersion.from_json(item) for item in data.get("inputs", ()))
        known["notes"] = tuple(data.get("notes", ()))
        known["foreign"] = tuple(
            ForeignVersion.from_json(version) for version in data.get("foreign", ())
        )
        replay = data.get("replay")
        known["replay"] = Replay.from_json(replay) if replay else None
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The evidence that nothing was published, and why. The table is as it was."""

    publication_id: str
    product: str
    contract_version: str
    run_id: str
    partition: str
    refused_at: datetime
    verdict: Verdict
    inputs: tuple[InputVersion, ...] = ()

    def for_everyone(self, contract: Contract) -> Refusal:
        """The refusal without values of confidential and personal columns.

        The catalog and Dagster's event log keep it so: both are open to many.
        """
        return replace(self, verdict=self.verdict.without_values_of(contract.guarded_columns))

    def __str__(self) -> str:
        """The verdict in words."""
        return self.verdict.describe(self.product)

    def as_json(self) -> dict[str, Any]:
        """The refusal as plain values."""
        return {
            "publication_id": self.publication_id,
            "product": self.product,
            "contract_version": self.contract_version,
            "run_id": self.run_id,
            "partition": self.partition,
            "refused_at": self.refused_at.isoformat(),
            "verdict": self.verdict.as_json(),
            "inputs": [item.as_json() for item in self.inputs],
        }


def publication_id(product: str, run_id: str, partition: str = "") -> str:
    """The identity of a publication: the same product, run and partition is the same publication.

    32 hexadecimal digits.
    """
    return hashlib.sha256(f"{product}\0{run_id}\0{partition}".encode()).hexdigest()[:32]


def transaction_of(publication: str) -> str:
    """The identity under which a publication lands in Delta, once."""
    return f"mesh:{publication}"

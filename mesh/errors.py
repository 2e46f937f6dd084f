"""Every error that Mesh raises, in one tree.

Owns the exception types and how a message is laid out: what, where, and what to do next. Imports
nothing third-party, so that any layer may raise from it.

    MeshError
    ├── DefinitionError              what a team wrote does not hold together; carries every Problem
    │   ├── InvalidNameError         a product, domain or column name that cannot become a path
    │   ├── ContractDefinitionError  a contract that contradicts itself
    │   ├── ManifestError            domain.yaml, organization.yaml or glossary.yaml
    │   ├── PolicyError              policies that do not hold together
    │   ├── DomainImportError        a domain's code cannot be imported
    │   └── CyclicInputsError        products that need each other
    ├── ContractChangedError         a published version of a contract would get other content
    ├── RetiredError                 a product that was retired is published to no more
    ├── EndedInputError              a product would begin to read one whose last day is over
    ├── SettingsError                a setting with a value that cannot be used
    ├── UnknownNameError             nothing has that name; near names are suggested
    │   ├── UnknownProductError      no such product
    │   ├── UnknownDomainError       no such domain
    │   ├── UnknownColumnError       no such column
    │   ├── UnknownInputError        a product has no such input
    │   ├── UnknownPartitionError    a product has no such partition
    │   ├── UnknownContractVersionError  a product was not published under that version
    │   ├── UnknownReceiptError      nothing is recorded of such a publication
    │   ├── UnknownTokenError        the catalog has no such token
    │   ├── UnknownRuleError         a contract has no such rule
    │   ├── UnknownCaseError         nothing of that id is to be decided, or was
    │   ├── UnknownAgreementError    the catalog has no such agreement
    │   ├── UnknownPersonError       no manifest names such a person
    │   ├── UnknownTermError         no glossary has such a term
    │   └── UnknownFacetError        nothing is narrowed down by that
    ├── InvalidCursorError           a search gave no such cursor
    ├── UndeclaredColumnError        a transform reads a column that its input port does not declare
    ├── NotPublishedError            the product exists, but has no publication to read
    │   └── VersionRemovedError      the version's files are gone on purpose: retention or erasure
    ├── NotErasedError               rows to erase may still be somewhere (Transient)
    ├── ChangesUnknownError          what changed between two versions cannot be told any more
    ├── TransformError               a product's own function failed
    │   └── SqlTransformError        dbt failed to build a SQL product
    ├── UnsupportedDataError         a transform returned something that is not an Arrow producer
    ├── GateError                    the gate itself failed: never a statement about the data
    ├── SamplingError                no rows were found that keep, or break, what they should
    ├── StorageError                 the lake cannot be used as configured
    │   ├── UnsafeStoreError         a store that would lose commits, or lend more than it is asked
    │   ├── NotLentError             the store lends no credentials for a table's files
    │   ├── DamagedTableError        files of a table are missing or damaged
    │   ├── StorageFullError         no space left where the table lives (Transient)
    │   ├── StoreUnavailableError    it throttled, failed or was away for too long (Transient)
    │   └── CommitConflictError      other writers kept winning (Transient)
    ├── StatementError               SQL that may not be asked, fails, or takes too much
    ├── AccessDeniedError            policy refuses; names the policies, and what would change it
    ├── DecisionError                that cannot be decided so, or not by them
    ├── IdentityError                a token of the identity provider is not good here
    │   └── ProviderUnavailableError it does not answer, or not as it should (Transient)
    └── CatalogError                 the catalog cannot be used
        ├── NotAllowedError          the caller may not do that there
        ├── CatalogsContradictError  two catalogs to be merged say different things of the same
        ├── CatalogUnreadableError   its file is damaged, locked away or not a catalog
        └── CatalogUnavailableError  it is away, busy or full for now (Transient)
            └── CatalogLostError     the connection broke in the middle (Transient)

`Transient` marks the ones that the same call may not meet again.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what, where, and what to do next."""

    what: str
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """The problem as a block: the message, then an indented hint."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  try: {self.hint}" if self.hint else head


class MeshError(Exception):
    """The root of everything that Mesh raises on purpose.

    Attributes carry the same facts as the message: `what`, `where`, `hint`.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(str(Problem(what, where, hint)))


class Transient(Exception):  # noqa: N818 -- a mark beside an error, not an error of its own
    """Mixed into errors that the same call, made again, may not meet."""


class DefinitionError(MeshError):
    """What a team wrote does not hold together; `problems` lists everything that is wrong."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0] if self.problems else Problem("nothing is wrong")
        super().__init__(first.what, where=first.where, hint=first.hint)
        self.args = ("\n".join(str(problem) for problem in self.problems),)

    @classmethod
    def of(cls, what: str, *, where: str = "", hint: str = "") -> DefinitionError:
        """The error for a single problem."""
        return cls([Problem(what, where, hint)])


class InvalidNameError(DefinitionError):
    """A name that cannot safely become a path, an asset key and a SQL identifier."""


class ContractDefinitionError(DefinitionError):
    """A contract that contradicts itself or uses what cannot be stored."""


class ManifestError(DefinitionError):
    """A `domain.yaml` or `organization.yaml` that is not as it should be."""


class PolicyError(DefinitionError):
    """Policies that do not hold together: nothing is decided by them."""


class DomainImportError(DefinitionError):
    """A domain's code could not be imported."""


class CyclicInputsError(DefinitionError):
    """Products whose inputs lead back to themselves."""


class ContractChangedError(MeshError):
    """A version of a contract is published, and would get another content, or go back.

    `changes` say what differs, `following` is the version to write.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        version: str = "",
        changes: Iterable[str] = (),
        following: str = "",
    ) -> None:
        self.version = version
        self.changes = tuple(changes)
        self.following = following
        super().__init__(what, where=where, hint=hint)


class RetiredError(MeshError):
    """The product is retired: nothing is published to it any more."""


class EndedInputError(MeshError):
    """An input's last day is over, and this consumer did not read it before."""


class SettingsError(MeshError):
    """A setting whose value cannot be used."""


class UnknownNameError(MeshError):
    """There is nothing of that name; `near` holds names that look like it."""

    kind = "thing"

    def __init__(self, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = tuple(known)
        self.name = name
        self.near = near_names(name, names)
        super().__init__(
            f"there is no {self.kind} {name!r}",
            where=where,
            hint=did_you_mean(self.near) or self.otherwise(names),
        )

    def otherwise(self, known: Sequence[str]) -> str:
        """What to do next when no name looks like it."""
        return f"{self.kind}s are {', '.join(known)}" if known else ""


class UnknownProductError(UnknownNameError):
    """There is no product of that name."""

    kind = "product"

    def otherwise(self, known: Sequence[str]) -> str:  # noqa: ARG002 -- a mesh may have thousands
        """Where to look."""
        return "`mesh list` shows every product"


class UnknownDomainError(UnknownNameError):
    """There is no domain of that name."""

    kind = "domain"


class UnknownColumnError(UnknownNameError):
    """There is no column of that name."""

    kind = "column"


class UnknownInputError(UnknownNameError):
    """A product has no input of that name."""

    kind = "input"


class UnknownPartitionError(UnknownNameError):
    """A product has no partition of that name."""

    kind = "partition"

    def otherwise(self, known: Sequence[str]) -> str:
        """The first and the last."""
        return f"partitions are {known[0]} to {known[-1]}"


class UnknownContractVersionError(UnknownNameError):
    """A product was never published under a contract of that version."""

    kind = "published contract version"

    def otherwise(self, known: Sequence[str]) -> str:
        """The versions that there are."""
        return f"versions are {', '.join(known)}" if known else "nothing is published yet"


class UnknownReceiptError(UnknownNameError):
    """Nothing is recorded of a publication of that id."""

    kind = "receipt"


class UnknownTokenError(UnknownNameError):
    """There is no token of that id."""

    kind = "token"

    def otherwise(self, known: Sequence[str]) -> str:  # noqa: ARG002 -- there may be many
        """Where to look."""
        return "`mesh token list` shows every token"


class UnknownRuleError(UnknownNameError):
    """A contract has no rule of that name, and no row broke one."""

    kind = "rule"


class UnknownCaseError(UnknownNameError):
    """Nothing of that id is to be decided, or was."""

    kind = "request"

    def otherwise(self, known: Sequence[str]) -> str:  # noqa: ARG002 -- there may be many
        """Where to look."""
        return "`mesh access list` and `mesh decision list` show every request"


class UnknownAgreementError(UnknownNameError):
    """There is no agreement of that id."""

    kind = "agreement"

    def otherwise(self, known: Sequence[str]) -> str:  # noqa: ARG002 -- there may be many
        """Where to look."""
        return "`mesh access list` shows every agreement"


class UnknownPersonError(UnknownNameError):
    """No domain and no organization.yaml names such a person."""

    kind = "person"

    def otherwise(self, known: Sequence[str]) -> str:  # noqa: ARG002 -- there may be many
        """Where people are named."""
        return "people are named in domain.yaml and organization.yaml"


class UnknownTermError(UnknownNameError):
    """No glossary has a term of that id, name or synonym."""

    kind = "term"

    def otherwise(self, known: Sequence[str]) -> str:  # noqa: ARG002 -- a mesh may have thousands
        """Where to look."""
        return "`mesh glossary list` shows every term"


class UnknownFacetError(UnknownNameError):
    """What is found cannot be narrowed down by that."""

    kind = "facet"


class InvalidCursorError(MeshError):
    """A page is asked for after something that no search gave as its cursor."""

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        super().__init__(
            f"{cursor[:40]!r} is no cursor of a search",
            hint="hand back `cursor` of the page before, as it is",
        )


class UndeclaredColumnError(MeshError):
    """A transform reads a column that its input port does not declare."""


class NotPublishedError(MeshError):
    """The product is known, but nothing was published that could be read."""


class VersionRemovedError(NotPublishedError):
    """A version whose files were removed on purpose, by retention or an erasure."""


class NotErasedError(MeshError, Transient):
    """It could not be shown that rows are gone; the same erasure again goes on from there."""


class ChangesUnknownError(MeshError):
    """What changed between two versions cannot be told any more."""


class TransformError(MeshError):
    """A product's own function failed; the cause is chained."""


class SqlTransformError(TransformError):
    """dbt failed to build a SQL product, or one of its data tests failed."""


class UnsupportedDataError(MeshError):
    """A transform returned something that is not an Arrow producer."""


class GateError(MeshError):
    """The gate itself failed. Says nothing about the data."""


class SamplingError(MeshError):
    """No rows were found that keep a contract, or that break one of its rules and no other."""


class StorageError(MeshError):
    """The lake cannot be used as it is configured."""


class UnsafeStoreError(StorageError):
    """A store that would lose commits silently, or whose lent credentials could do more."""


class NotLentError(StorageError):
    """No credentials can be lent for a table's files: none are set up, or the store has no STS."""


class DamagedTableError(StorageError):
    """Files of a table are missing or damaged; the message names them."""


class StorageFullError(StorageError, Transient):
    """No space is left where the table lives; nothing was published."""


class StoreUnavailableError(StorageError, Transient):
    """The store throttled, failed or did not answer for as long as Mesh waits; run it again."""


class CommitConflictError(StorageError, Transient):
    """Other writers kept committing first; nothing was published."""


class StatementError(MeshError):
    """SQL that may not be asked, cannot be answered, or takes more than it may."""


class AccessDeniedError(MeshError):
    """Policy refuses; `policies` are the ids of those that do, empty when none permits it."""

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", policies: Sequence[str] = ()
    ) -> None:
        self.policies = tuple(policies)
        super().__init__(what, where=where, hint=hint)


class IdentityError(MeshError):
    """What the identity provider says of somebody is not good here, or is not its word."""


class ProviderUnavailableError(IdentityError, Transient):
    """The identity provider does not answer, or not as OpenID Connect has it."""


class DecisionError(MeshError):
    """Something cannot be asked for, or decided, so; or not by whoever tries."""


class CatalogError(MeshError):
    """The catalog cannot be used."""


class NotAllowedError(CatalogError):
    """Whoever asks may not do that with this catalog."""


class CatalogsContradictError(CatalogError):
    """Two catalogs say different things of the same; `conflicts` lists everything."""

    def __init__(self, conflicts: Iterable[Problem], *, where: str = "") -> None:
        self.conflicts = tuple(conflicts)
        count = len(self.conflicts)
        what = f"the catalogs contradict each other in {count:,} place{'' if count == 1 else 's'}"
        hint = "nothing was written; leave one of each two out, or keep the catalogs apart"
        super().__init__(what, where=where, hint=hint)
        head = f"{where}: {what}" if where else what
        told = (f"  {conflict.where}: {conflict.what}" for conflict in self.conflicts)
        self.args = ("\n".join([head, *told, f"  try: {hint}"]),)


class CatalogUnreadableError(CatalogError):
    """The catalog's file or database is damaged, locked away, or not a catalog."""


class CatalogUnavailableError(CatalogError, Transient):
    """The catalog's database is away, busy or full for now; nothing was written."""


class CatalogLostError(CatalogUnavailableError):
    """The connection broke in the middle; whether it was written is in the message."""


def error_named(name: str) -> type[MeshError] | None:
    """The error of that name, for one that was raised elsewhere; None for a name that is none."""
    waiting: list[type[MeshError]] = [MeshError]
    while waiting:
        found = waiting.pop()
        if found.__name__ == name:
            return found
        waiting += found.__subclasses__()
    return None


def near_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to three names that look like `name`, best first."""
    return tuple(difflib.get_close_matches(name, list(known), n=3, cutoff=0.55))


def did_you_mean(near: Sequence[str]) -> str:
    """A hint that offers `near`, or an empty string when there is nothing to offer."""
    return f"did you mean {' or '.join(near)}?" if near else ""

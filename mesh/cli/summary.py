"""What a run came to: a table of its products, and a block for each that was not published."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from mesh.catalog.receipts import Receipt, Refusal
from mesh.cli import console
from mesh.cli.progress import outcome_style, outcome_word
from mesh.cli.unexpected import explain
from mesh.contracts.model import Severity
from mesh.contracts.verdict import Outcome
from mesh.errors import DefinitionError, MeshError
from mesh.orchestration.running import Failed

if TYPE_CHECKING:
    from mesh.orchestration.running import Finished, RunSummary
    from mesh.products.collection import BrokenDomain, Organization
    from mesh.products.domain import Team

_COLUMNS = ("product", "outcome", "rows", "rejected", "version", "owner", "seconds")
_NUMBERS = ("rows", "rejected", "version", "seconds")


def print_summary(summary: RunSummary, organization: Organization) -> None:
    """Print the table of products, and the rules that warned."""
    made = console.table(*_COLUMNS, right=_NUMBERS)
    for name, item in summary.results.items():
        rows, rejected, version = _numbers(item)
        console.add_row(
            made,
            name,
            Text(outcome_word(item.outcome), style=outcome_style(item.outcome)),
            rows,
            rejected,
            version,
            _team(organization, item).name,
            f"{item.seconds:.1f}",
        )
    console.say()
    console.print_table(made)
    for name, item in summary.results.items():
        if item.rows_deleted:
            console.say(f"{name}: {console.count(item.rows_deleted, 'row')} deleted")
        _print_fallbacks(name, item)
        _print_warnings(name, item)
    published = sum(isinstance(item.outcome, Receipt) for item in summary.results.values())
    of = console.count(len(summary.results), "product")
    console.say(f"{published:,} of {of} published, run {summary.run.id}, {summary.seconds:.1f} s")


def print_blocks(
    summary: RunSummary, broken: Sequence[BrokenDomain], *, is_debug: bool = False
) -> None:
    """Print why products were not published, and why domains did not load, to standard error."""
    for name, item in summary.results.items():
        if isinstance(item.outcome, Refusal):
            _print_block(str(item.outcome))
        elif isinstance(item.outcome, Failed):
            if is_debug:
                traceback.print_exception(item.outcome.error)
            _print_block(_failure(name, item.outcome.error))
    for domain in broken:
        _print_block(_broken(domain))


def print_resumption(summary: RunSummary) -> None:
    """Print how many partitions are published, and how to go on, to standard error."""
    for name, partitions in summary.run.partitions.items():
        done = len(summary.results[name].receipts)
        if done < len(partitions):
            told = f"{done:,} of {console.count(len(partitions), 'partition')} published"
            console.warn(f"{name}: {told}; the next is {partitions[done]}")
    hint = f"the same again with `--run-id {summary.run.id}` goes on from there"
    console.stderr().print(console.block(f"  try: {hint}"))


def as_json(
    summary: RunSummary, organization: Organization, broken: Sequence[BrokenDomain]
) -> dict[str, Any]:
    """The run as plain values."""
    return {
        "run_id": summary.run.id,
        "partition": summary.run.partition,
        "partitions": {name: list(keys) for name, keys in summary.run.partitions.items()},
        "started_at": summary.run.started_at.isoformat(),
        "seconds": round(summary.seconds, 3),
        "is_successful": summary.is_successful and not broken,
        "products": [
            _item_as_json(name, item, organization) for name, item in summary.results.items()
        ],
        "broken_domains": [
            {"domain": domain.name, "problems": [str(problem) for problem in domain.problems]}
            for domain in broken
        ],
    }


def _item_as_json(name: str, item: Finished, organization: Organization) -> dict[str, Any]:
    team = _team(organization, item)
    outcome = item.outcome
    data: dict[str, Any] = {
        "product": name,
        "outcome": outcome_word(outcome),
        "seconds": round(item.seconds, 3),
        "owner": {
            "team": team.name,
            "product_owner": team.product_owner.name,
            "email": team.product_owner.email,
        },
    }
    if isinstance(outcome, Receipt):
        counted = {
            "rows": item.rows_accepted,
            "rejected": item.rows_rejected,
            "deleted": item.rows_deleted,
            "version": outcome.table_version,
        }
        return data | counted | {"receipts": [receipt.as_json() for receipt in item.receipts]}
    if isinstance(outcome, Refusal):
        return data | {"refusal": outcome.as_json()}
    if isinstance(outcome, Failed):
        return data | {"error": str(outcome.error), "error_type": type(outcome.error).__name__}
    return data | {"blocked_by": list(outcome.by)}


def _numbers(item: Finished) -> tuple[str | None, str | None, str | None]:
    if isinstance(item.outcome, Receipt):
        version = str(item.outcome.table_version)
        return (f"{item.rows_accepted:,}", f"{item.rows_rejected:,}", version)
    if isinstance(item.outcome, Refusal):
        return (None, f"{item.rows_rejected:,}", None)
    return (None, None, None)


def _print_fallbacks(name: str, item: Finished) -> None:
    """Inputs that were read from another environment."""
    fresh = [receipt for receipt in item.receipts if not receipt.is_repeated]
    used = [used for receipt in fresh for used in receipt.inputs if used.environment]
    for line in dict.fromkeys(f"{used.product} from {used.environment}" for used in used):
        console.say(f"{name}: read {line}, since this environment has not built it", "cyan")


def _print_warnings(name: str, item: Finished) -> None:
    outcome = item.outcome
    fresh = (receipt for receipt in item.receipts if not receipt.is_repeated)
    for note in dict.fromkeys(note for receipt in fresh for note in receipt.notes):
        console.say(f"warning: {name}: {note}", "yellow")
    for tally in outcome.tallies if isinstance(outcome, Receipt) else ():
        if tally.severity is Severity.WARNING and tally.outcome is Outcome.FAILED:
            broken = console.count(tally.failed, "row")
            console.say(f"warning: {name}: {broken} break `{tally.text}`", "yellow")


def _team(organization: Organization, item: Finished) -> Team:
    return organization.domain(item.product.id.domain).manifest.team


def _failure(name: str, error: BaseException) -> str:
    text = str(error if isinstance(error, MeshError) else explain(error))
    return text if text.startswith(name) else f"{name} failed\n{_indented(text)}"


def _broken(domain: BrokenDomain) -> str:
    text = str(domain.error if isinstance(domain.error, DefinitionError) else domain.problems[0])
    return f"domain {domain.name} did not load, and its products were not run\n{_indented(text)}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _print_block(text: str) -> None:
    errors = console.stderr()
    errors.print()
    errors.print(console.block(text))

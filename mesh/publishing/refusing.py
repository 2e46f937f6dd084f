"""Refusals before any row is looked at: inputs or columns that are not what was promised.

Owns the verdict on inputs, of which nothing was transformed, and the verdict on columns. The table
is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mesh.catalog.receipts import InputVersion, Refusal, publication_id
from mesh.contracts.arrow import Difference
from mesh.contracts.verdict import Finding, Verdict
from mesh.products.declaration import DataProduct


def refused_inputs(
    product: DataProduct,
    findings: Sequence[Finding],
    *,
    run_id: str,
    partition: str = "",
    inputs: Sequence[InputVersion] = (),
) -> Refusal | None:
    """The refusal of a publication whose inputs are not as expected; None when they are.

    Args:
        product: what would have been published.
        findings: what was found of its inputs; those of severity warning refuse nothing.
        run_id: with product and partition, the identity of the publication.
        partition: empty for none.
        inputs: the versions that were looked at.
    """
    refusing = [item for item in findings if item.is_refusing]
    if not refusing:
        return None
    reasons = tuple(f"{item.rule.text}: {item.message}" for item in refusing)
    return Refusal(
        publication_id=publication_id(str(product.id), run_id, partition),
        product=str(product.id),
        contract_version=str(product.contract.version),
        run_id=run_id,
        partition=partition,
        refused_at=datetime.now(UTC),
        verdict=Verdict(rows=0, accepted=0, rejected=0, findings=tuple(findings), reasons=reasons),
        inputs=tuple(inputs),
    )


def refused_columns(different: Sequence[Difference]) -> Verdict:
    """The verdict on data whose columns are not the contract's."""
    noun = "column is" if len(different) == 1 else "columns are"
    return Verdict(
        rows=0,
        accepted=0,
        rejected=0,
        findings=(),
        differences=tuple(different),
        reasons=(f"{len(different)} {noun} not what the contract promises",),
    )

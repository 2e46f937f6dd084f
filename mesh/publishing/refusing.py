"""Refusals before there is any data: inputs that are not what their consumer expects.

Owns the verdict on inputs. Nothing was transformed, and the table is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mesh.catalog.receipts import InputVersion, Refusal, publication_id
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

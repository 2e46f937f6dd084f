"""Run events: that a product's run began, and how it ended.

Owns the shape of START, COMPLETE, FAIL and ABORT. An end is made from its START and from what is
known then, so that it can be made long after, by another process, for a run that died.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.catalog.emissions import Evidence
from mesh.catalog.receipts import InputVersion, Receipt, Refusal, RuleTally
from mesh.contracts.model import Rule, Severity
from mesh.contracts.verdict import Outcome
from mesh.errors import GateError, MeshError, TransformError
from mesh.lake import Lake
from mesh.orchestration.openlineage import datasets, jobs
from mesh.orchestration.openlineage.facets import EVENT_SCHEMA, facet, moment, producer
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest
from mesh.settings import Settings

Event = dict[str, Any]
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a run when it begins."""

    product: DataProduct
    publication_id: str
    partition: str
    started_at: datetime
    manifest: DomainManifest | None = None
    parent: jobs.ParentRun | None = None

    def start(self, run_id: str, settings: Settings, lake: Lake) -> dict[str, Any]:
        """The START event, and what else the end is made from: the columns of rules."""
        product, namespace = self.product, settings.openlineage.namespace
        contract = product.contract
        facets = {
            "processing_engine": jobs.engine_of(product),
            "nominalTime": jobs.nominal_time_of(product, self.partition),
            "parent": jobs.parent_of(self.parent, settings) if self.parent else None,
            "mesh_contract": facet(
                "MeshContractRunFacet",
                contract=str(product.id),
                version=str(contract.version),
                digest=contract.digest,
                publication=self.publication_id,
            ),
        }
        event = {
            "eventType": "START",
            "eventTime": moment(self.started_at),
            "producer": producer(),
            "schemaURL": EVENT_SCHEMA,
            "run": {"runId": run_id, "facets": jobs.named_values(facets)},
            "job": jobs.job_of(product, self.manifest, settings),
            "inputs": datasets.declared_inputs(product, lake, namespace),
            "outputs": [datasets.output_of(product, self.manifest, lake, namespace)],
        }
        return {
            "event": event,
            "rules": {rule.id: _said(rule) for rule in product.rules},
            "guarded": sorted(contract.guarded_columns),
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How the end of a run is told, from what was kept when it began."""

    start: Mapping[str, Any]
    lake: Lake
    namespace: str

    def complete(self, receipt: Receipt, evidence: Evidence) -> Event:
        """That it published. The time is that of the publication."""
        event = self._event("COMPLETE", receipt.published_at)
        (output,) = event["outputs"]
        guarded = frozenset(self.start["guarded"])
        output["facets"] |= datasets.published(receipt, evidence, self.lake, guarded)
        output["outputFacets"] = {"outputStatistics": datasets.written(receipt)}
        self._judge(output, receipt.tallies)
        event["inputs"] = self._read(receipt.inputs, evidence)
        event["run"]["facets"]["mesh_contract"] |= {
            "version": receipt.contract_version,
            "digest": receipt.contract_digest,
            "verdict": "accepted",
            "rowsAccepted": receipt.rows_accepted,
            "rowsRejected": receipt.rows_rejected,
        }
        return event

    def refused(self, refusal: Refusal, evidence: Evidence) -> Event:
        """That its rows broke the contract. The refusal is the one for everyone."""
        event = self._event("FAIL", refusal.refused_at)
        verdict, (output,) = refusal.verdict, event["outputs"]
        reasons = [reason[:_LONGEST] for reason in verdict.reasons]
        self._judge(output, RuleTally.all_of(verdict))
        if refusal.inputs:
            event["inputs"] = self._read(refusal.inputs, evidence)
        event["run"]["facets"] |= {"errorMessage": _message(f"refused: {'; '.join(reasons)}")}
        event["run"]["facets"]["mesh_contract"] |= {
            "verdict": "refused",
            "rowsAccepted": verdict.accepted,
            "rowsRejected": verdict.rejected,
            "reasons": reasons,
        }
        return event

    def failed(self, error: BaseException) -> Event:
        """That it broke."""
        event = self._event("FAIL", datetime.now(UTC))
        event["run"]["facets"]["errorMessage"] = _message(_told(error))
        return event

    def aborted(self, at: datetime) -> Event:
        """That it was interrupted, or died."""
        return self._event("ABORT", at)

    def _event(self, kind: str, at: datetime) -> Event:
        event = copy.deepcopy(dict(self.start["event"]))
        begun = datetime.fromisoformat(event["eventTime"])
        # Clocks of machines differ, and an end before its start is read as an earlier run's.
        return {**event, "eventType": kind, "eventTime": moment(max(at, begun))}

    def _read(self, inputs: Iterable[InputVersion], evidence: Evidence) -> list[datasets.Dataset]:
        lakes = {lake.environment: lake for lake in self.lake.fallbacks} | {"": self.lake.alone}
        return datasets.read_inputs(inputs, lakes, self.namespace, evidence.read)

    def _judge(self, output: datasets.Dataset, tallies: Iterable[RuleTally]) -> None:
        found = [self._assertion(t) for t in tallies if t.outcome is not Outcome.SKIPPED]
        if found:
            output["facets"]["dataQualityAssertions"] = facet(
                "DataQualityAssertionsDatasetFacet", assertions=found
            )

    def _assertion(self, tally: RuleTally) -> dict[str, Any]:
        said = self.start["rules"].get(tally.rule, {})
        columns = said.get("columns", ())
        guarded = set(self.start["guarded"])
        # A rule that names no columns may have looked at any, and have measured a value.
        is_open = not guarded or (columns and not guarded & set(columns))
        shown = tally.measured if is_open else None
        return jobs.named_values(
            {
                "assertion": said.get("check", tally.rule),
                "success": tally.outcome is Outcome.PASSED,
                "column": columns[0] if len(columns) == 1 else None,
                "severity": "error" if tally.severity is Severity.ERROR else "warn",
                "name": tally.rule,
                "expected": tally.text,
                "actual": str(shown) if shown is not None else None,
                "params": {"failed": tally.failed},
            }
        )


def _said(rule: Rule) -> dict[str, Any]:
    columns = () if rule.is_on_any_column else rule.columns
    return {"check": rule.check, "columns": list(columns)}


def _message(text: str) -> jobs.Facets:
    return facet("ErrorMessageRunFacet", message=text[:_LONGEST], programmingLanguage="PYTHON")


def _told(error: BaseException) -> str:
    """An error as it may be told to anyone.

    What a domain's own code raised may quote the rows it was given, so only its type is told.
    """
    cause = error.__cause__
    if isinstance(error, TransformError | GateError):
        kind = f" ({type(cause).__name__})" if cause is not None else ""
        return f"the product's own code failed{kind}: the run's own log has the reason"
    if isinstance(error, MeshError):
        return f"{type(error).__name__}: {error.what}"
    return f"{type(error).__name__}: the run's own log has the reason"

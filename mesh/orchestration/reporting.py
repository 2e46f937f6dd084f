"""Telling Dagster of publications that were made without it.

Owns the report of a `mesh run` to Dagster's instance, so that its UI shows what the command line
published: the same materialisations and check results as a run of its own. An event is reported
once for each publication.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from mesh.catalog.receipts import Receipt, Refusal
from mesh.lake import Lake
from mesh.orchestration import checks, metadata
from mesh.orchestration.running import RunSummary
from mesh.products.collection import Organization
from mesh.products.declaration import DataProduct
from mesh.settings import Settings

INSTANCE_FILE = "dagster.yaml"
_INSTANCE = "telemetry:\n  enabled: false\n"
_DATA_VERSION_TAG = "dagster/data_version"


def report_outcomes(settings: Settings, organization: Organization, summary: RunSummary) -> None:
    """Report what a run published and refused to the Dagster instance of these settings.

    Products that broke or were blocked have nothing to show. Upstream is reported first, so that
    what was published in one run looks no older than its inputs.
    """
    lake = Lake.of(settings)
    with open_instance(settings.dagster_folder) as instance:
        for name, finished in summary.results.items():
            product, outcome = organization.product(name), finished.outcome
            fresh = [r for r in finished.receipts if not _is_reported(instance, product, r)]
            for receipt in fresh:
                _report_publication(instance, product, receipt, lake)
            if isinstance(outcome, Refusal):
                _report_checks(instance, product, checks.refused(product, outcome))


def open_instance(folder: Path) -> dg.DagsterInstance:
    """The persistent Dagster instance in a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / INSTANCE_FILE
    if not file.exists():
        file.write_text(_INSTANCE, encoding="utf-8")
    return dg.DagsterInstance.from_config(str(folder))


def _is_reported(instance: dg.DagsterInstance, product: DataProduct, receipt: Receipt) -> bool:
    """Whether Dagster knows of the publication, or at least of a later one.

    A repeated receipt may be old: reported now, it would pass for the latest.
    """
    event = instance.get_latest_materialization_event(dg.AssetKey(product.id.asset_key))
    if event is None or event.asset_materialization is None:
        return False
    known = event.asset_materialization.metadata.get(metadata.PUBLICATION)
    return receipt.is_repeated or (known is not None and known.value == receipt.publication_id)


def _report_publication(
    instance: dg.DagsterInstance, product: DataProduct, receipt: Receipt, lake: Lake
) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            asset_key=dg.AssetKey(product.id.asset_key),
            metadata=metadata.publication_metadata(receipt, lake),
            partition=receipt.partition or None,
            tags={_DATA_VERSION_TAG: str(receipt.table_version)},
        )
    )
    _report_checks(instance, product, checks.accepted(product, receipt, lake))


def _report_checks(
    instance: dg.DagsterInstance, product: DataProduct, results: Iterable[dg.AssetCheckResult]
) -> None:
    blocking = {spec.name: spec.blocking for spec in checks.check_specs(product)}
    for result in results:
        name = str(result.check_name)
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(product.id.asset_key),
                check_name=name,
                passed=result.passed,
                metadata=result.metadata,
                severity=result.severity,
                description=result.description,
                blocking=blocking[name],
            )
        )

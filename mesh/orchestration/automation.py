"""When products run by themselves: on their schedule, or when their inputs have.

Owns the automation conditions. Dagster's daemon decides them over the asset graph of the whole
workspace, so that an input in another code location counts like one in the same.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from mesh.errors import DefinitionError
from mesh.orchestration.dependencies import Dependencies
from mesh.products.declaration import DataProduct

SENSOR = "automation"
"""The sensor that asks Dagster's daemon to decide the conditions of a code location."""

Condition = dg.AutomationCondition[Any]
"""A condition; Dagster's own factories disagree on whether its key may be a check's."""


def automation_condition(product: DataProduct, before: Dependencies) -> Condition | None:
    """When a product is materialised: on its schedule, else when its inputs were; None for never.

    Raises DefinitionError for a schedule that is no cron expression.
    """
    if product.schedule:
        _refuse_bad_cron(product)
        return _on_schedule(product.schedule)
    return _after_inputs(before) if product.inputs else None


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """The sensor of one code location; it runs wherever the daemon does."""
    return dg.AutomationConditionSensorDefinition(
        SENSOR,
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Publishes products on their schedule, and when their inputs were published.",
    )


def _on_schedule(cron: str) -> Condition:
    """At each tick, once nothing that it needs is missing or being made.

    Unlike Dagster's `on_cron` it does not wait for news from upstream: the register that a rule
    looks at may well be older than the tick.
    """
    due = dg.AutomationCondition.cron_tick_passed(cron, "UTC").since(_handled())
    return (_latest_partition() & due & _is_ready()).with_label(f"on schedule {cron} (UTC)")


def _after_inputs(before: Dependencies) -> Condition:
    """When an input has news, or the product has never been published though its inputs have.

    Differs from Dagster's `eager` twice. What only a rule looks at gives no occasion to publish
    again. And a product that is new to the workspace does not wait for its inputs' next news.
    """
    references = dg.AssetSelection.assets(*(dg.AssetKey(p.asset_key) for p in before.references))
    news = dg.AutomationCondition.any_deps_updated()
    if before.references:
        news = news.ignore(references)
    missing = dg.AutomationCondition.newly_missing()
    due = (missing | news).since(_handled())
    return (_latest_partition() & due & _is_ready()).with_label("when its inputs were published")


def _latest_partition() -> Condition:
    return dg.AutomationCondition.in_latest_time_window()


def _handled() -> Condition:
    return dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()


def _is_ready() -> Condition:
    return (
        ~dg.AutomationCondition.any_deps_missing()
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
    )


def _refuse_bad_cron(product: DataProduct) -> None:
    try:
        dg.ScheduleDefinition(name="check", job_name="check", cron_schedule=product.schedule)
    except dg.DagsterInvalidDefinitionError as error:
        raise DefinitionError.of(
            f"schedule {product.schedule!r} is not a cron expression",
            where=str(product.id),
            hint='write five fields, such as "30 5 * * *" for every day at 05:30 UTC',
        ) from error

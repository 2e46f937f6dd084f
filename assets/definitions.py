"""What Dagster loads for the platform: its products like any domain's, and the mesh's upkeep."""

import dagster as dg

import mesh
from assets.maintenance import daily_upkeep, upkeep

defs = dg.Definitions.merge(
    mesh.definitions(__file__), dg.Definitions(jobs=[upkeep], schedules=[daily_upkeep])
)

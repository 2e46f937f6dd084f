"""What Dagster loads for the operations domain."""

import mesh

defs = mesh.definitions(__file__)

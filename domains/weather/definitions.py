"""What Dagster loads for the weather domain."""

import mesh

defs = mesh.definitions(__file__)

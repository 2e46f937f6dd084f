"""What Dagster loads for the punctuality domain."""

import mesh

defs = mesh.definitions(__file__)

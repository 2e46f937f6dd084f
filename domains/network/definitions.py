"""What Dagster loads for the network domain."""

import mesh

defs = mesh.definitions(__file__)

"""What Dagster loads for the fleet domain."""

import mesh

defs = mesh.definitions(__file__)

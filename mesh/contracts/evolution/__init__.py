"""What changed between two contracts, for whom it matters, and the version that it asks for.

Owns the comparison: every change with its class on the consumer's side and on the producer's, the
reason, and the least bump. Reads no data: where the verdict hangs on data, the change names the
rule of the new contract that published rows can be held to. Knows no products: who is hit is
`mesh.products.plans`.
"""

from mesh.contracts.evolution.change import Bump, Change, Evolution, Kind, Standing, least, worst
from mesh.contracts.evolution.compare import compare

__all__ = ["Bump", "Change", "Evolution", "Kind", "Standing", "compare", "least", "worst"]

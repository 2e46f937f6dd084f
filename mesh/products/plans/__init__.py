"""What would change if a mesh were deployed, who would be hit, and whether it may be.

Owns the comparison of two states of a mesh: products, service levels and terms that move, hits
down to any depth, what is built anew, and the verdict. Works on plain states alone: it loads
nothing, and lineage of columns is handed in.
"""

from mesh.products.plans.making import make
from mesh.products.plans.model import Hit, Plan, ProductPlan

__all__ = ["Hit", "Plan", "ProductPlan", "make"]

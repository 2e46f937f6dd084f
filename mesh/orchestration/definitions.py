"""What Dagster loads for one domain: `defs = mesh.definitions(__file__)`.

Owns the way from a domain's folder to a code location. Loading writes nothing, neither to the lake
nor to the catalog. A location is a process of its own: what breaks one leaves the others up.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from mesh.errors import DefinitionError, Problem
from mesh.orchestration.assets import asset_of
from mesh.orchestration.automation import automation_sensor
from mesh.orchestration.dependencies import Neighbours
from mesh.products.collection import load_domain
from mesh.settings import find_root, load


def definitions(file: str | Path) -> dg.Definitions:
    """The code location of the domain that `file` lies in: an asset a product, with its checks.

    Args:
        file: the `definitions.py` of the domain; write `__file__`.

    Raises:
        DefinitionError: whatever is wrong with the domain, all of it at once.
    """
    folder = Path(file).resolve().parent
    settings = load(find_root(folder))
    domain = load_domain(folder, settings)
    neighbours = Neighbours(domain, settings)
    assets: list[dg.AssetsDefinition] = []
    problems: list[Problem] = []
    for product in domain.products:
        try:
            before = neighbours.dependencies(product)
            assets.append(asset_of(product, domain, before, settings))
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return dg.Definitions(assets=assets, sensors=[automation_sensor()])

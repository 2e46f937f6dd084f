"""What tests of data products need: samples, data that breaks one rule, and the gate's verdict.

The public names, and only those. `mesh.testing.plugin` is what pytest loads. Importing this module
loads nothing else: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesh.testing.sampling import judge, sample, samples
    from mesh.testing.violating import violate

_HOMES = {
    "judge": "mesh.testing.sampling",
    "sample": "mesh.testing.sampling",
    "samples": "mesh.testing.sampling",
    "violate": "mesh.testing.violating",
}

__all__ = ["judge", "sample", "samples", "violate"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        message = f"module 'mesh.testing' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)

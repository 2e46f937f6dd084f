"""`mesh contract`: contracts as files, in and out.

Owns the group; each command is a module of its own.
"""

from __future__ import annotations

import typer

from mesh.cli.contract.export import export
from mesh.cli.contract.importing import import_contract
from mesh.cli.contract.lint import lint

app = typer.Typer(help="Take contracts in and out, and check those in files.", no_args_is_help=True)
app.command("import")(import_contract)
app.command("export")(export)
app.command("lint")(lint)

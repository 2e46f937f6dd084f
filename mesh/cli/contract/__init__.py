"""`mesh contract`: contracts as files, in and out.

Owns the group; each command is a module of its own.
"""

from __future__ import annotations

import typer

from mesh.cli.contract.lint import lint

app = typer.Typer(help="Check contracts that are files.", no_args_is_help=True)
app.command("lint")(lint)

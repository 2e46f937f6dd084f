"""`mesh audit`: published rows against their contract, and the log of who decided and read what.

Owns the group. `mesh audit PRODUCT` is short for `mesh audit contract PRODUCT`: a product's name
has a dot in it, and a command's has none.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from mesh.cli.audit.contract import audit
from mesh.cli.audit.log import export, log, verify

_DEFAULT = "contract"
_HELP = frozenset({"--help", "-h"})


class _WithDefault(TyperGroup):
    """A group whose command may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_told = not args or args[0] in self.commands or args[0] in _HELP
        return super().parse_args(ctx, args if is_told else [_DEFAULT, *args])


app = typer.Typer(
    cls=_WithDefault,
    help="Check published rows, or look at the log of decisions and reads.\n\n"
    "`mesh audit PRODUCT` is short for `mesh audit contract PRODUCT`.",
    no_args_is_help=True,
)
app.command("contract")(audit)
app.command("log")(log)
app.command("verify")(verify)
app.command("export")(export)

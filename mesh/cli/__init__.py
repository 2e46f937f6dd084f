"""The `mesh` command.

Owns the command's edge: global options, the order of commands in the help, and how every failure
ends: one readable block on standard error and a non-zero exit code. A traceback is shown only with
`--debug`. Commands import what they need when they run, so that asking for help is quick.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from mesh.cli.access import app as access_commands
from mesh.cli.audit import app as audit_commands
from mesh.cli.catalog import app as catalog_commands
from mesh.cli.check import check as check_command
from mesh.cli.contract import app as contract_commands
from mesh.cli.decision import app as decision_commands
from mesh.cli.domain import app as domain_commands
from mesh.cli.erase import erase as erase_command
from mesh.cli.glossary import app as glossary_commands
from mesh.cli.lineage import lineage as lineage_command
from mesh.cli.listing import list_products
from mesh.cli.login import login as login_command
from mesh.cli.login import logout as logout_command
from mesh.cli.login import whoami as whoami_command
from mesh.cli.maintain import maintain as maintain_command
from mesh.cli.new import app as new_commands
from mesh.cli.plan import plan as plan_command
from mesh.cli.policy import app as policy_commands
from mesh.cli.preview import preview as preview_command
from mesh.cli.quarantine import app as quarantine_commands
from mesh.cli.read import read as read_command
from mesh.cli.repair import repair as repair_command
from mesh.cli.reproduce import reproduce as reproduce_command
from mesh.cli.retire import retire as retire_command
from mesh.cli.run import run as run_command
from mesh.cli.search import search as search_command
from mesh.cli.serve import serve as serve_command
from mesh.cli.session import Session
from mesh.cli.share import app as share_commands
from mesh.cli.show import show as show_command
from mesh.cli.sql import sql as sql_command
from mesh.cli.token import app as token_commands
from mesh.cli.why import why as why_command
from mesh.errors import MeshError

__all__ = ["app", "main"]

_GLOBAL_FLAGS = frozenset({"--debug"})
_GLOBAL_VALUES = frozenset({"--root", "--env"})


class _Edge(TyperGroup):
    """The outermost group: global options may stand anywhere, and errors become blocks."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _globals_first(args))

    def invoke(self, ctx: Any) -> Any:
        is_debug = bool(ctx.params.get("debug"))
        try:
            with _chosen(ctx.params.get("root"), ctx.params.get("env") or ""):
                return super().invoke(ctx)
        except MeshError as error:
            _show(error, is_debug=is_debug)
        except Exception as error:
            if _is_typers_own(error):
                raise
            _show_unexpected(error, is_debug=is_debug)
        raise typer.Exit(1)


app = typer.Typer(
    name="mesh",
    cls=_Edge,
    help="Publish, find and read data products.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's help costs 0.3 s of start-up
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"mesh {_installed_version()}\n")
        raise typer.Exit


@app.callback()
def global_options(
    context: typer.Context,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of the mesh; found from the current folder upwards by default."),
    ] = None,
    env: Annotated[
        str, typer.Option("--env", help="Environment, instead of the settings' own.")
    ] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Publish, find and read data products.

    `--root`, `--env` and `--debug` may also stand after a command.
    """
    del version, env  # `env` holds for the whole process: see `_chosen`
    context.obj = Session(root, debug)


app.command("run")(run_command)
app.command("list")(list_products)
app.command("search")(search_command)
app.command("show")(show_command)
app.command("read")(read_command)
app.command("sql")(sql_command)
app.command("lineage")(lineage_command)
app.command("why")(why_command)
app.command("reproduce")(reproduce_command)
app.add_typer(glossary_commands, name="glossary")
app.add_typer(policy_commands, name="policy")
app.add_typer(quarantine_commands, name="quarantine")
app.command("check")(check_command)
app.command("plan")(plan_command)
app.add_typer(audit_commands, name="audit")
app.command("preview")(preview_command)
app.add_typer(contract_commands, name="contract")
app.add_typer(new_commands, name="new")
app.add_typer(domain_commands, name="domain")
app.add_typer(catalog_commands, name="catalog")
app.command("serve")(serve_command)
app.add_typer(token_commands, name="token")
app.add_typer(access_commands, name="access")
app.add_typer(decision_commands, name="decision")
app.command("login")(login_command)
app.command("logout")(logout_command)
app.command("whoami")(whoami_command)
app.add_typer(share_commands, name="share")
app.command("retire")(retire_command)
app.command("maintain")(maintain_command)
app.command("erase")(erase_command)
app.command("repair")(repair_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; always ends in SystemExit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        typer.main.get_command(app)(
            list(arguments) if arguments is not None else None, prog_name="mesh"
        )
    finally:
        _let_go_of_closed_pipes()


def _chosen(root: Path | None, environment: str) -> AbstractContextManager[None]:
    """The global options, for everything that the command calls. Settings are loaded if need be."""
    if root is None and not environment:
        return nullcontext()
    from mesh.settings import chosen

    return chosen(root=root, environment=environment)


def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mesh-data")
    except PackageNotFoundError:
        return "(not installed as a package)"


def _globals_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the global options before the command."""
    own, rest = [], []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest.append(word)
            break
        if word in _GLOBAL_FLAGS or word.partition("=")[0] in _GLOBAL_VALUES:
            own.append(word)
            own.extend([next(words, "")] if word in _GLOBAL_VALUES else [])
        else:
            rest.append(word)
    return [*own, *rest, *words]


def _is_typers_own(error: Exception) -> bool:
    """Whether Typer knows how to end: an exit, a wrong option, the end of input, a closed pipe."""
    is_signal = isinstance(error, typer.Exit | typer.Abort | TyperException | EOFError)
    return is_signal or (isinstance(error, OSError) and error.errno == errno.EPIPE)


def _show(error: MeshError, *, is_debug: bool) -> None:
    from mesh.cli.console import print_error

    if is_debug:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        print_error(error)


def _show_unexpected(error: Exception, *, is_debug: bool) -> None:
    from mesh.cli.console import print_error
    from mesh.cli.unexpected import explain

    if is_debug:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        print_error(explain(error))


def _let_go_of_closed_pipes() -> None:
    """Leave quietly when the reader of a pipe is gone, as `head` does."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

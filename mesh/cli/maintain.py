"""`mesh maintain`: removing what crashed publications left in the lake."""

from __future__ import annotations

from typing import Annotated

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError


def maintain(
    context: typer.Context,
    older_than: Annotated[
        str,
        typer.Option(help="Age of a file before it can be a leftover, such as `30m` or `1d`."),
    ] = "1d",
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove staged files of publications that died before their commit.

    No version of a table ever showed them. A publication that still runs is safe as long as it
    takes less than `--older-than`.
    """
    from mesh.cli.console import count, print_json, say
    from mesh.products.ports import parse_duration
    from mesh.publishing.maintenance import remove_leftovers

    try:
        age = parse_duration(older_than)
    except ValueError as error:
        raise MeshError(str(error), where="--older-than") from error
    session = Session.of(context)
    workspace = session.workspace()
    declared = {product.id for product in session.organization().products.values()}
    products = sorted(declared | set(workspace.catalog.product_ids()))
    paths = remove_leftovers(workspace.lake, products, older_than=age, is_dry_run=is_dry_run)
    if as_json:
        print_json({"is_dry_run": is_dry_run, "paths": paths})
        return
    for path in paths:
        say(path)
    verb = "would be removed" if is_dry_run else "removed"
    say(f"{count(len(paths), 'staged file')} {verb}", "dim")

"""Reading by name: for notebooks, the command line and rules that refer to other products."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from mesh.catalog.receipts import InputVersion
from mesh.contracts.model import Contract
from mesh.contracts.rules import Target
from mesh.errors import NotPublishedError, UnknownProductError
from mesh.lake import Lake
from mesh.lake.unreadable import naming_damage
from mesh.naming import ProductId
from mesh.products.ports import Input
from mesh.reading.counting import READS
from mesh.reading.ended import RetiredWarning, end_of
from mesh.reading.incremental import changed_rows
from mesh.reading.snapshot import PinnedInput, pin
from mesh.reading.waiting import waiting_rows
from mesh.settings import Settings, load


def read(
    product: str,
    *,
    columns: Sequence[str] | None = None,
    version: int | None = None,
    since: int | None = None,
    settings: Settings | None = None,
) -> pl.LazyFrame:
    """The published rows of a product, as a lazy frame pinned to one version.

    Of a retired product its rows as long as they are kept, with a `RetiredWarning` that names its
    successor.

    With `since`, only what changed after that version, each row with `_change_type` (`insert`,
    `update_preimage`, `update_postimage`, `delete`), `_commit_version` and `_commit_timestamp`.

    Args:
        product: `domain.product_v1`.
        columns: which columns; all of them by default. Who names them is counted as their reader
            alone: see `mesh show`.
        version: the table's version; the latest by default.
        since: the version after which changes count.
        settings: the mesh to read from; by default the one that holds the current folder.

    Raises:
        InvalidNameError, UnknownProductError, NotPublishedError, UnknownColumnError;
        VersionRemovedError for a version that retention or an erasure removed.
        ChangesUnknownError: what changed cannot be told, since what is needed for it is gone.
    """
    chosen = settings or load()
    found = opened(product, chosen, columns=columns, version=version)
    READS.note(chosen, product, found.columns)
    if (ended := end_of(found, is_latest=version is None)) is not None:
        warnings.warn(ended.told(datetime.now(UTC)), RetiredWarning, stacklevel=2)
    return found.scan() if since is None else changed_rows(found, since)


def opened(
    product: str,
    settings: Settings,
    *,
    columns: Sequence[str] | None = None,
    version: int | None = None,
) -> PinnedInput:
    """A product at one version, for `read` and for whoever counts reads otherwise.

    Raises what `read` raises.
    """
    wanted, chosen = Input(product, columns), settings
    lake = Lake.of(chosen).alone  # who reads by name says which environment: see `--env`
    try:
        pinned = pin("read", wanted, lake, version=version)
    except NotPublishedError as error:
        if version is not None and lake.table(wanted.id).exists():
            raise type(error)(error.what, where=product, hint=error.hint) from None
        known = _known_products(chosen)
        if known and product not in known:
            raise UnknownProductError(product, known) from None
        raise NotPublishedError(
            f"{product} is not published yet", hint=f"`mesh run {product}` first"
        ) from None
    return pinned


def rejected_rows(product: ProductId, lake: Lake) -> pl.LazyFrame | None:
    """Rows that a product's publications rejected, with the rules they broke.

    None when there never were any. Rows of a publication that was refused are not among them.

    The product's columns, and `_mesh_rules` (list of rule ids), `_mesh_row`, `_mesh_run`,
    `_mesh_publication` and `_mesh_rejected_at` (UTC).
    """
    found = waiting_rows(product, lake)
    return None if found is None else found.rows


def referenced_values(
    contract: Contract, lake: Lake, pinned: Mapping[str, int], *, own: str = ""
) -> tuple[dict[str, pl.DataFrame], tuple[InputVersion, ...]]:
    """The values of every column that a contract refers to, and the versions they were read from.

    By `domain.product_v1.column`, or `….a,b` for groups of values in several columns; what is not
    published yet is left out, and so is the product's `own`, which the gate looks at itself.
    `pinned` are versions that are fixed already, by product: a run reads one version of a product,
    whatever it reads it for.
    """
    values: dict[str, pl.DataFrame] = {}
    found: dict[str, PinnedInput] = {}
    for rule in contract.rules:
        if rule.check != "references" or rule.arguments["to"] in values:
            continue
        target = Target.of(rule)
        product, columns = target.product, target.columns
        if product == own:
            continue
        earlier = found[product].version if product in found else pinned.get(product)
        try:
            referenced = pin("", Input(product, list(columns)), lake, version=earlier)
        except NotPublishedError:
            continue
        with naming_damage(referenced.table, referenced.version):
            scanned = referenced.scan().select(columns)
            values[str(target)] = scanned.drop_nulls().unique().collect(engine="streaming")
        known = found[product].columns if product in found else ()
        found[product] = replace(referenced, columns=tuple(dict.fromkeys((*known, *columns))))
    return values, tuple(item.used for item in found.values())


def _known_products(settings: Settings) -> list[str]:
    from mesh.catalog.store import Catalog

    with Catalog.of(settings) as catalog:
        return [str(record.id) for record in catalog.products()]

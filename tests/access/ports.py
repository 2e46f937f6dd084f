"""A product with columns of many types, and views of it, made by hand."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

import polars as pl

import mesh
from mesh.access.model import (
    Action,
    Agreement,
    Ask,
    ColumnView,
    Mask,
    MaskKind,
    Port,
    Principal,
    RowFilter,
    View,
)
from tests.products.small import declared, named


class Flights(mesh.Contract):
    """One row per flight."""

    id: int = mesh.Field(key=True)
    carrier: str = mesh.Field(nullable=True)
    tail_number: str = mesh.Field(nullable=True, classification="confidential")
    day: date = mesh.Field(nullable=True)
    left_at: Annotated[pl.Datetime, "us", "UTC"] = mesh.Field(nullable=True)
    seats: pl.Int16 = mesh.Field(nullable=True)
    delay_minutes: float = mesh.Field(nullable=True)
    is_late: bool = mesh.Field(nullable=True)
    fare: Annotated[pl.Decimal, 9, 2] = mesh.Field(nullable=True)


PRODUCT = declared(named("flights"), contract=Flights)
PORT = Port(PRODUCT.id, "shop", PRODUCT.access, PRODUCT.contract)
ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "carrier": ["UA", "AA", None, "UA"],
        "tail_number": ["N14228", "N1", None, "N39463"],
        "day": [date(2013, 1, 1), date(2013, 1, 31), None, date(2013, 2, 28)],
        "left_at": [
            datetime(2013, 1, 1, 5, 17, tzinfo=UTC),
            None,
            None,
            datetime(2013, 2, 28, tzinfo=UTC),
        ],
        "seats": [-32768, 149, None, 150],
        "delay_minutes": [2.0, float("nan"), None, -0.0],
        "is_late": [True, False, None, False],
        "fare": [Decimal("-12.50"), Decimal("9999999.99"), None, Decimal("0.00")],
    },
    schema_overrides={"seats": pl.Int16, "fare": pl.Decimal(9, 2)},
)
ANA = Principal("ana@example.com")


@dataclass(frozen=True)
class Rows:
    """Rows that are seen, by an expression."""

    expression: pl.Expr
    text: str = "some rows"


def view_of(
    port: Port = PORT,
    *,
    rows: RowFilter | None = None,
    agreement: Agreement | None = None,
    principal: Principal = ANA,
    **masks: str | None,
) -> View:
    """A view of a port: a mask by column, as `kind:argument`."""
    columns = [ColumnView(name, _mask(masks.get(name))) for name in port.contract.column_names]
    return View(
        port=port,
        principal=principal,
        columns=tuple(c for c in columns if not _is_dropped(c)),
        hidden=tuple(c for c in columns if _is_dropped(c)),
        rows=rows,
        agreement=agreement,
        policies_digest="policies",
    )


def agreement(id_: str, holder: str = ANA.name, port: str = PORT.name) -> Agreement:
    """An agreement of a holder."""
    return Agreement(id_, port, holder, "analysis")


@dataclass(frozen=True)
class Decided:
    """Whoever asks sees this."""

    seen: View

    def view(self, _: Ask) -> View:
        """The same for everybody."""
        return self.seen


def ask_of(view: View, purpose: str = "analysis") -> Ask:
    """What was asked for, to be shown a view."""
    return Ask(view.principal, Action.READ, view.port, purpose)


def _mask(text: str | None) -> Mask | None:
    if text is None:
        return None
    kind, _, argument = text.partition(":")
    return Mask(MaskKind(kind), argument)


def _is_dropped(column: ColumnView) -> bool:
    return column.mask is not None and column.mask.kind is MaskKind.DROP

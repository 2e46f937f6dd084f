"""Rows that keep a contract: made up, mended, and taken only where every rule holds.

Owns the search: proposals for each column, the contract's own expressions as the judge of each row,
uniqueness among the rows, and at the end the real gate on the whole. What cannot be kept after so
many tries is SamplingError, which names the rule.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from mesh.contracts.model import Rule
from mesh.contracts.rules import Target
from mesh.errors import SamplingError
from mesh.testing.mending import masks_of, mended
from mesh.testing.order import Order
from mesh.testing.sifting import sifted
from mesh.testing.values import Clock, Wanted

_ROUNDS = 24
_HOPELESS = 4
"""Rounds without a single good row, after which another style is tried."""
_LEAST_DRAWN, _MOST_DRAWN = 512, 400_000


@dataclass(frozen=True, slots=True)
class Style:
    """How rows are proposed: the share of nulls, and whether they are alike, or all different."""

    null_share: float
    is_alike: bool = False
    is_distinct: bool = False


_OTHER_STYLES = (
    Style(0.0),
    Style(0.0, is_distinct=True),
    Style(0.0, is_alike=True),
    Style(0.5),
    Style(1.0),
)


def made(order: Order) -> pl.DataFrame:
    """Rows that keep the contract. Raises SamplingError that names a rule."""
    failure: SamplingError | None = None
    for number, style in enumerate((Style(order.null_share), *_OTHER_STYLES)):
        for count in order.counts():
            found = _Search(order, style, count, number).found()
            if isinstance(found, pl.DataFrame):
                return found
            failure = failure or found.error
            if found.is_about_rows:
                break  # fewer rows would not be better ones
    raise failure or SamplingError("no rows were found", where=order.contract.name)


def tried_once(order: Order, null_share: float) -> pl.DataFrame | None:
    """Rows that keep the contract, if the first try finds some."""
    found = _Search(order, Style(null_share), order.counts()[0], 0).found()
    return found if isinstance(found, pl.DataFrame) else None


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why one style did not do, and whether that is for want of a single good row."""

    error: SamplingError
    is_about_rows: bool = False


@dataclass
class _Search:
    """One try, in one style."""

    order: Order
    style: Style
    count: int
    number: int
    kept: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = zlib.crc32(self.order.contract.name.encode())
        self.rng = np.random.default_rng([self.order.seed, name, self.number])
        self.distinct = {name for names in self.order.unique for name in names}
        if self.style.is_distinct:
            self.distinct = set(self.order.contract.column_names)

    def found(self) -> pl.DataFrame | _Failure:
        rows = self._rows()
        if rows.height < self.count:
            return self._too_few(rows)
        rows = self._with_own_references(rows)
        for _ in range(2):
            broken = self.order.judge(rows).broken(rows)
            if not broken:
                return rows
            rest = sifted(rows, broken, self.order.judge(rows))
            if rest is None:
                break
            is_enough = self.order.rows is None and rest.height > 0
            rows = rest if is_enough else self._refilled(rest)
            if rows.height < self.count and not is_enough:
                break
        texts = ", ".join(f"`{rule.text}`" for rule in broken)
        return self._failure(f"no rows were found that keep {texts}", broken[0])

    def _refilled(self, rest: pl.DataFrame) -> pl.DataFrame:
        """As many rows as wanted, all of which keep the rules by themselves."""
        for _ in range(3):
            if rest.height >= self.count:
                break
            more = self._rows()
            judge = self.order.judge(more)
            kept = sifted(more, judge.broken(more), judge)
            rest = self._unique(pl.concat([rest, more if kept is None else kept]))
        return rest.head(self.count)

    def _rows(self) -> pl.DataFrame:
        found = pl.DataFrame(schema=self.order.types)
        if not self.count:
            return found
        wanted = self.count
        for turn in range(_ROUNDS):
            share = max(found.height / max(wanted, 1), 0.05) if turn else 1.0
            drawn = min(max(int(1.25 * self.count / share), _LEAST_DRAWN), _MOST_DRAWN)
            proposed = self._proposed(drawn)
            wanted = drawn if not turn else wanted + drawn
            good = self._good(proposed)
            before = found.height
            found = self._unique(pl.concat([found, good]))
            if found.height >= self.count:
                return found.head(self.count)
            if turn >= _HOPELESS and found.height == before:
                break
        return found

    def _good(self, proposed: pl.DataFrame) -> pl.DataFrame:
        rules = self.order.row_rules
        if not rules:
            return proposed
        masks = masks_of(proposed, rules)
        for name in masks.columns:
            self.kept[name] = max(self.kept.get(name, 0.0), float(masks[name].mean() or 0.0))  # type: ignore[arg-type]
        good = proposed.filter(masks.select(pl.all_horizontal(pl.all())).to_series())
        if self.style.is_alike and good.height:
            loose = [name for name in good.columns if name not in self.distinct]
            alike = proposed.with_columns(
                pl.lit(good[name].first()).cast(good.schema[name]).alias(name) for name in loose
            )
            return alike.filter(
                masks_of(alike, rules).select(pl.all_horizontal(pl.all())).to_series()
            )
        return good

    def _unique(self, frame: pl.DataFrame) -> pl.DataFrame:
        for names in self.order.unique:
            frame = frame.unique(subset=list(names), keep="first", maintain_order=True)
        return frame

    def _proposed(self, count: int) -> pl.DataFrame:
        clock = Clock.starting(self.rng, count)
        rules, columns = self.order.rules, self.order.columns
        made = []
        for column in self.order.contract.columns:
            own = [r for r in rules if r.columns == (column.name,)]
            given = columns.get(column.name)
            if given is not None and not isinstance(given, pl.Expr):
                made.append(self._given(column.name, given, count))
                continue
            wanted = Wanted(
                name=column.name,
                data_type=self.order.types[column.name],
                rules=own,
                is_distinct=column.name in self.distinct,
                rng=self.rng,
                clock=clock,
                count=count,
            )
            made.append(self._with_nulls(wanted.series(), is_nullable=column.is_nullable))
        frame = self._referring(pl.DataFrame(made))
        frame = mended(frame, self.order.row_rules, tuple(columns))
        return frame.with_columns(
            given.cast(self.order.types[name]).alias(name)
            for name, given in columns.items()
            if isinstance(given, pl.Expr)
        )

    def _given(self, name: str, given: Sequence[object] | pl.Series, count: int) -> pl.Series:
        try:
            values = pl.Series(name, given, dtype=self.order.types[name])
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
            text = str(error).splitlines()[0]
            where = f"{self.order.contract.name}.{name}"
            raise SamplingError(
                f"values given for it are none of its type: {text}", where=where
            ) from error
        if values.is_empty():
            raise SamplingError(f"columns={{{name!r}: …}} has no values", where=name)
        places = np.arange(count) % values.len()
        return values.gather(self.rng.permutation(places))

    def _with_nulls(self, values: pl.Series, *, is_nullable: bool) -> pl.Series:
        if not is_nullable or not self.style.null_share:
            return values
        nulls = pl.Series(self.rng.random(values.len()) < self.style.null_share)
        empty = pl.Series(values.name, [None], dtype=values.dtype)
        return values.zip_with(~nulls, empty.new_from_index(0, values.len()))

    def _referring(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows, with values of other products where the contract refers to them."""
        for rule in self.order.references:
            names = [name for name in rule.columns if name not in self.order.columns]
            known = self.order.known[rule.arguments["to"]].drop_nulls()
            if known.is_empty() or len(names) < len(rule.columns):
                continue
            places = np.arange(frame.height) % known.height
            drawn = known[self.rng.permutation(places)]
            frame = frame.with_columns(
                pl.when(pl.col(here).is_not_null())
                .then(drawn[there].cast(frame.schema[here]))
                .alias(here)
                for here, there in zip(names, known.columns, strict=True)
            )
        return frame

    def _with_own_references(self, rows: pl.DataFrame) -> pl.DataFrame:
        """References to the product itself: to its own rows, or to nothing."""
        for rule in self.order.rules:
            if rule.check != "references" or not self.order.own:
                continue
            target = Target.of(rule)
            if target.product != self.order.own or target.columns == rule.columns:
                continue
            drawn = rows.select(target.columns)[self.rng.permutation(rows.height)]
            own = rows.select(target.columns)
            for source in (drawn, own):
                tried = rows.with_columns(
                    pl.when(pl.col(here).is_not_null()).then(source[there]).alias(here)
                    for here, there in zip(rule.columns, target.columns, strict=True)
                )
                masks = masks_of(tried, self.order.row_rules)
                if masks.select(pl.all_horizontal(pl.all()).all()).item():
                    rows = tried
                    break
        return rows

    def _too_few(self, rows: pl.DataFrame) -> _Failure:
        ids = {item.rule.id: item.rule for item in self.order.row_rules}
        if not rows.height and self.kept:
            rule = ids[min(self.kept, key=lambda name: self.kept[name])]
            what = f"no rows were found that keep `{rule.text}`"
            return replace(self._failure(what, rule), is_about_rows=True)
        names = " or ".join(f"({', '.join(columns)})" for columns in self.order.unique)
        return _Failure(
            SamplingError(
                f"only {rows.height:,} of {self.count:,} rows could be told apart by {names}",
                where=self.order.contract.name,
                hint=f"ask for rows={rows.height}, or pass more values with columns=",
            )
        )

    def _failure(self, what: str, rule: Rule) -> _Failure:
        names = rule.columns or self.order.contract.column_names[:1]
        return _Failure(
            SamplingError(
                what,
                where=self.order.contract.name,
                hint=f'pass values that keep it: columns={{"{names[0]}": […]}}, or an expression '
                "of other columns",
            )
        )

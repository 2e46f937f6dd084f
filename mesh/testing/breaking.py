"""Rows in which one rule is broken: proposed by what kind of rule it is, and judged by the gate.

Owns the search for data that breaks a rule and as few others as can be. Good rows are changed in
one place; of many changes those are tried first that break fewest rules on rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import polars as pl

from mesh.contracts.model import Contract, Rule, Scope
from mesh.contracts.rules import Target
from mesh.errors import SamplingError
from mesh.testing.mending import RowRule, masks_of, mended
from mesh.testing.order import Order
from mesh.testing.rows import made, tried_once
from mesh.testing.values import Clock, Wanted
from mesh.testing.wild import wild_values

_MOST_JUDGED = 80
_TRIES = 160
"""How many changes of one column are looked at."""
_BEST = 12
_MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Violation:
    """Rows that break a rule, and the rules that are broken with it because they have to be."""

    rule: Rule
    rows: pl.DataFrame
    implied: tuple[Rule, ...] = ()


def broken_by(order: Order, rule: Rule) -> Violation | None:
    """Rows that break a rule, and as few others as was found; None when nothing broke it.

    Raises SamplingError when there are no good rows to begin with.
    """
    best: Violation | None = None
    for rows, known in islice(_Breaking(order, rule).proposals(), _MOST_JUDGED):
        broken = order.judge(known).broken(rows)
        if rule.id not in {item.id for item in broken}:
            continue
        implied = tuple(item for item in broken if item.id != rule.id)
        if best is None or len(implied) < len(best.implied):
            best = Violation(rule, rows, implied)
        if not implied:
            break
    return best


Proposal = tuple[pl.DataFrame, pl.DataFrame]
"""Rows to be judged, and good ones which say what may be referred to."""


@dataclass
class _Breaking:
    order: Order
    rule: Rule

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.order.seed, 7])
        left = tuple(r for r in self.order.contract.rules if r.id != self.rule.id)
        extra = tuple(r for r in self.order.extra_rules if r.id != self.rule.id)
        contract: Contract = replace(self.order.contract, rules=left)
        self.without = replace(self.order, contract=contract, extra_rules=extra)
        self.others = self.without.row_rules

    def proposals(self) -> Iterator[Proposal]:
        if self.rule.check == "row_count":
            yield from self._counted()
            return
        base = self._base()
        if self.rule.scope is Scope.ROW:
            yield from self._changed(
                base, self._own_columns(), RowRule.of(self.rule, self.order.contract)
            )
            return
        if self.rule.check == "unique":
            yield from self._repeated(base)
        elif self.rule.check == "references":
            yield from self._referring(base)
        else:
            yield from self._whole(base)

    def _base(self) -> pl.DataFrame:
        """Good rows: one more than there have to be, since one may be rejected."""
        if self.order.rows is not None:
            return made(self.order)
        least = max(self.order.counts()[0], 2)
        try:
            return made(replace(self.order, rows=least + 1))
        except SamplingError:
            return made(self.order)

    def _own_columns(self) -> list[str]:
        names = self.rule.columns or tuple(
            RowRule.of(self.rule, self.order.contract).keeps.meta.root_names()
        )
        known = [name for name in dict.fromkeys(names) if name in self.order.types]
        return known or list(self.order.types)

    def _related(self, names: Sequence[str]) -> list[str]:
        """Columns that rules tie to these."""
        tied = [
            name
            for item in self.others
            if set(found := item.keeps.meta.root_names()) & set(names)
            for name in found
            if name in self.order.types and name not in names
        ]
        return list(dict.fromkeys(tied))

    def _changed(self, base: pl.DataFrame, names: list[str], own: RowRule) -> Iterator[Proposal]:
        """Each row rule: one row of many that were changed in one column."""
        if base.is_empty():
            return
        tried = [self._mutants(base, [name], ()) for name in (*names, *self._related(names))]
        if len(names) > 1:
            tried.append(self._mutants(base, names, ()))
        everything = pl.concat(tried)
        mutants = everything.drop("_origin")
        broken = ~masks_of(mutants, [own]).to_series()
        ranked = self._ranked(mutants.with_columns(everything["_origin"]).filter(broken))
        for row in range(min(ranked.height, _BEST)):
            yield self._placed(base, ranked[row]), base

    def _mutants(
        self, base: pl.DataFrame, names: Sequence[str], fixed: Sequence[str]
    ) -> pl.DataFrame:
        """Rows of the base with other values in some columns, mended for all other rules."""
        origins = self.rng.integers(0, base.height, _TRIES)
        rows = base[origins]
        changed = rows.with_columns(self._wild(base, name) for name in names)
        mended_rows = mended(changed, self.others, (*fixed, *names))
        return pl.concat([changed, mended_rows]).with_columns(
            pl.Series("_origin", np.concatenate([origins, origins]))
        )

    def _wild(self, base: pl.DataFrame, name: str) -> pl.Series:
        given = self.order.columns.get(name)
        rules = self.order.contract.rules_of(name)
        values = wild_values(base[name], rules, self.rng)
        if given is not None and not isinstance(given, pl.Expr):
            values = pl.concat([values, pl.Series(name, given, dtype=base.schema[name])])
        places = np.arange(max(_TRIES, values.len())) % values.len()
        return values.gather(self.rng.permutation(places)[:_TRIES])

    def _ranked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows that break fewest of the other rules first."""
        if rows.is_empty() or not self.others:
            return rows
        masks = masks_of(rows, self.others)
        broken = masks.select((~pl.all()).cast(pl.UInt32)).sum_horizontal()
        return (
            rows.with_columns(broken.alias("_broken"))
            .sort("_broken", maintain_order=True)
            .drop("_broken")
        )

    def _placed(self, base: pl.DataFrame, row: pl.DataFrame) -> pl.DataFrame:
        """The good rows, with a changed one in place of the one that it was."""
        place = int(row["_origin"].item())
        changed = row.drop("_origin").select(base.columns)
        return pl.concat([base[:place], changed, base[place + 1 :]])

    def _repeated(self, base: pl.DataFrame) -> Iterator[Proposal]:
        """Two rows with the same values: those of one copied into another, or one row twice."""
        if base.height > 1:
            yield from self._copied(base)
        yield pl.concat([base, base.head(1)]), base

    def _copied(self, base: pl.DataFrame) -> Iterator[Proposal]:
        names = list(self.rule.columns)
        origins = self.rng.integers(0, base.height, _TRIES)
        sources = (origins + self.rng.integers(1, base.height, _TRIES)) % base.height
        copied = base[origins].with_columns(base[sources].select(names))
        for rows in (copied, base[sources]):
            changed = mended(rows, self.others, names).with_columns(pl.Series("_origin", origins))
            ranked = self._ranked(changed)
            for row in range(min(ranked.height, _BEST)):
                yield self._placed(base, ranked[row]), base

    def _referring(self, base: pl.DataFrame) -> Iterator[Proposal]:
        names = list(self.rule.columns)
        target = Target.of(self.rule)
        known = self.order.known.get(str(target))
        if known is None:
            is_own = target.product == self.order.own
            known = base.select(target.columns if is_own else names)
        free = replace(self.without, known={}, rows=None)
        clock = Clock.starting(self.rng, _TRIES)
        origins = self.rng.integers(0, base.height, _TRIES)
        drawn = pl.DataFrame(
            Wanted(
                name,
                free.types[name],
                [r for r in free.rules if r.columns == (name,)],
                True,  # noqa: FBT003 -- values that differ
                self.rng,
                clock,
                _TRIES,
            ).series()
            for name in names
        )
        wild = pl.DataFrame(self._wild(base, name) for name in names)
        for values in (drawn, wild):
            rows = base[origins].with_columns(values)
            renamed = known.rename(dict(zip(known.columns, names, strict=True))).cast(
                {name: rows.schema[name] for name in names}
            )
            changed = mended(rows, self.others, names).with_columns(pl.Series("_origin", origins))
            missing = changed.drop_nulls(names).join(renamed, on=names, how="anti")
            ranked = self._ranked(missing)
            for row in range(min(ranked.height, _BEST)):
                yield self._placed(base, ranked[row]), base

    def _counted(self) -> Iterator[Proposal]:
        low, high = self.rule.arguments["at_least"], self.rule.arguments["at_most"]
        if low:
            rows = made(replace(self.without, rows=low))
            yield rows.head(low - 1), rows
        if high is not None and high < _MOST_ROWS:
            rows = made(replace(self.without, rows=high + 1))
            yield rows, rows

    def _whole(self, base: pl.DataFrame) -> Iterator[Proposal]:
        """A rule on the whole: changes of one row, of half, of all; and rows without the rule."""
        names = [n for n in self.rule.columns if n in self.order.types] or list(self.order.types)
        for rows in (base.clear(), base.head(1), base.head(base.height // 2)):
            yield rows, base
        pairs = base[[row // 2 for row in range(base.height)]]
        yield base.with_columns(pairs.select(names)), base
        for name in names[:8]:
            yield from self._overwritten(base, name)
        for rows in self._free():
            yield rows, base
        for name in names[:8]:
            mutants = self._ranked(self._mutants(base, [name], ())) if base.height else base
            for row in range(0, min(mutants.height, 4 * _BEST), 4):
                yield self._placed(base, mutants[row]), base

    def _overwritten(self, base: pl.DataFrame, name: str) -> Iterator[Proposal]:
        """The same value, or none, in a row, in half of them, and in all."""
        good = base[name].drop_nulls()
        same = good.head(1) if good.len() else base[name].head(1)
        empty = pl.Series(name, [None], dtype=base.schema[name])
        for value in (empty, same):
            for count in dict.fromkeys((1, base.height // 2, base.height)):
                if value.len() and count:
                    changed = pl.concat(
                        [value.new_from_index(0, count), base[name][: base.height - count]]
                        if value is same
                        else [base[name][: base.height - count], value.new_from_index(0, count)]
                    )
                    yield base.with_columns(changed.alias(name)), base

    def _free(self) -> Iterator[pl.DataFrame]:
        """Rows that are made as if the rule were not there."""
        for number, share in enumerate((0.1, 0.0, 0.5)):
            rows = tried_once(replace(self.without, seed=self.order.seed + number), share)
            if rows is not None:
                yield rows
        for count in (1, 2, 3) if self.order.rows is None else ():
            rows = tried_once(replace(self.without, rows=count), 0.0)
            if rows is not None:
                yield rows

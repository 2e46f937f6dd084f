"""The periods of what changes slowly: what is stored and what is told, put together.

Owns the meaning of `SlowlyChanging`, on frames and without files. A key has events: at a moment its
state was told, or its end. What holds is what the last event said, whichever came first or last;
two neighbouring events of equal state are one period. So a table and the moments of events that
changed nothing say as much as all the events, and input leads to the same table in any order.
Values are equal as Polars says it, null equal to null and NaN to NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

_AT, _STATE, _GONE = "_mesh_at", "_mesh_state", -1


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of stored periods.

    `removed` are positions in the stored frame; `added` has the table's columns; `silent` are key
    and moment of events that no period begins or ends with and that were not known as such;
    `ended` is how many deletes ended or shortened a period.
    """

    removed: pl.Series
    added: pl.DataFrame
    silent: pl.DataFrame
    ended: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Which columns say what. `columns` are all of the table's, in order."""

    columns: Sequence[str]
    key: Sequence[str]
    valid_from: str
    valid_to: str

    @property
    def attributes(self) -> list[str]:
        """The columns that make up a state."""
        timed = {*self.key, self.valid_from, self.valid_to}
        return [name for name in self.columns if name not in timed]

    def merged(
        self, stored: pl.DataFrame, told: pl.DataFrame, ends: pl.DataFrame, silent: pl.DataFrame
    ) -> Merged:
        """Put together periods, new states, new ends and silent events of the same keys.

        `told` has the table's columns, `ends` and `silent` key and `valid_from`. Of a key, stored
        periods that ended before the first of its new events need not be given.
        """
        states = pl.concat([stored.select(self.attributes), told.select(self.attributes)])
        base = self._base(stored, silent)
        new = pl.concat(
            [
                self._events(told, pl.int_range(pl.len(), dtype=pl.Int64) + stored.height),
                self._events(ends, pl.lit(_GONE, pl.Int64)),
            ]
        )
        at = [*self.key, _AT]
        kept = base.join(new, on=at, how="anti", nulls_equal=True)
        events = self._sorted(pl.concat([kept, new]))
        events = events.with_columns(_mesh_changes=self._changes(events, states))
        borders = events.filter("_mesh_changes")
        periods = borders.with_columns(
            pl.col(_AT).shift(-1).over(self.key).alias(self.valid_to)
        ).filter(pl.col(_STATE) != _GONE)
        removed, added = self._compared(periods, stored, states)
        quiet = self._named(events.filter(~pl.col("_mesh_changes")))
        known = silent.select(quiet.columns)
        return Merged(
            removed,
            added,
            quiet.join(known, on=quiet.columns, how="anti", nulls_equal=True),
            self._ended(borders, base, ends),
        )

    def _events(self, rows: pl.DataFrame, state: pl.Expr) -> pl.DataFrame:
        return rows.select(*self.key, pl.col(self.valid_from).alias(_AT), state.alias(_STATE))

    def _base(self, stored: pl.DataFrame, silent: pl.DataFrame) -> pl.DataFrame:
        """The events that what is stored stands for."""
        at = [*self.key, _AT]
        begun = self._events(stored, pl.int_range(pl.len(), dtype=pl.Int64))
        ended = stored.filter(pl.col(self.valid_to).is_not_null()).select(
            *self.key, pl.col(self.valid_to).alias(_AT), pl.lit(_GONE, pl.Int64).alias(_STATE)
        )
        loud = pl.concat([begun, ended.join(begun, on=at, how="anti", nulls_equal=True)])
        quiet = self._events(silent, pl.lit(None, pl.Int64)).unique(at)
        quiet = quiet.join(loud, on=at, how="anti", nulls_equal=True)
        filled = pl.col(_STATE).forward_fill().over(self.key).fill_null(_GONE)
        return self._sorted(pl.concat([loud, quiet])).with_columns(filled)

    def _sorted(self, events: pl.DataFrame) -> pl.DataFrame:
        return events.sort(*self.key, _AT)

    def _changes(self, events: pl.DataFrame, states: pl.DataFrame) -> pl.Series:
        """Whether the state of each event is another than that of the event before."""
        before = events.select(pl.col(_STATE).shift(1).over(self.key).fill_null(_GONE)).to_series()
        now = events.get_column(_STATE)
        return ~_are_equal(states, now, before)

    def _compared(
        self, periods: pl.DataFrame, stored: pl.DataFrame, states: pl.DataFrame
    ) -> tuple[pl.Series, pl.DataFrame]:
        """Stored periods that are none any more, and those that are new."""
        numbered = stored.select(
            *self.key,
            pl.col(self.valid_from).alias(_AT),
            pl.col(self.valid_to).alias("_mesh_end"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("_mesh_stored"),
        )
        at = [*self.key, _AT]
        beside = periods.join(numbered, on=at, how="left", nulls_equal=True, maintain_order="left")
        was = beside.get_column("_mesh_stored").fill_null(_GONE)
        alike = _are_equal(states, beside.get_column(_STATE), was)
        stays = beside.select(
            pl.col(self.valid_to).eq_missing(pl.col("_mesh_end"))
            & pl.col("_mesh_stored").is_not_null()
        ).to_series()
        stays = stays & alike
        gone = numbered.get_column("_mesh_stored").filter(
            ~numbered.get_column("_mesh_stored").is_in(was.filter(stays).implode())
        )
        fresh = periods.filter(~stays)
        rows = states[fresh.get_column(_STATE)].hstack(fresh.drop(_STATE, "_mesh_changes"))
        return gone, rows.rename({_AT: self.valid_from}).select(self.columns)

    def _ended(self, borders: pl.DataFrame, base: pl.DataFrame, ends: pl.DataFrame) -> int:
        at = [*self.key, _AT]
        told = self._events(ends, pl.lit(_GONE, pl.Int64)).unique(at)
        known = base.filter(pl.col(_STATE) == _GONE)
        ending = borders.filter(pl.col(_STATE) == _GONE).join(
            told, on=at, how="semi", nulls_equal=True
        )
        return ending.join(known, on=at, how="anti", nulls_equal=True).height

    def _named(self, events: pl.DataFrame) -> pl.DataFrame:
        return events.select(*self.key, pl.col(_AT).alias(self.valid_from))


def _are_equal(states: pl.DataFrame, left: pl.Series, right: pl.Series) -> pl.Series:
    """Whether the states at these positions have the same values; none is equal to none."""
    same = (left == right).alias("same")
    open_ = ~same & (left >= 0) & (right >= 0)
    if not open_.any():
        return same
    ours, theirs = states[left.filter(open_)], states[right.filter(open_)]
    equal = pl.Series("equal", [True]).new_from_index(0, ours.height)
    for name in states.columns:
        pair = pl.DataFrame({"ours": ours.get_column(name), "theirs": theirs.get_column(name)})
        alike = pair.select(pl.col("ours").eq_missing(pl.col("theirs"))).to_series()
        equal = equal & alike
    return same.scatter(open_.arg_true(), equal)

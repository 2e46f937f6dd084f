"""Rules that were added, removed, tightened or loosened.

Owns how rules of two contracts are paired: by what they are about, then by what they say. What goes
and comes with a column, or with the key, is told there and not again here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mesh.contracts.evolution.allowance import Relation, Values, allowance, relation, subject
from mesh.contracts.evolution.change import Bump, Change, Kind, Standing
from mesh.contracts.evolution.pairing import Pairing
from mesh.contracts.model import Contract, Rule

_RISKY, _BREAKING, _COMPATIBLE = Standing.RISKY, Standing.BREAKING, Standing.COMPATIBLE


def rule_changes(before: Contract, after: Contract, pairing: Pairing) -> Iterator[Change]:
    """What changed about rules, under the columns' new names."""
    comparison = _Comparison(before, after, pairing)
    yield from comparison.changes()


@dataclass(frozen=True, slots=True)
class _Comparison:
    before: Contract
    after: Contract
    pairing: Pairing

    def changes(self) -> Iterator[Change]:
        old = [self.pairing.rule(rule) for rule in self.before.rules]
        gone = {n for n in self.before.column_names if n not in self.pairing.kept}
        come = set(self.after.column_names) - set(self.pairing.kept.values())
        left = [rule for rule in old if not self._is_told(rule, gone)]
        right = [rule for rule in self.after.rules if not self._is_told(rule, come)]
        for was, now in _paired(left, right):
            if was is not None and now is not None:
                yield from self._altered(was, now)
            elif now is not None:
                yield self._added(now)
            elif was is not None:
                yield self._removed(was)

    def _is_told(self, rule: Rule, own: set[str]) -> bool:
        """Whether a change of columns or of the key says it already."""
        if rule.columns and set(rule.columns) <= own:
            return True
        if rule.check == "not_null":
            return self._changes_nullability(rule.columns[0])
        was = tuple(self.pairing.renamed(name) for name in self.before.key)
        keys = {frozenset(was), frozenset(self.after.key)}
        return rule.check == "unique" and len(keys) > 1 and frozenset(rule.columns) in keys

    def _changes_nullability(self, name: str) -> bool:
        old = {self.pairing.renamed(c.name): c.is_nullable for c in self.before.columns}
        return old.get(name) != self.after.column(name).is_nullable

    def _added(self, rule: Rule) -> Change:
        return self._change(
            Kind.RULE_ADDED,
            rule,
            after=rule.text,
            producer=_RISKY,
            rule=rule.id,
            effect=f"would be promised `{rule.text}`",
            reason="consumers gain a promise; published rows may break it",
        )

    def _removed(self, rule: Rule) -> Change:
        is_key_like = rule.check == "unique" and rule.is_blocking and not self._is_implied(rule)
        is_implied = rule.check == "unique" and self._is_implied(rule)
        consumer = _BREAKING if is_key_like else _COMPATIBLE if is_implied else _RISKY
        return self._change(
            Kind.RULE_REMOVED,
            rule,
            before=rule.text,
            consumer=consumer,
            bump=Bump.MAJOR if is_key_like else Bump.MINOR,
            effect=f"would no longer be promised `{rule.text}`",
            reason="joins on it may repeat rows"
            if is_key_like
            else "another promise says it already"
            if is_implied
            else "consumers may meet what they were promised not to",
        )

    def _is_implied(self, rule: Rule) -> bool:
        return any(
            other.check == "unique" and other.is_blocking and set(other.columns) <= {*rule.columns}
            for other in self.after.rules
        )

    def _altered(self, was: Rule, now: Rule) -> Iterator[Change]:
        if was.severity is not now.severity:
            yield self._severity(was, now)
            return
        found = self._relation(was, now)
        if found is Relation.SAME:
            if (was.description, was.dimension) != (now.description, now.dimension):
                yield self._change(
                    Kind.SEMANTICS_CHANGED,
                    now,
                    before=was.description or was.dimension,
                    after=now.description or now.dimension,
                    bump=Bump.PATCH,
                    reason=f"only the words about `{now.text}` differ",
                )
            return
        values = self._values(was, now)
        if values is not None:
            yield from self._values_changed(now, *values)
        else:
            yield self._bounded(was, now, found)

    def _relation(self, was: Rule, now: Rule) -> Relation:
        data_type = self._type(now)
        found = relation(allowance(was, data_type), allowance(now, data_type))
        if was.is_null_ignored == now.is_null_ignored:
            return found
        nulls = Relation.LOOSER if now.is_null_ignored else Relation.TIGHTER
        return nulls if found in {Relation.SAME, nulls} else Relation.OTHER

    def _values(self, was: Rule, now: Rule) -> tuple[Values, Values] | None:
        old, new = allowance(was), allowance(now)
        is_null_alike = was.is_null_ignored == now.is_null_ignored
        if isinstance(old, Values) and isinstance(new, Values) and is_null_alike:
            return old, new
        return None

    def _values_changed(self, now: Rule, old: Values, new: Values) -> Iterator[Change]:
        if added := sorted(new.values - old.values):
            words = ", ".join(added)
            yield self._change(
                Kind.VALUES_ADDED,
                now,
                after=words,
                consumer=_RISKY,
                effect=f"could also be {words}",
                reason="consumers may meet values that they have no case for",
            )
        if removed := sorted(old.values - new.values):
            yield self._change(
                Kind.VALUES_REMOVED,
                now,
                before=", ".join(removed),
                producer=_RISKY,
                rule=now.id,
                effect=f"could no longer be {', '.join(removed)}",
                reason="consumers meet less; published rows may hold these values",
            )

    def _bounded(self, was: Rule, now: Rule, found: Relation) -> Change:
        kind, consumer, producer, reason = _BOUNDED[found]
        return self._change(
            kind,
            now,
            before=f"`{was.text}`",
            after=f"`{now.text}`",
            consumer=consumer,
            producer=producer,
            rule=now.id if producer is _RISKY else "",
            effect=f"would be promised `{now.text}` instead of `{was.text}`",
            reason=reason,
        )

    def _severity(self, was: Rule, now: Rule) -> Change:
        is_raised = now.is_blocking
        is_key_like = was.check == "unique" and not is_raised and not self._is_implied(was)
        change = self._change(
            Kind.SEVERITY_RAISED if is_raised else Kind.SEVERITY_LOWERED,
            replace(now, severity=(now if is_raised else was).severity),
            before=f"{was.severity} `{was.text}`",
            after=f"{now.severity} `{now.text}`",
            consumer=_COMPATIBLE if is_raised else _BREAKING if is_key_like else _RISKY,
            producer=_RISKY if is_raised else _COMPATIBLE,
            rule=now.id if is_raised else "",
            effect=f"would only be warned of when it breaks `{now.text}`",
            reason="what was counted is kept out: consumers gain, published rows may break it"
            if is_raised
            else "what was kept out is only counted",
        )
        return replace(change, bump=Bump.MAJOR) if is_key_like else change

    def _type(self, rule: Rule) -> str:
        if len(rule.columns) != 1 or rule.columns[0] not in self.after.column_names:
            return ""
        return self.after.column(rule.columns[0]).type

    def _change(self, kind: Kind, about: Rule, /, **options: object) -> Change:
        """A change of a rule, under the columns' old names. A warning keeps nothing out."""
        old = {new: name for name, new in self.pairing.kept.items()}
        columns = tuple(old.get(name, name) for name in about.columns)
        change = Change(
            kind=kind,
            column=columns[0] if len(columns) == 1 else "",
            columns=columns,
            **{"bump": Bump.MINOR, **options},  # type: ignore[arg-type]
        )
        if about.is_blocking:
            return change
        return replace(
            change,
            consumer=_COMPATIBLE,
            producer=_COMPATIBLE,
            bump=min(change.bump, Bump.MINOR, key=list(Bump).index),
            rule="",
            reason="it only warns: nothing is kept out by it, before or after",
        )


_BOUNDED = {
    Relation.TIGHTER: (
        Kind.RULE_TIGHTENED,
        _COMPATIBLE,
        _RISKY,
        "consumers meet less; published rows may lie outside",
    ),
    Relation.LOOSER: (
        Kind.RULE_LOOSENED,
        _RISKY,
        _COMPATIBLE,
        "consumers may meet what they were promised not to",
    ),
    Relation.OTHER: (
        Kind.RULE_CHANGED,
        _RISKY,
        _RISKY,
        "the two cannot be compared: either may allow what the other does not",
    ),
}


def _paired(old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[tuple[Rule | None, Rule | None]]:
    """Rules of one subject, each with its successor: those that say the same, then as they come."""
    groups: dict[tuple[str, ...], tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for rule in old:
        groups[_subject(rule)][0].append(rule)
    for rule in new:
        groups[_subject(rule)][1].append(rule)
    for left, right in groups.values():
        for is_pair in (_says_the_same, _is_named_the_same, _is_of_one_check, lambda *_: True):
            yield from _taken(left, right, is_pair)
        yield from ((rule, None) for rule in left)
        yield from ((None, rule) for rule in right)


def _subject(rule: Rule) -> tuple[str, ...]:
    found = subject(rule)
    return (found[0], *sorted(found[1:])) if rule.check == "unique" else found


def _taken(
    left: list[Rule], right: list[Rule], is_pair: Callable[[Rule, Rule], bool]
) -> Iterator[tuple[Rule, Rule]]:
    for was in list(left):
        now = next((rule for rule in right if is_pair(was, rule)), None)
        if now is not None:
            left.remove(was)
            right.remove(now)
            yield was, now


def _says_the_same(was: Rule, now: Rule) -> bool:
    return (was.check, was.severity) == (now.check, now.severity) and (
        was.as_json()["arguments"] == now.as_json()["arguments"]
    )


def _is_named_the_same(was: Rule, now: Rule) -> bool:
    return was.id == now.id


def _is_of_one_check(was: Rule, now: Rule) -> bool:
    return was.check == now.check

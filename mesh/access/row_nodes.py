"""Parts of a policy over rows: known now, or decided row by row, each with when it fails.

Owns Cedar's operators over both, so that they mean in a plan of Polars what they mean in Cedar: an
absent attribute and an overflow are failures, `&&` and `||` look at their right side only where the
left one does not decide, and values of two kinds are never equal. Every part says itself in words
that no other part has.

Invariant: where a part does not fail, its value is not null; and whether it fails is never null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mesh.access.cedar_values import Kind, literal

Flag = bool | pl.Expr
"""Known now, or decided row by row."""
SCALARS = frozenset({Kind.BOOL, Kind.LONG, Kind.STRING, Kind.DECIMAL, Kind.DATETIME, Kind.DURATION})
TYPES: Mapping[Kind, Any] = {Kind.BOOL: pl.Boolean, Kind.STRING: pl.String}


class NotCompilableError(Exception):
    """A part of a policy that cannot be decided over columns; says which."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part. `value` is an expression where it is decided row by row.

    Elements of sets and records are nodes. `opposite` is a flag turned round, in the form that lets
    files be passed over, and `denial` says it. `joint` is the operator that binds its words.
    """

    kind: Kind
    value: Any
    text: str
    error: Flag = False
    opposite: Any = None
    denial: str = ""
    joint: str = ""

    @property
    def is_known(self) -> bool:
        """Whether its value is the same for all rows."""
        if self.kind is Kind.SET:
            return all(item.is_known for item in self.value)
        if self.kind is Kind.RECORD:
            return all(item.is_known for item in self.value.values())
        return not isinstance(self.value, pl.Expr)

    @property
    def is_failing(self) -> bool:
        """Whether it fails for every row."""
        return self.error is True


FAILING = Node(Kind.NOTHING, None, "failure", error=True)


def known(kind: Kind, value: Any) -> Node:
    """A plain value."""
    return Node(kind, value, literal(kind, value))


def flag(value: bool) -> Node:  # noqa: FBT001 -- the value itself
    """True or false."""
    return known(Kind.BOOL, value)


def fixed(value: bool, error: Flag, said: str) -> Node:  # noqa: FBT001 -- the value itself
    """True or false wherever it does not fail."""
    return flag(value) if error is False else Node(Kind.BOOL, value, said, error, joint="fixed")


def set_of(items: Sequence[Node]) -> Node:
    """A set; it fails where any of its elements does."""
    error = either(*(item.error for item in items))
    text = f"[{', '.join(item.text for item in items)}]"
    return FAILING if error is True else Node(Kind.SET, tuple(items), text, error)


def record_of(items: Mapping[str, Node]) -> Node:
    """A record; it fails where any of its values does."""
    error = either(*(item.error for item in items.values()))
    text = f"{{{', '.join(f'{literal(Kind.STRING, k)}: {v.text}' for k, v in items.items())}}}"
    return FAILING if error is True else Node(Kind.RECORD, dict(items), text, error)


def either(*flags: Flag) -> Flag:
    """Whether any is so."""
    open_ones = [item for item in flags if item is not False]
    if any(item is True for item in open_ones):
        return True
    found: Flag = False
    for item in open_ones:
        found = item if found is False else found | item
    return found


def both(left: Flag, right: Flag) -> Flag:
    """Whether both are so."""
    if left is False or right is False:
        return False
    if left is True:
        return right
    return left if right is True else left & right


def turned(item: Flag) -> Flag:
    """Whether it is not so."""
    return not item if isinstance(item, bool) else ~item


def words(node: Node, joint: str) -> str:
    """What a part says within another: in brackets where they would be bound otherwise."""
    is_loose = node.joint in {"and", "or", "if"}
    is_bound = node.joint == joint if is_loose else joint in {"and", "or"}
    return node.text if is_bound or not node.joint else f"({node.text})"


def denied(node: Node) -> str:
    """That it is not so, in words."""
    return node.denial or f"not {words(node, 'not')}"


def negation(node: Node) -> Node:
    """`!` of a flag."""
    if node.kind is not Kind.BOOL:
        return FAILING
    if node.is_known:
        return fixed(not node.value, node.error, denied(node))
    opposite = turned(node.value) if node.opposite is None else node.opposite
    return replace(
        node,
        value=opposite,
        opposite=node.value,
        text=denied(node),
        denial=node.text,
        joint=denied_joint(node),
    )


def conjunction(left: Node, right: Node) -> Node:
    """`&&`: where the left side is false, the right one is not looked at."""
    if left.kind is not Kind.BOOL:
        return FAILING
    if left.error is False and left.is_known:
        if not left.value:
            return left
        return right if right.kind is Kind.BOOL else FAILING
    if right.is_known and right.error is False and right.value is True:
        return left
    is_typed = right.kind is Kind.BOOL
    value = right.value if is_typed else False
    right_error = right.error if is_typed else True
    return _joined("and", left, right, both(left.value, value), both(left.value, right_error))


def disjunction(left: Node, right: Node) -> Node:
    """`||`: where the left side is true, the right one is not looked at."""
    if left.kind is not Kind.BOOL:
        return FAILING
    if left.error is False and left.is_known:
        if left.value:
            return left
        return right if right.kind is Kind.BOOL else FAILING
    if right.is_known and right.error is False and right.value is False:
        return left
    is_typed = right.kind is Kind.BOOL
    value = right.value if is_typed else True
    right_error = right.error if is_typed else True
    asked = turned(left.value)
    return _joined("or", left, right, either(left.value, value), both(asked, right_error))


def _joined(joint: str, left: Node, right: Node, value: Flag, right_error: Flag) -> Node:
    error = either(left.error, right_error)
    if error is True:
        return FAILING
    other = "or" if joint == "and" else "and"
    sides = [replace(side, text=denied(side), joint=denied_joint(side)) for side in (left, right)]
    return Node(
        Kind.BOOL,
        value,
        f"{words(left, joint)} {joint} {words(right, joint)}",
        error,
        denial=f"{words(sides[0], other)} {other} {words(sides[1], other)}",
        joint=joint,
    )


def denied_joint(node: Node) -> str:
    """What binds the words of `denied`."""
    return {"and": "or", "or": "and"}.get(node.joint, node.joint if node.denial else "not")


def choice(condition: Node, then: Node, otherwise: Node) -> Node:
    """`if then else`. Raises NotCompilableError for sides of two kinds."""
    sides = [side for side in (then, otherwise) if side.kind is not Kind.NOTHING]
    if len({side.kind for side in sides}) > 1:
        message = "an `if` whose two sides are of different kinds"
        raise NotCompilableError(message)
    if condition.kind is not Kind.BOOL:
        return FAILING
    text = f"if {condition.text} then {then.text} else {otherwise.text}"
    if condition.is_known:
        return failing_with(then if condition.value else otherwise, condition.error, text)
    if not sides:
        return FAILING
    kind = sides[0].kind
    if kind not in SCALARS:
        message = f"an `if` over columns that chooses between two of the kind {kind}"
        raise NotCompilableError(message)
    failing_sides = either(
        both(condition.value, then.error), both(turned(condition.value), otherwise.error)
    )
    error = either(condition.error, failing_sides)
    values = [expression(side) for side in sides]
    value = pl.when(condition.value).then(values[0]).otherwise(values[-1])
    return Node(kind, value, text, error, joint="if")


def failing_with(node: Node, error: Flag, said: str) -> Node:
    """A part that fails where another does that it is looked at with, which `said` tells of."""
    if error is False:
        return node
    together = either(error, node.error)
    if together is True:
        return FAILING
    return replace(node, error=together, text=said, denial="", joint="fixed")


def expression(node: Node) -> pl.Expr:
    """A plain value as an expression."""
    if isinstance(node.value, pl.Expr):
        return node.value
    return pl.lit(node.value, dtype=TYPES.get(node.kind, pl.Int64))

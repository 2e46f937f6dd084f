"""Cedar's expressions in JSON, made into parts that are known or decided row by row.

Owns the list of what is understood. Everything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mesh.access import row_nodes as nodes
from mesh.access import row_operators as operators
from mesh.access.cedar_values import EXTENSIONS, Kind, Uid, is_long, parsed
from mesh.access.model import Port
from mesh.access.row_columns import attribute, presence
from mesh.access.row_nodes import FAILING, Node, NotCompilableError, fixed, flag, known

MOST_PARTS = 500
"""Parts of one policy, literals aside: planning takes longer by the square of them."""
_DURATIONS = {
    "toMilliseconds": 1,
    "toSeconds": 1_000,
    "toMinutes": 60_000,
    "toHours": 3_600_000,
    "toDays": 86_400_000,
}
_DECIMALS = {
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}
_BINARY: Mapping[str, Callable[[Node, Node], Node]] = {
    "&&": nodes.conjunction,
    "||": nodes.disjunction,
    "==": operators.equality,
    "!=": lambda left, right: nodes.negation(operators.equality(left, right)),
    "contains": operators.contains,
    "containsAll": operators.contains_all,
    "containsAny": operators.contains_any,
}
_WHO, _ROW = "principal", "resource"


@dataclass(frozen=True, slots=True)
class Known:
    """Who asks, in Cedar's JSON: what `principal` and `context` stand for.

    `parents` are the domains and roles that the principal is in.
    """

    principal: Uid
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parents: frozenset[Uid] = frozenset()
    context: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, entity: Mapping[str, Any], context: Mapping[str, Any]) -> Known:
        """From an entity and a context as Cedar is told of them."""
        parents = frozenset(Uid.of(parent) for parent in entity["parents"])
        return cls(Uid.of(entity["uid"]), entity["attrs"], parents, context)


class Terms:
    """The expressions of one policy, over the rows of a port, for who asks."""

    def __init__(self, port: Port, known: Known) -> None:
        self._port = port
        self._known = known
        self._parts = 0

    negated = staticmethod(nodes.negation)

    def node(self, told: Mapping[str, Any]) -> Node:
        """One expression. Raises NotCompilableError.

        Both sides of everything are looked at, so that what is not understood is found whoever
        asks.
        """
        self._parts += "Value" not in told
        if self._parts > MOST_PARTS:
            message = f"more than {MOST_PARTS:,} things"
            raise NotCompilableError(message)
        ((operator, said),) = told.items()
        if operator in _BINARY:
            return _BINARY[operator](*self._sides(said))
        if operator in operators.ORDERINGS:
            return operators.compared(operator, *self._sides(said))
        if operator in operators.COMPUTATIONS:
            return operators.computed(operator, *self._sides(said))
        if operator in _DECIMALS:
            left, right = self._all(said)
            return operators.compared_decimals(_DECIMALS[operator], left, right)
        if operator in _DURATIONS:
            return self._in_units(operator, said)
        if operator in EXTENSIONS:
            return self._constructed(operator, said)
        read = self._forms.get(operator)
        if read is None:
            message = f"{operator}, which policies over rows cannot have"
            raise NotCompilableError(message)
        return read(self, said)

    def _sides(self, said: Mapping[str, Any]) -> tuple[Node, Node]:
        return self.node(said["left"]), self.node(said["right"])

    def _all(self, said: Sequence[Mapping[str, Any]]) -> list[Node]:
        return [self.node(item) for item in said]

    def _value(self, told: Any) -> Node:
        """A literal, and any value of an attribute or of the context."""
        if isinstance(told, bool):
            return flag(told)
        if isinstance(told, int):
            return known(Kind.LONG, told) if is_long(told) else FAILING
        if isinstance(told, str):
            return known(Kind.STRING, told)
        if isinstance(told, list | tuple | set | frozenset):
            return nodes.set_of([self._value(item) for item in told])
        if not isinstance(told, Mapping):
            message = f"a value of {type(told).__name__}"
            raise NotCompilableError(message)
        if "__entity" in told:
            return known(Kind.ENTITY, Uid.of(told["__entity"]))
        if "__extn" in told:
            extension = told["__extn"]
            return self._constructed(extension["fn"], [{"Value": extension["arg"]}])
        return nodes.record_of({name: self._value(value) for name, value in told.items()})

    def _variable(self, name: str) -> Node:
        if name == "context":
            return self._value(self._known.context)
        if name == _WHO:
            return known(Kind.ENTITY, self._known.principal)
        if name == "action":
            return known(Kind.ENTITY, Uid("Mesh::Action", "see_row"))
        message = f"{name} as a whole: it has columns only"
        raise NotCompilableError(message)

    def _set(self, said: Sequence[Mapping[str, Any]]) -> Node:
        return nodes.set_of(self._all(said))

    def _record(self, said: Mapping[str, Any]) -> Node:
        return nodes.record_of({name: self.node(value) for name, value in said.items()})

    def _not(self, said: Mapping[str, Any]) -> Node:
        return nodes.negation(self.node(said["arg"]))

    def _minus(self, said: Mapping[str, Any]) -> Node:
        operand = self.node(said["arg"])
        return self._numbers(Kind.LONG, Kind.LONG, [operand], lambda a: 0 - a, "-{}")

    def _is_empty(self, said: Mapping[str, Any]) -> Node:
        return operators.is_empty(self.node(said["arg"]))

    def _if(self, said: Mapping[str, Any]) -> Node:
        return nodes.choice(*(self.node(said[part]) for part in ("if", "then", "else")))

    def _attribute(self, said: Mapping[str, Any]) -> Node:
        if said["left"] == {"Var": _ROW}:
            return attribute(self._port.contract, said["attr"])
        holder = self._holder(said)
        if holder.kind is not Kind.RECORD or said["attr"] not in holder.value:
            return FAILING
        found = holder.value[said["attr"]]
        return nodes.failing_with(
            found, holder.error, f"{holder.text}.{known(Kind.STRING, said['attr']).text}"
        )

    def _has(self, said: Mapping[str, Any]) -> Node:
        if said["left"] == {"Var": _ROW}:
            return presence(self._port.contract, said["attr"])
        holder = self._holder(said)
        if holder.kind is not Kind.RECORD:
            return FAILING
        name = known(Kind.STRING, said["attr"]).text
        return fixed(said["attr"] in holder.value, holder.error, f"{holder.text} has {name}")

    def _holder(self, said: Mapping[str, Any]) -> Node:
        """What has attributes: a record, or who asks."""
        if said["left"] == {"Var": _WHO}:
            return self._value(self._known.attributes)
        found = self.node(said["left"])
        if found.kind is Kind.ENTITY:
            message = f"attributes of {found.text}: those of the principal alone are known"
            raise NotCompilableError(message)
        return found

    def _like(self, said: Mapping[str, Any]) -> Node:
        left = self.node(said["left"])
        if left.kind is not Kind.STRING:
            return FAILING
        pieces = [None if piece == "Wildcard" else piece["Literal"] for piece in said["pattern"]]
        return operators.like(left, pieces)

    def _in(self, said: Mapping[str, Any]) -> Node:
        right = self.node(said["right"])
        if said["left"] == {"Var": _ROW}:
            within = {Uid("Mesh::Port", self._port.name), Uid("Mesh::Domain", self._port.domain)}
            return self._within(None, frozenset(within), right)
        left = self.node(said["left"])
        if left.kind is not Kind.ENTITY:
            return FAILING
        parents = self._known.parents if left.value == self._known.principal else frozenset()
        return self._within(left, parents, right)

    def _within(self, left: Node | None, parents: frozenset[Uid], right: Node) -> Node:
        targets = right.value if right.kind is Kind.SET else (right,)
        if any(item.kind is not Kind.ENTITY for item in targets):
            return FAILING
        if left is None and any(item.value.type == "Mesh::Row" for item in targets):
            message = "one row by its name"
            raise NotCompilableError(message)
        error = nodes.either(right.error, left.error if left else False)
        is_in = any(
            (left and item.value == left.value) or item.value in parents for item in targets
        )
        said = f"{left.text if left else 'the row'} in {right.text}"
        return FAILING if error is True else fixed(bool(is_in), error, said)

    def _is(self, said: Mapping[str, Any]) -> Node:
        is_row = said["left"] == {"Var": _ROW}
        left = None if is_row else self.node(said["left"])
        if left is not None and left.kind is not Kind.ENTITY:
            return FAILING
        own = "Mesh::Row" if left is None else left.value.type
        error = left.error if left else False
        text = f"{left.text if left else 'the row'} is {said['entity_type']}"
        found = fixed(own == said["entity_type"], error, text)
        if "in" not in said:
            return found
        return nodes.conjunction(found, self._in({"left": said["left"], "right": said["in"]}))

    def _constructed(self, name: str, said: Sequence[Mapping[str, Any]]) -> Node:
        """`decimal("1.5")` and the like."""
        (text,) = self._all(said)
        if name not in EXTENSIONS or not text.is_known:
            message = f"{name}() of {text.text}"
            raise NotCompilableError(message)
        if text.kind is not Kind.STRING:
            return FAILING
        value = parsed(name, text.value)
        if value is None:
            return FAILING
        return nodes.failing_with(
            known(EXTENSIONS[name], value), text.error, f"{name}({text.text})"
        )

    def _in_units(self, name: str, said: Sequence[Mapping[str, Any]]) -> Node:
        convert = operators.in_units(_DURATIONS[name])
        return self._numbers(Kind.DURATION, Kind.LONG, self._all(said), convert, f"{{}}.{name}()")

    def _offset(self, said: Sequence[Mapping[str, Any]]) -> Node:
        moment, duration = self._all(said)
        if moment.kind is not Kind.DATETIME or duration.kind is not Kind.DURATION:
            return FAILING
        text = f"{nodes.words(moment, '+')} + {nodes.words(duration, '+')}"
        return operators.arithmetic(Kind.DATETIME, (moment, duration), lambda a, b: a + b, text)

    def _since(self, said: Sequence[Mapping[str, Any]]) -> Node:
        text = "{} - {}"
        return self._numbers(
            Kind.DATETIME, Kind.DURATION, self._all(said), lambda a, b: a - b, text
        )

    def _to_date(self, said: Sequence[Mapping[str, Any]]) -> Node:
        convert = operators.whole_days
        return self._numbers(Kind.DATETIME, Kind.DATETIME, self._all(said), convert, "{}.toDate()")

    def _to_time(self, said: Sequence[Mapping[str, Any]]) -> Node:
        convert = operators.time_of_day
        return self._numbers(Kind.DATETIME, Kind.DURATION, self._all(said), convert, "{}.toTime()")

    def _numbers(
        self, of: Kind, to: Kind, operands: Sequence[Node], compute: Callable[..., Any], text: str
    ) -> Node:
        if any(node.kind is not of for node in operands):
            return FAILING
        said = text.format(*(nodes.words(node, "of") for node in operands))
        return operators.arithmetic(to, operands, compute, said)

    _forms: Mapping[str, Callable[[Terms, Any], Node]] = {
        "Value": _value,
        "Var": _variable,
        "Set": _set,
        "Record": _record,
        "!": _not,
        "neg": _minus,
        "isEmpty": _is_empty,
        "if-then-else": _if,
        ".": _attribute,
        "has": _has,
        "like": _like,
        "in": _in,
        "is": _is,
        "offset": _offset,
        "durationSince": _since,
        "toDate": _to_date,
        "toTime": _to_time,
    }

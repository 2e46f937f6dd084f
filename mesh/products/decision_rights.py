"""Who decides what, as `organization.yaml` says it: decision rights, and boards.

Owns the shape of both, and whether they hold together: a board that is named and not there, a
quorum that cannot be met, an escalation that leads in a circle. Who sits where is `mesh.access`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mesh.contracts.model import Classification
from mesh.errors import Problem, did_you_mean, near_names

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", to_lower=True)]
_ROLE = re.compile(
    r"analyst|auditor|platform_engineer|"
    r"[a-z][a-z0-9_]*\.(product_owner|business_technology_partner|data_steward|member)"
)


class ChangeKind(StrEnum):
    """What is decided about."""

    ACCESS = "access"
    BREAKING_CHANGE = "breaking_change"
    WAIVER = "waiver"


class ConsumerKind(StrEnum):
    """What a consumer is."""

    PERSON = "person"
    SERVICE = "service"
    PRODUCT = "product"
    ROLE = "role"
    DOMAIN = "domain"


class DecidedBy(StrEnum):
    """Who decides: nobody needs to, those who answer for the product, or a board."""

    AUTOMATIC = "automatic"
    OWNER = "owner"
    OWNER_AND_STEWARD = "owner_and_steward"
    BOARD = "board"


class DecisionRight(BaseModel):
    """Who decides in some cases. What it leaves out is any; the first right that fits counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    changes: tuple[ChangeKind, ...] = Field(
        default=(ChangeKind.ACCESS,),
        min_length=1,
        description="What is decided: `access`, `breaking_change`, `waiver`.",
    )
    classifications: tuple[Classification, ...] = Field(
        default=(), description="Fits when a column that is asked for has one of these."
    )
    purposes: tuple[Text, ...] = Field(
        default=(), description="Fits these purposes; `*` stands for any letters."
    )
    consumers: tuple[Text, ...] = Field(
        default=(), description="Fits consumers of these domains; of a change, its own domain."
    )
    consumer_kinds: tuple[ConsumerKind, ...] = Field(
        default=(),
        description="Fits a `person`, a `service`, a `product`, a `role` or a `domain` as a whole.",
    )
    decided_by: DecidedBy = Field(
        description="`automatic`, `owner`, `owner_and_steward`, or `board`."
    )
    board: str = Field(default="", description="The board's name, if a board decides.")


class Board(BaseModel):
    """People who decide together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: tuple[Address, ...] = Field(
        min_length=1, description="E-mail addresses of those who have a vote."
    )
    quorum: int = Field(ge=1, description="How many have to approve.")
    within: str = Field(
        default="",
        pattern=r"^([1-9]\d*[smhdw])?$",
        description="How long they have, such as `5d`; empty for any time. Then somebody else "
        "decides.",
    )
    escalates_to: str = Field(
        default="",
        description="Who decides then: another board, or a role such as `platform_engineer` or "
        "`weather.product_owner`.",
    )


def is_role(name: str) -> bool:
    """Whether a name is one of a role, of the organisation or of a domain."""
    return _ROLE.fullmatch(name) is not None


def reference_problems(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """What does not hold together in an `organization.yaml`, each with its path in the file.

    Looks at plain values, and passes over what has another shape than it should: that is told
    already, and everything else can be told at once.
    """
    boards = data.get("boards")
    boards = boards if isinstance(boards, Mapping) else {}
    rights = data.get("decision_rights")
    for number, right in enumerate(rights if isinstance(rights, list) else ()):
        if isinstance(right, Mapping):
            yield from _right_problems(right, ("decision_rights", str(number)), boards)
            yield from _domain_problems(right, ("decision_rights", str(number)), data)
    for name, board in boards.items():
        if isinstance(board, Mapping):
            yield from _board_problems(str(name), board, boards)


def _right_problems(
    right: Mapping[str, Any], path: tuple[str, ...], boards: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Problem]]:
    board, is_boards = right.get("board", ""), right.get("decided_by") == DecidedBy.BOARD
    if not isinstance(board, str):
        return
    if is_boards and not board:
        yield path, Problem("a board decides, and none is named", hint="add board: NAME")
    elif board and not is_boards:
        what = f"it names the board {board!r}, and something else decides"
        yield (*path, "board"), Problem(what, hint="write decided_by: board")
    elif board and board not in boards:
        yield (*path, "board"), Problem(f"there is no board {board!r}", hint=_near(board, boards))


def _domain_problems(
    right: Mapping[str, Any], path: tuple[str, ...], data: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Problem]]:
    domains, consumers = data.get("domains"), right.get("consumers")
    if not isinstance(domains, list) or not isinstance(consumers, list):
        return
    for number, name in enumerate(consumers):
        if isinstance(name, str) and name not in {*map(str, domains), "platform"}:
            hint = did_you_mean(near_names(name, map(str, domains)))
            yield (
                (*path, "consumers", str(number)),
                Problem(f"there is no domain {name!r}", hint=hint or "list it under domains"),
            )


def _board_problems(
    name: str, board: Mapping[str, Any], boards: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Problem]]:
    path = ("boards", name)
    members, quorum = board.get("members"), board.get("quorum")
    if isinstance(members, list) and isinstance(quorum, int):
        different = len({str(member).lower() for member in members})
        if different < len(members):
            yield (*path, "members"), Problem("a member is there twice", hint="once is enough")
        if quorum > different:
            what = f"a quorum of {quorum} cannot be met: it has {different} members"
            yield (*path, "quorum"), Problem(what, hint="lower it, or add members")
    within, then = board.get("within", ""), board.get("escalates_to", "")
    if not isinstance(then, str):
        return
    if bool(within) != bool(then):
        what = "a time limit and who decides then belong together"
        yield path, Problem(what, hint="write both within and escalates_to, or neither")
    if then and then not in boards and not is_role(then):
        what = f"there is no board or role {then!r}"
        yield (*path, "escalates_to"), Problem(what, hint=_near(then, boards))
    if _leads_back(name, boards):
        what = "its escalation leads in a circle"
        yield (*path, "escalates_to"), Problem(what, hint="let the last one escalate to a role")


def _leads_back(name: str, boards: Mapping[str, Any]) -> bool:
    seen: set[str] = set()
    current: Any = name
    while isinstance(current, str) and isinstance(boards.get(current), Mapping):
        if current in seen:
            return True
        seen.add(current)
        current = boards[current].get("escalates_to", "")
    return False


def _near(name: str, boards: Mapping[str, Any]) -> str:
    known = [str(board) for board in boards]
    listed = f"boards are {', '.join(known)}" if known else "declare it under boards"
    return did_you_mean(near_names(name, known)) or listed

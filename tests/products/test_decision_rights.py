"""Decision rights and boards are read as they are meant, or every problem is told with its line."""

import pytest

from mesh.errors import ManifestError
from mesh.products.decision_rights import ChangeKind, DecidedBy
from mesh.products.domain import read_organization

SOUND = """\
name: A Mesh
domains: [shop, fleet]
decision_rights:
  - classifications: [personal]
    purposes: ["marketing*"]
    decided_by: board
    board: data_protection
  - changes: [access, waiver]
    consumers: [fleet]
    consumer_kinds: [product]
    decided_by: automatic
boards:
  data_protection:
    members: [Ada@example.com, bo@example.com, cy@example.com]
    quorum: 2
    within: 5d
    escalates_to: executive
  executive:
    members: [di@example.com]
    quorum: 1
"""


def problems_of(tmp_path, text):
    file = tmp_path / "organization.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        read_organization(file)
    return [str(p).replace(f"{file}:", "") for p in caught.value.problems]


def test_rights_and_boards_are_read_as_they_are_written(tmp_path):
    file = tmp_path / "organization.yaml"
    file.write_text(SOUND, encoding="utf-8")
    found = read_organization(file)
    first, second = found.decision_rights
    assert (first.decided_by, first.board) == (DecidedBy.BOARD, "data_protection")
    assert first.changes == (ChangeKind.ACCESS,)
    assert second.changes == (ChangeKind.ACCESS, ChangeKind.WAIVER)
    board = found.boards["data_protection"]
    assert (board.members[0], board.quorum, board.within) == ("ada@example.com", 2, "5d")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("board: data_protection", "board: data_protectoin", ("7: decision_rights.0.board: there is "
         "no board 'data_protectoin'\n  try: did you mean data_protection?")),
        ("    board: data_protection\n", "", "4: decision_rights.0: a board decides, and none is"),
        ("decided_by: board", "decided_by: owner", ("7: decision_rights.0.board: it names the board "
         "'data_protection', and something else decides")),
        ("decided_by: automatic", "decided_by: nobody", ("11: decision_rights.1.decided_by: Input "
         "should be 'automatic', 'owner', 'owner_and_steward' or 'board'")),
        ("[personal]", "[secret]", "4: decision_rights.0.classifications.0: Input should be"),
        ("[fleet]", "[fleat]", ("9: decision_rights.1.consumers.0: there is no domain 'fleat'\n"
         "  try: did you mean fleet?")),
        ("quorum: 2", "quorum: 4", ("15: boards.data_protection.quorum: a quorum of 4 cannot be "
         "met: it has 3 members")),
        ("bo@example.com", "ADA@example.com", "14: boards.data_protection.members: a member is"),
        ("    within: 5d\n", "", "13: boards.data_protection: a time limit and who decides then"),
        ("within: 5d", "within: soon", "16: boards.data_protection.within: String should match"),
        ("escalates_to: executive", "escalates_to: exekutive", ("17: boards.data_protection."
         "escalates_to: there is no board or role 'exekutive'\n  try: did you mean executive?")),
        ("quorum: 1", "quorum: 1\n    within: 1d\n    escalates_to: data_protection",
         "22: boards.executive.escalates_to: its escalation leads in a circle"),
        ("quorum: 2", "quorom: 2", ("15: boards.data_protection.quorom: unknown key 'quorom'\n"
         "  try: did you mean quorum?")),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_told_with_its_line(tmp_path, old, new, problem):
    assert old in SOUND
    found = problems_of(tmp_path, SOUND.replace(old, new, 1))
    assert any(item.startswith(problem) for item in found), found


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    text = SOUND.replace("board: data_protection", "board: nobody").replace(
        "quorum: 2", "quorum: x"
    )
    found = problems_of(tmp_path, text.replace("name: A Mesh", "nmae: A Mesh"))
    assert [item.partition(" ")[0] for item in found] == ["1:", "15:", "1:", "7:"]


@pytest.mark.parametrize(
    "text",
    [
        "decision_rights: 5\nboards: 6\n",
        "decision_rights: [5, {board: [a], decided_by: board}]\nboards: {a: 5, b: {members: 1}}\n",
        "decision_rights: {a: 1}\nboards: [1]\n",
        "boards: {a: {members: [1, 2], quorum: a, escalates_to: [b]}}\n",
        "decision_rights: [{consumers: [[1]], decided_by: owner}]\n",
        "boards: {a: {members: [[1], {b: 1}], quorum: 1}}\n",
    ],
)
def test_what_has_another_shape_is_told_and_breaks_nothing(tmp_path, text):
    assert problems_of(tmp_path, f"name: A Mesh\ndomains: [shop]\n{text}")


def test_a_role_may_decide_after_a_board(tmp_path):
    file = tmp_path / "organization.yaml"
    for role in ("platform_engineer", "shop.product_owner"):
        file.write_text(SOUND.replace("to: executive", f"to: {role}"), encoding="utf-8")
        assert read_organization(file).boards["data_protection"].escalates_to == role

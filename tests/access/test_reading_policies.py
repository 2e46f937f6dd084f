"""Policy files are read whole, and every problem is told with its file and line."""

import pytest

from mesh.access.hiding import most_hiding, parse_mask
from mesh.access.model import Mask, MaskKind
from mesh.access.statements import statements
from mesh.access.validating import policy_problems
from mesh.contracts.model import Contract, Version
from tests.access.small import column, directory, domains, organizations, policies, port

SEE = 'principal, action == Mesh::Action::"see", resource'
ROWS = 'principal, action == Mesh::Action::"see_row", resource'
NAMED = '@id("a.rule") @reason("because") '


def told(*files) -> list[str]:
    other = Contract("x", Version(1, 0, 0), "", (column("carrier", "int64"),), ())
    ports = [port(), port("analytics.delays_v1", contract=other)]
    return [str(problem) for problem in policy_problems(policies(*files), ports, directory())]


def test_statements_are_told_apart_whatever_is_in_texts_and_comments():
    text = '// a;b "c\npermit(";\\"//" , x);\n\n// next\nforbid (\n  y // ;\n);\nrest'
    assert [(s.line, s.text) for s in statements(text)] == [
        (2, 'permit(";\\"//" , x);'),
        (5, "forbid (\n  y // ;\n);"),
        (8, "rest"),
    ]


def test_built_in_policies_hold_together():
    assert told() == []


def test_all_problems_are_told_at_once_with_their_lines():
    found = told(
        organizations(f"""
            forbid ({SEE});
            @id("a.one") @reason("x") forbid ({SEE}) when {{ resource.clasification == "personal" }};
            @id("a.one") @reason("x") @mask("blur") forbid ({SEE});
            this is no policy;
        """)
    )
    assert [text.partition(": ")[0] for text in found] == [
        f"domains/policies/rules.cedar:{line}" for line in (2, 2, 4, 5, 3)
    ]
    words = "\n".join(found)
    for said in ("it has no @id", "it has no @reason", "'blur' is no mask: masks are null",
                 "it is no policy of Cedar", "attribute `clasification` on entity type `Mesh::Column` not found"):  # fmt: skip
        assert said in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NAMED.replace("a.rule", "mesh.rule") + f"forbid ({SEE});", "mesh.rule is named as a policy of Mesh itself"),
        (NAMED + f"permit ({SEE});", "it permits what is permitted already"),
        (NAMED + "permit (principal, action, resource);", "it permits what is permitted already"),
        (NAMED + '@mask("hash") forbid (principal, action, resource);', "only what forbids to see a column has a @mask"),
        (NAMED + f'@level("error") forbid ({SEE});', "only a guardrail has a @level"),
        (NAMED + '@level("fatal") forbid (principal, action == Mesh::Action::"declare", resource);', "'fatal' is neither error nor warning"),
        (NAMED + '@msk("hash") ' + f"forbid ({SEE});", "@msk means nothing\n  try: did you mean mask?"),
        (NAMED + f"forbid ({SEE.replace('principal', 'principal == ?principal')});", "a template cannot be filled in here"),
        (NAMED + f'forbid ({SEE}) when {{ principal.carrier == "UA" }};', "optional attribute `carrier` of who asks\n  try: ask whether it is there first, as in: principal has carrier"),
        (NAMED + f'forbid ({SEE} in Mesh::Port::"flights.departure_v1");', "there is no Port 'flights.departure_v1'\n  try: did you mean flights.departures_v1?"),
        (NAMED + f'forbid ({SEE}) unless {{ principal in Mesh::Role::"analysts" }};', "there is no Role 'analysts'\n  try: did you mean analyst"),
        (NAMED + f'forbid ({SEE}) unless {{ principal == Mesh::Person::"Ada@example.com" }};', "addresses are in lower case"),
        (NAMED + f'forbid ({ROWS} in Mesh::Port::"flights.departures_v1") when {{ resource.carrier == "UA" }};', "in rows of flights.departures_v1: unable to guarantee safety"),
        (NAMED + f'forbid ({ROWS} in Mesh::Port::"flights.departures_v1") when {{ resource.carriers == "UA" }};', "`carriers` on entity type `Mesh::Row` not found\n  try: did you mean carrier?"),
        (NAMED + f'forbid ({ROWS}) unless {{ resource has carrier && resource.carrier like "U*" }};', "in rows of analytics.delays_v1: "),
    ],
)  # fmt: skip
def test_a_policy_that_would_not_mean_what_it_says_is_a_problem(text, words):
    (problem,) = told(organizations(text))
    assert words in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NAMED + 'permit (principal, action == Mesh::Action::"read", resource in Mesh::Domain::"flights");', "a domain may only narrow: it permits"),
        (NAMED + f"forbid ({SEE});", "its resource is not within flights"),
        (NAMED + f'forbid ({SEE} in Mesh::Domain::"analytics");', "its resource is not within flights"),
        (NAMED + f'forbid ({SEE} in Mesh::Port::"analytics.delays_v1");', "its resource is not within flights"),
    ],
)  # fmt: skip
def test_a_domain_only_narrows_what_others_do_with_its_own_ports(text, words):
    (problem,) = told(domains(text))
    assert words in problem


def test_a_row_policy_over_columns_of_two_types_is_checked_on_each_port():
    text = NAMED + f'forbid ({ROWS} in Mesh::Domain::"flights") unless {{ resource has carrier && resource.carrier == "UA" }};'  # fmt: skip
    assert told(organizations(text)) == []


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("hash", Mask(MaskKind.HASH)),
        ("null", Mask(MaskKind.NULL)),
        ("partial:4", Mask(MaskKind.PARTIAL, "4")),
        ("truncate:month", Mask(MaskKind.TRUNCATE, "month")),
        ("truncate:100", Mask(MaskKind.TRUNCATE, "100")),
        ("constant: - ", Mask(MaskKind.CONSTANT, " - ")),
    ],
)
def test_masks_are_read(text, mask):
    assert parse_mask(text) == mask


@pytest.mark.parametrize(
    "text",
    ["", "blur", "hash:4", "partial", "partial:four", "truncate:0", "truncate:moon", "constant"],
)
def test_what_is_no_mask_is_refused(text):
    with pytest.raises(ValueError, match=r"mask|should say"):
        parse_mask(text)


def test_of_two_masks_the_one_that_hides_more_is_taken():
    order = [
        "drop", "null", "constant:x", "hash", "partial:2", "partial:4", "truncate:year",
        "truncate:month", "truncate:day",
    ]  # fmt: skip
    masks = [parse_mask(text) for text in order]
    for number, mask in enumerate(masks):
        assert most_hiding(reversed(masks[number:])) == mask


def test_a_policy_that_is_nested_without_end_is_a_problem_and_not_a_crash():
    body = " && ".join(["resource has carrier"] * 1_500)
    text = f"""
        @id("a.deep") @reason("deep")
        forbid (principal, action == Mesh::Action::"see_row", resource) when {{ {body} }};
    """
    (problem,) = told(organizations(text))
    assert "nested too deeply" in problem

"""Policies that never decide, that others undo, or that say what others say, are told of."""

from mesh.access.judging import policy_notes
from mesh.access.survey import Place, survey
from tests.access.small import directory, domains, organizations, policies, port

PORTS = [
    port(),
    port("flights.weather_v1", "public"),
    port("analytics.delays_v1", "private"),
]


def notes(*files) -> list[str]:
    found = policies(*files).require_sound()
    return [str(n) for n in policy_notes(found, survey(found, PORTS, directory(), Place()))]


READ = 'principal, action == Mesh::Action::"read", resource'
SEE = 'principal, action == Mesh::Action::"see", resource'


def test_policies_that_decide_something_are_not_spoken_of():
    assert notes(organizations(f"""
        @id("a.una") @reason("her flights") permit ({READ} == Mesh::Port::"flights.departures_v1")
        when {{ principal has carrier }};
        @id("a.purpose") @reason("not for that") forbid ({READ}) when {{ context.purpose == "advertising" }};
        @id("a.rows") @reason("own rows") forbid (principal, action == Mesh::Action::"see_row", resource)
        when {{ principal has carrier }} unless {{ resource has carrier && resource.carrier == principal.carrier }};
    """)) == []  # fmt: skip


def test_a_permit_that_a_forbid_always_beats_is_a_conflict():
    (note,) = notes(organizations(f"""
        @id("a.delays") @reason("all see delays")
        permit ({READ} == Mesh::Port::"analytics.delays_v1") when {{ principal.known && !(principal in resource.domain) }};
    """))  # fmt: skip
    assert "a.delays permits nothing: whatever it permits is forbidden by mesh.private" in note
    assert note.startswith("domains/policies/rules.cedar:2: ")


def test_a_policy_about_nothing_that_there_is_never_decides():
    (note,) = notes(organizations(f"""
        @id("a.secret") @reason("secrets") forbid ({SEE}) when {{ resource.classification == "secret" }};
    """))  # fmt: skip
    assert "a.secret never decides" in note


def test_a_policy_that_says_what_another_says_is_told_of():
    text = '@id("a.{}") @reason("no") @mask("{}") forbid ({}) when {{ resource.name == "tail_number" }};'
    one, two, three = text.format("one", "hash", SEE), text.format("two", "hash", SEE), text.format("three", "null", SEE)  # fmt: skip
    (note,) = notes(organizations(one), organizations(two, "more"))
    assert "a.two says the same as a.one, in domains/policies/rules.cedar:1" in note
    (note,) = notes(organizations(one), organizations(three, "more"))
    assert "a.one changes nothing: a.three" in note


def test_a_forbid_within_another_changes_nothing():
    wide = organizations(
        f'@id("a.wide") @reason("no") forbid ({SEE}) unless {{ principal in Mesh::Domain::"flights" }};'
    )
    narrow = domains(
        f'@id("flights.pilots") @reason("no") @mask("hash") forbid ({SEE} in Mesh::Domain::"flights") when {{ resource.classification == "personal" }} unless {{ principal in Mesh::Domain::"flights" }};'
    )
    (note,) = notes(wide, narrow)
    assert (
        "flights.pilots changes nothing: a.wide (domains/policies/rules.cedar:1) forbids it already"
        in note
    )

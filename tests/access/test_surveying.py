"""Policies that never decide, that others undo, or that say what others say, are told of."""

import pytest

from mesh.access.judging import policy_notes
from mesh.access.survey import Place, survey
from tests.access.small import NOW, directory, domains, organizations, policies, port

PORTS = [
    port(),
    port("flights.weather_v1", "public"),
    port("analytics.delays_v1", "private"),
]


def notes(*files, hour=12) -> list[str]:
    found = policies(*files).require_sound()
    place = Place(now=NOW.replace(hour=hour))
    return [str(n) for n in policy_notes(found, survey(found, PORTS, directory(), place))]


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


@pytest.mark.parametrize("hour", [3, 12])
def test_policies_about_a_purpose_in_a_place_until_a_moment_are_met_by_what_they_name(hour):
    assert notes(organizations(f"""
        @id("a.audit") @reason("the audit of 2027") permit ({READ})
        when {{ context.purpose == "audit" && context has region && context.region == "eu" }}
        when {{ context.environment == "prod" && context.now < datetime("2027-06-30") && context.now >= datetime("2027-01-01") }};
        @id("a.night") @reason("not at night, but for repairs") forbid ({READ})
        when {{ context.now.toTime() < duration("6h") && !(context.purpose like "repair*") }};
        @id("a.somewhere") @reason("a place is said") forbid ({READ})
        when {{ context has region }} unless {{ ["eu", "us"].contains(context.region) }};
        @id("a.month") @reason("a month long") permit ({READ})
        when {{ context.now.durationSince(datetime("2030-01-01")) < duration("30d") && context.purpose == "trial" }};
    """), hour=hour) == []  # fmt: skip


def test_a_permit_that_is_open_in_one_place_only_is_no_conflict_with_a_forbid_elsewhere():
    permit = '@id("a.audit") @reason("audits") permit ({}) when {{ context.purpose == "audit" && !principal.known }};'
    forbid = '@id("a.{0}") @reason("only there") forbid ({1}) unless {{ context has region && context.region == "{0}" }};'
    unknown = '@id("a.{}") @reason("x") forbid ({}) when {{ !principal.known && context.purpose == "audit" && {} }};'
    there = forbid.format("eu", READ)
    beaten = "a.audit permits nothing: whatever it permits is forbidden by mesh.unknown"
    (note,) = notes(organizations(permit.format(READ)), organizations(there, "more"))
    assert beaten in note
    known = permit.replace("!principal.known", "principal.known")
    assert notes(organizations(known.format(READ)), organizations(there, "more")) == []
    shut = unknown.replace("!principal.known", "principal.known").format("shut", READ, "true")
    (note,) = notes(organizations(known.format(READ)), organizations(there + shut, "more"))
    assert "a.audit permits nothing: whatever it permits is forbidden by a.shut" in note


def test_what_attributes_and_residency_are_compared_with_is_tried():
    text = f"""
        @id("a.carrier") @reason("for its carrier") permit ({READ})
        when {{ principal has carrier && context.purpose == principal.carrier && context has region && context.region == "eu" }};
    """  # fmt: skip
    assert notes(organizations(text)) == []


def test_the_number_of_combinations_is_bounded_and_what_was_left_out_is_told():
    names = ", ".join(f'"{number}"' for number in range(100))
    text = f"""
        @id("a.many") @reason("many") forbid ({READ})
        when {{ [{names}].contains(context.purpose) && ["eu", "us"].contains(context.environment) }};
    """
    found = policies(organizations(text)).require_sound()
    surveyed = survey(found, PORTS[:1], directory(), Place())
    assert surveyed.untried > 0
    assert surveyed.of(found.policy("a.many"))
    few = policies(organizations(text.replace(names, '"1", "2"'))).require_sound()
    surveyed = survey(few, PORTS[:1], directory(), Place())
    assert surveyed.untried == 0
    assert surveyed.of(few.policy("a.many"))


@pytest.mark.parametrize("odd", ["0001-01-01", "9999-12-31T23:59:59Z", "2027-01-01T00:00:00+0200"])
def test_moments_at_the_ends_of_time_break_nothing(odd):
    text = f"""
        @id("a.odd") @reason("odd") forbid ({READ}) when {{ context.now < datetime("{odd}") }};
        @id("a.long") @reason("long") forbid ({READ})
        when {{ context.now.durationSince(datetime("2026-01-01")) > duration("-99999999d1ms") }};
    """
    notes(organizations(text))

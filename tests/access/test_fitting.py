"""Masks that do not fit a column which they would hide are told of before anybody reads."""

import pytest

from mesh.access.fitting import mask_problems, unfit_masks
from mesh.access.survey import Place, survey
from tests.access.small import decider, domains, organizations, port

PORTS = [port(), port("flights.arrivals_v1"), port("analytics.delays_v1", "private")]
SEE = 'principal, action == Mesh::Action::"see", resource'


def problems(*files) -> list[str]:
    """What both looks say: the whole survey, and the one that `mesh plan` takes."""
    deciding = decider(*files)
    surveyed = survey(deciding.policies, PORTS, deciding.directory, Place())
    told = mask_problems(deciding.policies, surveyed)
    assert unfit_masks(deciding, PORTS, Place()) == told
    return [str(problem) for problem in told]


def test_a_mask_that_does_not_fit_is_told_with_its_policy_its_place_and_each_product():
    text = f"""
        @id("flights.delays") @reason("to nobody in full") @mask("partial:4")
        forbid ({SEE} in Mesh::Domain::"flights") when {{ resource.name == "delay_minutes" }};
    """
    first, second = problems(domains(text))
    assert first.startswith("domains/flights/policies/own.cedar:2: flights.delays: its mask partial:4 ")  # fmt: skip
    assert "flights.arrivals_v1: delay_minutes is float64: only texts can be shown in part" in first
    assert "flights.departures_v1" in second
    assert "`null` fits every type" in second


def test_every_column_that_a_mask_would_hide_is_told_though_policies_treat_them_alike():
    text = f"""
        @id("a.all") @reason("no") @mask("truncate:10") forbid ({SEE})
        when {{ resource.classification == "internal" && resource.port == Mesh::Port::"flights.departures_v1" }};
    """
    (problem,) = problems(organizations(text))
    assert "carrier is string: numbers and moments can be cut" in problem
    assert "departed_at is timestamp, which is cut to a unit" in problem
    assert "flight_number" not in problem


@pytest.mark.parametrize(
    "when",
    [
        'when { resource.name == "tail_number" }',
        'when { principal in Mesh::Role::"flights.member" && !principal.known }',
        'when { resource.name == "delay_minutes" && resource.port.access == "public" }',
    ],
)  # fmt: skip
def test_a_mask_that_meets_no_column_which_it_does_not_fit_is_fine(when):
    text = f'@id("a.some") @reason("no") @mask("hash") forbid ({SEE}) {when};'
    assert problems(organizations(text)) == []


def test_a_mask_behind_one_that_hides_more_is_never_put_on():
    text = f"""
        @id("a.some") @reason("no") @mask("partial:2") forbid ({SEE}) when {{ resource.name == "delay_minutes" }};
        @id("a.none") @reason("no") @mask("null") forbid ({SEE}) when {{ resource.name == "delay_minutes" }};
    """  # fmt: skip
    assert problems(organizations(text)) == []
    only, *_ = problems(organizations(text.replace('"null"', '"partial:4"')))
    assert "a.some: its mask partial:2" in only


def test_a_column_that_is_named_by_itself_is_looked_at():
    text = f"""
        @id("a.one") @reason("no") @mask("hash")
        forbid ({SEE} == Mesh::Column::"flights.arrivals_v1.delay_minutes");
    """
    (problem,) = problems(organizations(text))
    assert "a.one: its mask hash does not fit flights.arrivals_v1: delay_minutes" in problem

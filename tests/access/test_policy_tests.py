"""Policy tests say who asks for what, and are compared with what is decided."""

import textwrap

import pytest

from mesh.access.testing import read_tests, run_test
from mesh.errors import ManifestError
from tests.access.small import decider, domains, port
from tests.access.test_deciding import OWN_CARRIER, TAILS_HASHED

UNA = """
tests:
  - name: Una sees her carrier's flights
    who: una@carrier.example.com
    what: flights.departures_v1
    agreement: {columns: [carrier, tail_number, departed_at]}
    now: 2026-01-01T00:00:00Z
    expect:
      allowed: true
      masked: {tail_number: hash}
      hidden: [flight_number, delay_minutes, pilot]
      seen: [carrier]
      rows: {seen: [{carrier: UA}], left_out: [{carrier: DL}, {departed_at: 2026-01-01}]}
      why: [flights.tails, flights.own-carrier, mesh.agreed, mesh.not-agreed]
"""


def outcomes(tmp_path, text) -> list[str]:
    file = tmp_path / "una.policy-test.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    asking = decider(domains(TAILS_HASHED + OWN_CARRIER))
    found = [run_test(test, f"una:{line}", asking, [port()]) for test, line in read_tests(file)]
    return [failure for outcome in found for failure in outcome.failures]


def test_a_test_that_says_what_is_decided_passes(tmp_path):
    assert outcomes(tmp_path, UNA) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("allowed: true", "allowed: false", "it is allowed"),
        ("agreement: {columns: [carrier, tail_number, departed_at]}", "purpose: x", "it is denied: una@carrier.example.com may not read"),
        ("tail_number: hash", "tail_number: 'null'", "tail_number is hash, not null"),
        ("{tail_number: hash}", "{}", "tail_number is hash, not as it is"),
        ("hidden: [flight_number, ", "hidden: [", "hidden are delay_minutes, flight_number, pilot"),
        ("seen: [carrier]", "seen: [tail_number]", "tail_number is not seen as it is"),
        ("seen: [{carrier: UA}]", "seen: [{carrier: DL}]", "the row {'carrier': 'DL'} is left out"),
        ("left_out: [{carrier: DL}", "left_out: [{carrier: UA}", "the row {'carrier': 'UA'} is seen"),
        ("why: [flights.tails", "why: [mesh.public", "mesh.public had no say"),
        ("what: flights.departures_v1", "what: flights.departure_v1", "there is no product 'flights.departure_v1'; did you mean"),
        ("seen: [carrier]", "seen: [carriers]", "flights.departures_v1 has no column carriers"),
    ],
)  # fmt: skip
def test_a_test_that_says_otherwise_fails_and_says_how_it_is(tmp_path, before, after, words):
    assert before in UNA
    (failure,) = outcomes(tmp_path, UNA.replace(before, after))
    assert words in failure


def test_a_file_that_is_no_test_is_told_with_its_lines(tmp_path):
    wrong = UNA.replace("tail_number: hash", "tail_number: blur").replace("who:", "whom:")
    with pytest.raises(ManifestError) as told:
        outcomes(tmp_path, wrong)
    assert len(told.value.problems) == 3
    assert "una.policy-test.yaml:4" in str(told.value)

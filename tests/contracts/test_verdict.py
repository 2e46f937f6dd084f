"""What a verdict tells those who may not see every column."""

from __future__ import annotations

from mesh.contracts.model import Rule, Scope
from mesh.contracts.verdict import Finding, Outcome, Verdict

OF_THE_SET = Rule("total", "salaries stay in bounds", "custom", ("salary",), scope=Scope.SET)
OPEN = Rule("few", "few countries", "custom", ("country",), scope=Scope.SET)
SKIPPED = Rule("mean", "the mean is plausible", "custom", scope=Scope.SET)


def test_reasons_quote_guarded_values_no_more_than_findings_do():
    verdict = Verdict(
        rows=3,
        accepted=3,
        rejected=0,
        findings=(
            Finding(OF_THE_SET, Outcome.FAILED, 1, message="the highest is 912000"),
            Finding(OPEN, Outcome.FAILED, 1, message="there are 3"),
            Finding(SKIPPED, Outcome.SKIPPED, message="ValueError: 912000"),
        ),
        reasons=(
            "`salaries stay in bounds` is broken: the highest is 912000",
            "`few countries` is broken: there are 3",
            "`the mean is plausible` could not be checked: ValueError: 912000",
        ),
    )

    shown = verdict.without_values_of({"salary"})

    assert shown.reasons == (
        "`salaries stay in bounds` is broken",
        "`few countries` is broken: there are 3",
        "`the mean is plausible` could not be checked",
    )
    assert "912000" not in str(shown.as_json()) + shown.describe("hr.salaries_v1")
    assert not shown.is_accepted
    assert verdict.without_values_of(()).reasons == verdict.reasons

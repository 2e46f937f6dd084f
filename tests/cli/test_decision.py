"""`mesh decision` decides about breaking changes, of which `mesh plan` tells, and about waivers."""

import json
import re

from tests.cli.test_access import parties, told

__all__ = ["parties"]

SALES = "domains/shop/products/sales.py"


def breaks(mesh, *replaced):
    file = mesh.root / SALES
    text = file.read_text()
    for old, new in replaced or (("    note: str", "    remark: str"), ("note=pl", "remark=pl")):
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)


def planned(mesh, *arguments):
    """A plan as its own process makes it: the module has changed since it was imported."""
    done = mesh.process("plan", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_plan_that_breaks_consumers_may_be_deployed_once_exactly_it_was_approved(mesh):
    breaks(mesh)
    code, page = planned(mesh)
    assert code == 2
    asking = re.search(
        r"mesh decision request breaking_change shop.sales_v1 --plan ([0-9a-f-]+)", page
    )
    digest = asking[1]
    case = json.loads(
        told(
            mesh,
            *("decision", "request", "breaking_change", "shop.sales_v1", "--plan", digest),
            *("--why", "nobody reads notes", "--by", "bo@example.com", "--json"),
        )
    )
    assert case["people"] == ["ada@example.com"]
    assert f"`mesh decision show {case['id']}` tells who is asked" in planned(mesh)[1]
    assert "nobody reads notes" in told(mesh, "decision", "list")
    assert "decides owner: product owner ada" in told(mesh, "decision", "show", case["id"])

    done = told(mesh, "decision", "approve", case["id"], "--by", "ada")
    assert "approved" in done
    code, page = planned(mesh)
    assert (code, "approved by ada@example.com on" in page) == (0, True)
    assert "it may be deployed" in page
    assert json.loads(planned(mesh, "--json")[1])["may_be_deployed"]

    breaks(mesh, ("    amount_usd: float", "    amount: float"), ("amount_usd=pl", "amount=pl"))
    assert planned(mesh)[0] == 2
    assert "0 requests" in told(mesh, "decision", "list")
    assert "nobody reads notes" in told(mesh, "decision", "list", "--all")
    assert "entries hold together" in told(mesh, "audit", "verify")


def test_a_waiver_is_asked_for_with_its_end(parties):
    words = ("decision", "request", "waiver", "shop.sales", "--why", "in June", "--by", "bo")
    assert "--guardrail is missing" in told(parties, *words, code=1)
    assert "--until is missing" in told(parties, *words, "--guardrail", "described", code=1)
    page = told(parties, *words, "--guardrail", "described", "--until", "2099-06-30")
    assert "guardrail: described" in page
    assert "until 2099-06-30" in page
    case = re.search(r"mesh decision approve (\w+)", page)[1]
    assert "denied" in told(parties, "decision", "deny", case, "--by", "cy", "--note", "no")


def test_what_is_not_decided_here_is_told(parties):
    words = ("decision", "request", "lunch", "shop.sales", "--why", "hungry", "--by", "bo")
    assert "write breaking_change or waiver" in told(parties, *words, code=1)
    breaking = ("decision", "request", "breaking_change", "shop.sales", "--why", "w", "--by", "bo")
    assert "--plan is missing" in told(parties, *breaking, code=1)
    assert "is not the digest of a plan" in told(parties, *breaking, "--plan", "x", code=1)

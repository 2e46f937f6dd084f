"""`mesh policy` on the corner shops: what policies say, whether they hold together, and to whom."""

import json

SEE = 'principal, action == Mesh::Action::"see", resource'
NOTES = f"""
@id("shop.notes") @reason("notes are for the till") @remedy("ask Ada for a summary")
@mask("constant:***")
forbid ({SEE} in Mesh::Port::"shop.sales_v1")
when {{ resource.name == "note" }} unless {{ principal in resource.domain }};
"""
TESTS = """
tests:
  - name: Reports see no notes
    who: reports.days_v1
    what: shop.sales_v1
    columns: [note]
    expect: {allowed: false, why: [shop.notes]}
"""


def narrowed(mesh):
    mesh.write("domains/shop/policies/notes.cedar", NOTES)
    mesh.write("domains/shop/policies/notes.policy-test.yaml", TESTS)


def test_policies_are_listed_with_their_place(empty_mesh):
    narrowed(empty_mesh)

    told = json.loads(empty_mesh("policy", "list", "--json").stdout)
    (notes,) = [policy for policy in told if policy["layer"] == "domain"]
    assert (notes["id"], notes["effect"], notes["actions"]) == ("shop.notes", "forbid", ["see"])
    assert notes["source"] == "domains/shop/policies/notes.cedar:1"
    assert notes["mask"] == {"kind": "constant", "argument": "***"}
    assert notes["reason"] == "notes are for the till"
    shown = empty_mesh("policy", "list").stdout
    assert "shop.notes" in shown
    assert "till" in shown


def test_policies_that_hold_together_pass_with_their_tests(empty_mesh):
    narrowed(empty_mesh)

    done = empty_mesh("policy", "check")
    assert done.exit_code == 0, done.output
    assert "1 test passed\nthe 13 policies hold together" in done.stdout
    told = json.loads(empty_mesh("policy", "check", "--json").stdout)
    assert told["is_sound"]
    assert told["problems"] == told["notes"] == []


def test_every_problem_is_told_at_once_and_fails(empty_mesh):
    empty_mesh.write("domains/shop/policies/notes.cedar", NOTES + "permit;")
    empty_mesh.write("domains/policies/more.cedar", f'@id("a") @reason("b") forbid ({SEE}) when {{ resource.x }};')  # fmt: skip

    done = empty_mesh("policy", "check")
    assert done.exit_code == 1
    assert "domains/policies/more.cedar:1: attribute `x`" in done.stderr
    assert "domains/shop/policies/notes.cedar:5: it is no policy of Cedar" in done.stderr
    assert "2 problems" in done.stderr
    assert empty_mesh("policy", "explain", "shop.sales", "--as", "ada@example.com").exit_code == 1
    checked = empty_mesh("check")
    assert checked.exit_code == 1
    assert "domains/policies/more.cedar:1: attribute `x`" in checked.stderr


def test_a_mask_that_does_not_fit_is_told_by_every_look_before_anybody_reads(empty_mesh):
    unfit = NOTES.replace('"note"', '"amount_usd"').replace("constant:***", "partial:4")
    empty_mesh.write("domains/shop/policies/notes.cedar", unfit)
    empty_mesh("run", "shop.sales")

    for command in (["policy", "check"], ["check"], ["plan"]):
        done = empty_mesh(*command)
        assert done.exit_code == 1, done.output
        assert (
            "domains/shop/policies/notes.cedar:1: shop.notes: its mask partial:4 does not fit "
            "shop.sales_v1: amount_usd is float64: only texts can be shown in part"
        ) in done.stderr


def test_a_test_that_fails_says_where_and_how(empty_mesh):
    narrowed(empty_mesh)
    empty_mesh.write("domains/shop/policies/notes.policy-test.yaml", TESTS.replace("false", "true"))

    done = empty_mesh("policy", "test")
    assert done.exit_code == 1
    assert "domains/shop/policies/notes.policy-test.yaml:2: Reports see no notes: it is denied" in done.stderr  # fmt: skip
    assert "1 of 1 test failed" in done.stderr
    assert empty_mesh("policy", "check").exit_code == 1


def test_what_somebody_sees_is_explained_by_column(empty_mesh):
    narrowed(empty_mesh)

    told = json.loads(empty_mesh("policy", "explain", "shop.sales", "--as", "reports.days_v1", "--json").stdout)  # fmt: skip
    assert told["is_allowed"] is False
    assert told["remedy"] == "ask Ada for a summary"
    by_name = {column["column"]: column for column in told["columns"]}
    assert by_name["amount_usd"]["seen"] == "as it is"
    assert by_name["note"]["seen"] == "as '***'"
    assert [note["id"] for note in by_name["note"]["policies"]] == ["shop.notes"]

    stranger = empty_mesh("policy", "explain", "shop.sales", "--as", "eve@example.com")
    assert stranger.exit_code == 0
    assert "whom no manifest names (policy mesh.unknown)" in stranger.stdout


def test_who_only_lacks_an_agreement_is_told_what_it_would_show(empty_mesh):
    narrowed(empty_mesh)
    organization = empty_mesh.root / "domains" / "organization.yaml"
    text = organization.read_text(encoding="utf-8")
    organization.write_text(f"{text}people:\n  - {{name: Eve, email: eve@example.com}}\n", encoding="utf-8")  # fmt: skip

    told = empty_mesh("policy", "explain", "shop.sales", "--as", "eve@example.com").stdout
    assert "no agreement covers it, and it is protected" in told
    assert 'mesh access request shop.sales_v1 --purpose "…"' in told
    assert "under an agreement it would see:\nrows: all" in told


FORBIDDEN = """
@id("shop.no-reports") @reason("sales stay at the till")
forbid (principal, action == Mesh::Action::"use", resource in Mesh::Domain::"shop")
unless { principal in resource.domain };
"""
KEPT_BACK = """
@id("all.guarded") @reason("notes are not published")
forbid (principal, action == Mesh::Action::"publish", resource)
when { resource.classifications.contains("confidential") };
"""
DAYS, SALES = "domains/reports/products/days.py", "domains/shop/products/sales.py"


def test_a_plan_says_what_policy_forbids_to_what_changes(empty_mesh):
    empty_mesh.write("domains/shop/policies/till.cedar", FORBIDDEN)
    empty_mesh.write("domains/policies/published.cedar", KEPT_BACK)
    empty_mesh("run", "--all")  # the catalog knows what is declared

    unchanged = json.loads(empty_mesh("plan", "--json").stdout)
    assert unchanged["failures"] == []
    for file in (DAYS, SALES):
        path = empty_mesh.root / file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"""One row per', '"""Exactly one row per', 1), encoding="utf-8")  # fmt: skip

    done = empty_mesh("plan", "--json")
    assert done.exit_code == 2, done.output
    told = {(item["product"], item["reason"]) for item in json.loads(done.stdout)["failures"]}
    reason = "shop.sales_v1 may not be published: notes are not published (policy all.guarded)"
    assert ("shop.sales_v1", f"{reason}: ask Ada <ada@example.com>, who owns it") in told
    assert any("reports.days_v1 may not use shop.sales_v1: sales stay at the till (policy shop.no-reports)" in reason for _, reason in told)  # fmt: skip


def test_a_check_says_what_policy_forbids_to_any_product(empty_mesh):
    empty_mesh.write("domains/policies/published.cedar", KEPT_BACK)

    done = empty_mesh("check")
    assert done.exit_code == 1
    assert "domains/shop/products/sales.py: shop.sales_v1: shop.sales_v1 may not be published" in done.stderr.replace("\n", " ")  # fmt: skip


def test_a_run_that_policy_refuses_reads_and_publishes_nothing(empty_mesh):
    empty_mesh.write("domains/shop/policies/till.cedar", FORBIDDEN)

    done = empty_mesh("run", "--all")
    assert done.exit_code == 1
    assert "reports.days_v1 may not use shop.sales_v1: sales stay at the till" in done.output
    assert empty_mesh("read", "shop.sales").exit_code == 0
    assert "not published yet" in empty_mesh("read", "reports.days").stderr


def test_an_input_behind_a_mask_is_refused_whole(empty_mesh):
    empty_mesh.write("domains/shop/policies/notes.cedar", NOTES.replace('"note"', '"amount_usd"'))

    done = empty_mesh("run", "--all")
    assert done.exit_code == 1
    assert "an input is handed over whole, and it would see amount_usd as '***'" in done.output
    preview = empty_mesh("preview", "reports.days")
    assert preview.exit_code == 1
    assert "it would see amount_usd as '***'" in preview.output

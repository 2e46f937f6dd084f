"""`mesh plan` on the corner shops: environments with real catalogs, and commits of real git."""

import json
import subprocess
import textwrap

import pytest

from tests.cli.conftest import FILES

SALES = "domains/shop/products/sales.py"
DAYS = "domains/reports/products/days.py"
AMOUNT = 'amount_usd: float = mesh.Field(ge=0, le=1000, unit="USD", description="What was paid")'
NULLABLE = AMOUNT.replace("(ge", "(nullable=True, ge")


def edited(mesh, path, *pairs):
    """Replace texts in a file, each of which must be there."""
    text = FILES[path]
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    mesh.write(path, text)


def git(mesh, *words):
    own = [
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(
        ["git", *own, *words], cwd=mesh.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def committed(empty_mesh):
    """The corner shops in a repository of their own, with one commit and a tag."""
    empty_mesh.write(".gitignore", ".mesh/\n__pycache__/\n")
    git(empty_mesh, "init", "-q")
    git(empty_mesh, "add", "-A")
    git(empty_mesh, "commit", "-q", "-m", "Shops open")
    git(empty_mesh, "tag", "opening")
    return empty_mesh


def told(mesh, *words, code):
    done = mesh.process("plan", "--json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_what_is_published_is_what_would_be(mesh):
    done = mesh.process("plan")

    assert done.returncode == 0, done.stderr
    assert "this working tree against environment dev\nnothing would change" in done.stdout
    assert "it may be deployed" in done.stdout


def test_a_breaking_change_in_place_is_not_to_be_deployed(mesh):
    edited(mesh, SALES, (AMOUNT, NULLABLE))

    plan = told(mesh, code=2)

    (sales,) = plan["products"]
    assert sales["product"] == "shop.sales_v1"
    assert (sales["bump_needed"], sales["bump_made"]) == ("major", "none")
    (hit,) = sales["hits"]
    assert hit["sentence"] == (
        "reports.days_v1 reads shop.sales_v1.amount_usd, which would become nullable"
    )
    assert plan["rebuilt"] == {
        "shop.sales_v1": "its contract and code changed",
        "reports.days_v1": "made from shop.sales_v1",
    }
    text = mesh.process("plan")
    assert text.returncode == 2
    assert "not to be deployed: shop.sales_v1" in text.stdout
    assert "write shop.sales_v2 beside it" in text.stdout


def test_a_bump_within_the_major_does_not_excuse_a_breaking_change(mesh):
    edited(
        mesh,
        SALES,
        (AMOUNT, NULLABLE),
        (
            '"""One row per sale."""',
            '"""One row per sale."""\n            class Config:\n                version = "1.1.0"\n',
        ),
    )

    plan = told(mesh, code=2)

    assert plan["products"][0]["bump_made"] == "minor"


def test_a_nullable_column_passes_and_says_that_the_bump_is_missing(mesh):
    more = f"{AMOUNT}\n            tip_usd: float = mesh.Field(nullable=True)"
    edited(mesh, SALES, (AMOUNT, more))

    done = mesh.process("plan")

    assert done.returncode == 0, done.stderr
    assert "needs a minor bump, made no bump" in done.stdout
    assert "it needs a minor bump, to 1.1.0: none was made" in done.stdout
    assert "it may be deployed" in done.stdout
    assert told(mesh, code=0)["products"][0]["hits"] == []


def test_a_description_alone_is_a_patch(mesh):
    edited(mesh, SALES, ("What was paid", "What the till took"))

    (sales,) = told(mesh, code=0)["products"]

    assert sales["bump_needed"] == "patch"
    assert sales["consumer"] == sales["producer"] == "compatible"


def test_a_renamed_column_names_who_cannot_be_built(mesh):
    edited(mesh, SALES, ("amount_usd", "paid_usd"))

    done = mesh.process("plan")

    assert done.returncode == 2
    assert "reports.days_v1 reads shop.sales_v1.amount_usd, which would be gone" in done.stdout
    assert "shop.sales_v1 has no column 'amount_usd'" in done.stderr


def test_a_consumer_that_moves_in_the_same_change_is_told(mesh):
    edited(mesh, SALES, ("amount_usd", "paid_usd"))
    edited(mesh, DAYS, ('"sold_at", "amount_usd"', '"sold_at", "paid_usd"'))

    (_, sales) = told(mesh, code=2)["products"]

    assert sales["hits"] == []
    assert sales["moved"] == ["reports.days_v1"]


def test_a_major_that_vanishes_while_it_is_read_is_not_to_be_deployed(mesh):
    (mesh.root / SALES).unlink()

    plan = told(mesh, code=2)

    assert plan["failures"][0]["product"] == "shop.sales_v1"
    assert "it would be gone while reports.days_v1 reads it" in plan["failures"][0]["reason"]
    assert plan["problems"][0]["what"] == "there is no product 'shop.sales_v1'"


def test_a_product_that_nobody_reads_may_go(mesh):
    (mesh.root / DAYS).unlink()

    plan = told(mesh, code=0)

    assert plan["products"][0]["action"] == "removed"
    assert "without having been deprecated" in plan["warnings"][0]["reason"]


def test_a_new_major_beside_the_old_may_be_deployed(mesh):
    edited(
        mesh,
        SALES,
        ("contract=Sales,", 'contract=Sales, deprecated="2027-06-30", successor="shop.sales_v2",'),
    )
    second = FILES[SALES].replace("def sales", "def sales_v2").replace("amount_usd", "paid_usd")
    mesh.write("domains/shop/products/sales_v2.py", second.replace(
        '"""One row per sale."""', '"""One row per sale."""\n            class Config:\n                version = "2.0.0"\n'))  # fmt: skip

    plan = told(mesh, code=0)

    old, new = plan["products"]
    assert [c["kind"] for c in old["declaration"]] == ["deprecated", "code changed"]
    assert old["hits"][0]["sentence"] == (
        "reports.days_v1 reads shop.sales_v1, which would be deprecated from 2027-06-30, "
        "in favour of shop.sales_v2"
    )
    assert (new["action"], new["follows"]) == ("added", "shop.sales_v1")
    assert new["contract"]["bump_needed"] == new["contract"]["bump_made"] == "major"


def test_a_contract_that_was_never_published_may_still_change(empty_mesh):
    assert empty_mesh("run", "--all", "--no-report", "--run-id", "one").exit_code == 0
    extra = textwrap.dedent(
        FILES[SALES].replace("Sales", "Gifts").replace("def sales", "def gifts")
    )
    empty_mesh.write("domains/shop/products/gifts.py", extra)
    assert empty_mesh.process("show", "shop.gifts_v1").returncode == 0
    empty_mesh.write("domains/shop/products/gifts.py", extra.replace(AMOUNT, NULLABLE))

    done = empty_mesh.process("plan")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing was published under it yet" in done.stdout


def test_what_counts_is_what_was_published_not_what_was_registered(mesh):
    edited(mesh, SALES, (AMOUNT, NULLABLE))
    assert mesh.process("show", "shop.sales_v1").returncode == 0  # registers the working tree

    assert told(mesh, code=2)["products"][0]["bump_needed"] == "major"


def test_a_plan_against_a_commit(committed):
    edited(committed, SALES, (AMOUNT, NULLABLE))

    for word in ("opening", "HEAD", "git:main", git(committed, "rev-parse", "HEAD")):
        plan = told(committed, "--against", word, code=2)
        assert plan["before"].startswith("git ")
        assert len(plan["products"][0]["hits"]) == 1
    assert told(committed, code=2)["before"].startswith("git HEAD (")


def test_a_commit_is_read_from_git_alone(committed):
    committed.write(".gitattributes", "domains export-ignore\n")
    git(committed, "add", "-A")
    git(committed, "commit", "-q", "-m", "Leaves things out")
    status = git(committed, "status", "--porcelain", "--ignored")
    before = sorted(committed.root.rglob("*"))

    assert told(committed, "--against", "HEAD", code=0)["products"] == []

    kept = [
        path
        for path in sorted(committed.root.rglob("*"))
        if ".mesh" not in path.parts and "__pycache__" not in path.parts
    ]
    assert [path for path in before if "__pycache__" not in path.parts] == kept
    assert git(committed, "status", "--porcelain") == ""
    assert status == "" or "__pycache__" in status


def test_a_mesh_below_the_top_of_its_repository(committed, tmp_path_factory):
    top = tmp_path_factory.mktemp("top")
    (committed.root / ".git").rename(top / ".git")
    committed.root.rename(top / "inner")
    inner = type(committed)(top / "inner")
    git(inner, "add", "-A")
    git(inner, "commit", "-q", "-m", "Moves down")
    edited(inner, SALES, (AMOUNT, NULLABLE))

    assert told(inner, "--against", "HEAD", code=2)["before"].startswith("git HEAD")
    inner.root.rename(committed.root)


@pytest.mark.parametrize(
    "word", ["nowhere", "--output=x", "git:nope", "env:nope", "HEAD:domains", "a b", "env:../x"]
)
def test_a_word_that_is_no_state_is_an_error(committed, word):
    done = committed.process("plan", f"--against={word}")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "try:" in done.stderr
    assert not (committed.root / "x").exists()


def test_an_environment_that_nobody_published_to_is_not_made(mesh):
    done = mesh.process("plan", "--against", "prod")

    assert done.returncode == 1
    assert "'prod' is neither an environment that was published to, nor a commit" in done.stderr
    assert not (mesh.root / ".mesh/prod").exists()


def test_a_word_that_is_both_is_asked_about(committed):
    assert committed("run", "--all", "--no-report", "--env", "main").exit_code == 0

    done = committed.process("plan", "--against", "main")

    assert done.returncode == 1
    assert "write env:main or git:main" in done.stderr
    assert told(committed, "--against", "env:main", code=0)["before"] == "environment main"


def test_a_commit_that_does_not_load_says_why_and_leaves_nothing(committed, tmp_path):
    committed.write(SALES, "import no_such_module\n")
    git(committed, "commit", "-aqm", "Breaks")
    edited(committed, SALES)
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    done = committed.process("plan", "--against", "HEAD", TMPDIR=str(temporary))

    assert done.returncode == 1
    assert "the mesh cannot be loaded as it was there" in done.stderr
    assert "domains/shop/products/sales.py:1" in done.stderr
    assert str(temporary) not in done.stderr
    assert not list(temporary.iterdir())


def test_a_commit_whose_modules_end_the_process_is_an_error(committed):
    committed.write(SALES, "import os\nprint('{')\nos._exit(7)\n")
    git(committed, "commit", "-aqm", "Hostile")
    edited(committed, SALES)

    done = committed.process("plan", "--against", "HEAD")

    assert done.returncode == 1
    assert "the process that loads it ended with code 7" in done.stderr


def test_a_link_out_of_a_commit_is_not_followed(committed, tmp_path_factory):
    (committed.root / "domains/shop/secret.py").symlink_to("/etc/passwd")
    (committed.root / "domains/shop/near.py").symlink_to("products/sales.py")
    git(committed, "add", "-A")
    git(committed, "commit", "-qm", "Links")
    from mesh.products.commits import _put_files, find_commit

    there = tmp_path_factory.mktemp("there").resolve()
    _put_files(find_commit(committed.root, "HEAD"), there)

    assert not (there / "domains/shop/secret.py").exists()
    assert (there / "domains/shop/near.py").is_symlink()


def test_a_domain_that_does_not_load_is_a_problem_and_not_judged(mesh):
    mesh.write(SALES, "import no_such_module\n")

    done = mesh.process("plan")

    assert done.returncode == 1
    assert "domain shop cannot be loaded, and is not judged" in done.stderr
    assert "it cannot be imported" in done.stderr
    assert told(mesh, code=1)["unknown_domains"] == ["shop"]


def test_a_plan_holds_until_something_moves(mesh):
    edited(mesh, SALES, ("What was paid", "What the till took"))
    digest = told(mesh, code=0)["digest"]

    assert "the plan holds" in mesh.process("plan", "--check", digest).stdout
    edited(mesh, SALES, (AMOUNT, NULLABLE))
    done = mesh.process("plan", "--check", digest)

    assert done.returncode == 3
    assert "this working tree: shop.sales_v1: its contract and code moved" in done.stdout
    assert "environment dev" not in done.stdout


def test_publishing_the_same_again_moves_nothing_and_another_contract_does(mesh):
    digest = told(mesh, code=0)["digest"]
    assert mesh.process("run", "--all", "--no-report").returncode == 0
    assert mesh.process("plan", "--check", digest).returncode == 0

    edited(
        mesh,
        SALES,
        (
            '"""One row per sale."""',
            '"""Each sale."""\n            class Config:\n                version = "1.0.1"\n',
        ),
    )
    assert mesh.process("run", "--all", "--no-report").returncode == 0
    done = mesh.process("plan", "--check", digest)

    assert done.returncode == 3
    assert "environment dev: shop.sales_v1: its contract" in done.stdout


def test_a_plan_that_was_made_elsewhere_tells_which_side_moved(mesh):
    digest = told(mesh, code=0)["digest"]
    (mesh.root / ".mesh/plans" / f"{digest}.json").unlink()
    edited(mesh, SALES, ("What was paid", "Paid"))

    plan = mesh.process("plan", "--check", digest, "--json")

    assert plan.returncode == 3
    told_moved = json.loads(plan.stdout)
    assert told_moved["holds"] is False
    assert told_moved["moved"] == ["this working tree is not what was judged"]


def test_what_is_no_digest_is_an_error(mesh):
    done = mesh.process("plan", "--check", "../../x")

    assert done.returncode == 1
    assert "is not the digest of a plan" in done.stderr


def test_markdown_begins_with_the_verdict_and_takes_no_markup_from_contracts(mesh):
    edited(mesh, SALES, (AMOUNT, NULLABLE.replace("What was paid", "<img src=x>|`@team` **now**")))

    done = mesh.process("plan", "--markdown")

    assert done.returncode == 2
    assert done.stdout.startswith("## 🔴 Breaks consumers\n")
    assert "| `shop.sales_v1` | changed | 1.0.0 | 🔴 breaking | major | none | 1 |" in done.stdout
    assert "<details><summary>" in done.stdout
    assert "`@team`" not in done.stdout
    assert "\\<img src=x\\>\\|\\`\\@team\\` \\*\\*now\\*\\*" in done.stdout


def test_service_levels_and_expectations_that_would_not_hold(mesh):
    days = ('purpose="p")', 'purpose="p", expects={"amount_usd": {"max_null_share": 0.05}})')
    fresh = (
        "            },\n        )\n        def days",
        '            },\n            freshness=mesh.Freshness(within="1d"),\n        )\n        def days',
    )
    edited(mesh, DAYS, days, fresh)
    assert mesh.process("run", "--all", "--no-report").returncode == 0
    edited(mesh, SALES, ('within="1d"', 'within="3d"'), (AMOUNT, NULLABLE))

    plan = told(mesh, code=2)

    assert plan["shortfalls"][0]["sentence"] == (
        "reports.days_v1 promises freshness 1d, made from shop.sales_v1, which would promise 3d"
    )
    assert plan["products"][0]["hits"][0]["expectations"] == ["amount_usd: max_null_share 0.05"]
    assert any(
        "expects of amount_usd: max_null_share 0.05" in w["reason"] for w in plan["warnings"]
    )


SALES = "domains/shop/products/sales.py"


def test_published_rows_decide_about_a_tightened_rule_when_they_are_asked(mesh):
    edited(mesh, SALES, ("le=1000", "le=100"))
    plain, holds = told(mesh, code=0), told(mesh, "--data", code=0)
    edited(mesh, SALES, ("le=1000", "le=60"))
    breaks = told(mesh, "--data", code=0)
    markdown = mesh.process("plan", "--data", "--markdown").stdout
    page = mesh.process("plan", "--data").stdout

    def change(found):
        (item,) = (p for p in found["products"] if p["product"] == "shop.sales_v1")
        (only,) = item["contract"]["changes"]
        return only["producer"], only["depends_on_data"], only["proof"]

    assert change(plain) == ("risky", True, "")
    assert change(holds) == ("compatible", False, "holds for all 49 rows")
    assert change(breaks) == ("breaking", False, "10 of 49 rows break it")
    assert "10 of 49 rows break it (`mesh audit shop.sales_v1` shows them)" in page
    assert "10 of 49 rows break it" in markdown
    assert any("break it" in warning["reason"] for warning in breaks["warnings"])


def test_a_plan_that_asked_rows_holds_until_others_are_published(mesh):
    edited(mesh, SALES, ("le=1000", "le=100"))
    digest = told(mesh, "--data", code=0)["digest"]
    assert mesh.process("plan", "--check", digest).returncode == 0
    edited(mesh, SALES)
    assert mesh.process("run", "shop.sales", "--no-report").returncode == 0
    edited(mesh, SALES, ("le=1000", "le=100"))

    moved = mesh.process("plan", "--check", digest)

    assert moved.returncode == 3
    assert "the rows that were asked are not those that are published" in moved.stdout

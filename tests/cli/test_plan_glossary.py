"""`mesh plan` tells what changes in the words of a business."""

from tests.cli.test_plan import git, told

GLOSSARY = """\
terms:
  - name: takings
    definition: Money taken at the tills, before refunds.
    synonyms: [revenue]
    applies_to: [shop.sales_v1]
  - name: refund
    definition: Money that is given back.
"""
LATER = """\
terms:
  - name: takings
    definition: Money taken at the tills, after refunds.
    synonyms: [revenue, income]
    applies_to: [shop.sales_v1.amount_usd]
  - name: till
    definition: Where one pays.
"""
WORDS = {
    "business term redefined": "risky",
    "business term changed": "compatible",
    "business term linked": "compatible",
    "business term unlinked": "compatible",
    "business term removed": "risky",
    "business term added": "compatible",
}


def test_words_that_change_are_told_against_the_catalog(mesh):
    mesh.write("domains/shop/glossary.yaml", GLOSSARY)
    assert "shop.takings" in mesh("glossary", "list").stdout
    assert told(mesh, code=0)["domains"] == []

    mesh.write("domains/shop/glossary.yaml", LATER)

    (domain,) = told(mesh, code=0)["domains"]
    assert {item["kind"]: item["consumer"] for item in domain["changes"]} == WORDS
    assert {item["bump"] for item in domain["changes"]} == {"none"}
    assert (domain["domain"], domain["action"]) == ("shop", "changed")
    assert domain["consumers"] == ["reports.days_v1"]
    words = {item["kind"]: item for item in domain["changes"]}
    assert words["business term linked"]["after"] == "shop.takings to shop.sales_v1.amount_usd"
    shown = mesh("plan").stdout
    assert "1 domain changed" in shown
    assert "business term removed: shop.refund: Money that is given back." in shown
    marked = mesh("plan", "--markdown").stdout
    assert "| business term added: shop.till: Where one pays. | 🟢 compatible |" in marked
    assert "🟡 risky" in marked


def test_words_that_change_are_told_against_a_commit(empty_mesh):
    empty_mesh.write(".gitignore", ".mesh/\n__pycache__/\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Shops open")):
        git(empty_mesh, *words)
    empty_mesh.write("domains/shop/glossary.yaml", GLOSSARY)

    found = told(empty_mesh, "--against", "git:HEAD", code=0)["domains"]

    assert [item["kind"] for item in found[0]["changes"]] == [
        "business term added",
        "business term added",
        "business term linked",
    ]


def test_a_plan_no_longer_holds_when_a_word_means_something_else(mesh):
    mesh.write("domains/shop/glossary.yaml", GLOSSARY)
    digest = told(mesh, code=0)["digest"]
    mesh.write("domains/shop/glossary.yaml", LATER)

    done = mesh("plan", "--check", digest)

    assert done.exit_code == 3
    assert "shop: its glossary moved" in done.stdout

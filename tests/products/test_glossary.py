"""A glossary is read as it is meant, or every problem is told by file, line and path."""

import pytest

from mesh.errors import ManifestError
from mesh.products.glossary import BusinessTerm, read_glossary, term_problems
from tests.catalog.factories import product

WEATHER = "weather.observations_v1"
WHOLE = """terms:
  - name: departure delay
    definition: Minutes behind schedule.
    synonyms: [lateness]
    broader: delay
    related: [weather.wind]
    steward: {name: Cy, email: cy@example.com}
    applies_to: [weather.observations_v1, weather.observations_v1.speed]
  - {name: Delay, definition: Being late.}
"""


@pytest.fixture
def problems(tmp_path):
    def told(text):
        (tmp_path / "glossary.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ManifestError) as caught:
            read_glossary(tmp_path, "operations")
        return [str(p).replace(f"{tmp_path}/", "") for p in caught.value.problems]

    return told


def test_a_domain_without_a_glossary_has_no_terms(tmp_path):
    assert read_glossary(tmp_path, "operations") == ()


def test_a_glossary_is_read_as_it_is_written(tmp_path):
    (tmp_path / "glossary.yaml").write_text(WHOLE, encoding="utf-8")
    term, other = read_glossary(tmp_path, "operations")
    assert (term.id, term.domain, term.broader) == (
        "operations.departure_delay",
        "operations",
        "operations.delay",
    )
    assert (term.related, term.synonyms) == (("weather.wind",), ("lateness",))
    assert (term.steward, term.steward_email) == ("Cy", "cy@example.com")
    assert term.links == ((WEATHER, ""), (WEATHER, "speed"))
    assert other.where.endswith("glossary.yaml:9: terms.1")
    assert BusinessTerm.from_json(term.as_json()) == term


def test_everything_that_is_wrong_is_told_at_once_with_its_line(problems):
    found = problems("terms:\n  - name: a\n    definitoin: x\n  - definition: y\n")
    assert {problem.partition(" ")[0] for problem in found} == {
        "glossary.yaml:2:",
        "glossary.yaml:3:",
        "glossary.yaml:4:",
    }
    assert any("did you mean definition?" in problem for problem in found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("terms:\n  - {name: a b, definition: x}\n  - {name: A-B, definition: y}\n", "twice"),
        ("terms:\n  - {name: 42nd, definition: x}\n", "cannot be a term's id"),
        (
            "terms:\n  - {name: a, definition: x, synonyms: [b]}\n  - {name: B, definition: y}\n",
            "'b' is said of operations.a as well",
        ),
        ("terms:\n  - {name: a, definition: x, applies_to: [b.c_v1, b.c_v1]}\n", "same twice"),
        ("[1, 2]", "not a mapping"),
        ("terms: !!python/object:os.system x", "is not used in manifests"),
        ("a: &a [x]\nterms: *a\n", "aliases are not used"),
    ],
)
def test_what_cannot_be_meant_is_refused(problems, text, told):
    assert any(told in problem for problem in problems(text))


def term(name, **more):
    return BusinessTerm(id=f"operations.{name}", name=name, definition="x", where=name, **more)


def told(*terms, unloaded=()):
    products = {WEATHER: product(WEATHER)}
    return [problem.what for problem in term_problems(terms, products, set(unloaded))]


def test_links_lead_to_products_columns_and_terms_that_there_are():
    links = (WEATHER, f"{WEATHER}.speed", f"{WEATHER}.sped", "weather.rain_v1", "weather")
    assert told(term("a", applies_to=links, related=("operations.b",))) == [
        f"{WEATHER} has no column 'sped'",
        "there is no product 'weather.rain_v1'",
        "'weather' names no product",
        "there is no term 'operations.b'",
    ]


def test_links_into_a_domain_that_did_not_load_are_left_alone():
    assert told(term("a", applies_to=("fleet.x_v1",)), unloaded=["fleet"]) == []


def test_a_circle_of_broader_terms_is_told_once():
    found = told(
        term("a", broader="operations.b"),
        term("b", broader="operations.a"),
        term("c", broader="operations.a"),
    )
    assert found == [
        "broader terms lead in a circle: operations.a → operations.b → operations.a",
    ]

"""Terms of the business are found again by id, by name and by synonym."""

from dataclasses import replace

import pytest

from mesh.catalog.completeness import Documented, completeness
from mesh.contracts.model import Column
from mesh.errors import UnknownTermError
from mesh.products.glossary import BusinessTerm
from tests.catalog.factories import domain, product

WEATHER = "weather.observations_v1"
GUST = BusinessTerm(
    id="weather.gust",
    name="wind gust",
    definition="A short burst of wind.",
    synonyms=("squall",),
    applies_to=(f"{WEATHER}.speed",),
)


@pytest.fixture
def book(catalog):
    catalog.register(replace(domain("weather", product(WEATHER)), terms=(GUST,)))
    return catalog.glossary


@pytest.mark.parametrize("name", ["weather.gust", "Wind Gust", "gust", "SQUALL"])
def test_a_term_is_found_by_whatever_it_is_called(book, name):
    assert book.term(name) == GUST


def test_a_term_that_is_not_there_suggests_near_ones(book):
    with pytest.raises(UnknownTermError) as caught:
        book.term("wind guts")
    assert "wind gust" in caught.value.near


def test_terms_are_told_by_domain_and_by_product(book):
    assert book.terms("weather") == book.terms() == book.terms_of(WEATHER) == [GUST]
    assert book.terms("fleet") == book.terms_of("fleet.aircraft_v1") == []


def test_terms_that_are_taken_out_are_gone(book, catalog):
    catalog.register(domain("weather", product(WEATHER)))
    assert book.terms() == []


def test_completeness_is_the_weighted_sum_of_its_parts():
    columns = [Column("a", "float64"), Column("b", "int64", description="Number of gusts")]
    found = completeness(Documented(description="short", columns=columns, owner="Team"))
    assert found.score == 0.25
    assert sum(part.weight for part in found.parts) == pytest.approx(1)
    assert found.missing[0] == "description"
    assert "description of column a" in found.missing
    assert "unit of column a" in found.missing
    assert "unit of column b" not in found.missing

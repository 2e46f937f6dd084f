"""The fleet domain publishes the civil register with meaning in the column names."""

import polars as pl
import pytest

from domains.fleet.products.aircraft import Aircraft, aircraft


@pytest.fixture(scope="module")
def register() -> pl.DataFrame:
    return aircraft().collect()


def test_every_registered_aircraft_keeps_the_contract(register):
    Aircraft.validate(register, lazy=True)
    assert register.height == 3_322
    assert register["tail_number"].n_unique() == 3_322


def test_seventy_aircraft_have_no_year_of_manufacture(register):
    assert register["manufactured_year"].null_count() == 70


def test_cruising_speed_is_nearly_always_unknown(register):
    assert register["cruising_speed_mph"].null_count() == 3_299


def test_tail_numbers_are_confidential_and_makers_can_be_people():
    words = {
        name: column.metadata["mesh"]["classification"]
        for name, column in Aircraft.to_schema().columns.items()
    }

    assert words["tail_number"] == "confidential"
    assert words["manufacturer"] == "personal"

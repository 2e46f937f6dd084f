"""Dagster says of a product that has a last day when it is, and what to use instead."""

import dagster as dg

from mesh.lake import Lake
from mesh.orchestration import metadata
from tests.behaviour.products import product
from tests.catalog.factories import domain


def test_a_last_day_is_in_description_tags_and_metadata(tmp_path):
    ending = product(deprecated="2027-06-30", successor="shop.orders_v2")
    home = domain("shop", ending)
    told = "its last day is 2027-06-30: use shop.orders_v2"

    assert metadata.description(ending).startswith(f"**Deprecated**: {told}")
    assert metadata.tags(ending, home)["mesh/deprecated"] == "2027-06-30"
    found = metadata.product_metadata(ending, home, Lake(str(tmp_path)))["mesh/deprecated"]
    assert found == dg.MetadataValue.md(told)


def test_a_product_without_one_says_nothing(tmp_path):
    declared = product()
    home = domain("shop", declared)
    assert "mesh/deprecated" not in metadata.tags(declared, home)
    assert "mesh/deprecated" not in metadata.product_metadata(declared, home, Lake(str(tmp_path)))
    assert "Deprecated" not in metadata.description(declared)

"""Lineage that a transform does not show may be stated, and is held against what is there."""

import polars as pl
import pytest

import mesh
from mesh.engines.tracing import traced, tracing_digest
from mesh.errors import DefinitionError
from tests.orchestration.declared import bound


class Sales(mesh.Contract):
    """One row per sale."""

    sale_id: int = mesh.Field(key=True)
    amount: float

    class Config:
        version = "1.0.0"


class Risks(mesh.Contract):
    """One row per sale."""

    sale_id: int = mesh.Field(key=True)
    band: str

    class Config:
        version = "1.0.0"


@mesh.data_product(contract=Sales)
def sales() -> pl.LazyFrame:
    """Every sale."""
    return pl.LazyFrame()


def risks_stating(**lineage):
    @mesh.data_product(
        contract=Risks,
        inputs={"sales": mesh.Input("retail.sales_v1", columns=["sale_id", "amount"])},
        lineage=lineage,
    )
    def risks(sales: pl.LazyFrame) -> pl.LazyFrame:
        banded = pl.col("amount").map_batches(lambda column: column.cast(pl.String))
        return sales.select("sale_id", band=banded)

    return bound(risks)


CONTRACTS = {"retail.sales_v1": bound(sales).contract}


def found(product):
    edges = traced(product, CONTRACTS).edges
    return {
        (edge.downstream_column, edge.upstream_column, str(edge.kind), str(edge.knowledge))
        for edge in edges
    }


def test_what_a_plan_does_not_show_is_unknown_until_it_is_stated():
    silent = risks_stating()
    stated = risks_stating(band=["retail.sales_v1.amount"])

    assert found(silent) == {("sale_id", "sale_id", "IDENTITY", "found")}
    assert traced(silent, CONTRACTS).known == ("sale_id",)
    assert "does not show it" in traced(silent, CONTRACTS).unknown
    assert found(stated) == {
        ("sale_id", "sale_id", "IDENTITY", "found"),
        ("band", "amount", "TRANSFORMATION", "declared"),
    }
    assert traced(stated, CONTRACTS).unknown == ""


def test_what_is_stated_never_contradicts_what_is_found():
    stated = risks_stating(sale_id=["retail.sales_v1.amount"])

    assert found(stated) == {("sale_id", "sale_id", "IDENTITY", "found")}


def test_a_product_is_traced_anew_when_anything_that_counts_changed():
    digests = {name: contract.digest for name, contract in CONTRACTS.items()}
    plain = risks_stating()

    assert tracing_digest(plain, digests) == tracing_digest(risks_stating(), digests)
    assert tracing_digest(plain, digests) == traced(plain, CONTRACTS).digest
    others = {
        tracing_digest(risks_stating(band=["retail.sales_v1.amount"]), digests),
        tracing_digest(plain, {"retail.sales_v1": "other"}),
        tracing_digest(plain, {}),
    }
    assert len(others) == 3
    assert tracing_digest(plain, digests) not in others


def test_a_product_that_reads_none_is_known_to_be_made_of_none():
    source = bound(sales)

    assert traced(source, {}).known == ("sale_id", "amount")
    assert traced(source, {}).edges == ()


@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        ({"bande": ["retail.sales_v1.amount"]}, "lineage names 'bande'"),
        ({"band": ["retail.others_v1.amount"]}, "'retail.others_v1' is not among the inputs"),
        ({"band": ["amount"]}, "'amount' is not among the inputs"),
        ({"band": ["retail.sales_v1.note"]}, "the input does not declare 'note'"),
    ],
)
def test_what_is_stated_is_held_against_what_is_there(lineage, said):
    with pytest.raises(DefinitionError, match=said):
        risks_stating(**lineage)


def test_every_problem_is_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        risks_stating(bande=["amount"], band=["retail.sales_v1.note", ""])
    assert len(caught.value.problems) == 4

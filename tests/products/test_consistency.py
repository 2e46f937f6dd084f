"""Products fit together: what they read is there, and there is an order to run them in."""

import random
from pathlib import Path

import pytest
import yaml

import mesh
from mesh.errors import CyclicInputsError, Problem
from mesh.products.collection import BrokenDomain, Domain, Organization
from mesh.products.consistency import check, dependencies, run_order
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest, OrganizationManifest
from tests.products.small import MANIFEST, declared, named


def reading(name: str, *others: str, domain: str = "shop", **options) -> DataProduct:
    """A product that reads others."""
    inputs = {f"p{n}": mesh.Input(other) for n, other in enumerate(others)}
    return declared(named(name, *inputs), domain, inputs=inputs, **options)


def organization(*products: DataProduct, broken: tuple[BrokenDomain, ...] = ()) -> Organization:
    manifest = DomainManifest.model_validate(yaml.safe_load(MANIFEST.format(name="shop")))
    domain = Domain("shop", Path("domains/shop"), manifest, products)
    listed = OrganizationManifest(name="A Mesh", domains=("shop",))
    return Organization(listed, (domain,), broken)


def problems_of(*products: DataProduct, **options) -> list[str]:
    return [str(problem) for problem in check(organization(*products, **options))]


THINGS = reading("things")


def test_products_that_fit_together_have_no_problems():
    inputs = {"things": mesh.Input("shop.things_v1", columns=["id", "name"])}
    assert problems_of(THINGS, declared(named("totals", "things"), inputs=inputs)) == []


def test_an_input_that_is_no_product_is_guessed():
    (problem,) = problems_of(THINGS, reading("totals", "shop.thing_v1"))
    assert "shop.totals_v1, input 'p0': there is no product 'shop.thing_v1'" in problem
    assert "did you mean shop.things_v1" in problem


def test_an_input_that_is_like_no_product_is_told_where_to_look():
    (problem,) = problems_of(THINGS, reading("totals", "fleet.vans_v1"))
    assert problem.endswith("try: `mesh list` shows them all")


def test_a_column_that_an_input_does_not_have_is_guessed():
    inputs = {"things": mesh.Input("shop.things_v1", columns=["id", "nmae", "zzz"])}
    first, second = problems_of(THINGS, declared(named("totals", "things"), inputs=inputs))
    assert first.endswith("shop.things_v1 has no column 'nmae'\n  try: did you mean name?")
    assert second.endswith("has no column 'zzz'\n  try: columns are id, name")


def test_an_input_from_a_domain_that_did_not_load_is_not_called_unknown():
    error = CyclicInputsError([Problem("it is broken", "fleet")])
    broken = BrokenDomain("fleet", Path("domains/fleet"), error)
    found = problems_of(reading("totals", "fleet.vans_v1"), broken=(broken,))
    assert found == ["fleet: it is broken"]


def referring(to: str, annotation: object = int) -> DataProduct:
    body = {
        "__annotations__": {"thing": annotation},
        "thing": mesh.Field(references=to),
    }
    return declared(named("totals"), contract=type("Totals", (mesh.Contract,), body))


def test_a_reference_to_a_column_of_the_same_type_is_fine():
    assert problems_of(THINGS, referring("shop.things_v1.id")) == []


@pytest.mark.parametrize(
    ("to", "annotation", "problem"),
    [
        ("shop.thing_v1.id", int, "there is no product 'shop.thing_v1'\n  try: did you mean"),
        ("shop.things_v1.idd", int, "shop.things_v1 has no column 'idd'\n  try: did you mean id?"),
        ("shop.things_v1.id", str, "it is string, shop.things_v1.id is int64"),
    ],
)
def test_a_reference_to_what_is_not_there_is_told(to, annotation, problem):
    (found,) = problems_of(THINGS, referring(to, annotation))
    assert "shop.totals_v1.thing, references: " in found
    assert problem in found


def test_products_run_after_those_that_they_need():
    products = [
        reading("d", "shop.b_v1", "shop.c_v1"),
        reading("c", "shop.a_v1"),
        reading("b", "shop.a_v1"),
        reading("a"),
    ]
    assert [product.id.name for product in run_order(products)] == ["a", "b", "c", "d"]


def test_the_order_is_always_the_same():
    products = [reading(f"p{n}", *(f"shop.p{m}_v1" for m in range(0, n, 3))) for n in range(30)]
    first = run_order(products)
    for seed in range(5):
        shuffled = random.Random(seed).sample(products, len(products))
        assert run_order(shuffled) == first


@pytest.mark.parametrize(
    ("products", "path"),
    [
        ([reading("a", "shop.a_v1")], "shop.a_v1 → shop.a_v1"),
        (
            [reading("a", "shop.b_v1"), reading("b", "shop.a_v1")],
            "shop.a_v1 → shop.b_v1 → shop.a_v1",
        ),
        (
            [reading("a", "shop.b_v1"), reading("b", "shop.c_v1"), reading("c", "shop.a_v1")],
            "shop.a_v1 → shop.b_v1 → shop.c_v1 → shop.a_v1",
        ),
    ],
    ids=["itself", "two", "three"],
)
def test_inputs_that_lead_in_a_circle_are_told_with_the_way_round(products, path):
    with pytest.raises(CyclicInputsError) as caught:
        run_order([*products, reading("z")])
    (problem,) = caught.value.problems
    names = problem.what.removeprefix("inputs lead in a circle: ").split(" → ")
    wanted = path.split(" → ")
    assert names[0] == names[-1]
    doubled = wanted[:-1] * 2
    assert any(doubled[n : n + len(names)] == names for n in range(len(wanted)))
    assert problem.hint.startswith("remove one of these inputs, or move")
    assert any("circle" in found for found in problems_of(*products))


def test_an_input_outside_of_what_is_run_is_not_waited_for():
    assert dependencies([reading("totals", "shop.things_v1")]) == {"shop.totals_v1": set()}


def test_what_a_contract_refers_to_runs_first_unless_that_makes_a_circle():
    total = referring("shop.things_v1.id")
    assert dependencies([total, THINGS])["shop.totals_v1"] == {"shop.things_v1"}
    mutual = reading("things", "shop.totals_v1")
    assert dependencies([total, mutual]) == {
        "shop.totals_v1": set(),
        "shop.things_v1": {"shop.totals_v1"},
    }


def test_products_that_refer_to_each_other_wait_for_neither_in_whatever_order_they_come():
    class Things(mesh.Contract):
        id: int = mesh.Field(references="shop.totals_v1.id")

    things = declared(named("things"), contract=Things)
    totals = referring("shop.things_v1.id")
    wanted = {"shop.things_v1": set(), "shop.totals_v1": set()}
    assert dependencies([things, totals]) == dependencies([totals, things]) == wanted


def test_the_platform_describes_all_others_and_so_comes_last():
    platform = reading("products", domain="platform")
    products = [platform, reading("b", "shop.a_v1"), reading("a")]
    assert [p.id.name for p in run_order(products)] == ["a", "b", "products"]

"""A lake tells which products' tables lie in it, on every store, whatever else lies there."""

from mesh.lake.listing import products_in
from mesh.lake.store import open_store
from mesh.naming import ProductId
from tests.behaviour.products import orders, product, publish_small

ORDERS, REFUNDS = ProductId("shop", "orders", 1), ProductId("shop", "refunds", 1)
ROWS = orders([(1, "DE", 1.0)])


def test_products_are_found_by_where_their_tables_lie(lake):
    assert products_in(lake).products == ()
    for name in ("refunds", "orders"):
        publish_small(product(name=name), ROWS, lake, "run")
    found = products_in(lake)
    assert (found.products, found.problems) == ((ORDERS, REFUNDS), ())


def test_what_else_lies_there_is_passed_over(lake):
    publish_small(product(), ROWS, lake, "run")
    store = open_store(lake.url, lake.options)
    for path in ("v1/x", "Shop/orders/v1/x", "shop/or ders/v1/x", "shop/a%20b/v1/x", "a__b/c/v1/x",
                 "shop/orders/v1_quarantine/x", "shop/orders/v01/x", "shop/orders/latest/x",
                 "~/x/v1/y", "shop/größe/v1/x", "shop/v2"):  # fmt: skip
        store.replace(path, b"foreign")
    found = products_in(lake)
    assert (found.products, found.problems) == ((ORDERS,), ())


def test_a_name_that_no_library_can_list_hides_its_own_domain_only(moto):
    lake = moto.lake()
    publish_small(product(), ROWS, lake, "run")
    prefix = lake.url.removeprefix(f"s3://{moto.name}/")
    moto.client().put_object(Bucket=moto.name, Key=f"{prefix}/other//v1/x", Body=b"")
    found = products_in(lake)
    assert found.products == (ORDERS,)
    (problem,) = found.problems
    assert problem.where == f"{lake.url}/other"
    assert "the products in it cannot be listed: " in problem.what

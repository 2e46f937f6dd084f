"""README's product runs as it stands there."""

import os
import re
import subprocess
import sys

from tests.house.repository import ROOT, text

MOST_LINES = 25
ORDERS = """\
order_id,ordered_at,amount_usd
000001,2026-01-05T08:47:00Z,84.14
000002,2026-01-05T09:34:00Z,163.33
"""
PUBLISH = """\
from pathlib import Path

import mesh
from mesh.lake import Lake
from mesh.products.declaration import declaration_of

import product

bound = declaration_of(product.orders).bind("sales", Path.cwd())
lake = Lake(str(Path.cwd() / "lake"))
receipt = mesh.publish(bound, product.orders(), lake=lake, run_id="readme")
assert isinstance(receipt, mesh.Receipt), receipt
print(bound.id, receipt.rows_accepted, receipt.rows_rejected, receipt.table_version)
"""


def snippet() -> str:
    found = re.findall(r"^```python\n(.*?)^```", text("README.md"), re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return found[0]


def published(folder, orders: str) -> str:
    (folder / "product.py").write_text(snippet(), encoding="utf-8")
    (folder / "orders.csv").write_text(orders, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PUBLISH],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout if done.returncode == 0 else done.stderr


def test_the_product_is_short():
    assert len(snippet().splitlines()) <= MOST_LINES


def test_the_product_is_published(tmp_path):
    assert published(tmp_path, ORDERS) == "sales.orders_v1 2 0 0\n"


def test_the_product_refuses_what_its_contract_says(tmp_path):
    said = published(tmp_path, ORDERS.replace("84.14", "-84.14"))
    assert "more than the tolerance of 1.00%" in said

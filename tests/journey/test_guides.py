"""Each guide was followed word by word, and is again, by one reader in one mesh."""

import pytest

from tests.house.repository import ROOT
from tests.journey.walkthrough import Reader, copy_of_the_mesh, steps
from tests.processes.python import cold_python, python

IN_THE_ORDER_OF_READING = (
    "first-product",
    "reuse-a-product",
    "test-a-product",
    "when-a-publication-is-refused",
    "incremental",
    "keep-history",
    "preview-and-audit",
    "trace-a-number",
    "run-the-platform",
    "run-the-catalog",
    "serve-the-catalog",
    "share-with-delta-sharing",
    "openlineage",
    "find-data",
    "policy",
    "upkeep",
    "evolve-a-contract",
    "run-two-majors",
    "import-a-contract",
    "get-access",
)
NEEDS_A_STORE = {"object-storage"}
"""Its ways are tried on a gateway, one by one, in `tests/lake/test_access.py`."""
NEEDS_A_SERVER = {"governed-access"}
"""Followed in `test_demo.py`, on what the demo has published."""
NEEDS_A_PROVIDER = {"sign-in"}
"""What it says is tried with a real identity provider, in `tests/serving/identity/`."""
COMES_AFTER = {
    "import-a-contract": ("first-product",),
    "when-a-publication-is-refused": ("first-product",),
    "reuse-a-product": ("first-product",),
    "test-a-product": ("first-product", "reuse-a-product"),
    "upkeep": ("first-product",),
    "keep-history": ("first-product",),
    "preview-and-audit": ("first-product",),
    "run-two-majors": ("evolve-a-contract",),
}
"""Guides that go on from others."""


IN_A_CLONE_OF_ITS_OWN = {
    "trace-a-number",
    "openlineage",
    "find-data",
    "policy",
    "evolve-a-contract",
    "run-two-majors",
}
"""Guides that change what other guides read, or count who reads it."""


FROM_NOTHING = {"run-the-platform"}
"""Guides whose every command is a process that starts as a user's does."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Who follows the guides, and who follows those that need a clone of their own."""
    return [Reader(copy_of_the_mesh(tmp_path_factory.mktemp("reader") / "mesh")) for _ in range(2)]


def test_every_guide_is_followed():
    guides = {path.stem for path in (ROOT / "docs" / "guides").glob("*.md")}
    elsewhere = NEEDS_A_STORE | NEEDS_A_SERVER | NEEDS_A_PROVIDER
    assert guides == set(IN_THE_ORDER_OF_READING) | elsewhere


@pytest.mark.parametrize("guide", IN_THE_ORDER_OF_READING)
def test_a_guide_works_as_it_is_written(guide, readers):
    reader = readers[guide in IN_A_CLONE_OF_ITS_OWN]
    assert any(step.act == "run" for step in steps(f"docs/guides/{guide}.md"))
    for name in (*COMES_AFTER.get(guide, ()), guide):
        call = cold_python if name in FROM_NOTHING else python
        reader.follow(f"docs/guides/{name}.md", call)

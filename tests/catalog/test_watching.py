"""What a server keeps of its catalog is as it is now: what anybody commits is seen at once."""

import shutil
import subprocess
import sys
import time

import pytest

from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.catalog.watching import Unchanged, one_moment
from tests.house.repository import ROOT

CHANGING = (
    "import sys; from mesh.catalog.store import Catalog\n"
    "with Catalog.open(sys.argv[1]) as catalog:\n"
    "    catalog.tokens.revoke(sys.argv[2])"
)


@pytest.fixture
def other(catalog_url, stored_catalog):
    """The same catalog, as another process has it open."""
    with Catalog.open(catalog_url) as opened:
        yield opened


def test_a_stamp_stays_while_others_only_read(stored_catalog, other):
    before = stored_catalog.stamp()
    other.products()
    stored_catalog.products()
    assert stored_catalog.stamp() == before


def test_a_stamp_is_another_one_after_any_commit_and_of_whomever(stored_catalog, other):
    stamps = [stored_catalog.stamp()]
    for number, catalog in enumerate((stored_catalog, other, other)):
        catalog.policies.register_organization({"name": f"number {number}"}, ())
        stamps.append(stored_catalog.stamp())
    assert len({*stamps}) == 4


def test_a_token_that_another_process_revokes_is_not_known_any_more(stored_catalog, catalog_url):
    made = stored_catalog.tokens.create("ann", [Scope.READ], lasting=600)
    for _ in range(3):
        assert stored_catalog.tokens.known(made.secret).id == made.record.id
    subprocess.run(
        [sys.executable, "-c", CHANGING, catalog_url, made.record.id], cwd=ROOT, check=True
    )
    assert stored_catalog.tokens.known(made.secret) is None


def test_a_token_that_is_kept_expires_all_the_same(stored_catalog):
    made = stored_catalog.tokens.create("ann", [Scope.READ], lasting=1)
    assert stored_catalog.tokens.known(made.secret)
    before = stored_catalog.stamp()
    time.sleep(max(0.0, made.record.expires_at.timestamp() - time.time()) + 0.01)
    assert stored_catalog.stamp() == before
    assert stored_catalog.tokens.known(made.secret) is None


def test_within_a_request_the_catalog_is_asked_once_and_not_in_the_next(stored_catalog, other):
    kept: Unchanged[str, list[str]] = Unchanged(stored_catalog.stamp)

    def names() -> list[str]:
        return kept.get("", lambda: [stored_catalog.policies.organization()["name"]])

    stored_catalog.policies.register_organization({"name": "before"}, ())
    with one_moment():
        assert names() == ["before"]
        other.policies.register_organization({"name": "after"}, ())
        assert names() == ["before"]
    with one_moment():
        assert names() == ["after"]


def test_only_so_many_answers_are_kept(stored_catalog):
    asked = []
    kept: Unchanged[int, int] = Unchanged(stored_catalog.stamp, most=2)
    for number in (1, 2, 1, 3, 1, 2):
        kept.get(number, lambda number=number: asked.append(number) or number)
    assert asked == [1, 2, 3, 2]


def test_a_file_that_takes_the_catalog_s_place_is_seen(sqlite_url, tmp_path):
    with Catalog.open(sqlite_url) as catalog:
        made = catalog.tokens.create("ann", [Scope.READ], lasting=600)
        file = tmp_path / "state" / "catalog.db"
        catalog.close()
        shutil.copy(file, tmp_path / "copy.db")
        assert catalog.tokens.known(made.secret)
        with Catalog.open(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
            copy.tokens.revoke(made.record.id)
        catalog.close()
        (tmp_path / "copy.db").replace(file)
        assert catalog.tokens.known(made.secret) is None


def test_of_a_catalog_that_is_gone_nothing_is_believed_to_be_unchanged(sqlite_url, tmp_path):
    with Catalog.open(sqlite_url) as catalog:
        catalog.close()
        (tmp_path / "state" / "catalog.db").unlink()
        assert catalog.stamp() != catalog.stamp()

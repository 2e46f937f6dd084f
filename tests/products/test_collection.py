"""Domains are found in their folders; one that is broken breaks no other."""

import pytest

from mesh.errors import DefinitionError, ManifestError, MeshError, UnknownProductError
from mesh.naming import ProductId
from mesh.products.collection import domain_folders, load_domain, load_organization
from mesh.settings import load
from tests.products.small import MANIFEST, MODULE, module, write_mesh

pytestmark = pytest.mark.usefixtures("imports")
GOOD = {"things": module("things")}


def problems_of(root, text: str) -> list[str]:
    """What is wrong with a domain that has a good module and this one."""
    settings = write_mesh(root, {"shop": {**GOOD, "broken": text}})
    with pytest.raises(DefinitionError) as caught:
        load_domain(root / "domains" / "shop", settings)
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


def test_products_are_found_in_the_modules_of_their_domain(tmp_path):
    settings = write_mesh(
        tmp_path,
        {"shop": {**GOOD, "clients": module("clients")}, "fleet": {"vans": module("vans")}},
    )
    organization = load_organization(settings)
    assert list(organization.products) == ["fleet.vans_v1", "shop.clients_v1", "shop.things_v1"]
    assert organization.broken == ()
    assert organization.problems == ()
    product = organization.product("shop.things_v1")
    assert product.id == ProductId("shop", "things", 1)
    assert product.source == "domains/shop/products/things.py"
    assert product.description == "Things, as they come."
    assert product.transform().collect().to_dicts() == [{"id": 1}]


def test_a_mesh_may_have_no_domains_yet(tmp_path):
    organization = load_organization(write_mesh(tmp_path, {}))
    assert organization.domains == ()
    assert organization.products == {}


def test_a_product_is_found_without_its_major_and_guessed_when_misspelt(tmp_path):
    later = MODULE.format(name="things_v2", title="Things") + "\n"
    later = later.replace(
        "    id: int", "    class Config:\n        version = '2.0.0'\n\n    id: int"
    )
    settings = write_mesh(tmp_path, {"shop": {**GOOD, "things_v2": later}})
    organization = load_organization(settings)
    assert organization.product("shop.things").id.major == 2
    with pytest.raises(UnknownProductError) as caught:
        organization.product("shop.thing_v1")
    assert caught.value.near[0] == "shop.things_v1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def x(:\n", "domains/shop/products/broken.py:1: it cannot be imported: SyntaxError"),
        ("import nothing_there\n", "broken.py:1: it cannot be imported: ModuleNotFoundError"),
        ("\n\n1 / 0\n", "broken.py:3: it cannot be imported: ZeroDivisionError"),
        ("raise SystemExit(3)\n", "broken.py:1: it cannot be imported: SystemExit: 3"),
        ("import domains.shop.products.broken_too\n", "it cannot be imported: ModuleNotFound"),
        ("import mesh\nmesh.Freshness('soon')\n", "broken.py:2: it cannot be imported: ValueErr"),
        ("import mesh\nmesh.Feild()\n", "broken.py:2: it cannot be imported: AttributeError"),
        (
            "import mesh\nclass A(mesh.Contract):\n    a: int = mesh.Field(gee=1)\n",
            "it cannot be imported: SchemaInitError",
        ),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_a_module_that_cannot_be_imported_is_told_by_file_and_line(tmp_path, text, problem):
    (found,) = problems_of(tmp_path, text)
    assert problem in found


def test_a_missing_module_comes_with_what_to_do(tmp_path):
    settings = write_mesh(tmp_path, {"shop": {"broken": "import nothing_there\n"}})
    with pytest.raises(DefinitionError, match="install what provides 'nothing_there'"):
        load_domain(tmp_path / "domains" / "shop", settings)


def test_everything_wrong_with_a_domain_is_told_at_once(tmp_path):
    modules = {
        "first": "def x(:\n",
        "second": module("second").replace("def second()", "def second(other)"),
        "third": module("third").replace("key=True", "key=True, nullable=True"),
        "domain.yaml": MANIFEST.format(name="shop").replace("purpose", "porpuse"),
    }
    settings = write_mesh(tmp_path, {"shop": modules})
    with pytest.raises(DefinitionError) as caught:
        load_domain(tmp_path / "domains" / "shop", settings)
    whats = [problem.what.partition(":")[0] for problem in caught.value.problems]
    assert whats == [
        "it is missing",
        "unknown key 'porpuse'",
        "it cannot be imported",
        "parameter 'other' has no input",
        "a key column cannot be nullable",
    ]


def test_a_broken_domain_is_a_value_beside_the_others(tmp_path):
    settings = write_mesh(tmp_path, {"shop": GOOD, "fleet": {"vans": "1 / 0\n"}})
    organization = load_organization(settings)
    assert [domain.name for domain in organization.domains] == ["shop"]
    (broken,) = organization.broken
    assert broken.name == "fleet"
    assert "ZeroDivisionError" in broken.problems[0].what
    assert organization.domain("shop").name == "shop"
    with pytest.raises(DefinitionError, match="ZeroDivisionError"):
        organization.domain("fleet")
    with pytest.raises(MeshError, match="there is no domain 'zzz'"):
        organization.domain("zzz")


def test_a_mended_module_loads_the_next_time(tmp_path):
    settings = write_mesh(tmp_path, {"shop": {"things": "1 / 0\n"}})
    assert load_organization(settings).broken
    file = tmp_path / "domains" / "shop" / "products" / "things.py"
    file.write_text(module("things"), encoding="utf-8")
    assert list(load_organization(settings).products) == ["shop.things_v1"]


def test_a_product_that_is_declared_twice_is_told_with_both_places(tmp_path):
    (problem,) = problems_of(tmp_path, module("things"))
    assert problem == (
        "domains/shop/products/things.py: shop.things_v1 is declared twice: "
        "in domains/shop/products/broken.py and domains/shop/products/things.py"
    )


def test_a_product_under_a_second_name_or_imported_elsewhere_is_declared_once(tmp_path):
    modules = {
        "things": module("things") + "\nalias = things\n",
        "other": "from domains.shop.products.things import things\n",
    }
    organization = load_organization(write_mesh(tmp_path, {"shop": modules}))
    assert list(organization.products) == ["shop.things_v1"]


def test_domains_meet_the_list_of_the_organization(tmp_path):
    settings = write_mesh(tmp_path, {"shop": GOOD})
    listed = "name: A Mesh\ndomains: [fleet]\n"
    (tmp_path / "domains" / "organization.yaml").write_text(listed, encoding="utf-8")
    organization = load_organization(settings)
    assert [problem.what for problem in organization.problems] == [
        "domain 'fleet' has no folder",
        "domain 'shop' is not listed under domains",
    ]


def test_a_mesh_without_an_organization_is_told_what_is_missing(tmp_path):
    settings = write_mesh(tmp_path, {"shop": GOOD})
    (tmp_path / "domains" / "organization.yaml").unlink()
    with pytest.raises(ManifestError, match=r"organization\.yaml: there is no such file"):
        load_organization(settings)


def test_a_folder_is_a_domain_by_its_manifest_or_its_definitions(tmp_path):
    settings = write_mesh(tmp_path, {"shop": GOOD, "fleet": {}})
    home = tmp_path / "domains"
    (home / "fleet" / "domain.yaml").unlink()
    (home / "notes").mkdir()
    assert [folder.name for folder in domain_folders(settings)] == ["shop"]
    (home / "fleet" / "definitions.py").touch()
    assert [folder.name for folder in domain_folders(settings)] == ["fleet", "shop"]
    assert [broken.name for broken in load_organization(settings).broken] == ["fleet"]


def test_the_platforms_own_products_come_last_under_its_own_name(tmp_path):
    settings = write_mesh(tmp_path, {"shop": GOOD})
    products = tmp_path / "assets" / "products"
    products.mkdir(parents=True)
    (tmp_path / "assets" / "__init__.py").touch()
    (products / "__init__.py").touch()
    manifest = MANIFEST.format(name="platform")
    (tmp_path / "assets" / "domain.yaml").write_text(manifest, encoding="utf-8")
    organization = load_organization(settings)
    assert [domain.name for domain in organization.domains] == ["shop", "platform"]


def test_two_meshes_in_one_process_keep_their_own_domains(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for root, text in ((first, "1"), (second, "2")):
        root.mkdir()
        write_mesh(root, {"shop": {"things": module("things").replace("[1]", f"[{text}]")}})
    for root, expected in ((first, 1), (second, 2), (first, 1)):
        product = load_organization(load(root)).product("shop.things_v1")
        assert product.transform().collect().item() == expected

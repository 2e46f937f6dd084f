"""A manifest is read as it is meant, or every problem is told by its path and line."""

import pytest

from mesh.errors import ManifestError
from mesh.products.domain import DomainKind, read_domain, read_organization
from tests.products.small import MANIFEST

REFERENCE = "docs/reference/domain-yaml.md"
SHOP = MANIFEST.format(name="shop")


@pytest.fixture
def manifest(tmp_path):
    """Writes a `domain.yaml` into the folder of a domain called `shop`."""
    file = tmp_path / "shop" / "domain.yaml"
    file.parent.mkdir()

    def write(content):
        data = content if isinstance(content, bytes) else content.encode()
        file.write_bytes(data)
        return file

    return write


def problems_of(file) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read_domain(file)
    return [str(p).replace(str(file), "domain.yaml") for p in caught.value.problems]


def test_a_manifest_is_read_as_it_is_written(manifest):
    found = read_domain(manifest(SHOP + "title: The Shop\nterms: {usage: Free.}\n"))
    assert found.name == "shop"
    assert found.kind is DomainKind.SOURCE_ALIGNED
    assert found.team.product_owner.email == "ada@example.com"
    assert found.terms.usage == "Free."
    assert found.contact.channel == ""
    assert found.team.members == ()


def test_an_unknown_key_is_told_with_the_one_that_was_meant_and_its_line(manifest):
    text = SHOP.replace("data_steward", "data_stewart") + "purpos: twice\n"
    assert [problem.splitlines() for problem in problems_of(manifest(text))] == [
        ["domain.yaml:4: team.data_steward: it is missing", f"  try: see {REFERENCE}"],
        [
            "domain.yaml:8: team.data_stewart: unknown key 'data_stewart'",
            "  try: did you mean data_steward?",
        ],
        ["domain.yaml:10: purpos: unknown key 'purpos'", "  try: did you mean purpose?"],
    ]


def test_an_unknown_key_that_is_like_none_is_told_with_those_that_there_are(manifest):
    (problem,) = problems_of(manifest(SHOP + "zzz: 1\n"))
    assert problem.endswith("try: keys are name, title, purpose, kind, team, contact, terms")


def test_an_unknown_key_deep_inside_is_told_with_its_own_neighbours(manifest):
    text = SHOP.replace("{name: Cleo,", "{name: Cleo, emial: x,")
    assert problems_of(manifest(text)) == [
        "domain.yaml:8: team.data_steward.emial: unknown key 'emial'\n  try: did you mean email?"
    ]


def test_a_member_is_told_by_its_place_in_the_list(manifest):
    text = SHOP.replace(
        "contact:",
        "  members:\n    - {name: Di, email: di@example.com}\n    - {nmae: Ed}\ncontact:",
    )
    found = problems_of(manifest(text))
    assert {problem.partition(" ")[0] for problem in found} == {"domain.yaml:11:"}
    assert "team.members.1.nmae: unknown key 'nmae'\n  try: did you mean name?" in found[-1]


def test_everything_that_is_missing_is_told_at_once(manifest):
    found = problems_of(manifest("name: shop\n"))
    assert [problem.split(": ")[1] for problem in found] == ["purpose", "kind", "team", "contact"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("source-aligned", "data-mart", "kind: Input should be 'source-aligned', 'aggregate' or"),
        ("ada@example.com", "ada", "team.product_owner.email: String should match pattern"),
        ("ada@example.com", "ada@example.com\\n@", "team.product_owner.email: String should"),
        ("Tries things out.", "[1, 2]", "purpose: Input should be a valid string, found '[1, 2]'"),
        ("Tries things out.", "''", "purpose: String should have at least 1 character, found ''"),
        ("Tries things out.", "2013-01-01", "purpose: Input should be a valid string, found"),
        ("name: The Team", "name: 5", "team.name: Input should be a valid string, found '5'"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_found(manifest, old, new, problem):
    (found,) = problems_of(manifest(SHOP.replace(old, new)))
    assert problem in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is not a mapping of keys to values"),
        ("- a\n- b\n", "it is not a mapping of keys to values"),
        ("just text", "it is not a mapping of keys to values"),
        ("name: [", "it cannot be read: while parsing"),
        ("a: b: c", "it cannot be read: mapping values are not allowed here"),
        ("a: \t1\n\tb: 2", "it cannot be read: "),
        ("name: shop\nname: other\n", "key 'name' is there twice"),
        ("a: {x: 1, x: 2}\n", "key 'x' is there twice"),
        ("? [a, b]\n: 1\n", "a key must be a plain value"),
        ("a: &x [1]\nb: *x\n", "aliases are not used in manifests"),
        ("a: &a [*a]\n", "aliases are not used in manifests"),
        ("a: !!python/object/apply:os.system [ls]\n", "is not used in manifests"),
        ("a: 2013-13-45\n", "it cannot be read: month must be in 1..12"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
        ("a: \x00\n", "special characters are not allowed"),
        ("[" * 50_000, "it is nested too deeply"),
        ("{" * 50_000, "it is nested too deeply"),
    ],
    ids=ascii,
)
def test_what_is_no_plain_yaml_is_told(manifest, text, problem):
    (found,) = problems_of(manifest(text))
    assert problem in found


@pytest.mark.parametrize(
    "data", [b"name: \xff\xfe", SHOP.encode("utf-16")], ids=["latin", "utf-16"]
)
def test_a_file_that_is_not_utf_8_is_told(manifest, data):
    (problem,) = problems_of(manifest(data))
    assert "it cannot be read" in problem


def test_a_mark_at_the_start_of_the_file_does_not_matter(manifest):
    assert read_domain(manifest(b"\xef\xbb\xbf" + SHOP.encode())).name == "shop"


def test_a_file_of_ten_megabytes_is_not_read(manifest):
    (problem,) = problems_of(manifest(SHOP + "# " + "x" * 10_000_000))
    assert problem == "domain.yaml: it is larger than 1,000,000 bytes"


def test_a_file_that_is_not_there_is_told_with_what_writes_one(tmp_path):
    (problem,) = problems_of(tmp_path / "domain.yaml")
    assert problem.endswith("there is no such file\n  try: `mesh new domain NAME` writes one")


def test_a_folder_in_its_place_is_told(tmp_path):
    (tmp_path / "domain.yaml").mkdir()
    (problem,) = problems_of(tmp_path / "domain.yaml")
    assert "it cannot be read" in problem


def test_the_name_is_the_folders(manifest):
    (problem,) = problems_of(manifest(SHOP.replace("name: shop", "name: store")))
    assert problem.startswith("domain.yaml: name: name is 'store', the folder is 'shop'")


@pytest.mark.parametrize("name", ["../shop", "Shop", "select", "shop; DROP TABLE x", "größe"])
def test_a_hostile_name_is_refused(manifest, name):
    found = problems_of(manifest(SHOP.replace("name: shop", f"name: '{name}'", 1)))
    assert "domain.yaml: name: " in found[0]


def test_an_organization_is_read_the_same_way(tmp_path):
    file = tmp_path / "organization.yaml"
    file.write_text("name: A Mesh\ndomains: [shop, fleet]\n", encoding="utf-8")
    assert read_organization(file).domains == ("shop", "fleet")
    file.write_text("name: A Mesh\ndomain: [shop]\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="did you mean domains"):
        read_organization(file)

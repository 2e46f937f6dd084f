"""Repositories that share a catalog share one organisation, and none overwrites another's."""

import pytest

from mesh.products.policy_files import PolicyFile

RULES = [
    PolicyFile("domains/policies/b.cedar", "permit (principal, action, resource);"),
    PolicyFile("domains/policies/a.cedar", "forbid (principal, action, resource);"),
]
PEOPLE = [{"name": "Guest", "email": "guest@example.com", "roles": ["analyst"]}]


def of(*domains, **said):
    return {"name": "A Mesh", "domains": ["platform", *domains], "contact": None, **said}


def told(catalog):
    """What the catalog says, and of which policies."""
    files = [(file.source, file.text) for file in catalog.policies.files()]
    return catalog.policies.organization(), files


@pytest.fixture
def shared(catalog):
    """A catalog to which a repository with two domains told its organisation."""
    made = of("weather", "fleet", people=PEOPLE)
    assert catalog.policies.register_organization(made, RULES) == []
    return catalog


@pytest.mark.parametrize(
    ("manifest", "policies"),
    [
        (of("shop"), RULES),
        (of("shop", people=PEOPLE), RULES[:1]),
        (of("shop", people=PEOPLE), [RULES[0], PolicyFile(RULES[1].source, "permit ();")]),
    ],
    ids=["people", "fewer-policies", "other-policies"],
)
def test_another_repository_does_not_change_what_it_says_otherwise(shared, manifest, policies):
    before, digest = told(shared), shared.policies.digest()
    assert shared.policies.others(manifest, policies) == ["fleet", "weather"]
    assert shared.policies.register_organization(manifest, policies) == ["fleet", "weather"]
    assert (told(shared), shared.policies.digest()) == (before, digest)


def test_another_repository_that_says_the_same_is_fine_and_changes_nothing(shared):
    before = told(shared)
    same = of("shop", people=PEOPLE, services=[])
    assert shared.policies.others(same, RULES[::-1]) == []
    assert shared.policies.register_organization(same, RULES[::-1]) == []
    assert told(shared) == before


def test_the_same_repository_changes_what_it_says_and_which_domains_it_has(shared):
    renamed = of("fleet", "skies")
    assert shared.policies.register_organization(renamed, []) == []
    assert told(shared) == (renamed, [])
    assert shared.policies.register_organization(of("skies"), RULES) == []
    assert len(told(shared)[1]) == 2


def test_a_repository_without_domains_holds_no_organization(catalog):
    catalog.policies.register_organization(of(), RULES)
    assert catalog.policies.register_organization(of("shop"), []) == []
    assert told(catalog) == (of("shop"), [])


def test_who_says_that_it_is_theirs_takes_it(shared):
    assert shared.policies.take_organization(of("shop"), []) == []
    assert told(shared) == (of("shop"), [])
    assert shared.policies.register_organization(of("weather"), RULES) == ["shop"]
    digest = shared.policies.digest()
    shared.policies.take_organization(of("shop"), [])
    assert shared.policies.digest() == digest


def test_the_policies_of_domains_are_their_own(shared):
    files = shared.policies.files()
    shared.policies.register_organization(of("shop"), [])
    assert shared.policies.files() == files

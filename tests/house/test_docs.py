"""Prose is tested: what the documents name is there, and what is generated is up to date."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache

import pytest

from tests.house import reference
from tests.house.repository import ROOT, documents, text

INVENTED = ("domains/sales", "tests/domains/sales", "dbt_project/models/sales")
"""The domain that the guides write together with the reader."""

PATH = re.compile(
    r"(?:mesh|domains|assets|dbt_project|tests|benchmarks|docs|\.ci)/[\w./*-]*|"
    r"[A-Z]+\.md|Makefile|workspace\.yaml|pyproject\.toml|requirements\.lock|LICENSE"
)


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_the_reference_says_what_the_code_says(name):
    written = (reference.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "run `make docs`"


def test_the_reference_holds_only_what_is_generated():
    found = {path.stem for path in reference.FOLDER.glob("*.md")} - {"README"}
    assert found == set(reference.PAGES)


@pytest.mark.parametrize("document", documents())
def test_every_path_that_a_document_names_exists(document):
    for quoted in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", without_code(text(document))):
        if PATH.fullmatch(quoted) and not quoted.startswith(INVENTED):
            found = list(ROOT.glob(quoted.rstrip("/")))
            assert found, f"{document} names {quoted}, which is not there"


@pytest.mark.parametrize("document", documents())
def test_every_relative_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text(document))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), f"{document} links to {target}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{document}: {target}"


@pytest.mark.parametrize("document", documents())
def test_every_python_snippet_is_python(document):
    for snippet in re.findall(r"^```python\n(.*?)^```", text(document), re.DOTALL | re.MULTILINE):
        if not document.startswith("docs/reference/"):
            ast.parse(snippet)


@pytest.mark.parametrize("document", documents())
def test_every_command_that_a_document_names_is_one(document):
    for line in command_lines(text(document)):
        words = line.split()
        if words[0] == "make":
            targets = [word for word in words[1:] if re.fullmatch(r"[a-z]+", word)]
            assert set(targets) <= make_targets(), f"{document}: {line}"
        else:
            assert is_command(words[1:]), f"{document}: {line}"


def test_the_changelog_begins_with_what_is_not_released():
    headings = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


def test_decisions_are_numbered_without_gaps():
    names = sorted(path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        body = text(f"docs/adr/{name}")
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in body, f"docs/adr/{name} has no {heading}"


def without_code(body: str) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", body, flags=re.DOTALL | re.MULTILINE)


def anchors(body: str) -> set[str]:
    """What a link can point at: the headings, as their slugs."""
    headings = re.findall(r"^#+ (.+)$", without_code(body), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


def command_lines(body: str) -> Iterator[str]:
    """Every `mesh …` and `make …` that a document shows or quotes."""
    quoted = re.findall(r"(?<!`)`((?:mesh|make) [^`\n]+)`(?!`)", without_code(body))
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", body, re.DOTALL | re.MULTILINE)
    shown = [line.removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]
    for line in [*quoted, *shown]:
        for part in re.split(r"&&|\|(?!\w)|;", line):
            words = part.strip().removeprefix(".venv/bin/")
            if words.startswith(("mesh ", "make ")):
                yield words.partition(" #")[0]


@cache
def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))


@cache
def commands() -> dict[str, list[str]]:
    """Every command with the options that it knows."""
    import typer

    from mesh.cli import app

    return {
        path: [name for item in command.params for name in [*item.opts, *item.secondary_opts]]
        for path, command in reference.walk(typer.main.get_command(app), "mesh")
    }


def is_command(words: list[str]) -> bool:
    """Whether `mesh` knows these words: its command, and every long option."""
    known = commands()
    path = "mesh"
    while words and f"{path} {words[0]}" in known:
        path = f"{path} {words.pop(0)}"
    is_group = any(other.startswith(f"{path} ") for other in known)
    if is_group and words and re.fullmatch(r"[a-z]+", words[0]):
        return False
    options = [re.split(r"[=\]]", word.lstrip("["))[0] for word in shell_words(words)]
    long = {word for word in options if word.startswith("--")} - {"--help"}
    return long <= {*known[path], *known["mesh"]}


def shell_words(words: list[str]) -> list[str]:
    """Words as a shell would split them; as they are when quotes do not close."""
    try:
        return shlex.split(" ".join(words))
    except ValueError:
        return words

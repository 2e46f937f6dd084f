"""The tests of every product: that its function takes sampled inputs, that its rules bite.

Owns what the tests are called and what makes them fail. Loaded only when the mesh's tests are asked
for; what pytest calls is `testing.plugin`.
"""

from __future__ import annotations

import fnmatch
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mesh.contracts.model import Rule
from mesh.errors import MeshError, SamplingError, TransformError
from mesh.products.collection import BrokenDomain, Organization, load_organization
from mesh.products.declaration import DataProduct
from mesh.settings import Settings
from mesh.testing.breaking import broken_by
from mesh.testing.sampling import Samples
from mesh.testing.trying import tried

NOTE = "mesh"
"""The user property in which a test says what is shown at the end of the run."""


@dataclass(frozen=True)
class TestedMesh:
    """The mesh under test: its settings and products, their samples, and what pytest was told."""

    settings: Settings
    organization: Organization
    samples: Samples
    strict: Sequence[str]
    is_with_sql: bool

    @classmethod
    def of(cls, settings: Settings, config: pytest.Config) -> TestedMesh:
        """Load it. Raises ManifestError."""
        organization = load_organization(settings)
        columns = {
            name: config.hook.pytest_mesh_columns(product=name) or {}
            for name in organization.products
        }
        return cls(
            settings=settings,
            organization=organization,
            samples=Samples(known=organization, columns=columns),
            strict=config.getini("mesh_strict"),
            is_with_sql=bool(config.getoption("mesh_sql")),
        )

    def items(self, session: pytest.Session) -> Iterator[pytest.Item]:
        """Every test, product by product; each product is told of as pytest tells of a file."""
        for broken in self.organization.broken:
            yield from _Node.of(session, broken.folder, self, broken).told()
        for product in self.organization.products.values():
            path = self.settings.root / product.source
            yield from _Node.of(session, path, self, product).told()


class _Node(pytest.Collector):
    """One product, or one domain that does not load."""

    mesh: TestedMesh
    about: DataProduct | BrokenDomain

    @classmethod
    def of(
        cls,
        session: pytest.Session,
        path: Path,
        mesh: TestedMesh,
        about: DataProduct | BrokenDomain,
    ) -> _Node:
        name = about.name if isinstance(about, BrokenDomain) else str(about.id)
        node: _Node = cls.from_parent(session, name=name, nodeid=name, path=path)
        node.mesh, node.about = mesh, about
        return node

    def told(self) -> list[pytest.Item]:
        """Its tests, which pytest counts from now on."""
        found = self.collect()
        report = pytest.CollectReport(self.nodeid, "passed", None, list(found))
        self.ihook.pytest_collectreport(report=report)
        return found

    def collect(self) -> list[pytest.Item]:
        """Its tests."""
        about = self.about
        if isinstance(about, BrokenDomain):
            return [_DomainTest.made(self, "can_be_loaded", about)]
        found = []
        if about.inputs and (about.engine == "python" or self.mesh.is_with_sql):
            found.append(_InputsTest.made(self, "accepts_sampled_inputs", about))
        rules = (rule for rule in about.contract.rules if not _says_nothing(rule))
        return [
            *found,
            *(_RuleTest.made(self, f"rule[{rule.text}]", about, rule) for rule in rules),
        ]


def _says_nothing(rule: Rule) -> bool:
    """Whether no data could break it, as it says itself: `at least 0 rows`."""
    bounds = rule.arguments if rule.check == "row_count" else {"at_least": 1}
    return not bounds["at_least"] and bounds.get("at_most") is None


class _MeshTest(pytest.Item):
    """One test of a product."""

    @classmethod
    def made(cls, node: _Node, name: str, *about: Any) -> pytest.Item:
        item = cls.from_parent(node, name=name)
        item.mesh, item.about = node.mesh, about
        return item

    mesh: TestedMesh
    about: tuple[Any, ...]

    def note(self, text: str) -> None:
        """Say something that is shown at the end of the run, and fails nothing."""
        self.user_properties.append((NOTE, text))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is declared, and what it is called."""
        return self.path, None, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is wrong, in Mesh's words; a domain's own error with where it was raised."""
        error = excinfo.value
        if isinstance(error, TransformError) and error.__cause__ is not None:
            return "".join(traceback.format_exception(error.__cause__)) + f"\n{error}"
        if isinstance(error, SamplingError):
            return f"{error}\n  or give them to every test: pytest_mesh_columns in conftest.py"
        return str(error) if isinstance(error, MeshError) else super().repr_failure(excinfo, style)


class _DomainTest(_MeshTest):
    """A domain that does not load has no products to test: that is told as a failure."""

    def runtest(self) -> None:
        """Fail with what is wrong."""
        (domain,) = self.about
        raise domain.error


class _InputsTest(_MeshTest):
    """The function is called with samples of its inputs; columns and types have to be right.

    Broken rules are told at the end: made-up inputs need not make sense together. They fail where
    the product is named in `mesh_strict`.
    """

    def runtest(self) -> None:
        """Call it, and ask the gate."""
        (product,) = self.about
        found = tried(product, self.mesh.samples, self.mesh.settings)
        if found.verdict.differences:
            pytest.fail(found.verdict.describe(str(product.id)), pytrace=False)
        if not found.broken:
            return
        text = "\n".join(f"{product.id}: {line}" for line in found.broken)
        if any(fnmatch.fnmatchcase(str(product.id), name) for name in self.mesh.strict):
            pytest.fail(text, pytrace=False)
        self.note(text)


class _RuleTest(_MeshTest):
    """The gate finds rows that break a rule, and no other rule broken but what has to be."""

    def runtest(self) -> None:
        """Break it."""
        product, rule = self.about
        name = str(product.id)
        order = self.mesh.samples.order(product, columns=self.mesh.samples.columns.get(name, {}))
        found = broken_by(order, rule)
        if found is None:
            pytest.skip(
                f"no rows were found that break `{rule.text}`: pytest_mesh_columns gives some"
            )
        if found.implied:
            others = ", ".join(f"`{item.text}`" for item in found.implied)
            self.note(f"{name}: `{rule.text}` is broken only together with {others}")

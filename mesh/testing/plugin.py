"""What pytest loads: `pytest --mesh` tests every product of the mesh, with no code.

Owns the options, and nothing else: without `--mesh`, or `mesh = true` among pytest's settings, no
more than this module is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mesh.settings import Settings


class Hooks:
    """What a mesh's `conftest.py` may say."""

    @pytest.hookspec(firstresult=True)
    def pytest_mesh_columns(self, product: str) -> Mapping[str, Any] | None:
        """Values of columns that samples of a product take: as `columns=` of `mesh.testing.sample`.

        None, or nothing at all, for products whose columns are made up from their rules.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let conftest files give values of columns."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the settings in pytest's own configuration."""
    group = parser.getgroup("mesh", "data products")
    group.addoption(
        "--mesh",
        action="store_true",
        help="test every data product: that it accepts sampled inputs, that its rules bite",
    )
    group.addoption(
        "--mesh-sql",
        action="store_true",
        help="with --mesh, build SQL products from sampled inputs, too: about 5 s each",
    )
    parser.addini(
        "mesh",
        "test every data product whenever pytest is told no files",
        type="bool",  # type: ignore[maybe-unrecognized-str-typeform]
        default=False,
    )
    parser.addini(
        "mesh_strict",
        "products, such as sales.*, that must keep every rule on sampled inputs",
        type="linelist",  # type: ignore[maybe-unrecognized-str-typeform]
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Decide once whether the mesh is tested: a worker of pytest-xdist is told, and asks nobody."""
    if config.getini("mesh") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.option.mesh = _settings(config) is not None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests of every product, before `-k` and others choose among all tests."""
    if not (config.getoption("mesh") or config.getoption("mesh_sql")):
        return
    settings = _settings(config)
    if settings is None:
        message = f"there is no mesh here: {config.rootpath} has no domains/organization.yaml"
        raise pytest.UsageError(message)
    from mesh.testing.collecting import TestedMesh

    items.extend(TestedMesh.of(settings, config).items(session))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests found that fails nothing."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    notes = [
        text
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == "mesh"
    ]
    if notes:
        terminalreporter.section("data products on samples")
        for line in notes:
            terminalreporter.write_line(line)


def _settings(config: pytest.Config) -> Settings | None:
    """The settings of the mesh that pytest's folder lies in; None where there is none."""
    from mesh.settings import find_root, load

    settings = load(find_root(config.rootpath))
    folder = settings.path(settings.domains)
    return settings if (folder / "organization.yaml").is_file() else None

"""Telling Dagster of a run, beside the run itself.

Owns when Dagster is imported, which takes seconds: on a thread of its own, while products run. A
run stands whether or not Dagster hears of it, so that what goes wrong here is a warning.
"""

from __future__ import annotations

import importlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from mesh.orchestration.running import RunSummary
    from mesh.products.collection import Organization
    from mesh.settings import Settings

_MODULE = "mesh.orchestration.reporting"


class Reporter:
    """Reports one run to Dagster's instance; does nothing when that is not wanted."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mesh-report") if is_wanted else None
        self._module: Future[Any] | None = None

    def __enter__(self) -> Self:
        """Begin to import Dagster."""
        if self._pool is not None:
            self._module = self._pool.submit(importlib.import_module, _MODULE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the thread go."""
        if self._pool is not None:
            self._pool.shutdown(wait=error is None, cancel_futures=True)

    def report(self, settings: Settings, organization: Organization, summary: RunSummary) -> None:
        """Tell Dagster what became of each product; warn when that fails."""
        if self._pool is None or self._module is None:
            return
        if (error := self._module.exception()) is None:
            report = self._module.result().report_outcomes
            error = self._pool.submit(report, settings, organization, summary).exception()
        if error is not None:
            from mesh.cli.console import one_line, warn

            reason = one_line(str(error)) or type(error).__name__
            warn(f"warning: Dagster was not told of this run: {type(error).__name__}: {reason}")

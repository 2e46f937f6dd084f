"""Lines about a run while it goes on.

Owns what is seen between the first product and the last: on a terminal, the products under way with
a clock below the lines of those that are done; elsewhere only the lines.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from mesh.catalog.receipts import Receipt, Refusal
from mesh.cli import console
from mesh.orchestration.running import Blocked, Finished, Started

if TYPE_CHECKING:
    from mesh.orchestration.running import RunEvent, RunOutcome

_STYLES = {"published": "green", "unchanged": "dim", "blocked": "yellow"}


class Progress:
    """Prints a line for every product that starts and finishes; called with the run's events."""

    def __init__(self, products: int, *, is_error: bool) -> None:
        self._console = console.stderr() if is_error else console.stdout()
        self._is_live = self._console.is_terminal
        self._products = products
        self._finished = 0
        self._width = len(str(products))
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._is_live,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Begin to show what is under way."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the lines of what is done."""
        self.stop()

    def stop(self) -> None:
        """Show no more what is under way."""
        self._bars.stop()

    def __call__(self, event: RunEvent) -> None:
        """Tell of one event."""
        name = str(event.product.id)
        if isinstance(event, Started):
            self._start(name)
        else:
            self._finish(name, event)

    def _start(self, name: str) -> None:
        if self._is_live:
            self._tasks[name] = self._bars.add_task(name, total=None)
        else:
            self._line("", f"started    {name}", "")

    def _finish(self, name: str, event: Finished) -> None:
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))
        self._finished += 1
        word = outcome_word(event.outcome)
        number = f"{self._finished}/{self._products}"
        text = f"{word:<10} {name}{_details(event)}"
        self._line(number, text, outcome_style(event.outcome))

    def _line(self, number: str, text: str, style: str) -> None:
        # Plain lines may be read by a program, and should be there when they happen.
        self._console.print(
            Text(f"{number:>{2 * self._width + 1}} {console.visible(text)}", style=style)
        )
        self._console.file.flush()


def outcome_word(outcome: RunOutcome) -> str:
    """What became of a product, in one word."""
    if isinstance(outcome, Receipt):
        return "unchanged" if outcome.is_repeated else "published"
    if isinstance(outcome, Refusal):
        return "refused"
    return "blocked" if isinstance(outcome, Blocked) else "failed"


def outcome_style(outcome: RunOutcome) -> str:
    """How that word is shown."""
    return _STYLES.get(outcome_word(outcome), "bold red")


def _details(event: Finished) -> str:
    outcome = event.outcome
    if isinstance(outcome, Blocked):
        return f" by {', '.join(outcome.by)}"
    rows = ""
    if isinstance(outcome, Receipt):
        rejected = f", {outcome.rows_rejected:,} rejected" if outcome.rows_rejected else ""
        deleted = f", {outcome.rows_deleted:,} deleted" if outcome.rows_deleted else ""
        rows = f": {console.count(outcome.rows_accepted, 'row')}{rejected}{deleted}"
    return f"{rows} ({event.seconds:.1f} s)"

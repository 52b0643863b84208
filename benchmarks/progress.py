"""Progress of a run on standard error: a bar in a terminal, one line for each phase elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.status import Status


def waiting(what: str) -> Status:
    """Return a context that shows what is being waited for, in a terminal only."""
    return Console(file=sys.stderr).status(what)


class ProgressBar:
    """A watcher of `benchmarks.runner.Runner`, used as a context manager."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._bars = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[what]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._phase: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, phase: str, total: int) -> None:
        """Show a new phase of that many units."""
        if self._bars.disable:
            self._console.print(f"{phase}: {total} to do", highlight=False)
        self._phase = self._bars.add_task(phase, total=total, what="")

    def advance(self, what: str) -> None:
        """Count one unit and say what it was."""
        if self._phase is not None:
            self._bars.update(self._phase, advance=1, what=what)

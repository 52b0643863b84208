"""What all commands share: errors and interruptions become one line and an exit code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

INTERRUPTED = 130


def _project_error() -> type[Exception]:
    """Return the project's base error; evaluated only once something was raised."""
    from implementations.errors import VersusError

    return VersusError


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Take the signal of `kill` for a Ctrl-C, unless it is ignored or handled already."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Commands(click.Group):
    """Turns the project's errors, and an interruption, into one line on standard error and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        """Run the chosen command."""
        try:
            with _ended_as_by_ctrl_c():
                return super().invoke(context)
        except _project_error() as error:
            click.echo(f"versus: {error}", err=True)
            context.exit(2)
        except OSError as error:  # wherever something is written, be it to standard output
            from benchmarks.store import FULL

            if error.errno not in FULL:
                raise
            what = error.filename or "a disk"
            click.echo(f"versus: {what}: expected space, got {error.strerror}; free some", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("versus: interrupted", err=True)
            context.exit(INTERRUPTED)

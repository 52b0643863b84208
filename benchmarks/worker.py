"""A worker: the child process that holds one contender, and the parent's handle on it.

The child is the only place where a framework is imported. Parent and child talk over a pipe of their own:
a command is `(name, arguments)`, an answer `(kind, content)` with kind `ready`, `alive`, `done`, `refused`
(an error of this project, in its parts) or `error`.
Whatever the child writes to its standard streams goes to a log file and cannot disturb the conversation.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from implementations.errors import VersusError

CAN_FREEZE = hasattr(signal, "SIGSTOP")
"""Whether idle workers can be stopped while another one is timed (POSIX)."""

START_SECONDS = 60.0
"""How long an interpreter may take to start."""

Alive = Callable[[], None]


class WorkerFailed(VersusError):
    """A worker that died, hung, or could not do what it was asked."""


class Worker:
    """Parent's handle on one child process.

    Parameters
    ----------
    contender
        Name for messages.
    environment
        The child's whole environment.
    log
        File for the child's standard output and error.
    timeout
        Seconds of silence after which the child is killed.
    """

    def __init__(self, contender: str, environment: dict[str, str], log: Path, timeout: float) -> None:
        from multiprocessing import Pipe

        self.contender = contender
        self._log, self._timeout = log, timeout
        self._pipe, child_end = Pipe()
        began = time.perf_counter()
        with log.open("ab") as stream:
            # -P keeps the working directory off the import path: a folder called `torch` there must not win
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "benchmarks.worker", str(child_end.fileno())],
                env=environment,
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers in order
            )
        child_end.close()
        self._answer("start", min(timeout, START_SECONDS), None)
        self.spawn_seconds = time.perf_counter() - began

    def call(self, command: str, *, on_alive: Alive | None = None, **arguments: Any) -> Any:
        """Have the child do something and return its result.

        Raises
        ------
        WorkerFailed
            If the child raised, died, or was silent for longer than the timeout (it is killed then).
        """
        try:
            self._pipe.send((command, arguments))
        except OSError as error:
            raise self._died(command) from error
        return self._answer(command, self._timeout, on_alive)

    def freeze(self) -> None:
        """Stop the child, so that its idle threads take no time from whoever is being timed."""
        self._signal("SIGSTOP")

    def thaw(self) -> None:
        """Let the child go on."""
        self._signal("SIGCONT")

    def close(self) -> None:
        """End the child, at once if it is busy or frozen."""
        self._pipe.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _signal(self, name: str) -> None:
        if CAN_FREEZE and self._process.poll() is None:
            os.kill(self._process.pid, getattr(signal, name))

    def _answer(self, command: str, timeout: float, on_alive: Alive | None) -> Any:
        while True:
            try:
                if not self._pipe.poll(timeout):
                    self._process.kill()
                    raise WorkerFailed(
                        f"worker of {self.contender}, {command}",
                        expected=f"a sign of life within {timeout:g} s",
                        got="none; it was ended",
                        action=f"see {self._log}, or raise timeout_seconds in the suite",
                    )
                kind, content = self._pipe.recv()
            except (EOFError, OSError) as error:
                raise self._died(command) from error
            if kind == "refused":
                raise WorkerFailed(**content)
            if kind == "error":
                raise WorkerFailed(
                    f"worker of {self.contender}, {command}",
                    expected="a result",
                    got=content,
                    action=f"see {self._log}",
                )
            if kind != "alive":
                return content
            if on_alive:
                on_alive()

    def _died(self, command: str) -> WorkerFailed:
        self._process.kill()
        code = self._process.wait()
        ending = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return WorkerFailed(
            f"worker of {self.contender}, {command}",
            expected="a result",
            got=f"its process ended with {ending}",
            action=f"see {self._log}",
        )


def serve(pipe: Connection) -> None:
    """Answer commands until the parent closes the pipe."""
    from benchmarks.measures import COMMANDS

    session: dict[str, Any] = {}
    pipe.send(("ready", None))
    while True:
        try:
            command, arguments = pipe.recv()
        except EOFError:
            return
        try:
            content = COMMANDS[command](session, lambda: pipe.send(("alive", None)), **arguments)
        except VersusError as error:
            pipe.send(("refused", vars(error)))
        except Exception as error:  # noqa: BLE001  whatever a framework raises must reach the parent, not end the worker
            traceback.print_exc()
            pipe.send(("error", f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"))
        else:
            pipe.send(("done", content))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))

"""A worker: the child process that holds one contender, and the parent's handle on it.

The child is the only place where a framework is imported. Parent and child talk over a pipe of their own:
a command is `(name, arguments)`, an answer `(kind, content)` with kind `ready`, `alive`, `done`, `refused`
(an error of this project, in its parts), `full` (a disk) or `error`.
Whatever the child writes to its standard streams goes to a log file and cannot disturb the conversation.

A child never outlives its parent, not even frozen: on Linux the kernel kills it when the thread that started
it ends, so one thread that ends with the parent starts them all. Elsewhere it ends when it finds the pipe
closed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

from implementations.errors import VersusError

CAN_FREEZE = hasattr(signal, "SIGSTOP")
"""Whether idle workers can be stopped while another one is timed (POSIX)."""

START_SECONDS = 60.0
"""How long an interpreter may take to start."""
PROTOCOL = 4
"""What parent and child can say to each other; a child from another checkout may know less."""
LOOK_SECONDS = 1.0
"""How often the parent looks at a busy child's memory."""
_PR_SET_PDEATHSIG = 1

Alive = Callable[[], None]


class WorkerFailed(VersusError):
    """A worker that died, hung, or could not do what it was asked."""


class WorkerDied(WorkerFailed):
    """A worker whose process ended by itself: perhaps by no fault of what it was asked to do."""


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
    python
        The interpreter, by default this one.
    memory_bytes
        Resident memory above which the child is killed, or None.

    Attributes
    ----------
    spawn_seconds, interpreter_seconds
        How long the system took to start the process, and then the interpreter, until it could answer.
    """

    def __init__(
        self,
        contender: str,
        environment: dict[str, str],
        log: Path,
        timeout: float,
        python: str = sys.executable,
        memory_bytes: int | None = None,
    ) -> None:
        from multiprocessing import Pipe

        self.contender = contender
        self._log, self._timeout, self._memory_bytes = log, timeout, memory_bytes
        self._pipe, child_end = Pipe()
        self._looked = time.monotonic()
        began = time.perf_counter()
        with _appended(log) as stream:
            # -P keeps the working directory off the import path: a folder called `torch` there must not win
            start = _starter().submit(
                subprocess.Popen,
                [python, "-P", "-m", "benchmarks.worker", str(child_end.fileno()), str(os.getpid())],
                env=environment,
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers in order
            )
            self._process = start.result()
        self.spawn_seconds = time.perf_counter() - began
        child_end.close()
        try:
            protocol = self._answer("start", min(timeout, START_SECONDS), None)
            if protocol != PROTOCOL:
                raise WorkerFailed(
                    f"worker of {contender}",
                    expected=f"protocol {PROTOCOL}",
                    got=f"protocol {protocol or 1}",
                    action="the other checkout is too old or too new to take turns with this one",
                )
        except BaseException:
            self.close()
            raise
        self.interpreter_seconds = time.perf_counter() - began - self.spawn_seconds

    def call(self, command: str, *, on_alive: Alive | None = None, **arguments: Any) -> Any:
        """Have the child do something and return its result.

        Raises
        ------
        WorkerFailed
            If the child raised, died, or was silent for longer than the timeout (it is killed then).
        StoreError
            If it found no space on a disk.
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
        self._kill()
        self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _signal(self, name: str) -> None:
        # not its group: what it has started would stay stopped for ever if the parent were killed
        if CAN_FREEZE and self._process.poll() is None:
            os.kill(self._process.pid, getattr(signal, name))

    def _kill(self) -> None:
        """End the child and whatever it has started, such as processes that compile for it."""
        if not CAN_FREEZE:
            self._process.kill()
        elif self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):  # macOS, of one that has just ended
                os.killpg(self._process.pid, signal.SIGKILL)

    def _answer(self, command: str, timeout: float, on_alive: Alive | None) -> Any:
        while True:
            try:
                self._wait(command, timeout)
                kind, content = self._pipe.recv()
            except (EOFError, OSError) as error:
                raise self._died(command) from error
            if kind == "refused":
                raise WorkerFailed(**content)
            if kind == "full":
                from benchmarks.store import unwritable

                raise unwritable(f"worker of {self.contender}, {command}", OSError(*content))
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

    def _wait(self, command: str, timeout: float) -> None:
        """Wait for something to read; kill the child if nothing comes, or if it takes too much memory.

        A child that talks all the time is looked at as often as one that is silent.
        """
        deadline = time.monotonic() + timeout
        while True:
            due = self._looked + LOOK_SECONDS
            came = self._pipe.poll(max(0.0, min(due, deadline) - time.monotonic()))
            if time.monotonic() >= due:
                self._look(command)
            if came:
                return
            if time.monotonic() >= deadline:
                self._kill()
                raise WorkerFailed(
                    f"worker of {self.contender}, {command}",
                    expected=f"a sign of life within {timeout:g} s",
                    got="none; it was ended",
                    action=f"see {self._log}, or raise timeout_seconds in the suite",
                )

    def _look(self, command: str) -> None:
        """Kill the child if it takes too much memory."""
        self._looked = time.monotonic()
        if self._memory_bytes is None or (used := self._resident_bytes()) <= self._memory_bytes:
            return
        self._kill()
        raise WorkerFailed(
            f"worker of {self.contender}, {command}",
            expected=f"at most {self._memory_bytes / 1e6:.0f} MB of memory",
            got=f"{used / 1e6:.0f} MB; it was ended",
            action="look for a leak, or raise memory_share in the suite",
        )

    def _resident_bytes(self) -> int:
        import psutil

        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0  # it has just ended, which the pipe will tell

    def _died(self, command: str) -> WorkerDied:
        self._kill()
        code = self._process.wait()
        ending = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return WorkerDied(
            f"worker of {self.contender}, {command}",
            expected="a result",
            got=f"its process ended with {ending}",
            action=f"see {self._log}",
        )


def _appended(log: Path) -> BinaryIO:
    try:
        return log.open("ab")
    except OSError as error:
        # the child has no use for it, and its imports are part of its start
        from benchmarks.store import unwritable

        raise unwritable(f"results in {log.parent}", error) from error


@cache
def _starter() -> ThreadPoolExecutor:
    """Return the one thread that starts children; it ends with the parent, and they with it."""
    return ThreadPoolExecutor(1, thread_name_prefix="starter")


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends: a frozen one cannot end itself (Linux)."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be said
        os.kill(os.getpid(), signal.SIGKILL)


def serve(pipe: Connection) -> None:
    """Answer commands until the parent closes the pipe."""
    from benchmarks.measures import COMMANDS

    session: dict[str, Any] = {}
    pipe.send(("ready", PROTOCOL))
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
            from benchmarks.store import FULL

            traceback.print_exc()
            if isinstance(error, OSError) and error.errno in FULL:
                pipe.send(("full", (error.errno, error.strerror)))
            else:
                pipe.send(("error", f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"))
        else:
            pipe.send(("done", content))


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    serve(Connection(int(sys.argv[1])))

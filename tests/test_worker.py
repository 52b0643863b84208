"""The worker protocol, with children that die, hang, talk and refuse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec

import psutil
import pytest

from benchmarks import measures
from benchmarks.environment import worker_environment
from benchmarks.store import StoreError
from benchmarks.worker import CAN_FREEZE, Worker, WorkerFailed
from implementations import processes

MISBEHAVIOUR = """
import os, subprocess, sys, time
from benchmarks.measures import COMMANDS
from implementations import InvalidInput

def die(session, alive): os._exit(3)
def killed(session, alive): os.kill(os.getpid(), 9)
def hang(session, alive): time.sleep(60)
def slow_but_alive(session, alive):
    for _ in range(8):
        time.sleep(0.25); alive()
    return "done"
def noisy(session, alive):
    print("x" * 100000); os.write(1, b"raw"); sys.stderr.write("more"); return 7
def fail(session, alive): raise ZeroDivisionError("on its thousandth step")
def leak(session, alive):
    kept = []
    while True:
        kept.append(bytearray(b"x" * 20_000_000)); time.sleep(0.05); alive() if len(kept) < 3 else None
def leaking_chunk(session, alive):
    session.setdefault("kept", []).append(bytearray(b"x" * 20_000_000)); time.sleep(0.02); alive()
def full(session, alive): raise OSError(28, "No space left on device")
def helped(session, alive): return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid
def refuse(session, alive): raise InvalidInput("rate", expected="less", got="more", action="lower it")
COMMANDS.update(die=die, killed=killed, hang=hang, slow_but_alive=slow_but_alive)
COMMANDS.update(leak=leak, leaking_chunk=leaking_chunk)
COMMANDS.update(noisy=noisy, fail=fail, full=full, helped=helped, refuse=refuse)
"""


@pytest.fixture
def worker(tmp_path):
    """A worker with commands that misbehave, put there by a sitecustomize module of its own."""
    with Worker("numpy", misbehaving(tmp_path), tmp_path / "log", timeout=1.0) as started:
        yield started


def misbehaving(folder):
    """Return the environment of a worker with those commands."""
    (folder / "sitecustomize.py").write_text(MISBEHAVIOUR)
    inherited = os.environ.get("PYTHONPATH", "")
    return worker_environment(1, {"PYTHONPATH": f"{folder}{os.pathsep}{inherited}".rstrip(os.pathsep)})


def test_loads_a_contender_and_tells_its_threads(tmp_path):
    with Worker("numpy", worker_environment(1), tmp_path / "log", 60) as worker:
        told = worker.call("load", contender="numpy", threads=1)
    assert told["threads"] == 1
    assert told["devices"]["gpu"][0] is False


COUNTING = """
import os
import implementations
backend = implementations.load_backend("keras-jax")
backend.devices()
os.environ["NPROC"] = "7"
print(backend.threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names a process's threads")
@pytest.mark.skipif(not find_spec("jax"), reason="without JAX")
def test_threads_of_jax_are_counted_and_not_what_it_was_told():
    told = subprocess.run(
        [sys.executable, "-c", COUNTING], env={**os.environ, "NPROC": "2"}, capture_output=True, check=True
    )
    assert int(told.stdout) == 2


DEAF = """
import sys
import tensorflow as tf
import implementations
backend = implementations.load_backend(sys.argv[1])
if sys.argv[2] != "default":
    backend.set_threads(int(sys.argv[2]))
backend.devices()
tf.config.threading.get_intra_op_parallelism_threads = lambda: 7
print(backend.threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process's threads")
@pytest.mark.skipif(not find_spec("tensorflow"), reason="without TensorFlow")
@pytest.mark.parametrize(
    ("backend", "asked", "there"),
    [("tensorflow", "default", processes.cores()), ("keras-tensorflow", "1", 1)],
)
def test_threads_of_tensorflow_are_counted_and_not_what_it_was_told(backend, asked, there):
    told = subprocess.run([sys.executable, "-c", DEAF, backend, asked], capture_output=True, check=True)
    assert int(told.stdout) == there


@pytest.mark.parametrize(("command", "says"), [("die", "exit code 3"), ("killed", "signal SIGKILL")])
def test_death_is_told(worker, command, says):
    with pytest.raises(WorkerFailed, match=says):
        worker.call(command)


def test_after_its_death_it_cannot_be_called(worker):
    with pytest.raises(WorkerFailed):
        worker.call("die")
    with pytest.raises(WorkerFailed):
        worker.call("noisy")


def test_a_full_disk_is_no_failure_of_whoever_met_it(worker):
    """The next case would find no space either, and what has failed is not repeated."""
    with pytest.raises(StoreError, match="free space"):
        worker.call("full")


@pytest.mark.skipif(not CAN_FREEZE, reason="without groups of processes")
@pytest.mark.parametrize("frozen", [False, True])
def test_what_a_worker_has_started_ends_with_it(worker, frozen):
    """Such as the processes that compile for PyTorch."""
    helper = psutil.Process(worker.call("helped"))
    if frozen:
        worker.freeze()
    assert helper.is_running()
    worker.close()
    _, left = psutil.wait_procs([helper], timeout=5)
    assert all(each.status() == psutil.STATUS_ZOMBIE for each in left)


def test_silence_is_ended(worker):
    began = time.monotonic()
    with pytest.raises(WorkerFailed, match="a sign of life within 1 s"):
        worker.call("hang")
    assert time.monotonic() - began < 30


def test_a_leak_is_ended(tmp_path):
    with (
        Worker("numpy", misbehaving(tmp_path), tmp_path / "log", 60, memory_bytes=300_000_000) as worker,
        pytest.raises(WorkerFailed, match="at most 300 MB of memory"),
    ):
        worker.call("leak")


def test_a_leak_in_short_chunks_is_ended(tmp_path):
    """No silence is long enough to look into, and no call takes as much as a look's interval."""

    def leak(worker):
        for _ in range(200):  # 4 GB, far beyond the limit
            worker.call("leaking_chunk")

    with (
        Worker("numpy", misbehaving(tmp_path), tmp_path / "log", 60, memory_bytes=300_000_000) as worker,
        pytest.raises(WorkerFailed, match="at most 300 MB of memory"),
    ):
        leak(worker)


PARENT = """
import os, sys, time
from pathlib import Path
from benchmarks.environment import worker_environment
from benchmarks.worker import Worker
worker = Worker("numpy", worker_environment(1), Path(sys.argv[1]), 60)
worker.freeze()
print(worker._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends children with their parent")
def test_a_frozen_worker_does_not_outlive_its_parent(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([worker], timeout=10)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_signs_of_life_keep_a_slow_command_going(worker):
    signs = []
    assert worker.call("slow_but_alive", on_alive=lambda: signs.append(1)) == "done"
    assert len(signs) == 8


def test_output_goes_to_the_log_and_not_into_the_conversation(worker, tmp_path):
    assert worker.call("noisy") == 7
    assert "raw" in (tmp_path / "log").read_text()


def test_errors_of_a_framework_are_told_and_the_worker_lives_on(worker, tmp_path):
    with pytest.raises(WorkerFailed, match="ZeroDivisionError: on its thousandth step"):
        worker.call("fail")
    assert "Traceback" in (tmp_path / "log").read_text()
    assert worker.call("noisy") == 7


def test_refusals_come_through_as_they_are(worker):
    with pytest.raises(WorkerFailed, match=r"^rate: expected less, got more; lower it$"):
        worker.call("refuse")


@pytest.mark.skipif(not CAN_FREEZE, reason="this system cannot stop processes")
def test_frozen_worker_does_nothing_until_thawed(worker):
    worker.freeze()
    with pytest.raises(WorkerFailed, match="a sign of life"):
        worker.call("noisy")


@pytest.mark.skipif(not CAN_FREEZE, reason="this system cannot stop processes")
def test_thawed_worker_works_and_frozen_one_can_be_closed(worker):
    worker.freeze()
    worker.thaw()
    assert worker.call("noisy") == 7
    worker.freeze()
    process = worker._process.pid
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def test_all_commands_exist():
    """Commands import their module late; a misspelled one would only show in a run."""
    for command in measures.COMMANDS.values():
        module, function = command.args
        assert callable(getattr(import_module(f"benchmarks.measures.{module}"), function))

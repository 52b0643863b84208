"""The manifest's snapshot, and that a worker's environment really bounds every framework's threads."""

from __future__ import annotations

import getpass
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import sysconfig
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks import environment
from benchmarks.environment import (
    code_of,
    commit_of,
    fingerprint,
    snapshot,
    thread_environment,
    versions,
    worker_environment,
)
from benchmarks.surroundings import THREAD_VARIABLES, deciding
from implementations.errors import InvalidInput

# Each defines `work`: one product of matrices large enough to be shared among threads.
WORK = {
    "numpy": "import numpy; a = numpy.ones((900, 900), 'float32'); work = lambda: a @ a",
    "torch": "import torch; a = torch.ones(900, 900); work = lambda: a @ a",
    "tensorflow": "import tensorflow as tf; a = tf.ones((900, 900)); work = lambda: (a @ a).numpy()",
    "jax": "import jax.numpy as jnp; a = jnp.ones((900, 900)); work = lambda: (a @ a).block_until_ready()",
}
CORES_BUSY = """
import time
work(); work()
cpu, wall = time.process_time(), time.perf_counter()
while time.perf_counter() - wall < 0.6:
    work()
print((time.process_time() - cpu) / (time.perf_counter() - wall))
"""


def run_worker(code: str, threads: int | None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=worker_environment(threads),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def require(framework: str) -> None:
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed: pip install 'nn-versus[{framework}]'")


@pytest.mark.parametrize("framework", WORK)
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: every framework uses one thread anyway")
def test_one_thread_keeps_one_core_busy(framework):
    require(framework)
    # Unbounded, a second core is busy at least 60 % of the time; housekeeping threads stay below 10 %.
    assert float(run_worker(WORK[framework] + CORES_BUSY, threads=1)) < 1.2


@pytest.mark.skipif(platform.system() != "Linux", reason="counts threads by name in /proc")
def test_jax_pool_has_the_asked_size():
    require("jax")
    count = """
import pathlib
work()
names = [path.read_text().strip() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
print(names.count("tf_XLAEigen"))
"""
    assert run_worker(WORK["jax"] + count, threads=3) == "3"


def test_every_thread_variable_is_set():
    variables = thread_environment(3)
    assert set(variables) == set(THREAD_VARIABLES)
    assert variables.pop("TF_NUM_INTEROP_THREADS") == "1"
    assert set(variables.values()) == {"3"}


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_that_cannot_be_are_refused(threads):
    with pytest.raises(
        InvalidInput, match=r"threads: expected a whole number of at least 1.*; pass how many"
    ):
        thread_environment(threads)


def test_default_track_forgets_thread_counts_of_the_shell(monkeypatch):
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    assert not set(THREAD_VARIABLES) & set(worker_environment(None))


def test_contender_and_not_the_shell_decides_the_keras_runtime(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert "KERAS_BACKEND" not in worker_environment(1)
    assert worker_environment(1, {"KERAS_BACKEND": "jax"})["KERAS_BACKEND"] == "jax"


def test_the_rest_of_the_environment_is_passed_on(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    variables = worker_environment(1)
    assert variables["CUDA_VISIBLE_DEVICES"] == "1"
    assert variables["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert variables["PATH"] == os.environ["PATH"]
    assert "TF_ENABLE_ONEDNN_OPTS" not in variables


def test_extra_variables_win_and_nothing_leaks_back(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert worker_environment(1, {"OMP_NUM_THREADS": "2"})["OMP_NUM_THREADS"] == "2"
    assert "OMP_NUM_THREADS" not in os.environ


def test_snapshot_is_json_and_names_this_machine():
    taken = json.loads(json.dumps(snapshot()))
    assert datetime.fromisoformat(taken["taken"]).utcoffset() is not None
    assert taken["python"]["version"] == platform.python_version()
    assert taken["machine"]["processor"]
    assert 1 <= taken["machine"]["usable_cores"] <= taken["machine"]["logical_cores"]
    assert 0 < taken["load"]["memory_available_bytes"] < taken["machine"]["memory_bytes"]
    assert len(taken["load"]["average"]) == 3


def test_snapshot_names_versions_and_blas():
    import numpy as np

    taken = snapshot()
    assert taken["packages"]["numpy"] == np.__version__
    assert any(pool["user_api"] == "blas" for pool in taken["threadpools"])


def test_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package"))
    assert snapshot()["packages"]["no-such-package"] is None


def install(folder, name, version):
    """Make what an installer leaves behind of a package."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_everything_installed_is_recorded_and_what_decides_is_told_apart(tmp_path, monkeypatch):
    for name in (
        "cupy-cuda13x",
        "nvidia_cudnn_cu13",
        "triton",
        "jax-cuda13-plugin",
        "Tensorflow_CPU",
        "left.pad",
    ):
        install(tmp_path, name, "1.2")
    install(tmp_path, "nvidia-ml-py", "0.1")
    (tmp_path / "broken-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    taken = snapshot()
    decisive = {"cupy-cuda13x", "nvidia-cudnn-cu13", "triton", "jax-cuda13-plugin", "tensorflow-cpu"}
    assert {name for name in taken["packages"] if name not in environment.PACKAGES} == decisive
    assert {taken["packages"][name] for name in decisive} == {"1.2"}
    assert taken["distributions"]["left-pad"] == "1.2"
    assert taken["distributions"]["nvidia-ml-py"] == "0.1"
    assert taken["distributions"]["numpy"] == taken["packages"]["numpy"]
    assert set(deciding(taken)["packages"]) == {*environment.PACKAGES, *decisive} - {"nn-versus"}


def test_decisive_packages_of_another_environment_are_told(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "other")], check=True)
    install(next((tmp_path / "other").glob("lib/*/site-packages")), "triton", "3.6")
    assert versions(str(tmp_path / "other" / "bin" / "python"))["triton"] == "3.6"


def test_snapshot_imports_no_framework():
    code = (
        "import sys; from benchmarks.environment import snapshot; snapshot();"
        "print({'torch', 'tensorflow', 'keras', 'jax'} & set(sys.modules))"
    )
    assert run_worker(code, threads=None) == "set()"


def test_snapshot_keeps_secrets_names_and_home_to_itself(monkeypatch):
    home = "/home/somebody-private"
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USERPROFILE", home)
    monkeypatch.setenv("TF_VAR_password", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={home}/dump")
    monkeypatch.setattr(sys, "argv", [f"{home}/.venv/bin/versus", "run", f"--results={home}/results"])
    taken = snapshot()
    assert taken["variables"]["XLA_FLAGS"] == "--xla_dump_to=~/dump"
    assert taken["command"] == ["versus", "run", "--results=~/results"]
    text = json.dumps(taken)
    assert "hunter2" not in text
    assert "somebody-private" not in text
    assert socket.gethostname() not in text
    # A short login such as "root" may be part of an ordinary word.
    assert f"/{getpass.getuser()}/" not in text


def test_home_at_the_root_leaves_paths_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/dump")
    assert snapshot()["variables"]["XLA_FLAGS"] == "--xla_dump_to=/dump"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_commit_and_uncommitted_changes_of_the_code(monkeypatch, tmp_path):
    """Of the folder of the code, wherever the command is called; results beside it are no change."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_of(tmp_path) is None
    git(tmp_path, "init")
    assert commit_of(tmp_path) is None
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "file").write_text("first")
    assert commit_of(tmp_path) is None
    git(tmp_path, "add", "benchmarks")
    git(tmp_path, "commit", "--message", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "file").write_text("more")
    assert commit_of(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "benchmarks" / "file").write_text("second")
    assert commit_of(tmp_path) == {"commit": commit, "dirty": True}


def test_other_code_has_another_name(tmp_path):
    """Whether git knows of it or not; what is beside it does not count."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "one.py").write_text("first")
    name = code_of(tmp_path)
    (tmp_path / "docs.py").write_text("more")
    (tmp_path / "benchmarks" / "one.pyc").write_text("compiled")
    assert code_of(tmp_path) == name
    (tmp_path / "benchmarks" / "one.py").rename(tmp_path / "benchmarks" / "two.py")
    assert code_of(tmp_path) != name
    (tmp_path / "benchmarks" / "two.py").rename(tmp_path / "benchmarks" / "one.py")
    (tmp_path / "benchmarks" / "one.py").write_text("second")
    assert code_of(tmp_path) != name


def test_the_fingerprint_bears_another_kernel_and_no_other_gpu():
    machine = {"processor": "abacus", "memory_bytes": 8 * 2**30 - 10**8, "release": "6.1"}
    other = {**machine, "memory_bytes": 8 * 2**30 - 2 * 10**8, "release": "6.2"}
    gpu, driver = ({"name": "slide rule", "driver": number} for number in ("1", "2"))
    assert fingerprint(machine) == fingerprint(other)
    assert fingerprint(machine) != fingerprint({**machine, "memory_bytes": 16 * 2**30})
    assert fingerprint(machine, [gpu]) == fingerprint(machine, [driver])
    assert len({fingerprint(machine, gpus) for gpus in ([], [gpu], [gpu, gpu])}) == 3


def test_versions_of_another_environment(tmp_path, monkeypatch):
    """One that sees nothing of this one."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "other")], check=True)
    assert set(versions(str(tmp_path / "other" / "bin" / "python")).values()) == {None}
    same = tmp_path / "same"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(same)], check=True)
    (next(same.glob("lib/*/site-packages")) / "here.pth").write_text(sysconfig.get_path("purelib"))
    assert versions(str(same / "bin" / "python"))["numpy"] == versions()["numpy"]


def test_missing_programs_are_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    taken = snapshot()
    assert taken["git"] is None
    assert taken["accelerators"] == []


@pytest.mark.skipif(platform.system() == "Windows", reason="the stand-in is a shell script")
def test_gpus_are_named_and_warnings_of_their_tool_skipped(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho 'NVIDIA H100, 570.1, 81559 MiB'\necho 'WARNING: infoROM is corrupted'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert snapshot()["accelerators"] == [{"name": "NVIDIA H100", "driver": "570.1", "memory": "81559 MiB"}]


def test_processor_is_read_from_cpuinfo(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Example 9000 @ 3 GHz\n")
    assert environment._processor(cpuinfo) == "Example 9000 @ 3 GHz"


@pytest.mark.parametrize("numpys", ["numpy.libs/libopenblas.so", "numpy/.dylibs/libopenblas.dylib"])
def test_the_library_of_numpy_comes_first_wherever_it_is_found(monkeypatch, numpys):
    paths = ["/env/scipy.libs/libopenblas.so", f"/env/{numpys}", "/env/torch/lib/libgomp.so"]
    pools = [{"user_api": "blas", "version": path, "filepath": path} for path in paths]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: pools)
    assert [pool["version"] for pool in environment._threadpools()] == [paths[1], paths[0], paths[2]]

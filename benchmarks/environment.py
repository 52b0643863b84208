"""What a measurement ran on, and the environment that a worker process starts with."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.surroundings import LASTING, THREAD_VARIABLES, memory_gib
from implementations.errors import InvalidInput

PACKAGES = (
    "nn-versus",
    "numpy",
    "torch",
    "tensorflow",
    "keras",
    "jax",
    "jaxlib",
    "scipy",
    "scikit-learn",
    "pandas",
    "pytest",
    "pytest-benchmark",
    "threadpoolctl",
    "psutil",
)
"""Packages of which it is recorded, too, that they are missing."""
DECISIVE = (
    "cuda-*",
    "cupy*",
    "intel-openmp",
    "jax-*",
    "keras-nightly",
    "libtpu*",
    "mkl*",
    "nvidia-*",
    "pytorch-*",
    "tensorflow-*",
    "tf-*",
    "torch-*",
    "triton*",
)
"""Names of packages that decide about results and times where they are installed: what frameworks compute
with, CUDA's libraries and compilers above all, and frameworks under other names."""
BYSTANDERS = ("nvidia-ml-py", "tensorflow-datasets")
"""Packages of such a name that only look on."""

# Named one by one: a prefix such as TF_ would also match Terraform's TF_VAR_…, which hold passwords.
RECORDED_VARIABLES = (
    *THREAD_VARIABLES,
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "GOMP_SPINCOUNT",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_ENABLE_X64",
    "JAX_PLATFORMS",
    "KERAS_BACKEND",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "LD_PRELOAD",
    "MKL_DYNAMIC",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_DYNAMIC",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "OMP_THREAD_LIMIT",
    "OMP_WAIT_POLICY",
    "OPENBLAS_CORETYPE",
    "PYTHONHASHSEED",
    "PYTHONMALLOC",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_ALLOCATOR",
    "TF_XLA_FLAGS",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_ALLOCATOR",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)

HERE = Path(__file__).parents[1]
"""The folder of the code that measures."""
CODE = ("implementations", "benchmarks")

_COMMAND_SECONDS = 10
_TELL_DISTRIBUTIONS = """
import json
from importlib.metadata import distributions
print(json.dumps([[each.metadata["Name"], each.version] for each in distributions()]))
"""


def thread_environment(threads: int | None) -> dict[str, str]:
    """Return the environment variables that make every framework compute on `threads` threads.

    They work only if set before the framework is imported. OpenMP's count serves PyTorch and MKL;
    OpenBLAS, BLIS and Apple's Accelerate (VECLIB) serve NumPy; `NPROC` is read by XLA when JAX creates
    its CPU client. TensorFlow's inter-op pool, which runs whole operations side by side, gets one thread
    so that operations and their parts together stay within `threads`.

    `XLA_FLAGS` is not among them: in JAX 0.10.2 a matrix product with
    `--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1` still kept 1.96 of 2 cores busy,
    with `NPROC=1` it kept 1.00 busy.

    Parameters
    ----------
    threads
        At least 1, or None for each framework's own default.

    Returns
    -------
    Name to value; empty for None.

    Raises
    ------
    InvalidInput
        If `threads` is not a positive integer.

    Examples
    --------
    >>> thread_environment(2)["OMP_NUM_THREADS"]
    '2'
    >>> thread_environment(None)
    {}
    """
    if threads is None:
        return {}
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InvalidInput(
            "threads",
            expected="a whole number of at least 1, or None for the frameworks' defaults",
            got=repr(threads),
            action="pass how many cores each contender may use",
        )
    return dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"TF_NUM_INTEROP_THREADS": "1"}


def worker_environment(threads: int | None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment for a worker process that computes on `threads` threads.

    It is this process's environment without its thread counts and without `KERAS_BACKEND`: the thread
    track and the contender decide those, so that a variable left in somebody's shell cannot change what
    a run means. Which GPUs are visible, oneDNN and XLA settings are passed on as they are (and recorded
    by `snapshot`).

    Parameters
    ----------
    threads
        As in `thread_environment`; None gives every framework its own default.
    extra
        Variables for this worker; they win over everything else.

    Examples
    --------
    >>> worker_environment(1, {"KERAS_BACKEND": "jax"})["KERAS_BACKEND"]
    'jax'
    """
    decided_here = {*THREAD_VARIABLES, "KERAS_BACKEND"}
    inherited = {name: value for name, value in os.environ.items() if name not in decided_here}
    # 2 hides TensorFlow's start-up notices and keeps its errors.
    defaults = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
    return defaults | inherited | thread_environment(threads) | dict(extra or {})


def snapshot() -> dict[str, Any]:
    """Return what is needed to judge and repeat a measurement made by this process, ready for JSON.

    Holds neither host name nor user name; of the environment only the variables in
    `RECORDED_VARIABLES`; the home folder is written `~`. What cannot be found out is None.

    Returns
    -------
    `taken` (UTC, ISO 8601), `command`, `python`, `machine` (constant while a machine stays as it is;
    bytes), `fingerprint` of it, `load` (1, 5, 15 minutes; bytes), `accelerators`, `packages` (as in
    `versions`), `distributions` (everything installed, name to version), `threadpools` (BLAS and OpenMP
    libraries of NumPy in this process), `variables`, `git`, `code` (as in `code_of`).

    Examples
    --------
    >>> sorted(snapshot())
    ['accelerators', 'code', 'command', 'distributions', 'fingerprint', 'git', 'load', 'machine', 'packages',
     'python', 'taken', 'threadpools', 'variables']
    """
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *map(without_home, sys.argv[1:])],
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "compiler": platform.python_compiler(),
        },
        "machine": (machine := _machine()),
        "fingerprint": fingerprint(machine, accelerators := _accelerators()),
        "load": _load(),
        "accelerators": accelerators,
        "packages": _deciding(installed := distributions()),
        "distributions": installed,
        "threadpools": _threadpools(),
        "variables": {
            name: without_home(os.environ[name]) for name in RECORDED_VARIABLES if name in os.environ
        },
        "git": commit_of(HERE),
        "code": code_of(HERE),
    }


def versions(python: str = sys.executable) -> dict[str, str | None]:
    """Return the versions of `PACKAGES` in the environment of an interpreter, None where not installed.

    After them come those of what is `DECISIVE` there.
    """
    return _deciding(distributions(python))


def distributions(python: str = sys.executable) -> dict[str, str]:
    """Return the version of everything that is installed in the environment of an interpreter.

    Names are normalised (PEP 503): `ml_dtypes` is `ml-dtypes`. Of two with one name the first is imported.
    """
    if python == sys.executable:
        named = [(each.metadata["Name"], each.version) for each in metadata.distributions() if each.metadata]
    else:
        named = json.loads(_output(python, "-P", "-c", _TELL_DISTRIBUTIONS) or "[]")
    found: dict[str, str] = {}
    for name, version in named:
        if name and version:  # a broken installation has neither
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))


def _deciding(installed: Mapping[str, str]) -> dict[str, str | None]:
    decisive = (
        name
        for name in installed
        if name not in BYSTANDERS and any(fnmatchcase(name, pattern) for pattern in DECISIVE)
    )
    return {name: installed.get(name) for name in dict.fromkeys((*PACKAGES, *decisive))}


def commit_of(folder: Path) -> dict[str, Any] | None:
    """Return the commit of a checkout, and whether its packages differ from it; None where git has none."""
    git = ("git", "-C", str(folder))
    commit = _output(*git, "rev-parse", "HEAD") if _output(*git, "ls-files", *CODE) else None
    changes = _output(*git, "status", "--porcelain", "--", *CODE)
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def code_of(folder: Path) -> str:
    """Return a short name for the contents of a checkout's packages: two with one name run the same code."""
    digest = hashlib.sha256()
    for path in sorted(path for package in CODE for path in (folder / package).rglob("*")):
        if path.suffix in (".py", ".toml"):
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def kept_compilations(folder: Path) -> dict[str, str]:
    """Return the variables by which JAX keeps compiled programs in a folder and reads them back.

    For what is not timed: comparing elements compiles a thousand small programs, which takes two minutes, and
    seconds once they are there.
    """
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def peak_bytes() -> int | None:
    """Return the largest resident set that this process has had, or None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def fingerprint(machine: Mapping[str, Any], accelerators: Sequence[Mapping[str, str]] = ()) -> str:
    """Return a short name for a machine that stays the same while what decides about its speed does.

    Parameters
    ----------
    machine, accelerators
        As in `snapshot()`.

    Examples
    --------
    >>> fingerprint({"processor": "abacus"}) == fingerprint({"processor": "abacus", "release": "6.1"})
    True
    """
    kept = {name: machine.get(name) for name in LASTING}
    kept |= {"memory_gib": memory_gib(machine), "accelerators": [each["name"] for each in accelerators]}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


def _machine() -> dict[str, Any]:
    import psutil

    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(logical=True),
        # Fewer than the logical cores in a container or under taskset.
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_bytes": psutil.virtual_memory().total,
        "frequency_governor": _first_line(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
    }


def _load() -> dict[str, Any]:
    import psutil

    return {
        "average": [round(value, 2) for value in psutil.getloadavg()],
        "memory_available_bytes": psutil.virtual_memory().available,
    }


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return the processor's marketing name, which `platform.processor` gives on Windows only."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or None


def _accelerators() -> list[dict[str, str]]:
    listing = _output("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    # nvidia-smi puts its warnings on lines of their own between the rows.
    rows = [line.split(", ") for line in (listing or "").splitlines() if line.count(", ") == 2]
    return [{"name": name, "driver": driver, "memory": memory} for name, driver, memory in rows]


def _threadpools() -> list[dict[str, Any]]:
    """Return the thread pools of this process, NumPy's first: in which order they are found is chance."""
    import numpy as np  # noqa: F401  loads the BLAS library that threadpoolctl is to describe
    from threadpoolctl import threadpool_info

    # The rest is file paths, which name folders of this machine.
    keys = ("user_api", "internal_api", "version", "threading_layer", "architecture", "num_threads")
    found = sorted(threadpool_info(), key=lambda pool: not _is_numpys(Path(pool["filepath"])))
    return [{key: pool.get(key) for key in keys} for pool in found]


def _is_numpys(library: Path) -> bool:
    """Return whether a library came with NumPy: in `numpy.libs`, or on macOS in `numpy/.dylibs`."""
    return any(folder.name.startswith("numpy") for folder in library.parents[:2])


def _output(*command: str) -> str | None:
    """Return what a program prints, or None if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return None


def without_home(text: str) -> str:
    """Return a path or option with the home folder, which names the user, written `~`."""
    home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises where no home is known
    return text if home == os.sep else text.replace(home, "~")

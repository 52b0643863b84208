"""What two snapshots of an environment have in common, and what of them decides about results and times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",
)

LASTING = ("system", "architecture", "processor", "physical_cores", "usable_cores")
"""What of a machine its fingerprint is made of; the kernel's release is not, and the governor is not.

Memory counts in GiB and of GPUs the name: kernels and drivers differ in what they keep for themselves.
"""


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two descriptions of a machine have the same fingerprint, GPUs left aside."""
    return all(one.get(name) == other.get(name) for name in LASTING) and memory_gib(one) == memory_gib(other)


def deciding(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a snapshot may decide about results and times, besides the code.

    Without the variables that are decided for the workers by thread track and contender, and with memory in
    GiB: kernels differ in how much of it they keep for themselves.
    """
    overruled = {*THREAD_VARIABLES, "KERAS_BACKEND"}
    machine, packages = dict(snapshot.get("machine") or {}), dict(snapshot.get("packages") or {})
    python, variables = snapshot.get("python") or {}, snapshot.get("variables") or {}
    gib = memory_gib(machine)
    pools = snapshot.get("threadpools") or []
    # NumPy's comes first; what else a process has loaded by then is chance
    blas: dict[str, Any] = next((pool for pool in pools if pool.get("user_api") == "blas"), {})
    machine.pop("memory_bytes", None)
    packages.pop("nn-versus", None)
    return {
        "machine": {**machine, "memory_gib": gib},
        "accelerators": snapshot.get("accelerators") or [],
        "python": {name: python.get(name) for name in ("version", "implementation")},
        "packages": packages,
        "blas": {name: blas.get(name) for name in ("internal_api", "version", "architecture")},
        "variables": {name: value for name, value in variables.items() if name not in overruled},
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what differs between two sets of facts, each with its names and both values.

    Examples
    --------
    >>> differences({"packages": {"numpy": "2.3", "jax": "1"}}, {"packages": {"numpy": "2.4", "jax": "1"}})
    ['packages numpy: 2.3 -> 2.4']
    """
    old, new = (dict(_flat(facts)) for facts in (before, after))
    return [
        f"{name}: {old.get(name)} -> {new.get(name)}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def memory_gib(machine: Mapping[str, Any]) -> int | None:
    """Return a machine's memory in whole GiB."""
    size = machine.get("memory_bytes")
    return None if size is None else round(size / 2**30)


def _flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name} ")
        else:
            yield above + name, value

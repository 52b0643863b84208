"""Witnesses of noise: what else the machine did while a chunk was timed, as kernel and driver count it.

They are read before and after the timed part. What a system does not tell is None, and does not witness.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

_STAT, _PRESSURE = Path("/proc/stat"), Path("/proc/pressure/cpu")
_STEAL_COLUMN = 8
STEAL_SHARE = 0.02
"""Stolen time, as a share of the chunk, above which it is disturbed."""
PRESSURE_SHARE = 0.1
"""Time in which somebody waited for a core, as a share of the chunk, above which it is disturbed."""


@dataclass(frozen=True)
class Witnesses:
    """Counts at one moment, or their differences over a chunk."""

    steal_seconds: float | None
    pressure_seconds: float | None
    involuntary_switches: int | None
    throttled: bool | None = None
    """Whether the GPU lowers its clock because of heat."""
    clock_mhz: int | None = None
    """The GPU's clock at that moment."""
    clock_reasons: int | None = None
    """Why the clock is not at its highest: NVML's bits, such as 0x4 for a power limit."""

    def since(self, before: Witnesses) -> Witnesses:
        """Return what was counted in between; what slowed the GPU at either end, its clock at this one."""
        return Witnesses(
            _difference(self.steal_seconds, before.steal_seconds),
            _difference(self.pressure_seconds, before.pressure_seconds),
            _difference(self.involuntary_switches, before.involuntary_switches),
            self.throttled or before.throttled,
            self.clock_mhz,
            _either(self.clock_reasons, before.clock_reasons),
        )

    def disturbed(self, seconds: float, *, alone: bool) -> bool:
        """Return whether a chunk of that many seconds should be measured again.

        Parameters
        ----------
        alone
            Whether the process was to keep a single core busy, so that nobody should have waited.

        Examples
        --------
        >>> Witnesses(0.01, 0.0, 0).disturbed(0.1, alone=True)
        True
        >>> Witnesses(None, None, 5).disturbed(0.1, alone=True)
        False
        """
        stolen = (self.steal_seconds or 0.0) > STEAL_SHARE * seconds
        waited = alone and (self.pressure_seconds or 0.0) > PRESSURE_SHARE * seconds
        return stolen or waited or bool(self.throttled)


@dataclass(frozen=True)
class Chunk:
    """One timed chunk, and what the machine did meanwhile."""

    wall_seconds: float
    cpu_seconds: float
    witnesses: Witnesses


def now(*, gpu: bool = False) -> Witnesses:
    """Return the counts of this moment."""
    return Witnesses(_steal(), _pressure(), _switches(), *(_clock() if gpu else ()))


def process_bytes_on_gpu() -> int | None:
    """Return the GPU memory that the driver counts for this process."""
    running = _ask(lambda nvml, device: nvml.nvmlDeviceGetComputeRunningProcesses(device)) or ()
    return next((each.usedGpuMemory for each in running if each.pid == os.getpid()), None)


def _steal() -> float | None:
    try:
        with _STAT.open() as file:
            return int(file.readline().split()[_STEAL_COLUMN]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _pressure() -> float | None:
    try:
        with _PRESSURE.open() as file:
            return int(file.readline().rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        return None


def _switches() -> int | None:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else None


def _clock() -> tuple[bool | None, int | None, int | None]:
    """Return whether heat slows the GPU's clock, the clock in MHz, and all that slows it, as NVML's bits."""

    def slowed(nvml: Any, device: Any) -> tuple[bool, int]:
        hot = nvml.nvmlClocksEventReasonSwThermalSlowdown | nvml.nvmlClocksEventReasonHwSlowdown
        reasons = nvml.nvmlDeviceGetCurrentClocksEventReasons(device)
        return bool(reasons & hot), reasons

    throttled, reasons = _ask(slowed) or (None, None)
    clock = _ask(lambda nvml, device: nvml.nvmlDeviceGetClockInfo(device, nvml.NVML_CLOCK_SM))
    return throttled, clock, reasons


def _ask(question: Callable[[Any, Any], Any]) -> Any:
    """Return the driver's answer about the GPU that this process computes on; None where it has none.

    Many a card or virtual machine tells only some of it, and a question must not end what is measured.
    """
    nvml = _nvml()
    if nvml is None:
        return None
    try:
        return question(nvml, _first_visible(nvml))
    except (nvml.NVMLError, ValueError):
        return None


def _first_visible(nvml: Any) -> Any:
    """Return the GPU that CUDA calls number 0: the first in CUDA_VISIBLE_DEVICES, a number or a UUID.

    Numbers are the driver's order where CUDA_DEVICE_ORDER is PCI_BUS_ID or all cards are the same.
    """
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(first)
    return nvml.nvmlDeviceGetHandleByIndex(int(first))


@cache
def _nvml() -> Any:
    """Return NVIDIA's management library, or None where it or its driver is missing."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return None
    except pynvml.NVMLError:
        return None
    return pynvml


def _either(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) | (other or 0)


def _difference(after: Any, before: Any) -> Any:
    return None if after is None or before is None else after - before

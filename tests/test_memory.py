"""Memory by stage on a GPU, with stand-ins for the allocator and the driver where there is none."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from benchmarks import datasets
from benchmarks.measures import memory, preparation, witnesses
from benchmarks.result import MemoryData
from implementations import load_backend

MODEL = {
    "layers": [{"units": 3}],
    "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 50,
}

pytestmark = pytest.mark.skipif(not memory.supported(), reason="peaks are read from /proc")


@pytest.fixture
def stages(monkeypatch):
    """Return a function that asks for the stages where the allocator held so much after each."""

    def stages(*held, device="gpu", processes=()):
        backend = load_backend("numpy")
        held_then = iter(held)
        monkeypatch.setattr(type(backend), "peak_device_bytes", lambda _: next(held_then))
        build = preparation.build
        monkeypatch.setattr(
            preparation, "build", lambda session, prepared, _, seed: build(session, prepared, "cpu", seed)
        )
        driver = SimpleNamespace(
            NVMLError=RuntimeError,
            nvmlDeviceGetHandleByIndex="index {}".format,
            nvmlDeviceGetComputeRunningProcesses={
                "index 0": [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in processes]
            }.get,
        )
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(witnesses, "_nvml", lambda: driver)
        session = {"backend": backend}
        memory.baseline(session, lambda: None, data=datasets.load("iris"), model=MODEL)
        return MemoryData(**memory.stages(session, lambda: None, device=device))

    return stages


def test_allocator_and_driver_are_asked_after_each_stage(stages):
    told = stages(10, 30, processes=[(1, 5), (os.getpid(), 700)])
    assert told.device_peak_bytes == {"build": 10, "train": 30}
    assert told.device_process_bytes == 700
    assert list(told.peak_bytes) == ["baseline", "import", "build", "train"]


def test_a_driver_that_does_not_see_this_process_tells_nothing_of_it(stages):
    """As in a container, whose processes have other numbers outside."""
    assert stages(10, 30, processes=[(1, 5)]).device_process_bytes is None


def test_a_framework_without_a_count_has_no_peaks_on_the_device(stages):
    assert stages(None, None).device_peak_bytes is None


def test_on_a_cpu_nothing_is_told_of_a_gpu(stages):
    told = stages(10, 30, device="cpu", processes=[(os.getpid(), 700)])
    assert (told.device_peak_bytes, told.device_process_bytes) == (None, None)

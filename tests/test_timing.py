"""How a workload is opened and timed in the worker: what is refused, and what the warm-up keeps."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.measures import speed
from benchmarks.measures.speed import Bench, open_workload, time_chunk
from benchmarks.measures.witnesses import Chunk, Witnesses
from benchmarks.result import Metric
from implementations import InvalidInput, Placement, load_backend

MODEL = {
    "layers": [{"units": 3}],
    "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 16,
}
METRICS: list[Metric] = ["train_step", "epoch", "predict", "place"]


def opened(plant=None, chunk_seconds=0.004, session=None):
    session = {"backend": load_backend("numpy")} if session is None else session
    if plant:
        session["plant"] = plant
    told = open_workload(
        session,
        lambda: None,
        workload="w",
        data=datasets.load("iris"),
        model=MODEL,
        device="cpu",
        metrics=METRICS,
        chunk_seconds=chunk_seconds,
        warm_up_steps=10,
        warm_up_seconds=0.02,
    )
    return session, told


def test_every_metric_is_warmed_up_in_chunks_that_can_be_compared_with_timed_ones():
    session, told = opened()
    assert set(told["iterations"]) == set(told["warm_up"]) == set(METRICS)
    for metric in METRICS:
        # a first chunk of one repetition would tell what comes once: garbage, parameters, cold caches
        assert told["warm_up"][metric]
        assert max(told["warm_up"][metric]) * told["iterations"][metric] < 100 * 0.004
        assert time_chunk(session, lambda: None, workload="w", metric=metric, iterations=1).wall_seconds > 0
    first_calls = told["first_calls"]
    assert {metric: set(first_calls[metric]) for metric in METRICS} == {
        "train_step": {1},
        "epoch": {1, session["benches"]["w"].at_once},
        "predict": {1},
        "place": {1},
    }
    assert min(seconds for calls in first_calls.values() for seconds in calls.values()) > 0
    assert told["problems"]["train_step"] == []
    assert told["problems"]["place"] == [speed.STAYS]


def test_only_one_workload_is_open():
    """What was frozen while it was timed goes too, though it holds itself."""
    session, _ = opened()
    before = session["benches"]["w"].learner
    before.itself, gone = before, weakref.ref(before)
    del before
    opened(session=session)
    assert gone() is None
    assert set(session["benches"]) == {"w"}


def test_every_chunk_begins_with_an_optimizer_that_has_its_state():
    """After the first parameters and one step, which makes it; of which no clock knows."""
    session, _ = opened()
    bench = session["benches"]["w"]
    bench.start_again()
    after = bench.learner.parameters()
    bench.repeat["train_step"](3)
    bench.start_again()
    for one, other in zip(after, bench.learner.parameters(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert bench.learner._optimizer._steps_done == 1


class Clock:
    """Time that passes only by work, whatever else the machine does."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    process_time = perf_counter


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(speed, "time", made)
    return made


class Device:
    """A learner whose device does a millisecond of work for each repetition, and may not be waited for."""

    placement = Placement()

    def __init__(self, clock, late=None, tries=None):
        self.clock = clock
        self.late, self.tries, self.left, self.reads = late, tries, 0.0, 0

    def bench(self) -> Bench:
        learner: Any = self
        return Bench(learner, {metric: partial(self.work, metric) for metric in METRICS}, lambda: None)

    def work(self, metric, count):
        if metric == self.late and self.tries != 0:
            self.left += 0.001 * count
        else:
            self.clock.now += 0.001 * count

    def parameters(self):
        self.reads += 1
        if self.left and self.tries:
            self.tries -= 1
        self.clock.now += self.left + 0.0001
        self.left = 0.0
        return [np.zeros(1)]

    def synchronize(self): ...


@pytest.mark.parametrize("metric", METRICS)
def test_a_device_that_is_not_waited_for_is_refused(clock, metric):
    signs = []
    with pytest.raises(InvalidInput, match=f"synchronisation of the device after {metric}"):
        speed._check_synchronization(Device(clock, late=metric).bench(), metric, lambda: signs.append(1))
    assert len(signs) == speed.LATE_TRIES


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_of_a_workload_is_checked(clock, metric):
    def plant(bench):
        device = Device(clock, late=metric)
        return replace(bench, learner=device, repeat=device.bench().repeat, start_again=lambda: None)

    with pytest.raises(InvalidInput, match=f"after {metric}"):
        opened(plant=plant)


def test_a_device_that_is_idle_is_asked_once(clock):
    device, signs = Device(clock), []
    speed._check_synchronization(device.bench(), "epoch", lambda: signs.append(1))
    assert (len(signs), device.reads) == (1, 3)


def test_late_work_in_one_try_is_noise(clock):
    device = Device(clock, late="predict", tries=2)  # how long one repetition takes is asked first
    speed._check_synchronization(device.bench(), "predict", lambda: None)


def test_short_chunks_of_the_warm_up_do_not_count():
    """Each chunk here takes 2 ms that come once, and 0.1 ms a repetition."""

    def timed(_, count):
        return Chunk(0.002 + 0.0001 * count, 0.0, Witnesses(None, None, None))

    costly: Any = SimpleNamespace(time=timed, whole=lambda _, count: count)
    iterations, _, course = speed._warm_up(costly, "train_step", 0.02, 10, 0.0, lambda: None)
    assert course
    assert max(course) < 2 * 0.0001
    assert iterations == pytest.approx(180, rel=0.15)


def test_a_disturbed_warm_up_makes_no_short_chunks():
    """The last chunk takes ten times as long: what follows does not."""
    walls = iter([1.0, 1.0, 1.0, 1.0, 1.0, 10.0])

    def timed(_, count):
        return Chunk(0.0001 * count * next(walls, 1.0), 0.0, Witnesses(None, None, None))

    disturbed: Any = SimpleNamespace(time=timed, whole=lambda _, count: count)
    iterations, _, course = speed._warm_up(disturbed, "train_step", 0.01, 200, 0.0, lambda: None)
    assert course[-1] > 5 * course[0]
    assert 100 <= iterations <= 101


@pytest.mark.parametrize(("asked", "lasts"), [(0.1, 2.0), (5.0, 5.0)])
def test_a_chunk_lasts_a_thousand_times_as_long_as_what_is_timed_besides(clock, asked, lasts):
    """Asking this device takes 2 ms, at both ends, of which the second is timed, and a repetition 1 ms."""

    def plant(bench):
        device: Any = Device(clock)
        device.model = bench.learner.model
        device.parameters, device.predict = bench.learner.parameters, bench.learner.predict
        device.synchronize = lambda: setattr(clock, "now", clock.now + 0.002)
        return replace(bench, learner=device, repeat=device.bench().repeat, start_again=lambda: None)

    _, told = opened(plant=plant, chunk_seconds=asked)
    assert set(told["iterations"]) == set(METRICS)
    for count in told["iterations"].values():
        assert 0.001 * count == pytest.approx(lasts, rel=0.05)


def test_epochs_are_trained_in_few_calls_as_a_user_would(monkeypatch):
    lengths = []
    session, told = opened()
    learner, steps = session["benches"]["w"].learner, told["examples"]["epoch"] // 16
    train_epoch = learner.train_epoch

    def counted(x, y, order):
        lengths.append(len(order))
        train_epoch(x, y, order)

    monkeypatch.setattr(learner, "train_epoch", counted)
    session["benches"]["w"].repeat["epoch"](2 * speed.EPOCHS_AT_ONCE + 3)
    assert lengths == [speed.EPOCHS_AT_ONCE * steps] * 2 + [steps] * 3
    assert told["iterations"]["epoch"] % speed.EPOCHS_AT_ONCE == 0

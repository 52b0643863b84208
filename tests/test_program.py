"""Programs of the NumPy backend: the formulas' numbers, no arrays made by a run, other array modules."""

from __future__ import annotations

import sys
import tracemalloc
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.measures.elements import variants
from benchmarks.measures.elements.questions import drawn, hard
from implementations import ModelSpec, Placement, Support, catalog, load_backend
from implementations.numpy import activations, losses, runtime
from implementations.numpy.arrays import ArrayModule
from implementations.numpy.network import Learner
from implementations.numpy.recording import Recorder

BACKEND = load_backend("numpy")
DTYPES = ["float32", "float64"]


def rows(dtype, width=6):
    random = np.random.default_rng(0)
    return (3 * random.normal(size=(8, width))).astype(dtype)


def bit_equal(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in catalog.ACTIVATIONS if name != "linear"])
def test_activations_replayed(name, dtype):
    options = catalog.activation(name).resolve({})
    function, gradient = getattr(activations, name), getattr(activations, f"{name}_gradient")
    x, upstream = rows(dtype), rows(dtype, 3 if name == "glu" else 6)
    recorder = Recorder()
    a, b = recorder.input(x), recorder.input(upstream)
    y = function(a, **options)
    program = recorder.program(y, gradient(a, y, b, **options))
    for _ in range(2):
        program.run(x, upstream)
        bit_equal(program.outputs[0], function(x, **options))
        bit_equal(program.outputs[1], gradient(x, function(x, **options), upstream, **options))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "variant", [each for each in variants() if each.kind == "loss"], ids=lambda v: v.name
)
def test_derivatives_of_losses_replayed(variant, dtype):
    element = catalog.LOSSES[variant.element]
    options, gradient = element.resolve(variant.options), getattr(losses, f"{element.name}_gradient")
    for targets, predictions in (drawn(variant, dtype), hard(variant, dtype, False)):
        recorder = Recorder()
        program = recorder.program(gradient(recorder.input(targets), recorder.input(predictions), **options))
        with np.errstate(all="ignore"):
            for _ in range(2 if len(targets) else 0):
                program.run(targets, predictions)
                bit_equal(program.outputs[0], gradient(targets, predictions, **options))


def test_memory_is_taken_over_but_never_while_it_is_read():
    x = rows("float64")
    recorder = Recorder()
    a = recorder.input(x)
    double = 2 * a
    square = double * double
    program = recorder.program(square - double, double @ double.T)
    program.run(x)
    bit_equal(program.outputs[0], 4 * x * x - 2 * x)
    bit_equal(program.outputs[1], (2 * x) @ (2 * x).T)


def test_what_was_computed_is_not_computed_again_unless_it_was_changed():
    x = rows("float64")
    kept = np.ones(6)
    recorder = Recorder()
    a, state = recorder.input(x), recorder.bound(kept)
    first = np.exp(a) + np.exp(a) + a * state
    state += 1
    program = recorder.program(first + a * state)
    assert len(program.calls) == 7  # exp, three sums, two products, the change
    program.run(x)
    bit_equal(program.outputs[0], np.exp(x) + np.exp(x) + x * 1 + x * 2)


def test_what_cannot_be_recorded_says_so():
    a = Recorder().input(np.zeros((2, 2)))
    with pytest.raises(TypeError, match=r"logaddexp\.outer"):
        np.logaddexp.outer(a, a)  # type: ignore[call-overload]  # what it is for
    with pytest.raises(TypeError, match="inv cannot be recorded"):
        np.linalg.inv(a)  # type: ignore[call-overload]  # what it is for


def model(**changes):
    settings = {
        "inputs": [64],
        "layers": [{"units": 48, "activation": "tanh"}, {"units": 32, "activation": "gelu"}, {"units": 10}],
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "batch_size": 32,
    }
    return ModelSpec.from_dict({**settings, **changes})


def batch():
    random = np.random.default_rng(1)
    return random.normal(size=(32, 64)), random.integers(0, 10, 32)


BUFFER_BYTES = 2**15
"""NumPy's buffer for an operand of another type or order, as a mask of bools. Arrays of the wide network
below are larger than three, but for columns of one number for each example."""
TWO_BUFFERS = ("muon", "adafactor")
"""They read a kernel's gradient by columns."""
PARTS = [
    *({"optimizer": {"name": name, "learning_rate": 0.001}} for name in catalog.OPTIMIZERS),
    *({"layers": [{"units": 128, "activation": name}, {"units": 10}]} for name in catalog.ACTIVATIONS),
    *(
        {"layers": [{"units": 128, "normalization": name, "l1": 0.1, "l2": 0.1}, {"units": 10}]}
        for name in catalog.NORMALIZATIONS
    ),
    {"layers": [{"units": 128, "activation": "gelu", "dropout": 0.5}, {"units": 10}]},
]


def with_loss(name):
    """Return a network that ends as a loss wants it: in probabilities, positive numbers, or any."""
    loss = catalog.LOSSES[name]
    ends: dict[str, str] = {"probabilities": "softmax" if loss.targets in ("one_hot", "index") else "sigmoid"}
    last: dict[str, int | str] = {"units": 20 if loss.outputs_per_target == 2 else 10}
    if activation := {**ends, "positive": "softplus"}.get(loss.predictions):
        last["activation"] = activation
    if name == "perceptron":
        return {"loss": name, "layers": [{"units": 10, "activation": "step"}]}
    return {"loss": name, "layers": [{"units": 128, "activation": "gelu"}, last]}


def targets_of(name, examples):
    """Return targets of ten classes, or ten numbers."""
    random, kind = np.random.default_rng(1), catalog.LOSSES[name].targets
    classes = random.integers(0, 10, examples)
    return classes if kind == "index" else np.eye(10)[classes]


@pytest.mark.parametrize("part", [*PARTS, *map(with_loss, catalog.LOSSES)], ids=str)
def test_a_step_makes_no_arrays_and_stays_in_its_dtype(part):
    layers = [{"units": 128, "activation": "gelu"}, {"units": 10}]
    learner = BACKEND.build(model(**{"inputs": [512], "layers": layers, "batch_size": 4096, **part}))
    loss = part.get("loss", "sparse_categorical_crossentropy")
    x = np.random.default_rng(1).normal(size=(4096, 512))
    x, y = learner.place(x, targets_of(loss, 4096))
    learner.train_step(x, y)
    tracemalloc.start()
    try:
        learner.train_step(x, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    buffers = 2 if dict(part.get("optimizer", {})).get("name") in TWO_BUFFERS else 1
    assert peak < (buffers + 1) * BUFFER_BYTES
    assert isinstance(learner, Learner)
    used = [x, y]
    for program in learner._programs.values():
        fixed = [call for call in program.calls if isinstance(call, partial)]
        used += [each for call in fixed for each in (*call.args, *call.keywords.values())]
        used += [each for patch in program._patches for each in patch.arguments]
    dtypes = {each.dtype.name for each in used if isinstance(each, np.ndarray)}
    assert "float32" in dtypes
    assert "float64" not in dtypes


@pytest.fixture
def two_threads():
    before = runtime.threads()
    runtime.set_threads(2)
    if runtime.threads() < 2:
        pytest.skip("this BLAS has one thread")
    yield
    runtime.set_threads(before)


def watched(units, look):
    """Return a step of a network with so many units, at whose end somebody looks."""
    learner = BACKEND.build(model(layers=[{"units": units}, {"units": 10}]))
    x, y = learner.place(*batch())
    learner.train_step(x, y)
    assert isinstance(learner, Learner)
    learner._program("train", len(x)).calls.append(look)
    return lambda: learner.train_step(x, y)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("units", "within"), [(8, 2), (256, 1), (4096, 2)])
def test_small_products_have_one_thread_and_nobody_keeps_it(units, within):
    seen: list[int] = []
    watched(units, lambda: seen.append(runtime.threads()))()
    assert seen == [within]
    assert runtime.threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_step_that_fails_gives_its_threads_back():
    step = watched(256, lambda: pytest.fail("on purpose"))
    with pytest.raises(pytest.fail.Exception):
        step()
    assert runtime.threads() == 2


class Elsewhere(np.ndarray):
    """Arrays that refuse to meet NumPy's own, and what CuPy has not: methods of ufuncs, modes."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method}: no such thing there")
        _from_here(ufunc, (*inputs, *out))
        plain = [np.asarray(each) if isinstance(each, Elsewhere) else each for each in inputs]
        if out:
            getattr(ufunc, method)(*plain, out=tuple(np.asarray(each) for each in out), **options)
            return out[0]
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Elsewhere)

    def __array_function__(self, function, types, arguments, options):
        if "mode" in options:
            raise TypeError(f"{function.__name__}: no modes there")
        told = [
            part
            for each in (*arguments, *options.values())
            for part in (each if type(each) in (list, tuple) else [each])
        ]
        _from_here(function, told)
        out = options.get("out")
        found = function(*map(_plain, arguments), **{name: _plain(each) for name, each in options.items()})
        return found if out is None and function is np.copyto else np.asarray(found).view(Elsewhere)


def _from_here(function, arrays):
    for each in arrays:
        if type(each) is np.ndarray and each.ndim:
            raise TypeError(f"{function.__name__}: an array from the other side")


def _plain(given):
    if type(given) in (list, tuple):
        return type(given)(map(_plain, given))
    return np.asarray(given) if isinstance(given, Elsewhere) else given


STAND_IN = ArrayModule(
    "stand-in",
    lambda shape, dtype: np.empty(shape, dtype).view(Elsewhere),
    lambda shape, value, dtype: np.full(shape, value, dtype).view(Elsewhere),
    lambda array: np.array(array).view(Elsewhere),
    lambda array: np.asarray(array),
    lambda: None,
    np.sum,
    np.max,
    np.cumsum,
    np.take,
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": {"name": "sparse_categorical_crossentropy", "class_weight": [1.0, 2.0] * 5}},
        {"layers": [{"units": 16, "activation": "prelu", "dropout": 0.5, "l2": 0.01}, {"units": 10}]},
        {"optimizer": {"name": "muon", "learning_rate": 0.01, "clipnorm": 0.5}},
        with_loss("huber"),
        *PARTS,
    ],
    ids=str,
)
def test_another_array_module_computes_the_same(monkeypatch, changes):
    if "class_weight" in str(changes):
        changes = {**changes, "layers": [{"units": 10, "activation": "softmax"}]}
    x, y = batch()
    if isinstance(changes.get("loss"), str):
        y = targets_of(changes["loss"], len(x))
    found = []
    for module in (None, STAND_IN):
        if module:
            monkeypatch.setattr(runtime, "array_module", lambda _: STAND_IN)
        learner = BACKEND.build(model(**changes))
        assert isinstance(learner, Learner)
        learner.step(x, y)
        learner.epoch(x, y, np.arange(32).reshape(2, 16))
        found.append([learner.predict(x), *learner.parameters(), learner.loss(x, y)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_gpu_needs_cupy():
    support = BACKEND.devices()["gpu"]
    if not support.available:
        assert "CuPy" in support.reason
    assert Placement().device == "cpu"


def test_gpu_memory_is_what_cupys_pool_holds(monkeypatch):
    pool = SimpleNamespace(total_bytes=lambda: np.int64(512))
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(get_default_memory_pool=lambda: pool))
    for available, held in ((True, 512), (False, None)):
        monkeypatch.setattr(runtime, "_gpu", lambda available=available: Support(available))
        assert BACKEND.peak_device_bytes() == held


def test_what_nobody_reads_is_not_computed():
    recorder = Recorder()
    x = recorder.input(np.zeros(3))
    np.exp(x)
    assert recorder.program(x + 1).names == ["add"]

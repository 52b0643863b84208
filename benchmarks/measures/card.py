"""The semantics card: what a contender does where frameworks differ, found out by trying.

Every fact comes from running the framework by itself or the backend in its own convention, or from reading
the defaults of the library's own calls; none is written down here. Where this project's backend does
something else than its framework, or what its framework has not, the fact goes on with `here:`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import reduce
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from benchmarks.measures import Alive, Session, precision
from implementations import AbstractBackend, ModelSpec, Placement, catalog, initial

Facts = dict[str, str]

_Found = TypeVar("_Found")
"""What a probe has found, before it is put into words."""

_NOTHING = "nothing of its own"

_PLACES = "name dim axis in_axis out_axis column_axis batch_axis last_epoch initial where noise_shape"
_WAYS = "foreach fused capturable differentiable inplace jit dtype device out_dtype generator seed verbose"
_REPLACED = "maximize monitor size_average reduce loss_scale_factor gradient_accumulation_steps"
_UNTOLD = frozenset(f"{_PLACES} {_WAYS} {_REPLACED}".split())
"""Arguments of library calls that say nothing of what is computed from a batch of rows: shapes and places,
how it is done, and what has been replaced."""

_SQUARES = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "loss": "mean_squared_error"}


def compute(session: Session, alive: Alive) -> Facts:
    """Return what was found, by what was asked."""
    backend: AbstractBackend = session["backend"]
    facts: Facts = {}
    for name, probe in _PROBES.items():
        facts[name] = probe(backend)
        alive()
    facts.update(_reductions(backend))
    facts.update(_defaults(backend))
    return facts


def _momentum(backend: AbstractBackend) -> str:
    """Two steps on gradient 1 with momentum 0.5, the rate halved before the second."""
    rate = {"name": "step", "initial_learning_rate": 1.0, "decay_steps": 1, "decay_rate": 0.5}
    moved = _run(backend, "sgd", [1.0, 1.0], learning_rate=rate, momentum=0.5)
    meanings = {
        "the velocity contains the rate: v = momentum v - r g, x += v": -1.0 - (0.5 + 0.5),
        "the rate multiplies the velocity: v = momentum v + g, x -= r v": -1.0 - 0.5 * 1.5,
    }
    return _of_elements(backend, [(catalog.optimizer("sgd"), _nearest(moved, meanings))])


def _nesterov(backend: AbstractBackend) -> str:
    """One step on gradient 1 at rate 1 with momentum 0.5: 1 + momentum, or 1 where it looks back."""
    moved = _run(backend, "sgd", [1.0], learning_rate=1.0, momentum=0.5, nesterov=True)
    meanings = {"gradient plus momentum times the new velocity": -1.5, "the velocity alone": -1.0}
    return _of_elements(backend, [(catalog.optimizer("sgd"), _nearest(moved, meanings))])


def _epsilon(backend: AbstractBackend) -> str:
    """A step on a gradient as small as epsilon tells where epsilon is added."""
    small = 1e-3
    root, corrected = math.sqrt(0.5) * small, "to the corrected root"
    share = small / (small + small / math.sqrt(1 - 0.999))

    def moved(name: str, *gradients: float, epsilon: float = small, **options: Any) -> float:
        return -_run(backend, name, [small, *gradients], learning_rate=1.0, epsilon=epsilon, **options)

    found = {
        "adam": _nearest(moved("adam"), {corrected: 0.5, "before the correction": share}),
        # nadam's numerator is its own matter, and the same with and without epsilon
        "nadam": _nearest(
            moved("nadam") / moved("nadam", epsilon=1e-20), {corrected: 0.5, "before the correction": share}
        ),
        "adamax": _nearest(
            moved("adamax", 0.0, beta_1=0.5, beta_2=0.5),
            {"to the largest gradient": 0.5 + 1 / 4.5, "in the maximum": 0.5 + 1 / 3},
        ),
        "rmsprop": _nearest(
            moved("rmsprop", rho=0.5),
            {"under the root": small / math.sqrt(root**2 + small), "to the root": small / (root + small)},
        ),
        "adagrad": _nearest(
            moved("adagrad", initial_accumulator_value=0.0),
            {"under the root": small / math.sqrt(small**2 + small), "to the root": 0.5},
        ),
        "adadelta": _nearest(
            moved("adadelta", rho=0.5),
            {
                "under both roots": small * math.sqrt(small / (root**2 + small)),
                "to both roots": small * small / (root + small),
            },
        ),
    }
    told = [(catalog.optimizer(name), f"{name}: {place}") for name, place in found.items()]
    return _of_elements(backend, told)


def _weight_decay(backend: AbstractBackend) -> str:
    """One step of adam with gradient 0 from x = 1: decoupled decay moves x by r w, l2 by r."""
    first = [np.ones(1)]
    optimizer = backend.optimizer("adam", learning_rate=0.1, weight_decay=0.5)
    moved = float(optimizer.step(first, [np.zeros(1)])[0][0]) - 1.0
    meanings = {"decoupled: x -= r w x": -0.05, "l2: w x is added to the gradient": -0.1}
    return _of_elements(backend, [(catalog.optimizer("adam"), _nearest(moved, meanings))])


def _clipping(backend: AbstractBackend) -> str:
    """The cross-entropy of probability 0 for a target of 1 tells how log 0 is avoided."""
    one, zero = np.ones((1, 1), dtype=np.float32), np.zeros((1, 1), dtype=np.float32)
    meanings = {"probabilities clipped at 1e-7": -math.log(1e-7), "logarithms clamped at -100": 100.0}
    return _told(
        backend.native().binary_crossentropy(one, zero),
        backend.loss("binary_crossentropy", one, zero),
        lambda loss: _nearest(loss, meanings),
    )


def _focal(backend: AbstractBackend) -> str:
    """The focal loss of logit 12 for target 0, nearly 12: 1 - sigmoid(12) in float32 spoils its digits."""
    logit, target = np.full((1, 1), 12.0, dtype=np.float32), np.zeros((1, 1), dtype=np.float32)
    exact = (12.0 + math.log1p(math.exp(-12.0))) / (1.0 + math.exp(-12.0)) ** 2

    def words(loss: float) -> str:
        error = abs(loss / exact - 1.0)
        return f"loses digits: off by {error:.0e}" if error > 1e-6 else "keeps all digits"

    return _told(
        backend.native().focal_crossentropy(target, logit),
        backend.loss("binary_focal_crossentropy", target, logit, from_logits=True),
        words,
    )


def _sigmoid(backend: AbstractBackend) -> str:
    """A sigmoid unit with score -20 and target 1: loss 20 and derivative -1 if the loss sees the score."""
    own, here = backend.native().sigmoid_crossentropy(-20.0), ("sigmoid", "binary_crossentropy")
    return _saturation(backend, own, *here, np.array([[-20.0]]), np.ones((1, 1)))


def _softmax(backend: AbstractBackend) -> str:
    """The same of the first of two softmax units, with scores -20 and 0, if its class is the target."""
    own, here = backend.native().softmax_crossentropy(-20.0), ("softmax", "sparse_categorical_crossentropy")
    return _saturation(backend, own, *here, np.array([[-20.0, 0.0]]), np.zeros(1, dtype=np.int64))


def _saturation(
    backend: AbstractBackend,
    own: list[float] | None,
    activation: str,
    loss: str,
    scores: np.ndarray,
    target: np.ndarray,
) -> str:
    layer = {"units": scores.size, "activation": activation, "use_bias": False}
    model = ModelSpec.from_dict({**_SQUARES, "inputs": [1], "layers": [layer], "loss": loss})
    objective, gradients = backend.build(model, [scores]).gradients(np.ones((1, 1)), target)

    def told(found: list[float]) -> str:
        loss, slope = found[0], found[1] + 0.0  # no -0
        meaning = "learns" if slope < -0.5 else "no longer learns"
        return f"the unit {meaning}: loss {loss:.4g}, derivative {slope:.3g} by the score"

    return _told(own, [objective, float(gradients[0][0, 0])], told)


def _reductions(backend: AbstractBackend) -> Facts:
    """Losses of two rows of three numbers; classes 0 and 1 weigh 1 and 3."""
    native, thirds = backend.native(), np.full((2, 3), 1 / 3)
    classes, scores, weights = np.array([0, 1]), np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([1.0, 3.0, 1.0])
    shares = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]])
    rows = np.sum(thirds * np.log(thirds / shares), axis=1)
    weighted = weights[classes] * (np.log(np.exp(scores).sum(axis=1)) - scores[[0, 1], classes])

    def means(rows: np.ndarray) -> dict[str, float]:
        total = float(rows.sum())
        return {
            "mean over all numbers": total / 6,
            "sum over a row, mean over rows": total / 2,
            "sum": total,
        }

    entropy = "sparse_categorical_crossentropy"
    return {
        "reduction of the squared error": _told(
            native.mean_squared_error(np.zeros((2, 3)), np.ones((2, 3))),
            backend.loss("mean_squared_error", np.zeros((2, 3)), np.ones((2, 3))),
            lambda loss: _nearest(loss, means(np.full(2, 3.0))),
        ),
        "reduction of cross-entropy": _told(
            native.crossentropy(classes, scores),
            backend.loss(entropy, classes, scores, from_logits=True),
            lambda loss: _nearest(loss, means(weighted / weights[classes])),
        ),
        "class weights in cross-entropy": _told(
            native.crossentropy(classes, scores, weights),
            backend.loss(entropy, classes, scores, from_logits=True, class_weight=tuple(weights.tolist())),
            lambda loss: _nearest(
                loss,
                {
                    "sum divided by the number of rows": float(weighted.sum()) / 2,
                    "sum divided by the weights' sum": float(weighted.sum()) / 4,
                },
            ),
        ),
        "reduction of KL divergence": _told(
            native.kl_divergence(thirds, shares),
            backend.loss("kl_divergence", thirds, shares),
            lambda loss: _nearest(loss, means(rows)),
        ),
    }


def _kinks(backend: AbstractBackend) -> str:
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    activation, loss = backend.activation_gradient, backend.loss_gradient
    found: dict[str, tuple[catalog.Element, np.ndarray]] = {
        "relu'(0)": (catalog.activation("relu"), activation("relu", zero, one)),
        "leaky_relu'(0) with slope 0.2": (
            catalog.activation("leaky_relu"),
            activation("leaky_relu", zero, one, negative_slope=0.2),
        ),
        "hard_tanh'(1)": (catalog.activation("hard_tanh"), activation("hard_tanh", one, one)),
        "|e|'(0)": (catalog.loss("mean_absolute_error"), loss("mean_absolute_error", zero, zero)),
        "hinge'(1)": (catalog.loss("hinge"), loss("hinge", one, one)),
    }
    told = [
        (element, f"{name} = {float(value.ravel()[0]) + 0.0:.4g}") for name, (element, value) in found.items()
    ]
    return _of_elements(backend, told, ", ")


def _softplus(backend: AbstractBackend) -> str:
    """softplus(21) is 21 + 7.6e-10 in float64, or 21 where large numbers are taken as they are."""
    x, native = np.array([21.0]), backend.native()
    with native.float64():
        own = native.softplus(x)

    def told(y: np.ndarray) -> str:
        if y.dtype != np.float64:
            return f"{y.dtype}, which does not show it"
        meanings = {"log(1 + exp(x)) everywhere": math.log1p(math.exp(-21.0)) * 1e9, "x above 20": 0.0}
        return _nearest((float(y[0]) - 21.0) * 1e9, meanings, 1e-3)

    return _told(own, backend.activation("softplus", x), told)


_BATCH = np.array([[0.0], [0.0], [2.0], [2.0]])
"""Mean 1 and variance 1."""


def _averages(backend: AbstractBackend, x: np.ndarray) -> list[np.ndarray]:
    """Return the averages of mean and variance, from 0 and 1, after one step on a batch."""
    settings = {"inputs": [1], "layers": [{"units": 1, "normalization": "batch_normalization"}]}
    learner = backend.build(ModelSpec.from_dict({**settings, **_SQUARES}))
    _, *others = learner.parameters()
    learner.load_parameters([np.ones((1, 1)), *others])
    learner.step(x, np.zeros((4, 1)))
    return learner.parameters()[4:]


def _normalization(backend: AbstractBackend) -> str:
    """A step on a batch with mean 1 and variance 1 of 4 examples moves the averages from 0 and 1."""

    def told(averages: list[np.ndarray]) -> str:
        mean, variance = (float(average[0]) for average in averages)
        counted = (variance - (1 - mean)) / mean
        meaning = _nearest(counted, {"of n": 1.0, "of n - 1": 4 / 3}, 1e-3)
        return f"keeps {1 - mean:.4g} of the moving averages, takes the variance {meaning}"

    return _told(
        backend.native().batch_normalization(_BATCH.astype(np.float32)), _averages(backend, _BATCH), told
    )


def _large_mean(backend: AbstractBackend) -> str:
    """The variance of the same float32 numbers around 10000: E[x^2] - E[x]^2 loses all of it."""
    near, far = _BATCH.astype(np.float32), (_BATCH + 1e4).astype(np.float32)
    own = [backend.native().batch_normalization(x) for x in (near, far)]

    def told(averages: list[list[np.ndarray] | None]) -> str:
        (mean, variance), (_, other) = ([float(each[0]) for each in found or ()] for found in averages)
        left = (other - (1 - mean)) / (variance - (1 - mean))
        return "keeps its digits" if abs(left - 1) < 1e-3 else f"is {left:.3g} of what it should be"

    here: list[list[np.ndarray] | None] = [_averages(backend, x) for x in (near, far)]
    return _told(own if all(own) else None, here, told)


def _precision(backend: AbstractBackend) -> str:
    """Largest relative error of ordinary results that should have float64's digits."""

    def told(errors: dict[str, float]) -> str:
        leaks = precision.leaks(errors)
        if leaks:
            return "leaks in " + ", ".join(f"{name} {error:.1e}" for name, error in leaks.items())
        return "complete"

    return _told(precision.native_errors(backend), precision.errors(backend), told)


def _product(backend: AbstractBackend) -> str:
    """1 + 2^-12 times 1 is 1 if factors are rounded to the 10 bits of TF32."""
    size, native = 128, backend.native()
    x = np.eye(size, dtype=np.float32) * np.float32(1 + 2.0**-12)
    settings = {"inputs": [size], "layers": [{"units": size, "use_bias": False}], **_SQUARES}
    gpu = backend.devices()["gpu"].available
    placement = Placement(device="gpu" if gpu else "cpu")
    learner = backend.build(ModelSpec.from_dict(settings), [np.eye(size)], placement)
    fact = _told(
        native.product(x, np.eye(size, dtype=np.float32)),
        learner.predict(x),
        lambda product: _nearest(
            float(product[0, 0]), {"all 24 bits": 1 + 2.0**-12, "TF32: 11 bits": 1.0}, 1e-7
        ),
    )
    setting = native.product_setting()
    return f"{fact}, on {placement.device}" + (f", with {setting} by default" if setting else "")


def _subnormals(backend: AbstractBackend) -> str:
    x = np.array([1e-40], dtype=np.float32)
    kept = backend.activation_gradient("relu", x, np.ones_like(x))[0] == 1
    return "are kept" if kept else "are taken for 0"


def _initialization(backend: AbstractBackend) -> str:
    """Match samples of the framework's own dense layer, and of this project's, with the usual bounds."""
    inputs, units = 400, 300
    bounds = {
        "sqrt(6 / (inputs + units)) (glorot)": math.sqrt(6 / (inputs + units)),
        "1 / sqrt(inputs)": 1 / math.sqrt(inputs),
        "sqrt(6 / inputs) (he)": math.sqrt(6 / inputs),
    }
    model = ModelSpec.from_dict({"inputs": [inputs], "layers": [{"units": units}], **_SQUARES})
    return _told(
        backend.native().initial_parameters(inputs, units),
        initial.parameters(model),
        lambda arrays: "; ".join(
            f"{name} {_distribution(array, bounds)}"
            for name, array in zip(("kernel", "bias"), arrays, strict=True)
        ),
    )


def _distribution(sample: np.ndarray, bounds: dict[str, float]) -> str:
    largest, spread = float(np.abs(sample).max()), float(sample.std())
    if largest == 0:
        return "all 0"
    if largest / spread < 2:
        near = next((name for name, bound in bounds.items() if 0.95 * bound < largest <= bound), "")
        return f"uniform up to {near or f'{largest:.4f}'}"
    return f"normal with standard deviation {spread:.4f}" + (", cut" if largest / spread < 3 else "")


def _defaults(backend: AbstractBackend) -> Facts:
    """Read the defaults of all calls of the framework's library that the catalogue names."""
    facts: Facts = {}
    for element in catalog.every():
        for call in filter(None, element.native.get(_framework(backend), "").split(", ")):
            path = _module_of(call.partition("(")[0])
            if shown := _shown(_at(path)):
                facts[f"defaults of {path}"] = shown
    return facts


def _module_of(path: str) -> str:
    """Return the path of the module that a function of PyTorch is in: it has defaults that C code keeps."""
    place, _, name = path.rpartition(".")
    if place == "torch.nn.functional":
        modules = _at("torch.nn")
        for each in dir(modules):
            if each.lower() == name.replace("_", "") and isinstance(getattr(modules, each), type):
                return f"torch.nn.{each}"
    return path


def _at(path: str) -> Any:
    library, *rest = path.split(".")
    return reduce(getattr, rest, import_module(library))


def _shown(call: Any) -> str:
    """Return the numbers, switches and texts that are a call's defaults, and `None`s, which mean that nothing
    is done; nothing of what is built in and tells none.
    """
    try:
        # of a class, what `__new__` takes may be anything
        signature = inspect.signature(call.__init__ if isinstance(call, type) else call)  # type: ignore[misc]
    except ValueError:
        return ""
    return ", ".join(
        f"{each.name}={each.default:g}" if isinstance(each.default, float) else f"{each.name}={each.default}"
        for each in signature.parameters.values()
        if isinstance(each.default, (int, float, tuple, str, type(None)))
        and each.name not in _UNTOLD
        and not each.name.startswith(("ema_", "_"))
    )


def _framework(backend: AbstractBackend) -> str:
    """Return the name by which the catalogue knows the framework."""
    return backend.name.partition("-")[0]


def _of_elements(
    backend: AbstractBackend, told: Sequence[tuple[catalog.Element, str]], between: str = "; "
) -> str:
    """Return what is told of elements, and after `here:` of those that the framework has not by itself."""
    own = between.join(fact for element, fact in told if _framework(backend) in element.native)
    here = between.join(fact for element, fact in told if _framework(backend) not in element.native)
    return f"{own or _NOTHING}; here: {here}" if here else own


def _told(native: _Found | None, here: _Found, words: Callable[[_Found], str]) -> str:
    """Return in words what the framework does by itself and, where that differs, the backend here."""
    own, ours = _NOTHING if native is None else words(native), words(here)
    return own if own == ours else f"{own}; here: {ours}"


def _run(backend: AbstractBackend, name: str, gradients: list[float], **options: Any) -> float:
    """Return where a parameter that begins at 0 is after these gradients, in float64."""
    optimizer, parameters = backend.optimizer(name, **options), [np.zeros(1)]
    for gradient in gradients:
        parameters = optimizer.step(parameters, [np.array([gradient])])
    return float(parameters[0][0])


def _nearest(found: float, meanings: dict[str, float], tolerance: float = 1e-5) -> str:
    """Return the meaning whose number this is, or the number if it is none of them."""
    for meaning, number in meanings.items():
        if abs(found - number) <= tolerance * max(abs(number), 1e-3):
            return meaning
    return f"none of {', '.join(meanings)}: {found:.9g}"


_PROBES: dict[str, Callable[[AbstractBackend], str]] = {
    "momentum under a changing rate": _momentum,
    "Nesterov momentum": _nesterov,
    "place of epsilon": _epsilon,
    "weight decay of adam": _weight_decay,
    "cross-entropy from probabilities": _clipping,
    "focal loss of a logit of 12": _focal,
    "sigmoid before it, saturated": _sigmoid,
    "softmax before it, saturated": _softmax,
    "derivatives at kinks": _kinks,
    "default initialization": _initialization,
    "softplus of large numbers": _softplus,
    "batch normalization": _normalization,
    "its variance of numbers around 10000": _large_mean,
    "float64": _precision,
    "float32 products": _product,
    "subnormal numbers": _subnormals,
}

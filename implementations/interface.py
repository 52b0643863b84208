"""The shared interface: what every backend can do, and the checks that all of them share.

A method is either final, and then it checks its arguments and documents itself here once, or abstract, and
then a backend writes only what differs. Arrays in and out of the final methods are `numpy.ndarray`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, Protocol, TypeVar, final

import numpy as np

from implementations import catalog, checks
from implementations.errors import BackendUnavailable, DeviceUnavailable, InvalidInput, unknown_name
from implementations.spec import DTYPES, DType, ModelSpec, OptimizerSpec

Device = Literal["cpu", "gpu"]
Native = TypeVar("Native")
"""A backend's own array type."""


@dataclass(frozen=True)
class Placement:
    """Where and in which precision a network is computed.

    Parameters
    ----------
    device
        `cpu` or `gpu`.
    dtype
        Replaces the model's dtype.
    masks
        Whose random numbers dropout takes: the framework's `own`, or NumPy's `shared` ones
        (`implementations.initial.dropout_masks`), the same for every backend.
    compiled
        Whether the framework compiles training and prediction as a whole, in a mode beside its usual one.
    """

    device: Device = "cpu"
    dtype: DType | None = None
    masks: Literal["own", "shared"] = "own"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.masks not in ("own", "shared"):
            raise unknown_name("masks of a placement", self.masks, ("own", "shared"), "choose one of them")
        if self.dtype is not None and self.dtype not in DTYPES:
            raise unknown_name("dtype of a placement", self.dtype, DTYPES, "choose one of them")


@dataclass(frozen=True)
class Support:
    """Whether something can be done here and, if not, why."""

    available: bool
    reason: str = ""


@dataclass(frozen=True)
class Operation:
    """What one kind of operation took while a learner was trained, by the framework's own count.

    Parameters
    ----------
    name
        The framework's name for it.
    kind
        `product` of matrices; `copy`, which moves or converts numbers and computes none; `other`.
    calls
        How many there were.
    seconds
        Of its own, all calls together.
    """

    name: str
    kind: Literal["product", "copy", "other"]
    calls: int
    seconds: float


class Framework(Protocol):
    """What a framework does by itself: its own layers and losses with their defaults, called as its users do.

    The module `native` of each backend. Functions return None where the framework has no such thing.
    """

    def float64(self) -> AbstractContextManager[None]:
        """Return a scope in which everything is asked for in float64, by public switches alone."""

    def initial_parameters(self, inputs: int, units: int) -> list[np.ndarray] | None:
        """Return kernel and bias of a new dense layer."""

    def dense(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
        """Return the outputs of a dense layer without bias, made in the dtype of x (n, inputs)."""

    def tanh(self, x: np.ndarray) -> np.ndarray | None:
        """Return tanh(x)."""

    def softplus(self, x: np.ndarray) -> np.ndarray | None:
        """Return log(1 + exp(x))."""

    def constant(self, value: float) -> float | None:
        """Return a Python number cast to float64."""

    def descent(self, rate: float) -> float | None:
        """Return how far a step of gradient descent moves a float64 parameter down a slope of 1."""

    def product(self, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return the matrix product x y, where the framework computes it and as precisely as it does."""

    def product_setting(self) -> str | None:
        """Return the setting that decides about TF32, as the framework has it when it starts."""

    def batch_normalization(self, x: np.ndarray) -> list[np.ndarray] | None:
        """Return moving mean and variance after one training step on x (n, units), from 0 and 1."""

    def sigmoid_crossentropy(self, score: float) -> list[float] | None:
        """Return the binary cross-entropy of a sigmoid unit for target 1, and its derivative by the score."""

    def softmax_crossentropy(self, score: float) -> list[float] | None:
        """Return the same for the first of two softmax units; the other one's score is 0."""

    def binary_crossentropy(self, targets: np.ndarray, probabilities: np.ndarray) -> float | None:
        """Return the loss of probabilities (n, k)."""

    def focal_crossentropy(self, targets: np.ndarray, logits: np.ndarray) -> float | None:
        """Return the binary focal loss of logits (n, k)."""

    def mean_squared_error(self, targets: np.ndarray, predictions: np.ndarray) -> float | None:
        """Return the loss of predictions (n, k)."""

    def crossentropy(
        self, classes: np.ndarray, scores: np.ndarray, class_weight: np.ndarray | None = None
    ) -> float | None:
        """Return the cross-entropy of scores (n, k) for class numbers (n,), weighted by class."""

    def kl_divergence(self, targets: np.ndarray, probabilities: np.ndarray) -> float | None:
        """Return the Kullback-Leibler divergence of probabilities (n, k) from targets (n, k)."""


class AbstractOptimizer(ABC):
    """An optimizer on its own: lists of arrays in and out, state kept inside."""

    _first: list[tuple[tuple[int, ...], np.dtype]] | None = None
    """Shapes and dtypes of the first step, which the state keeps."""

    @final
    def step(self, parameters: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the parameters after one step.

        Parameters
        ----------
        parameters, gradients
            Arrays of equal shapes and one dtype, float32 or float64; the same shapes at each call.

        Raises
        ------
        InvalidInput
            If the lists do not fit each other, or not those of the first call.
        """
        if len(parameters) != len(gradients) or not parameters:
            raise InvalidInput(
                "gradients",
                expected=f"one for each of {len(parameters)} parameters",
                got=str(len(gradients)),
                action="pass matching, non-empty lists",
            )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            checks.floating("parameter", parameter)
            checks.same_shape("gradient", gradient, parameter.shape)
            if gradient.dtype != parameters[0].dtype or parameter.dtype != parameters[0].dtype:
                raise InvalidInput(
                    "gradient",
                    expected=f"dtype {parameters[0].dtype} throughout",
                    got=f"{parameter.dtype} and {gradient.dtype}",
                    action="convert them",
                )
        given = [(parameter.shape, parameter.dtype) for parameter in parameters]
        self._first = self._first or given
        if given != self._first:
            raise InvalidInput(
                "parameters",
                expected="the shapes and dtype of the first step",
                got=", ".join(map(checks.described, parameters)),
                action="make a new optimizer for them",
            )
        return self._step(list(parameters), list(gradients))

    @abstractmethod
    def observe(self, loss: float) -> None:
        """Tell the schedule `reduce_on_plateau` an epoch's validation loss; others take no notice."""

    @abstractmethod
    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]: ...


class AbstractLearner(ABC, Generic[Native]):
    """A network with its loss and optimizer, ready to be trained.

    Public methods with NumPy arrays check their arguments. For timing there is a second way in, without
    checks or copies: `place` puts data on the device once, and `train_step`, `train_epoch` and `infer`
    take what it returned.
    """

    def __init__(self, model: ModelSpec, placement: Placement) -> None:
        self.model = replace(model, dtype=placement.dtype or model.dtype)
        self.placement = placement
        self._loss_element = catalog.loss(model.loss.name)
        checks.class_weight(self._loss_element, dict(model.loss.options), model.network.widths[-1])
        self._masks_drawn = 0

    @final
    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[Native, Native]:
        """Check examples and targets and put them where the network is, in its dtype.

        Parameters
        ----------
        x
            Shape (n, *inputs), finite numbers.
        y
            Class numbers of shape (n,) for sparse losses, else shape (n, units); (n,) is taken as (n, 1).

        Raises
        ------
        InvalidInput
            For a wrong shape or dtype, a class number out of range, NaN or infinity.
        """
        return self._place_inputs(self._inputs(x)), self._place_targets(self._targets(y, len(x)))

    @final
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the network's outputs, shape (n, units), in the network's dtype. Dropout is off."""
        return self._to_numpy(self.infer(self._place_inputs(self._inputs(x))))

    @final
    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the objective on these examples: mean loss plus penalties, as in prediction.

        Dropout is off, and batch_normalization takes its moving mean and variance.
        """
        return self._loss(*self.place(x, y))

    @final
    def gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Return the objective and its derivatives, shaped like `parameters()`, as in prediction.

        For moving means and variances, which follow no gradient, the arrays are 0.
        """
        return self._gradients(*self.place(x, y))

    @final
    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        """Train on one batch. May return before the device is done: see `synchronize`."""
        self.train_step(*self.place(x, y))

    @final
    def epoch(self, x: np.ndarray, y: np.ndarray, order: np.ndarray) -> None:
        """Train one step for each row of `order`, in the framework's own best-liked loop.

        Parameters
        ----------
        order
            Example numbers, shape (steps, batch_size), integers in [0, n).
        """
        placed = self.place(x, y)
        checks.order(order, len(x))
        self.train_epoch(*placed, order)

    @final
    def load_parameters(self, parameters: Sequence[np.ndarray]) -> None:
        """Start again from these parameters: the optimizer's state and step count are cleared.

        Raises
        ------
        InvalidInput
            If their number or shapes differ from `parameters()`, or they are no numbers.
        """
        shapes = self.model.network.parameter_shapes
        if len(parameters) != len(shapes):
            raise InvalidInput(
                "parameters",
                expected=f"{len(shapes)} arrays",
                got=str(len(parameters)),
                action="pass them all",
            )
        for parameter, shape in zip(parameters, shapes, strict=True):
            checks.same_shape("parameter", parameter, shape)
            checks.real("parameter", parameter)
        self._masks_drawn = 0
        self._load_parameters([np.asarray(parameter, dtype=self.model.dtype) for parameter in parameters])

    @final
    def draw_masks(self, examples: int) -> list[np.ndarray]:
        """Return the shared dropout masks of the next step, in the network's dtype."""
        from implementations import initial

        masks = initial.dropout_masks(self.model, examples, self._masks_drawn)
        self._masks_drawn += 1
        return [mask.astype(self.model.dtype) for mask in masks]

    @abstractmethod
    def parameters(self) -> list[np.ndarray]:
        """Return copies in the order of `LayerSpec.parameters`: kernel (inputs, units), bias (units,), ..."""

    @abstractmethod
    def observe(self, loss: float) -> None:
        """Tell the schedule `reduce_on_plateau` an epoch's validation loss; others take no notice."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until the device has finished everything that was asked of it."""

    @abstractmethod
    def train_step(self, x: Native, y: Native) -> None:
        """Train on one placed batch."""

    @abstractmethod
    def train_epoch(self, x: Native, y: Native, order: np.ndarray) -> None:
        """Train on placed data, one step for each row of `order`."""

    @abstractmethod
    def infer(self, x: Native) -> Native:
        """Return outputs for placed examples; may return before the device is done."""

    @abstractmethod
    def _place_inputs(self, x: np.ndarray) -> Native: ...

    @abstractmethod
    def _place_targets(self, y: np.ndarray) -> Native: ...

    @abstractmethod
    def _to_numpy(self, array: Native) -> np.ndarray: ...

    @abstractmethod
    def _loss(self, x: Native, y: Native) -> float: ...

    @abstractmethod
    def _gradients(self, x: Native, y: Native) -> tuple[float, list[np.ndarray]]: ...

    @abstractmethod
    def _load_parameters(self, parameters: list[np.ndarray]) -> None: ...

    @final
    def _inputs(self, x: np.ndarray) -> np.ndarray:
        return checks.inputs(x, self.model.network.inputs, self.model.dtype)

    @final
    def _targets(self, y: np.ndarray, examples: int) -> np.ndarray:
        return checks.targets(
            y, examples, self.model.network.widths[-1], self._loss_element, self.model.dtype
        )


class AbstractBackend(ABC):
    """One framework: its elements one by one, and whole networks.

    Parameters
    ----------
    name
        The registry's name for it, such as `keras-jax`.
    """

    convention: str
    """What this framework means where names are ambiguous: `keras` or `torch`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @final
    def activation(self, name: str, x: np.ndarray, **options: Any) -> np.ndarray:
        """Return f(x): same shape and dtype as x (float32 or float64); `glu` halves the last axis."""
        resolved = catalog.activation(name).resolve(options, self.convention)
        checks.outputs_shape(name, checks.floating("x", x))
        return self._activation(name, x, resolved)

    @final
    def activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Return the vector-Jacobian product upstream . df/dx, by the framework's own autodiff.

        In NumPy the derivative is written by hand. Upstream has the shape and dtype of f(x).
        """
        resolved = catalog.activation(name).resolve(options, self.convention)
        outputs = checks.outputs_shape(name, checks.floating("x", x))
        checks.same_shape("upstream", checks.floating("upstream", upstream), outputs)
        return self._activation_gradient(name, x, upstream.astype(x.dtype, copy=False), resolved)

    @final
    def loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        *,
        sample_weight: np.ndarray | None = None,
        **options: Any,
    ) -> float:
        """Return the mean loss; predictions have shape (n, k), targets as the catalogue says.

        Parameters
        ----------
        sample_weight
            A weight w for each example's loss l, shape (n,). The mean is then the sum of w l, divided by n
            or, with the option `weight_mode="weights"`, by the sum of w.

        Raises
        ------
        InvalidInput
            Besides arrays and options that do not fit: for weights that are negative or not finite, of a loss
            that sums over all examples, besides class_weight, or all 0 where their sum is the divisor.

        Examples
        --------
        >>> from implementations import load_backend
        >>> backend, weights = load_backend("numpy"), np.array([3.0, 1.0])
        >>> pair = np.array([[0.0], [0.0]]), np.array([[1.0], [2.0]])
        >>> backend.loss("mean_squared_error", *pair, sample_weight=weights)
        3.5
        >>> backend.loss("mean_squared_error", *pair, sample_weight=weights, weight_mode="weights")
        1.75
        """
        return self._loss(name, *self._asked_loss(name, targets, predictions, sample_weight, options))

    @final
    def loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        *,
        sample_weight: np.ndarray | None = None,
        **options: Any,
    ) -> np.ndarray:
        """Return d loss / d predictions, in the shape and dtype of predictions; arguments as for `loss`."""
        return self._loss_gradient(
            name, *self._asked_loss(name, targets, predictions, sample_weight, options)
        )

    @final
    def metric(self, name: str, targets: np.ndarray, predictions: np.ndarray, **options: Any) -> np.ndarray:
        """Return the metric of all examples: a float64 array without axes, or a matrix.

        Examples
        --------
        >>> from implementations import load_backend
        >>> scores = np.array([[0.9, 0.1], [0.8, 0.2]])
        >>> float(load_backend("numpy").metric("accuracy", np.array([0, 1]), scores))
        0.5
        """
        element = catalog.metric(name)
        resolved = element.resolve(options, self.convention)
        return self._metric(name, *checks.metric_pair(element, targets, predictions), resolved)

    @final
    def optimizer(self, name: str, *, learning_rate: Any, **options: Any) -> AbstractOptimizer:
        """Return the optimizer with its state at zero; `learning_rate` is a number or a schedule's table."""
        spec = OptimizerSpec.from_dict({"name": name, "learning_rate": learning_rate, **options})
        return self._optimizer(spec)

    @final
    def build(
        self,
        model: ModelSpec,
        parameters: Sequence[np.ndarray] | None = None,
        placement: Placement | None = None,
    ) -> AbstractLearner[Any]:
        """Return the model, built and ready to be trained.

        Parameters
        ----------
        parameters
            Initial ones; by default `implementations.initial.parameters(model)`.
        placement
            Device, dtype and mode; by default the CPU, the model's dtype, and not compiled.

        Raises
        ------
        DeviceUnavailable
            If this backend sees no such device here.
        UnsupportedConvention
            If it cannot express the asked-for convention.
        BackendUnavailable
            If it has no compiled mode, or lacks the compiler, and the placement asks for it.
        """
        from implementations import initial, registry

        placement = placement or Placement()
        support = self.devices().get(
            placement.device, Support(False, "no such device; there are cpu and gpu")
        )
        if not support.available:
            raise DeviceUnavailable(
                f"device {placement.device} of {self.name}",
                expected="a usable device",
                got=support.reason,
                action="choose --device cpu, or see `versus doctor`",
            )
        if placement.compiled and not (mode := registry.support(self.name, compiled=True)).available:
            raise BackendUnavailable(
                f"compiled mode of {self.name}",
                expected="a way to compile",
                got=mode.reason,
                action="leave `compiled` out of the placement, or see `versus doctor`",
            )
        learner = self._build(model, placement)
        learner.load_parameters(initial.parameters(model) if parameters is None else parameters)
        return learner

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the version of each package that takes part."""

    @abstractmethod
    def devices(self) -> Mapping[str, Support]:
        """Return for `cpu` and `gpu` whether this backend can compute there and, if not, why."""

    @abstractmethod
    def peak_device_bytes(self) -> int | None:
        """Return the most GPU memory that the framework has held since the last call; None without a GPU.

        JAX and CuPy cannot forget an earlier peak: there it is the most since the start.
        """

    @abstractmethod
    def set_threads(self, threads: int) -> None:
        """Limit the threads used for one operation, by the framework's own switch."""

    @abstractmethod
    def threads(self) -> int:
        """Return how many threads the framework says it uses for one operation."""

    @abstractmethod
    def operations(self, learner: AbstractLearner[Any], train: Callable[[], None]) -> list[Operation]:
        """Return what is done on the CPU in `train`.

        It takes steps of a learner that has taken such before, and waits for the last one.
        """

    @abstractmethod
    def native(self) -> Framework:
        """Return the framework as it is by itself, with none of this backend's settings."""

    @abstractmethod
    def _activation(self, name: str, x: np.ndarray, options: dict[str, Any]) -> np.ndarray: ...

    @abstractmethod
    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray: ...

    @abstractmethod
    def _loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float: ...

    @abstractmethod
    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray: ...

    @abstractmethod
    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray: ...

    @abstractmethod
    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer: ...

    @abstractmethod
    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]: ...

    @final
    def _asked_loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        sample_weight: np.ndarray | None,
        options: dict[str, Any],
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any], tuple[np.ndarray, str] | None]:
        """Return the checked targets, predictions, options, and weights of examples with their mode."""
        element = catalog.loss(name)
        weight_mode = None if sample_weight is None else options.pop("weight_mode", "examples")
        resolved = element.resolve(options, self.convention)
        pair = checks.loss_pair(element, targets, predictions)
        checks.class_weight(element, resolved, predictions.shape[1])
        if sample_weight is None:
            return *pair, resolved, None
        weighting = checks.sample_weight(element, sample_weight, weight_mode, resolved, predictions)
        return *pair, resolved, weighting

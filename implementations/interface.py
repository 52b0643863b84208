"""The shared interface: what every backend can do, and the checks that all of them share.

A method is either final, and then it checks its arguments and documents itself here once, or abstract, and
then a backend writes only what differs. Arrays in and out of the final methods are `numpy.ndarray`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, final

import numpy as np

from implementations import catalog
from implementations.errors import DeviceUnavailable, InvalidInput, unknown_name
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
    """

    device: Device = "cpu"
    dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.dtype is not None and self.dtype not in DTYPES:
            raise unknown_name("dtype of a placement", self.dtype, DTYPES, "choose one of them")


@dataclass(frozen=True)
class Support:
    """Whether something can be done here and, if not, why."""

    available: bool
    reason: str = ""


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
            _floating("parameter", parameter)
            _same_shape("gradient", gradient, parameter.shape)
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
                got=", ".join(map(_described, parameters)),
                action="make a new optimizer for them",
            )
        return self._step(list(parameters), list(gradients))

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
        return self._place_inputs(self._checked_inputs(x)), self._place_targets(
            self._checked_targets(y, len(x))
        )

    @final
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the network's outputs, shape (n, units), in the network's dtype. Dropout is off."""
        return self._to_numpy(self.infer(self._place_inputs(self._checked_inputs(x))))

    @final
    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the objective on these examples: mean loss plus L2 penalties. Dropout is off."""
        return self._loss(*self.place(x, y))

    @final
    def gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Return the objective and its derivatives, shaped like `parameters()`. Dropout is off."""
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
        if (
            not isinstance(order, np.ndarray)
            or order.ndim != 2
            or order.dtype.kind not in "iu"
            or order.size == 0
        ):
            raise InvalidInput(
                "order",
                expected="a numpy array of integers, shape (steps, batch_size)",
                got=_described(order),
                action="see implementations.initial.batch_order",
            )
        if order.min() < 0 or order.max() >= len(x):
            raise InvalidInput(
                "order",
                expected=f"example numbers in [0, {len(x)})",
                got=f"{order.min()} to {order.max()}",
                action="draw it for this many examples",
            )
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
            _same_shape("parameter", parameter, shape)
            _real("parameter", parameter)
        self._load_parameters([np.asarray(parameter, dtype=self.model.dtype) for parameter in parameters])

    @abstractmethod
    def parameters(self) -> list[np.ndarray]:
        """Return copies: kernel (inputs, units), bias (units,), layer by layer."""

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
    def _checked_inputs(self, x: np.ndarray) -> np.ndarray:
        inputs = self.model.network.inputs
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiu" or x.shape[1:] != inputs or len(x) == 0:
            raise InvalidInput(
                "examples",
                expected=f"numbers of shape (n, {', '.join(map(str, inputs))}), n >= 1",
                got=_described(x),
                action="reshape them or change the model's inputs",
            )
        return _finite("examples", x, self.model.dtype)

    @final
    def _checked_targets(self, y: np.ndarray, examples: int) -> np.ndarray:
        units, kind = self.model.network.widths[-1], self._loss_element.targets
        if not isinstance(y, np.ndarray) or y.shape[:1] != (examples,):
            raise InvalidInput(
                f"targets of {self._loss_element.name}",
                expected=f"a numpy array with one row for each of {examples} examples",
                got=_described(y),
                action="pass as many targets as examples",
            )
        if kind == "index":
            if y.shape != (examples,) or y.dtype.kind not in "iu":
                raise InvalidInput(
                    f"targets of {self._loss_element.name}",
                    expected=f"class numbers, integers of shape ({examples},)",
                    got=_described(y),
                    action="pass class numbers, or use categorical_crossentropy for one-hot rows",
                )
            if y.min() < 0 or y.max() >= units:
                raise InvalidInput(
                    f"targets of {self._loss_element.name}",
                    expected=f"class numbers in [0, {units})",
                    got=f"{y.min()} to {y.max()}",
                    action="give the last layer one unit for each class",
                )
            return y
        if units == 1 and y.shape == (examples,):
            y = y[:, np.newaxis]
        if y.shape != (examples, units) or y.dtype.kind not in "fiub":
            raise InvalidInput(
                f"targets of {self._loss_element.name}",
                expected=f"numbers of shape ({examples}, {units})",
                got=_described(y),
                action="match the last layer's units",
            )
        return _finite("targets", y, self.model.dtype)


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
        """Return f(x): same shape and dtype as x (float32 or float64)."""
        resolved = catalog.activation(name).resolve(options, self.convention)
        return self._activation(name, _floating("x", x), resolved)

    @final
    def activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Return the vector-Jacobian product upstream . df/dx, by the framework's own autodiff.

        In NumPy the derivative is written by hand. Shapes and dtypes of x and upstream are equal.
        """
        resolved = catalog.activation(name).resolve(options, self.convention)
        _same_shape("upstream", _floating("upstream", upstream), _floating("x", x).shape)
        return self._activation_gradient(name, x, upstream.astype(x.dtype, copy=False), resolved)

    @final
    def loss(self, name: str, targets: np.ndarray, predictions: np.ndarray, **options: Any) -> float:
        """Return the mean loss; predictions have shape (n, k), targets as the catalogue says."""
        element = catalog.loss(name)
        resolved = element.resolve(options, self.convention)
        return self._loss(name, *_pair(element, targets, predictions), resolved)

    @final
    def loss_gradient(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Return d loss / d predictions, in the shape and dtype of predictions."""
        element = catalog.loss(name)
        resolved = element.resolve(options, self.convention)
        return self._loss_gradient(name, *_pair(element, targets, predictions), resolved)

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
            Device and dtype; by default the CPU and the model's dtype.

        Raises
        ------
        DeviceUnavailable
            If this backend sees no such device here.
        UnsupportedConvention
            If it cannot express the asked-for convention.
        """
        from implementations import initial

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
    def set_threads(self, threads: int) -> None:
        """Limit the threads used for one operation, by the framework's own switch."""

    @abstractmethod
    def threads(self) -> int:
        """Return how many threads the framework says it uses for one operation."""

    @abstractmethod
    def _activation(self, name: str, x: np.ndarray, options: dict[str, Any]) -> np.ndarray: ...

    @abstractmethod
    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray: ...

    @abstractmethod
    def _loss(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> float: ...

    @abstractmethod
    def _loss_gradient(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray: ...

    @abstractmethod
    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer: ...

    @abstractmethod
    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]: ...


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__


def _floating(subject: str, array: np.ndarray) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64) or array.ndim == 0:
        raise InvalidInput(
            subject,
            expected="a numpy array of float32 or float64 with at least one axis",
            got=_described(array),
            action="convert it",
        )
    return array


def _same_shape(subject: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise InvalidInput(subject, expected=f"shape {shape}", got=_described(array), action="reshape it")


def _real(subject: str, array: np.ndarray) -> None:
    if array.dtype.kind not in "fiub":
        raise InvalidInput(subject, expected="real numbers", got=_described(array), action="convert it")


def _finite(subject: str, array: np.ndarray, dtype: DType) -> np.ndarray:
    """Return the numbers in that dtype, in one block of memory."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is told below
        converted = np.ascontiguousarray(array, dtype=dtype)
    bad = ~np.isfinite(converted)
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InvalidInput(
            subject,
            expected=f"finite numbers of {dtype}",
            got=f"{array[first]} at position {first} ({int(bad.sum())} such values)",
            action="clean, impute or scale them",
        )
    return converted


def _pair(
    element: catalog.LossElement, targets: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    _floating("predictions", predictions)
    if predictions.ndim != 2 or predictions.size == 0:
        raise InvalidInput(
            "predictions",
            expected="shape (n, k), n and k at least 1",
            got=_described(predictions),
            action="reshape them",
        )
    if element.targets != "index":
        _same_shape("targets", targets, predictions.shape)
        _real("targets", targets)
        return targets.astype(predictions.dtype, copy=False), predictions
    _same_shape("targets", targets, predictions.shape[:1])
    if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= predictions.shape[1]:
        raise InvalidInput(
            "targets",
            expected=f"integers in [0, {predictions.shape[1]})",
            got=f"{targets.dtype} from {targets.min()} to {targets.max()}",
            action="pass class numbers",
        )
    return targets, predictions

"""Specifications: what to build, as frozen values that every backend reads the same way.

A specification is checked when it is made, so a backend never meets an unknown name or option.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from implementations import catalog
from implementations.errors import InvalidInput, unknown_name

DType = Literal["float32", "float64"]
DTYPES: tuple[DType, ...] = ("float32", "float64")


MOVING = ("moving_mean", "moving_variance")
"""Parameters of batch_normalization that training changes, but no gradient."""

_LARGEST_SEED = 2**31 - 1
"""NumPy takes more, but Keras and PyTorch do not."""


def _whole(subject: str, value: object, low: int = 1, high: float = math.inf) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        bounds = f">= {low}" if high == math.inf else f"from {low} to {high}"
        raise InvalidInput(subject, expected=f"a whole number {bounds}", got=repr(value), action="correct it")
    return value


def _number(subject: str, value: object, low: float, high: float = math.inf, *, closed: bool = True) -> float:
    """Return the value as float if it is in [low, high) or, when not closed, in (low, high)."""
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not numeric or not (low <= value if closed else low < value) or not value < high:  # type: ignore[operator]  # numeric was checked
        left = "[" if closed else "("
        raise InvalidInput(
            subject, expected=f"a number in {left}{low:g}, {high:g})", got=repr(value), action="correct it"
        )
    return float(value)  # type: ignore[arg-type]  # numeric was checked


def _only(subject: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if not isinstance(given, Mapping):
        raise InvalidInput(subject, expected="a table of settings", got=repr(given), action="correct it")
    for name in given:
        if name not in known:
            raise unknown_name(f"setting of {subject}", name, known, "correct or remove it")


def _frozen(options: Mapping[str, Any]) -> tuple[tuple[str, catalog.OptionValue], ...]:
    """Return options that can be hashed: lists become tuples."""
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value) for name, value in options.items()
    )


def _plain(options: tuple[tuple[str, catalog.OptionValue], ...]) -> dict[str, Any]:
    """Return options as JSON and TOML have them: tuples become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options}


@dataclass(frozen=True)
class ElementSpec:
    """An element of the catalogue with the options given to it.

    Examples
    --------
    >>> ElementSpec.from_value("relu", catalog.activation).to_value()
    'relu'
    >>> ElementSpec.from_value({"name": "elu", "alpha": 0.5}, catalog.activation).to_value()
    {'name': 'elu', 'alpha': 0.5}
    """

    name: str
    options: tuple[tuple[str, catalog.OptionValue], ...] = ()

    @classmethod
    def from_value(cls, value: Any, find: Callable[[str], catalog.Element]) -> ElementSpec:
        """Read a name, or a table with `name` and options; `find` is the catalogue's look-up."""
        if isinstance(value, cls):
            return value
        given = {"name": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            raise InvalidInput(
                find.__name__,
                expected="a name, or a table with `name` and options",
                got=repr(value),
                action="correct it",
            )
        options = {key: option for key, option in given.items() if key != "name"}
        find(given["name"]).resolve(options)
        return cls(given["name"], _frozen(options))

    def to_value(self) -> Any:
        """Return the shortest form that `from_value` reads back."""
        return {"name": self.name, **_plain(self.options)} if self.options else self.name


@dataclass(frozen=True)
class LayerSpec:
    """One dense layer: f(x W + b) with W of shape (inputs, units).

    Parameters
    ----------
    units
        Number of neurons, m of the textbook's W(m x n).
    activation
        Element of `catalog.ACTIVATIONS`.
    use_bias
        Whether b is there.
    kernel_initializer, bias_initializer
        Elements of `catalog.INITIALIZERS`.
    l1
        Adds l1 * sum(|W|) to the loss; its derivative at 0 is 0.
    l2
        Adds l2 * sum(W^2) to the loss (Keras's `L2`; torch's weight_decay is twice that number).
    normalization
        Element of `catalog.NORMALIZATIONS`, between the weighted sum and the activation.
    dropout
        Share of the layer's outputs set to 0 while training, the rest divided by 1 - dropout.
    """

    units: int
    activation: ElementSpec = ElementSpec("linear")
    use_bias: bool = True
    kernel_initializer: ElementSpec = ElementSpec("glorot_uniform")
    bias_initializer: ElementSpec = ElementSpec("zeros")
    l1: float = 0.0
    l2: float = 0.0
    normalization: ElementSpec | None = None
    dropout: float = 0.0

    @property
    def outputs(self) -> int:
        """Numbers that come out: as many as units, or half of them after `glu`."""
        return self.units // 2 if self.activation.name == "glu" else self.units

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the layer's parameters, in the order in which they stand everywhere.

        Examples
        --------
        >>> LayerSpec(3, normalization=ElementSpec("layer_normalization")).parameters
        ('kernel', 'bias', 'gamma', 'beta')
        """
        names = ["kernel"]
        if self.use_bias:
            names.append("bias")
        if self.normalization:
            names += ["gamma", "beta"]
            if self.normalization.name == "batch_normalization":
                names += MOVING
        if self.activation.name == "prelu":
            names.append("alpha")
        return tuple(names)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> LayerSpec:
        """Read a layer; raises InvalidInput with the setting's name."""
        _only("layer", given, tuple(cls.__dataclass_fields__))
        use_bias = given.get("use_bias", True)
        if not isinstance(use_bias, bool):
            raise InvalidInput("use_bias", expected="true or false", got=repr(use_bias), action="correct it")
        normalization = given.get("normalization")
        layer = cls(
            units=_whole("units of a layer", given.get("units")),
            activation=ElementSpec.from_value(given.get("activation", "linear"), catalog.activation),
            use_bias=use_bias,
            kernel_initializer=ElementSpec.from_value(
                given.get("kernel_initializer", "glorot_uniform"), catalog.initializer
            ),
            bias_initializer=ElementSpec.from_value(
                given.get("bias_initializer", "zeros"), catalog.initializer
            ),
            l1=_number("l1 of a layer", given.get("l1", 0.0), 0.0),
            l2=_number("l2 of a layer", given.get("l2", 0.0), 0.0),
            normalization=None
            if normalization is None
            else ElementSpec.from_value(normalization, catalog.normalization),
            dropout=_number("dropout of a layer", given.get("dropout", 0.0), 0.0, 1.0),
        )
        if layer.activation.name == "glu" and layer.units % 2:
            raise InvalidInput(
                "units of a layer with glu",
                expected="an even number: one half gates the other",
                got=str(layer.units),
                action="add or remove one",
            )
        return layer

    def to_dict(self) -> dict[str, Any]:
        """Return every setting, defaults included."""
        return {
            "units": self.units,
            "activation": self.activation.to_value(),
            "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer.to_value(),
            "bias_initializer": self.bias_initializer.to_value(),
            "l1": self.l1,
            "l2": self.l2,
            "normalization": self.normalization.to_value() if self.normalization else None,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class NetworkSpec:
    """Dense layers over flattened examples.

    Parameters
    ----------
    inputs
        Shape of one example: (features,), (time, features) or (height, width, channels).
    layers
        From input to output.
    """

    inputs: tuple[int, ...]
    layers: tuple[LayerSpec, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Flattened input size, then the outputs of each layer."""
        return (math.prod(self.inputs), *(layer.outputs for layer in self.layers))

    @property
    def parameter_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes in the order of `parameters()`: kernel (inputs, units), then (units,) each, layer by layer.

        Examples
        --------
        >>> NetworkSpec((2, 2), (LayerSpec(3), LayerSpec(1, use_bias=False))).parameter_shapes
        ((4, 3), (3,), (3, 1))
        """
        return tuple(
            (inputs, layer.units) if name == "kernel" else (layer.units,)
            for inputs, layer in zip(self.widths, self.layers, strict=False)
            for name in layer.parameters
        )

    @property
    def trainable(self) -> tuple[bool, ...]:
        """Whether each parameter follows gradients; moving means and variances do not."""
        return tuple(name not in MOVING for layer in self.layers for name in layer.parameters)


def _one_clip(options: Mapping[str, Any]) -> None:
    given = [name for name in ("clipvalue", "clipnorm", "global_clipnorm") if options[name]]
    if len(given) > 1:
        raise InvalidInput(
            "clipping of an optimizer",
            expected="one of clipvalue, clipnorm and global_clipnorm",
            got=" and ".join(given),
            action="keep one",
        )


def _boundaries_fit(schedule: ElementSpec) -> None:
    if schedule.name != "piecewise_constant":
        return
    options = catalog.schedule(schedule.name).resolve(dict(schedule.options))
    boundaries, values = options["boundaries"], options["values"]
    if len(values) != len(boundaries) + 1 or list(boundaries) != sorted(set(boundaries)) or min(values) <= 0:
        raise InvalidInput(
            "schedule piecewise_constant",
            expected="rising boundaries, and one more value than boundaries, all above 0",
            got=f"boundaries {list(boundaries)} and values {list(values)}",
            action="correct them",
        )


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimizer of the catalogue and its learning rate: a number, or a schedule."""

    name: str
    learning_rate: float | ElementSpec
    options: tuple[tuple[str, catalog.OptionValue], ...] = ()

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> OptimizerSpec:
        """Read an optimizer; raises InvalidInput for unknown names, options and rates out of range."""
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            raise InvalidInput(
                "optimizer",
                expected="a table with `name`, `learning_rate` and options",
                got=repr(given),
                action="correct it",
            )
        element = catalog.optimizer(given["name"])
        options = {key: value for key, value in given.items() if key not in ("name", "learning_rate")}
        resolved = element.resolve(options)
        _one_clip(resolved)
        rate = given.get("learning_rate")
        learning_rate: float | ElementSpec
        if isinstance(rate, (Mapping, ElementSpec)):
            learning_rate = ElementSpec.from_value(rate, catalog.schedule)
            _boundaries_fit(learning_rate)
        else:
            learning_rate = _number(f"learning_rate of {element.name}", rate, 0.0, closed=False)
        return cls(given["name"], learning_rate, _frozen(options))

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `from_dict` reads back."""
        rate = self.learning_rate
        return {
            "name": self.name,
            "learning_rate": rate.to_value() if isinstance(rate, ElementSpec) else rate,
            **_plain(self.options),
        }

    def resolve(self, default_convention: str) -> dict[str, Any]:
        """Return every option with its value; the convention applies where the specification names none."""
        return catalog.optimizer(self.name).resolve(dict(self.options), default_convention)


@dataclass(frozen=True)
class ModelSpec:
    """A network, its loss and optimizer, and how it is trained.

    Examples
    --------
    >>> model = ModelSpec.from_dict({
    ...     "inputs": [64],
    ...     "layers": [{"units": 128, "activation": "relu"}, {"units": 10}],
    ...     "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
    ...     "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
    ... })
    >>> model.network.widths
    (64, 128, 10)
    >>> ModelSpec.from_dict(model.to_dict()) == model
    True
    """

    network: NetworkSpec
    loss: ElementSpec
    optimizer: OptimizerSpec
    batch_size: int = 32
    epochs: int = 1
    seed: int = 0
    dtype: DType = "float32"

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> ModelSpec:
        """Read a model.

        Parameters
        ----------
        given
            Keys `inputs`, `layers`, `loss`, `optimizer` and, optional, `batch_size` (32), `epochs` (1),
            `seed` (0), `dtype` ("float32").

        Raises
        ------
        InvalidInput
            With the name of the setting, what was expected and what came.
        """
        known = ("inputs", "layers", "loss", "optimizer", "batch_size", "epochs", "seed", "dtype")
        _only("model", given, known)
        for name in known[:4]:
            if name not in given:
                raise InvalidInput("model", expected=f"the setting `{name}`", got="nothing", action="add it")
        inputs, layers = given["inputs"], given["layers"]
        if not isinstance(inputs, (list, tuple)) or not 1 <= len(inputs) <= 3:
            raise InvalidInput(
                "inputs of the model",
                expected="one example's shape: [features], [time, features] or [height, width, channels]",
                got=repr(inputs),
                action="leave the batch axis out",
            )
        if not isinstance(layers, (list, tuple)) or not layers:
            raise InvalidInput(
                "layers of the model", expected="at least one layer", got=repr(layers), action="add one"
            )
        dtype = given.get("dtype", "float32")
        if dtype not in DTYPES:
            raise unknown_name("dtype", dtype, DTYPES, "choose one of them")
        model = cls(
            network=NetworkSpec(
                tuple(_whole("inputs of the model", size) for size in inputs),
                tuple(
                    layer if isinstance(layer, LayerSpec) else LayerSpec.from_dict(layer) for layer in layers
                ),
            ),
            loss=ElementSpec.from_value(given["loss"], catalog.loss),
            optimizer=given["optimizer"]
            if isinstance(given["optimizer"], OptimizerSpec)
            else OptimizerSpec.from_dict(given["optimizer"]),
            batch_size=_whole("batch_size", given.get("batch_size", 32)),
            epochs=_whole("epochs", given.get("epochs", 1)),
            seed=_whole("seed", given.get("seed", 0), 0, _LARGEST_SEED),
            dtype=dtype,
        )
        model._check_loss()
        return model

    def to_dict(self) -> dict[str, Any]:
        """Return every setting as plain JSON and TOML values."""
        return {
            "inputs": list(self.network.inputs),
            "layers": [layer.to_dict() for layer in self.network.layers],
            "loss": self.loss.to_value(),
            "optimizer": self.optimizer.to_dict(),
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "seed": self.seed,
            "dtype": self.dtype,
        }

    def replace(self, **changes: Any) -> ModelSpec:
        """Return a copy with top-level settings changed, checked again."""
        return self.from_dict({**self.to_dict(), **changes})

    def without_dropout(self) -> ModelSpec:
        """Return the same model with every dropout at 0, which makes training deterministic."""
        layers = tuple(replace(layer, dropout=0.0) for layer in self.network.layers)
        return replace(self, network=replace(self.network, layers=layers))

    def _check_loss(self) -> None:
        element, last = catalog.loss(self.loss.name), self.network.layers[-1]
        if element.reads == "score" and last.activation.name not in ("step", "linear"):
            raise InvalidInput(
                f"last activation of a network with loss {element.name}",
                expected="step or linear: the loss reads the score below it",
                got=last.activation.name,
                action="change the activation or the loss",
            )
        if element.reads == "output" and last.activation.name == "step":
            raise InvalidInput(
                f"loss {element.name}",
                expected="an activation with a derivative before it",
                got="step, whose derivative is 0 everywhere",
                action="use the loss `perceptron`, which trains a step unit",
            )
        if last.outputs % element.outputs_per_target:
            raise InvalidInput(
                f"units of the last layer with loss {element.name}",
                expected="an even number: means, then variances",
                got=str(last.units),
                action="give it two units for each target",
            )
        if element.reads == "score" and last.normalization:
            raise InvalidInput(
                f"normalization of the last layer with loss {element.name}",
                expected="none: the loss reads the weighted sum",
                got=last.normalization.name,
                action="move it to a hidden layer",
            )
        if last.dropout:
            raise InvalidInput(
                "dropout of the last layer",
                expected="0",
                got=f"{last.dropout}",
                action="move it to a hidden layer",
            )

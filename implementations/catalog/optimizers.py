"""Optimizers: parameters x, gradient g, learning rate r, step number t = 1, 2, ...

A schedule gives r for each step, the first step using its value at 0. Before every rule gradients are
clipped, then weights decay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from implementations.catalog.element import ABSENT, REQUIRED, Element, Option, OptionValue, table


@dataclass(frozen=True)
class OptimizerElement(Element):
    """An optimizer, and the rate that frameworks take where none is given.

    Parameters
    ----------
    learning_rate
        No option here, as a rate is always given.
    """

    learning_rate: Option = field(kw_only=True)

    @property
    def arguments(self) -> tuple[Option, ...]:
        """The learning rate and the options."""
        return self.learning_rate, *self.options


_MODES: Mapping[str, Mapping[str, OptionValue]] = {
    "keras": {"weight_decay_mode": "decoupled"},
    "torch": {"weight_decay_mode": "l2"},
}
_CLIPPING = tuple(
    Option(
        name,
        0.0,
        f"bound of {what}; 0 for none",
        low=0.0,
        torch_default=ABSENT,
        tensorflow_default=ABSENT,
    )
    for name, what in (
        ("clipvalue", "each gradient's absolute value"),
        ("clipnorm", "the norm of each array's gradient"),
        ("global_clipnorm", "the norm of all gradients together"),
    )
)
_BETA_1 = Option("beta_1", 0.9, "share of the previous mean gradient that is kept", low=0.0, below=1.0)
_BETA_2 = Option("beta_2", 0.999, "share of the previous mean square that is kept", low=0.0, below=1.0)
_ACCUMULATOR = Option("initial_accumulator_value", 0.1, "first sum of squares", low=0.0, torch_default=0.0)


def _epsilon(torch_default: float = 1e-8) -> Option:
    return Option("epsilon", 1e-7, "keeps the divisor above zero", low=0.0, torch_default=torch_default)


def _epsilon_mode(*choices: str) -> Option:
    meanings = {
        "plain": "plain to the divisor",
        "hat": "hat to the square root before bias correction",
        "inside_sqrt": "inside_sqrt under the root",
        "inside_max": "inside_max to |g|, before the maximum",
        "added": "added to g^2",
        "clamped": "clamped as a lower bound of the estimate",
    }
    meaning = f"where epsilon goes: {', '.join(meanings[choice] for choice in choices)}"
    return Option("epsilon_mode", choices[0], meaning, choices=choices)


def _optimizer(
    name: str,
    formula: str,
    reference: str,
    options: tuple[Option, ...],
    *,
    presets: Mapping[str, Mapping[str, OptionValue]] | None = None,
    keras: str = "",
    torch: str = "",
    tensorflow: str = "",
    keras_rate: float = 0.001,
    torch_rate: float = 0.001,
    weight_decay: float = 0.0,
    weight_decay_torch: float | None = None,
    always_decoupled: bool = False,
    notes: str = "",
) -> OptimizerElement:
    modes = {} if always_decoupled else _MODES
    rate = Option(
        "learning_rate",
        None,
        "rate r, or a schedule",
        above=0.0,
        keras_default=keras_rate,
        torch_default=torch_rate,
    )
    decay = (
        Option(
            "weight_decay",
            weight_decay,
            "weight decay w: decoupled x -= r w x, l2 g += w x",
            low=0.0,
            torch_default=weight_decay_torch,
            tensorflow_default=ABSENT,
        ),
        Option(
            "weight_decay_mode",
            "decoupled",
            "whether weight decay acts on the parameters or is added to the gradient",
            choices=("decoupled", "l2"),
            tensorflow_default=ABSENT,
        ),
    )
    native = {
        "keras": f"keras.optimizers.{keras}",
        "torch": f"torch.optim.{torch}",
        "tensorflow": tensorflow,
    }
    conventions = {
        each: {**(presets or {}).get(each, {}), **modes.get(each, {})} for each in ("keras", "torch")
    }
    return OptimizerElement(
        name,
        "optimizer",
        formula,
        reference,
        options=(*options, *decay, *_CLIPPING),
        conventions=conventions if conventions["keras"] != conventions["torch"] else {},
        native={key: call for key, call in native.items() if call and not call.endswith(".")},
        notes=notes,
        learning_rate=rate,
    )


_MOMENTS = (
    "m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2; c1 = 1 - beta_1^t; c2 = 1 - beta_2^t; "
)
_HAT_OR_PLAIN: Mapping[str, Mapping[str, OptionValue]] = {
    "keras": {"epsilon_mode": "hat"},
    "torch": {"epsilon_mode": "plain"},
}
_ROOT_OR_PLAIN: Mapping[str, Mapping[str, OptionValue]] = {
    "keras": {"epsilon_mode": "inside_sqrt"},
    "torch": {"epsilon_mode": "plain"},
}

OPTIMIZERS = table(
    _optimizer(
        "sgd",
        "momentum_mode rate_inside: v = momentum v - r g, x += v (Nesterov: x += momentum v - r g); "
        "rate_outside: v = momentum v + g, x -= r v (Nesterov: x -= r (g + momentum v))",
        "Sutskever et al. 2013, On the Importance of Initialization and Momentum in Deep Learning; "
        "keras/src/optimizers/sgd.py; torch/optim/sgd.py",
        (
            Option(
                "momentum",
                0.0,
                "share of the previous velocity that is kept",
                low=0.0,
                high=1.0,
                tensorflow_default=REQUIRED,
            ),
            Option("nesterov", False, "whether the gradient is taken as if the velocity had been applied"),
            Option(
                "momentum_mode",
                "rate_inside",
                "whether the velocity contains the learning rate; the two differ only when the rate changes",
                choices=("rate_inside", "rate_outside"),
                tensorflow_default=ABSENT,
            ),
        ),
        presets={"keras": {"momentum_mode": "rate_inside"}, "torch": {"momentum_mode": "rate_outside"}},
        keras="SGD",
        torch="SGD",
        tensorflow="tensorflow.raw_ops.ResourceApplyGradientDescent, "
        "tensorflow.raw_ops.ResourceApplyKerasMomentum, tensorflow.raw_ops.ResourceApplyMomentum",
        keras_rate=0.01,
    ),
    _optimizer(
        "rmsprop",
        "v = rho v + (1 - rho) g^2; centered: a = rho a + (1 - rho) g, u = v - a^2, else u = v; "
        "inside_sqrt: x -= r g / sqrt(u + epsilon); plain: x -= r g / (sqrt(u) + epsilon)",
        "Tieleman & Hinton 2012, COURSERA lecture 6.5; keras/src/optimizers/rmsprop.py; "
        "torch/optim/rmsprop.py",
        (
            Option(
                "rho",
                0.9,
                "share of the previous mean square that is kept",
                low=0.0,
                below=1.0,
                torch_default=0.99,
            ),
            Option("centered", False, "whether the square of the mean gradient is subtracted"),
            _epsilon(),
            _epsilon_mode("inside_sqrt", "plain"),
        ),
        presets=_ROOT_OR_PLAIN,
        keras="RMSprop",
        torch="RMSprop",
        torch_rate=0.01,
    ),
    _optimizer(
        "adagrad",
        "a += g^2, from a = initial_accumulator_value; inside_sqrt: x -= r g / sqrt(a + epsilon); "
        "plain: x -= r g / (sqrt(a) + epsilon)",
        "Duchi, Hazan & Singer 2011, JMLR 12; keras/src/optimizers/adagrad.py; torch/optim/adagrad.py",
        (_ACCUMULATOR, _epsilon(1e-10), _epsilon_mode("inside_sqrt", "plain")),
        presets=_ROOT_OR_PLAIN,
        keras="Adagrad",
        torch="Adagrad",
        torch_rate=0.01,
    ),
    _optimizer(
        "adadelta",
        "v = rho v + (1 - rho) g^2; d = g sqrt(u + epsilon) / sqrt(v + epsilon); u = rho u + (1 - rho) d^2; "
        "x -= r d",
        "Zeiler 2012, arXiv:1212.5701; keras/src/optimizers/adadelta.py; torch/optim/adadelta.py",
        (
            Option(
                "rho", 0.95, "share of the previous means that is kept", low=0.0, below=1.0, torch_default=0.9
            ),
            _epsilon(1e-6),
        ),
        keras="Adadelta",
        torch="Adadelta",
        torch_rate=1.0,
    ),
    _optimizer(
        "adam",
        _MOMENTS + "hat: x -= r sqrt(c2) / c1 m / (sqrt(v) + epsilon); "
        "plain: x -= r (m / c1) / (sqrt(v / c2) + epsilon)",
        "Kingma & Ba 2014, arXiv:1412.6980 (hat: the remark before section 2.1; plain: algorithm 1); "
        "keras/src/optimizers/adam.py; torch/optim/adam.py",
        (_BETA_1, _BETA_2, _epsilon(), _epsilon_mode("hat", "plain")),
        presets=_HAT_OR_PLAIN,
        keras="Adam",
        torch="Adam",
    ),
    _optimizer(
        "amsgrad",
        _MOMENTS + "w = max(w, v); then as adam, with w for v",
        "Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond; keras/src/optimizers/adam.py; "
        "torch/optim/adam.py",
        (_BETA_1, _BETA_2, _epsilon(), _epsilon_mode("hat", "plain")),
        presets=_HAT_OR_PLAIN,
        keras="Adam(amsgrad=True)",
        torch="Adam(amsgrad=True)",
    ),
    _optimizer(
        "adamw",
        "x -= r weight_decay x; then as adam",
        "Loshchilov & Hutter 2017, arXiv:1711.05101; keras/src/optimizers/adamw.py; torch/optim/adamw.py",
        (_BETA_1, _BETA_2, _epsilon(), _epsilon_mode("hat", "plain")),
        presets=_HAT_OR_PLAIN,
        keras="AdamW",
        torch="AdamW",
        weight_decay=0.004,
        weight_decay_torch=0.01,
        always_decoupled=True,
    ),
    _optimizer(
        "adamax",
        "m = beta_1 m + (1 - beta_1) g; plain: u = max(beta_2 u, |g|), x -= r / (1 - beta_1^t) m / "
        "(u + epsilon); "
        "inside_max: u = max(beta_2 u, |g| + epsilon), x -= r / (1 - beta_1^t) m / u",
        "Kingma & Ba 2014, arXiv:1412.6980, section 7.1; keras/src/optimizers/adamax.py; "
        "torch/optim/adamax.py",
        (_BETA_1, _BETA_2, _epsilon(), _epsilon_mode("plain", "inside_max")),
        presets={"keras": {"epsilon_mode": "plain"}, "torch": {"epsilon_mode": "inside_max"}},
        keras="Adamax",
        torch="Adamax",
        torch_rate=0.002,
    ),
    _optimizer(
        "nadam",
        _MOMENTS + "mu(t) = beta_1 (1 - 0.96^(t momentum_decay) / 2); P(t) = mu(1) ... mu(t); "
        "h = mu(t+1) m / (1 - P(t+1)) + (1 - mu(t)) g / (1 - P(t)); x -= r h / (sqrt(v / c2) + epsilon)",
        "Dozat 2016, Incorporating Nesterov Momentum into Adam; keras/src/optimizers/nadam.py; "
        "torch/optim/nadam.py",
        (
            _BETA_1,
            _BETA_2,
            _epsilon(),
            Option(
                "momentum_decay",
                1.0,
                "how fast the momentum comes to beta_1; Keras's 1 is fixed",
                low=0.0,
                torch_default=0.004,
            ),
        ),
        presets={"keras": {"momentum_decay": 1.0}, "torch": {"momentum_decay": 0.004}},
        keras="Nadam",
        torch="NAdam",
        torch_rate=0.002,
    ),
    _optimizer(
        "radam",
        _MOMENTS + "p = 2 / (1 - beta_2) - 1; q = p - 2 t beta_2^t / c2; q <= 5: x -= r m / c1; else "
        "x -= r (m / c1) sqrt(c2) / (sqrt(v) + epsilon) sqrt((q - 4) (q - 2) p / ((p - 4) (p - 2) q))",
        "Liu et al. 2019, arXiv:1908.03265; torch/optim/radam.py",
        (_BETA_1, _BETA_2, _epsilon()),
        torch="RAdam",
        notes="Composed in Keras.",
    ),
    _optimizer(
        "lion",
        "x -= r sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g",
        "Chen et al. 2023, arXiv:2302.06675; keras/src/optimizers/lion.py",
        (_BETA_1, Option("beta_2", 0.99, "share of the previous momentum that is kept", low=0.0, below=1.0)),
        keras="Lion",
        notes="Composed in torch.",
    ),
    _optimizer(
        "ftrl",
        "p = -learning_rate_power; b = a + g^2; z += g + 2 l2_shrinkage x - (b^p - a^p) / r x; "
        "x = (clip(z, -l1, l1) - z) / (b^p / r + 2 l2 + beta / r); a = b",
        "McMahan et al. 2013, Ad Click Prediction: a View from the Trenches; keras/src/optimizers/ftrl.py",
        (
            Option("learning_rate_power", -0.5, "how the rate falls with the sum of squares", high=0.0),
            _ACCUMULATOR,
            Option("l1_regularization_strength", 0.0, "l1: pulls to exactly 0", low=0.0),
            Option("l2_regularization_strength", 0.0, "l2: shrinks", low=0.0),
            Option("l2_shrinkage_regularization_strength", 0.0, "l2_shrinkage: weight decay", low=0.0),
            Option("beta", 0.0, "slows the first steps", low=0.0),
        ),
        keras="Ftrl",
        notes="Composed in torch.",
    ),
    _optimizer(
        "adafactor",
        "s = min(r, 1 / sqrt(t)); b = 1 - t^beta_2_decay; for a matrix, R and C are means of g^2 "
        "over columns "
        "and rows, averaged with b, and V = R C / mean(R); for a vector, V is the mean of g^2 with b; "
        "u = g / sqrt(V); x -= max(epsilon_2, rms(x)) s u / max(1, rms(u) / clip_threshold)",
        "Shazeer & Stern 2018, arXiv:1804.04235; keras/src/optimizers/adafactor.py; "
        "torch/optim/_adafactor.py",
        (
            Option("beta_2_decay", -0.8, "how fast the means grow long", high=0.0),
            Option(
                "epsilon_1", 1e-30, "keeps V above zero; torch's default is the unit of rounding", low=0.0
            ),
            Option("epsilon_2", 1e-3, "least size of a parameter", low=0.0),
            Option("clip_threshold", 1.0, "largest root mean square of an update", low=1.0),
            _epsilon_mode("added", "clamped"),
        ),
        presets={
            "keras": {"epsilon_1": 1e-30, "epsilon_mode": "added"},
            "torch": {"epsilon_1": 2.0**-23, "epsilon_mode": "clamped"},
        },
        keras="Adafactor",
        torch="Adafactor",
        torch_rate=0.01,
        always_decoupled=True,
        notes="Keras cannot clamp and refuses torch's convention. Torch takes rms(x) before the weights "
        "decay; here they decay first, as in Keras.",
    ),
    _optimizer(
        "lamb",
        _MOMENTS + "u = (m / c1) / (sqrt(v / c2) + epsilon); x -= r u |x| / |u|, the norms of each array "
        "(1 where one is 0)",
        "You et al. 2019, arXiv:1904.00962; keras/src/optimizers/lamb.py",
        (_BETA_1, _BETA_2, _epsilon()),
        keras="Lamb",
        notes="Composed in torch.",
    ),
    _optimizer(
        "muon",
        "matrices: m = momentum m + g; G = g + momentum m (nesterov) or m; five Newton-Schulz steps from "
        "G / |G| bring its singular values near 1: A = G G^T, G = a G + (b A + c A^2) G with (a, b, c) = "
        "(3.4445, -4.7750, 2.0315); x -= r rms_rate sqrt(max(shape)) G; vectors: as adam, hat",
        "Jordan et al. 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982; "
        "keras/src/optimizers/muon.py",
        (
            Option("momentum", 0.95, "share of the previous momentum that is kept", low=0.0, below=1.0),
            Option("nesterov", True, "whether the gradient is added to the momentum once more"),
            Option("rms_rate", 0.2, "size of an update", above=0.0),
            Option("adam_beta_1", 0.9, "beta_1 for vectors", low=0.0, below=1.0),
            Option("adam_beta_2", 0.999, "beta_2 for vectors", low=0.0, below=1.0),
            _epsilon(),
        ),
        keras="Muon",
        weight_decay=0.004,
        always_decoupled=True,
        notes="Composed in torch: torch.optim.Muon takes matrices only, in bfloat16, and its weight_decay is "
        "0.1 by default.",
    ),
)

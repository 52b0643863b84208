"""Optimizers: parameters x, gradient g, learning rate r, step number t = 1, 2, ...

A schedule gives r for each step, the first step using its value at 0.
"""

from __future__ import annotations

from implementations.catalog.element import Element, Option, table

_EPSILON = Option("epsilon", 1e-7, "keeps the divisor above zero; torch's default is 1e-8 or 1e-10", low=0.0)


def _epsilon_mode(default: str, *choices: str) -> Option:
    return Option(
        "epsilon_mode",
        default,
        "where epsilon is added: plain to the square root, hat to the square root before bias correction, "
        "inside_sqrt under the root",
        choices=choices,
    )


OPTIMIZERS = table(
    Element(
        "sgd",
        "optimizer",
        "momentum_mode rate_inside: v = momentum v - r g, x += v (Nesterov: x += momentum v - r g); "
        "rate_outside: v = momentum v + g, x -= r v (Nesterov: x -= r (g + momentum v))",
        "Sutskever et al. 2013, On the Importance of Initialization and Momentum in Deep Learning; "
        "keras/src/optimizers/sgd.py; torch/optim/sgd.py",
        options=(
            Option("momentum", 0.0, "share of the previous velocity that is kept", low=0.0, high=1.0),
            Option("nesterov", False, "whether the gradient is taken as if the velocity had been applied"),
            Option(
                "momentum_mode",
                "rate_inside",
                "whether the velocity contains the learning rate; the two differ only when the rate changes",
                choices=("rate_inside", "rate_outside"),
            ),
        ),
        conventions={"keras": {"momentum_mode": "rate_inside"}, "torch": {"momentum_mode": "rate_outside"}},
        native={"keras": "keras.optimizers.SGD", "torch": "torch.optim.SGD"},
    ),
    Element(
        "rmsprop",
        "optimizer",
        "v = rho v + (1 - rho) g^2; inside_sqrt: x -= r g / sqrt(v + epsilon); "
        "plain: x -= r g / (sqrt(v) + epsilon)",
        "Tieleman & Hinton 2012, COURSERA lecture 6.5; keras/src/optimizers/rmsprop.py; "
        "torch/optim/rmsprop.py",
        options=(
            Option("rho", 0.9, "share of the previous mean square that is kept", low=0.0, below=1.0),
            _EPSILON,
            _epsilon_mode("inside_sqrt", "inside_sqrt", "plain"),
        ),
        conventions={"keras": {"epsilon_mode": "inside_sqrt"}, "torch": {"epsilon_mode": "plain"}},
        native={"keras": "keras.optimizers.RMSprop", "torch": "torch.optim.RMSprop"},
    ),
    Element(
        "adagrad",
        "optimizer",
        "a += g^2, from a = initial_accumulator_value; inside_sqrt: x -= r g / sqrt(a + epsilon); "
        "plain: x -= r g / (sqrt(a) + epsilon)",
        "Duchi, Hazan & Singer 2011, JMLR 12; keras/src/optimizers/adagrad.py; torch/optim/adagrad.py",
        options=(
            Option("initial_accumulator_value", 0.1, "first sum of squares; torch's default is 0", low=0.0),
            _EPSILON,
            _epsilon_mode("inside_sqrt", "inside_sqrt", "plain"),
        ),
        conventions={"keras": {"epsilon_mode": "inside_sqrt"}, "torch": {"epsilon_mode": "plain"}},
        native={"keras": "keras.optimizers.Adagrad", "torch": "torch.optim.Adagrad"},
    ),
    Element(
        "adam",
        "optimizer",
        "m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2; "
        "c1 = 1 - beta_1^t; c2 = 1 - beta_2^t; hat: x -= r sqrt(c2) / c1 m / (sqrt(v) + epsilon); "
        "plain: x -= r (m / c1) / (sqrt(v / c2) + epsilon)",
        "Kingma & Ba 2014, arXiv:1412.6980 (hat: the remark before section 2.1; plain: algorithm 1); "
        "keras/src/optimizers/adam.py; torch/optim/adam.py",
        options=(
            Option("beta_1", 0.9, "share of the previous mean gradient that is kept", low=0.0, below=1.0),
            Option("beta_2", 0.999, "share of the previous mean square that is kept", low=0.0, below=1.0),
            _EPSILON,
            _epsilon_mode("hat", "hat", "plain"),
        ),
        conventions={"keras": {"epsilon_mode": "hat"}, "torch": {"epsilon_mode": "plain"}},
        native={"keras": "keras.optimizers.Adam", "torch": "torch.optim.Adam"},
    ),
)

"""Activations: f(x) elementwise, or over the last axis for softmax and log_softmax."""

from __future__ import annotations

from implementations.catalog.element import Element, Option, table


def _activation(
    name: str,
    formula: str,
    reference: str,
    *,
    keras: str = "",
    torch: str = "",
    options: tuple[Option, ...] = (),
    kinks: tuple[float, ...] = (),
    notes: str = "",
) -> Element:
    native = {
        framework: call
        for framework, call in (
            ("keras", f"keras.activations.{keras}" if keras else ""),
            ("torch", f"torch.nn.functional.{torch}" if torch else ""),
        )
        if call
    }
    return Element(
        name, "activation", formula, reference, options=options, native=native, kinks=kinks, notes=notes
    )


ACTIVATIONS = table(
    _activation("linear", "f(x) = x", "identity", keras="linear"),
    _activation(
        "step",
        "f(x) = 1 if x >= 0 else 0",
        "Rosenblatt 1958, The Perceptron, Psychological Review 65(6)",
        kinks=(0.0,),
        notes="f(0) = 1. The derivative is 0 everywhere: a network that ends in a step is trained with the "
        "perceptron criterion, which looks at the score below the step.",
    ),
    _activation("sigmoid", "f(x) = 1 / (1 + exp(-x))", "logistic function", keras="sigmoid", torch="sigmoid"),
    _activation("tanh", "f(x) = tanh(x)", "hyperbolic tangent", keras="tanh", torch="tanh"),
    _activation(
        "relu",
        "f(x) = max(x, 0)",
        "Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",
        keras="relu",
        torch="relu",
        kinks=(0.0,),
        notes="f'(0) = 0.",
    ),
    _activation(
        "leaky_relu",
        "f(x) = x if x > 0 else negative_slope * x",
        "Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        keras="leaky_relu",
        torch="leaky_relu",
        options=(Option("negative_slope", 0.2, "slope for x <= 0; torch's default is 0.01", low=0.0),),
        kinks=(0.0,),
        notes="f'(0) = negative_slope (Keras on JAX: 1).",
    ),
    _activation(
        "elu",
        "f(x) = x if x > 0 else alpha * (exp(x) - 1)",
        "Clevert, Unterthiner & Hochreiter 2015, arXiv:1511.07289",
        keras="elu",
        torch="elu",
        options=(Option("alpha", 1.0, "minus the limit at minus infinity", above=0.0),),
        kinks=(0.0,),
        notes="f'(0) = alpha; with alpha = 1 there is no kink.",
    ),
    _activation(
        "softplus",
        "f(x) = log(1 + exp(x))",
        "Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",
        keras="softplus",
        torch="softplus",
        notes="Torch switches to f(x) = x above its threshold, 20 by default, which costs 2e-9 in float64. "
        "The backend torch sets it high enough to change nothing; Keras on torch keeps it.",
    ),
    _activation(
        "gelu",
        "f(x) = x * (1 + erf(x / sqrt(2))) / 2",
        "Hendrycks & Gimpel 2016, arXiv:1606.08415",
        keras="gelu",
        torch="gelu",
        notes="The exact form; `gelu_tanh` is the approximation.",
    ),
    _activation(
        "gelu_tanh",
        "f(x) = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2",
        "Hendrycks & Gimpel 2016, arXiv:1606.08415",
        keras="gelu",
        torch="gelu",
    ),
    _activation(
        "silu",
        "f(x) = x / (1 + exp(-x))",
        "Elfwing, Uchibe & Doya 2017, arXiv:1702.03118",
        keras="silu",
        torch="silu",
        notes="Also called swish.",
    ),
    _activation(
        "softmax",
        "f(x)_i = exp(x_i) / sum_j exp(x_j), over the last axis",
        "Bridle 1990, Training Stochastic Model Recognition Algorithms as Networks",
        keras="softmax",
        torch="softmax",
    ),
    _activation(
        "log_softmax",
        "f(x)_i = x_i - log(sum_j exp(x_j)), over the last axis",
        "Bridle 1990, Training Stochastic Model Recognition Algorithms as Networks",
        keras="log_softmax",
        torch="log_softmax",
    ),
)

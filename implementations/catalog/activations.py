"""Activations: f(x) elementwise, or over the last axis for softmax, log_softmax, sparsemax and glu."""

from __future__ import annotations

import math

from implementations.catalog.element import GOOD, Accuracy, Element, Option, Range, table

_EVERYWHERE = (-math.inf, math.inf)
_TAIL = "what is subtracted from 1 has as many digits as the tail has lost"
_DIFFERENCE = "the derivative is a difference of weighted sums over the row"
_EXPONENT = "the rounding of an exponent of that size is multiplied by it"


def _activation(
    name: str,
    formula: str,
    reference: str,
    *,
    exact: str = "",
    keras: str = "",
    torch: str = "",
    options: tuple[Option, ...] = (),
    kinks: tuple[float, ...] = (),
    value: Accuracy = GOOD,
    derivative: Accuracy = GOOD,
    notes: str = "",
) -> Element:
    native = {
        framework: call
        for framework, call in (
            ("keras", keras if "." in keras else f"keras.activations.{keras}" if keras else ""),
            ("torch", torch if "." in torch else f"torch.nn.functional.{torch}" if torch else ""),
        )
        if call
    }
    return Element(
        name,
        "activation",
        formula,
        reference,
        options=options,
        native=native,
        kinks=kinks,
        exact=exact,
        value=value,
        derivative=derivative,
        notes=notes,
    )


ACTIVATIONS = table(
    _activation("linear", "f(x) = x", "identity", exact="x", keras="linear"),
    _activation(
        "step",
        "f(x) = 1 if x >= 0 else 0",
        "Rosenblatt 1958, The Perceptron, Psychological Review 65(6)",
        exact="Piecewise((1, x >= 0), (0, True))",
        kinks=(0.0,),
        notes="f(0) = 1. The derivative is 0 everywhere: a network that ends in a step is trained with the "
        "perceptron criterion, which looks at the score below the step.",
    ),
    _activation(
        "sigmoid",
        "f(x) = 1 / (1 + exp(-x))",
        "logistic function",
        exact="1 / (1 + exp(-x))",
        keras="sigmoid",
        torch="torch.sigmoid",
        derivative=Accuracy(ranges=(Range(1.0, math.inf),), reason=_TAIL),
    ),
    _activation(
        "tanh",
        "f(x) = tanh(x)",
        "hyperbolic tangent",
        exact="tanh(x)",
        keras="tanh",
        torch="torch.tanh",
        derivative=Accuracy(ranges=(Range(-math.inf, -1.0), Range(1.0, math.inf)), reason=_TAIL),
    ),
    _activation(
        "relu",
        "f(x) = max(x, 0)",
        "Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",
        exact="Piecewise((x, x > 0), (0, True))",
        keras="relu",
        torch="relu",
        kinks=(0.0,),
        notes="f'(0) = 0.",
    ),
    _activation(
        "relu6",
        "f(x) = min(max(x, 0), 6)",
        "Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10",
        exact="Piecewise((0, x <= 0), (x, x < 6), (6, True))",
        keras="relu6",
        torch="relu6",
        kinks=(0.0, 6.0),
        notes="f'(0) = f'(6) = 0.",
    ),
    _activation(
        "leaky_relu",
        "f(x) = x if x > 0 else negative_slope * x",
        "Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        exact="Piecewise((x, x > 0), (negative_slope * x, True))",
        keras="leaky_relu",
        torch="leaky_relu",
        options=(Option("negative_slope", 0.2, "slope for x <= 0", low=0.0, torch_default=0.01),),
        kinks=(0.0,),
        notes="f'(0) = negative_slope (Keras on JAX: 1).",
    ),
    _activation(
        "prelu",
        "f(x) = x if x > 0 else a * x, with a trained for each unit, a = alpha at first",
        "He et al. 2015, arXiv:1502.01852",
        exact="Piecewise((x, x > 0), (alpha * x, True))",
        keras="keras.layers.PReLU",
        torch="prelu",
        options=(Option("alpha", 0.0, "first slope for x <= 0", low=0.0, torch_default=0.25),),
        kinks=(0.0,),
        notes="f'(0) = alpha, and there df/da = 0. Keras's layer has a slope for each unit; torch.nn.PReLU "
        "has one for all units unless num_parameters says otherwise.",
    ),
    _activation(
        "threshold",
        "f(x) = x if x > threshold else value",
        "torch/nn/modules/activation.py",
        exact="Piecewise((x, x > threshold), (value, True))",
        keras="threshold",
        torch="threshold",
        options=(
            Option("threshold", 0.5, "where x begins to pass; both frameworks want it given"),
            Option("value", 0.0, "what stands for smaller x; both frameworks want it given"),
        ),
        kinks=(0.5,),
        notes="At the threshold f is value and f' is 0.",
    ),
    _activation(
        "elu",
        "f(x) = x if x > 0 else alpha * (exp(x) - 1)",
        "Clevert, Unterthiner & Hochreiter 2015, arXiv:1511.07289",
        exact="Piecewise((x, x > 0), (alpha * (exp(x) - 1), True))",
        keras="elu",
        torch="elu",
        options=(Option("alpha", 1.0, "minus the limit at minus infinity", above=0.0),),
        kinks=(0.0,),
        notes="f'(0) = alpha; with alpha = 1 there is no kink.",
    ),
    _activation(
        "selu",
        "f(x) = s * (x if x > 0 else a * (exp(x) - 1)), s = 1.0507..., a = 1.6732...",
        "Klambauer et al. 2017, arXiv:1706.02515",
        exact="1.0507009873554804934193349852946 * "
        "Piecewise((x, x > 0), (1.6732632423543772848170429916717 * (exp(x) - 1), True))",
        keras="selu",
        torch="selu",
        kinks=(0.0,),
        notes="f'(0) = s a = 1.7581 (Keras on TensorFlow: s = 1.0507).",
    ),
    _activation(
        "celu",
        "f(x) = x if x > 0 else alpha * (exp(x / alpha) - 1)",
        "Barron 2017, arXiv:1704.07483",
        exact="Piecewise((x, x > 0), (alpha * (exp(x / alpha) - 1), True))",
        keras="celu",
        torch="celu",
        options=(Option("alpha", 1.0, "minus the limit at minus infinity", above=0.0),),
        kinks=(0.0,),
        notes="f'(0) = 1 (Keras on TensorFlow: 2, as both sides of its maximum and minimum count).",
    ),
    _activation(
        "softplus",
        "f(x) = log(1 + exp(x))",
        "Dugas et al. 2001, Incorporating Second-Order Functional Knowledge for Better Option Pricing",
        exact="log(1 + exp(x))",
        keras="softplus",
        torch="softplus",
        notes="Torch switches to f(x) = x above its threshold, 20 by default, which costs 2e-9 in float64. "
        "The backend torch sets it high enough to change nothing; Keras on torch keeps it.",
    ),
    _activation(
        "squareplus",
        "f(x) = (x + sqrt(x^2 + b)) / 2",
        "Barron 2021, arXiv:2112.11687",
        exact="(x + sqrt(x**2 + b)) / 2",
        keras="squareplus",
        options=(Option("b", 4.0, "width of the bend at 0", above=0.0),),
        value=Accuracy(
            ranges=(Range(-math.inf, -2.0, "x"),), reason="x + sqrt(x^2 + b) cancels for negative x"
        ),
        derivative=Accuracy(
            ranges=(Range(-math.inf, -2.0),), reason="1 + x / sqrt(x^2 + b) cancels for negative x"
        ),
    ),
    _activation(
        "gelu",
        "f(x) = x * (1 + erf(x / sqrt(2))) / 2",
        "Hendrycks & Gimpel 2016, arXiv:1606.08415",
        # beyond 100, where mpmath cannot count the digits of erfc, nothing of it is left in any float64
        exact="Piecewise((x, x > 100), (0, x < -100), (x * erfc(Abs(x) / sqrt(2)) / 2, x < 0), "
        "(x * (1 + erf(x / sqrt(2))) / 2, True))",
        keras="gelu",
        torch="gelu",
        value=Accuracy(
            ranges=(Range(-math.inf, -1.0, "f", 200.0), Range(-math.inf, -12.0, "f", 2000.0)),
            reason=_EXPONENT,
        ),
        derivative=Accuracy(ranges=(Range(-math.inf, -0.5),), reason="the derivative has a zero at -0.75"),
        notes="The exact form; `gelu_tanh` is the approximation.",
    ),
    _activation(
        "gelu_tanh",
        "f(x) = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2",
        "Hendrycks & Gimpel 2016, arXiv:1606.08415",
        exact="x * (1 + tanh(sqrt(2 / pi) * (x + Float('0.044715', 400) * x**3))) / 2",
        keras="gelu",
        torch="gelu",
        value=Accuracy(ranges=(Range(-math.inf, -1.0, "x"),), reason="1 + tanh cancels in the lower tail"),
        derivative=Accuracy(
            ulp=32.0,
            ranges=(Range(-math.inf, -0.5, ulp=32.0), Range(1.0, math.inf, ulp=32.0)),
            reason="the derivative has a zero at -0.75; 1 - tanh^2 loses digits and is multiplied by x^3",
        ),
    ),
    _activation(
        "silu",
        "f(x) = x / (1 + exp(-x))",
        "Elfwing, Uchibe & Doya 2017, arXiv:1702.03118",
        exact="x / (1 + exp(-x))",
        keras="silu",
        torch="silu",
        derivative=Accuracy(
            ranges=(Range(-2.0, -1.0), Range(16.0, 100.0, "x")),
            reason="the derivative has a zero at -1.28; above, x is multiplied by a rounded 1 - sigmoid",
        ),
        notes="Also called swish.",
    ),
    _activation(
        "mish",
        "f(x) = x * tanh(log(1 + exp(x)))",
        "Misra 2019, arXiv:1908.08681",
        exact="x * tanh(log(1 + exp(x)))",
        keras="mish",
        torch="mish",
        derivative=Accuracy(
            ulp=40.0,
            ranges=(Range(-2.0, -0.5, ulp=40.0), Range(8.0, 100.0, "x", 40.0)),
            reason="five functions; the derivative has a zero at -1.19; above, a rounded 1 - tanh^2 is "
            "multiplied by x",
        ),
    ),
    _activation(
        "softsign",
        "f(x) = x / (1 + |x|)",
        "Turian, Bergstra & Bengio 2009, Quadratic Features and Deep Architectures for Chunking",
        exact="Piecewise((x / (1 + x), x >= 0), (x / (1 - x), True))",
        keras="softsign",
        torch="softsign",
        derivative=Accuracy(ulp=16.0, reason="a square of a rounded sum"),
    ),
    _activation(
        "arctan",
        "f(x) = arctan(x)",
        "inverse of the tangent",
        exact="atan(x)",
        torch="torch.atan",
        notes="Composed of keras.ops.arctan in Keras.",
    ),
    _activation(
        "exponential",
        "f(x) = exp(x)",
        "exponential function",
        exact="exp(x)",
        keras="exponential",
        torch="torch.exp",
    ),
    _activation(
        "log_sigmoid",
        "f(x) = -log(1 + exp(-x))",
        "torch/nn/modules/activation.py",
        exact="-log(1 + exp(-x))",
        keras="log_sigmoid",
        torch="logsigmoid",
    ),
    _activation(
        "hard_sigmoid",
        "f(x) = min(max(x + 3, 0), 6) / 6",
        "Howard et al. 2019, arXiv:1905.02244; ONNX's default is another one, 0.2 x + 0.5",
        exact="Piecewise((0, x <= -3), (1, x >= 3), (x / 6 + Rational(1, 2), True))",
        keras="hard_sigmoid",
        torch="hardsigmoid",
        kinks=(-3.0, 3.0),
        value=Accuracy(ranges=(Range(-3.0, -2.0),), reason="x / 6 + 1 / 2 cancels above its zero at -3"),
        notes="f'(-3) = f'(3) = 0.",
    ),
    _activation(
        "hard_silu",
        "f(x) = x * min(max(x + 3, 0), 6) / 6",
        "Howard et al. 2019, arXiv:1905.02244",
        exact="Piecewise((0, x <= -3), (x, x >= 3), (x * (x + 3) / 6, True))",
        keras="hard_silu",
        torch="hardswish",
        kinks=(-3.0, 3.0),
        value=Accuracy(ranges=(Range(-3.0, -2.0),), reason="x / 6 + 1 / 2 cancels above its zero at -3"),
        derivative=Accuracy(ranges=(Range(-2.0, -1.0),), reason="the derivative has a zero at -1.5"),
        notes="Also called hard swish.",
    ),
    _activation(
        "hard_tanh",
        "f(x) = min(max(x, -1), 1)",
        "Collobert 2004, Large Scale Machine Learning",
        exact="Piecewise((-1, x <= -1), (1, x >= 1), (x, True))",
        keras="hard_tanh",
        torch="hardtanh",
        kinks=(-1.0, 1.0),
        notes="f'(-1) = f'(1) = 0 (Keras on TensorFlow and JAX: 1).",
    ),
    _activation(
        "hard_shrink",
        "f(x) = x if |x| > threshold else 0",
        "torch/nn/modules/activation.py",
        exact="Piecewise((x, x > threshold), (x, x < -threshold), (0, True))",
        keras="hard_shrink",
        torch="hardshrink",
        options=(Option("threshold", 0.5, "what is smaller becomes 0", low=0.0),),
        kinks=(-0.5, 0.5),
    ),
    _activation(
        "soft_shrink",
        "f(x) = sign(x) * max(|x| - threshold, 0)",
        "Donoho 1995, De-Noising by Soft-Thresholding",
        exact="Piecewise((x - threshold, x > threshold), (x + threshold, x < -threshold), (0, True))",
        keras="soft_shrink",
        torch="softshrink",
        options=(Option("threshold", 0.5, "how much every x moves towards 0", low=0.0),),
        kinks=(-0.5, 0.5),
    ),
    _activation(
        "tanh_shrink",
        "f(x) = x - tanh(x)",
        "torch/nn/modules/activation.py",
        exact="x - tanh(x)",
        keras="tanh_shrink",
        torch="tanhshrink",
        value=Accuracy(ranges=(Range(-2.0, 2.0, "x"),), reason="x - tanh(x) cancels near 0"),
        derivative=Accuracy(
            ulp=16.0, ranges=(Range(-1.0, 1.0, ulp=16.0),), reason="1 - (1 - tanh(x)^2) cancels near 0"
        ),
    ),
    _activation(
        "sparse_plus",
        "f(x) = 0 if x <= -1, (x + 1)^2 / 4 if x < 1, else x",
        "keras/src/activations/activations.py",
        exact="Piecewise((0, x <= -1), (x, x >= 1), ((x + 1)**2 / 4, True))",
        keras="sparse_plus",
    ),
    _activation(
        "sparse_sigmoid",
        "f(x) = 0 if x <= -1, (x + 1) / 2 if x < 1, else 1: the derivative of sparse_plus",
        "Martins & Astudillo 2016, arXiv:1602.02068",
        exact="Piecewise((0, x <= -1), (1, x >= 1), ((x + 1) / 2, True))",
        keras="sparse_sigmoid",
        kinks=(-1.0, 1.0),
        notes="f'(-1) = f'(1) = 0.",
    ),
    _activation(
        "glu",
        "f(x) = a / (1 + exp(-b)), a and b the two halves of the last axis",
        "Dauphin et al. 2016, arXiv:1612.08083",
        keras="glu",
        torch="glu",
        notes="A layer of 2 m units has m outputs.",
        value=Accuracy(ulp=16.0, reason="a product with a sigmoid"),
        derivative=Accuracy(ulp=16.0, ranges=(Range(*_EVERYWHERE, "x", 16.0),), reason=_TAIL),
    ),
    _activation(
        "softmax",
        "f(x)_i = exp(x_i) / sum_j exp(x_j), over the last axis",
        "Bridle 1990, Training Stochastic Model Recognition Algorithms as Networks",
        keras="softmax",
        torch="softmax",
        value=Accuracy(ulp=64.0, reason=_EXPONENT),
        derivative=Accuracy(ulp=32.0, ranges=(Range(*_EVERYWHERE, ulp=32.0),), reason=_DIFFERENCE),
    ),
    _activation(
        "log_softmax",
        "f(x)_i = x_i - log(sum_j exp(x_j)), over the last axis",
        "Bridle 1990, Training Stochastic Model Recognition Algorithms as Networks",
        keras="log_softmax",
        torch="log_softmax",
        value=Accuracy(ranges=(Range(*_EVERYWHERE, "x"),), reason="x and the logarithm of the sum cancel"),
        derivative=Accuracy(ulp=32.0, ranges=(Range(*_EVERYWHERE, ulp=32.0),), reason=_DIFFERENCE),
    ),
    _activation(
        "sparsemax",
        "f(x) = the point of the probability simplex nearest to x, over the last axis: max(x - t, 0), with t "
        "so that it sums to 1",
        "Martins & Astudillo 2016, arXiv:1602.02068",
        keras="sparsemax",
        value=Accuracy(ranges=(Range(*_EVERYWHERE, "x"),), reason="x and the threshold cancel"),
        derivative=Accuracy(ulp=32.0, ranges=(Range(*_EVERYWHERE, ulp=32.0),), reason=_DIFFERENCE),
    ),
)

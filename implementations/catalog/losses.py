"""Losses: one number for targets and predictions of shape (n, k), averaged over the batch.

All but the sums over all examples, dice and tversky, take weights of examples: with losses l and weights w
the mean is then sum of w l / n or, in weight mode `weights`, sum of w l / sum of w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from implementations.catalog.element import ABSENT, Accuracy, Element, Option, Range, table

EPSILON = 1e-7
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] (keras/src/backend/config.py)."""

LOG_BOUNDS = (math.log(EPSILON), math.log1p(-EPSILON))
"""Logarithms of both."""

LOG_FLOOR = -100.0
"""Torch's lower bound for a logarithm in its binary cross-entropy (aten/src/ATen/native/Loss.cpp)."""

VARIANCE_FLOOR = 1e-6
"""Least variance of the Gaussian likelihood (torch.nn.GaussianNLLLoss)."""


@dataclass(frozen=True)
class LossElement(Element):
    """A loss and the kind of arrays that it takes.

    Parameters
    ----------
    targets
        `values`: floats, shape (n, k). `binary`: 0 or 1 as floats, shape (n, k).
        `one_hot`: rows that sum to 1, shape (n, k). `index`: class numbers as integers, shape (n,).
        `counts`: floats that are not negative, shape (n, k).
    reads
        `output`: the loss is computed from the network's output. `score`: from the last layer's
        weighted sums, below its activation.
    predictions
        `values`, `probabilities` (between 0 and 1, unless `from_logits`), `positive`, or
        `mean_and_variance`: shape (n, 2 k), k means and then k variances.
    averages
        Whether it is the mean of its examples' losses, which weights can weigh.
    relative
        Whether errors are divided by the size of the target.
    """

    targets: Literal["values", "binary", "one_hot", "index", "counts"] = "values"
    reads: Literal["output", "score"] = "output"
    predictions: Literal["values", "probabilities", "positive", "mean_and_variance"] = "values"
    averages: bool = True
    relative: bool = False

    @property
    def outputs_per_target(self) -> int:
        """How many predictions belong to one target value."""
        return 2 if self.predictions == "mean_and_variance" else 1


_EVERYWHERE = (-math.inf, math.inf)
_MET = "it is a difference that is 0 where targets are met"
_BY_LOGARITHMS = f"{_MET}, here at 0 and 2, and 1 + p is rounded"
_NEAR_TWO = Accuracy(ranges=(Range(1.0, 4.0),), reason=f"{_MET}, here at 2")
_ROW = Accuracy(
    ulp=32.0, ranges=(Range(*_EVERYWHERE, ulp=32.0),), reason="sums over the row, whose parts cancel"
)
_ROW_OF_LOGITS = Accuracy(
    ulp=16.0,
    ranges=(Range(*_EVERYWHERE, "x", 16.0),),
    reason="sums over a row, and the logarithm of its exponentials, have the size of the scores, and so has "
    "their rounding",
)
_SMOOTHED = "(t * (1 - label_smoothing) + label_smoothing / 2)"
_WEIGHT = "(class_weight_0 + (class_weight_1 - class_weight_0) * t)"
_PROBABILITY = "Piecewise((1 / (1 + exp(-p)), from_logits), (p, True))"
_REST = "Piecewise((1 / (1 + exp(p)), from_logits), (1 - p, True))"


def _binary(log_p: str, log_q: str) -> str:
    return f"-({_SMOOTHED} * {log_p} + (1 - {_SMOOTHED}) * {log_q})"


def _clipped(p: str, q: str) -> str:
    """Return the binary cross-entropy of a probability p, and q = 1 - p, in [1e-7, 1 - 1e-7]."""
    low, high = "Rational(1, 10**7)", "(1 - Rational(1, 10**7))"
    log_p, log_q = (
        f"log(Piecewise(({below}, {p} < {low}), ({above}, {q} < {low}), ({inside}, True)))"
        for below, above, inside in ((low, high, p), (high, low, q))
    )
    return _binary(log_p, log_q)


_CLAMPED = _binary(
    "Piecewise((-100, p <= exp(-100)), (log(p), True))",
    "Piecewise((-100, 1 - p <= exp(-100)), (log(1 - p), True))",
)
_FLOORED = (
    f"Piecewise((0, (p <= 0) | (p >= 1)), ((p - {_SMOOTHED}) / Max(p * (1 - p), Rational(1, 10**12)), True))"
)
"""Torch's derivative: the divisor p (1 - p) is at least 1e-12; at p = 0 and 1 the logarithm has no slope."""
_FROM_LOGITS = Option(
    "from_logits",
    False,
    "whether predictions are logits (unbounded scores) instead of probabilities",
    torch_default=ABSENT,
    tensorflow_default=ABSENT,
)
_LABEL_SMOOTHING = Option(
    "label_smoothing",
    0.0,
    "share s of each target that is spread over all classes: y (1 - s) + s / k",
    low=0.0,
    high=1.0,
    tensorflow_default=ABSENT,
)
_BINARY_SMOOTHING = Option(
    "label_smoothing",
    0.0,
    "share s by which targets move to the middle: y (1 - s) + s / 2",
    low=0.0,
    high=1.0,
    torch_default=ABSENT,
    tensorflow_default=ABSENT,
)
_CLASS_WEIGHT = Option(
    "class_weight",
    (),
    "a weight for the examples of each class, in their order; empty: all 1",
    low=0.0,
    keras_default=ABSENT,
    tensorflow_default=ABSENT,
)
WEIGHT_MODE = Option(
    "weight_mode",
    "examples",
    "what the weighted sum is divided by: the number of examples (Keras's sum_over_batch_size), "
    "or the sum of their weights (Keras's mean_with_sample_weight, torch's `weight`)",
    choices=("examples", "weights"),
    tensorflow_default=ABSENT,
)
"""For weights of classes; with weights of examples, every loss that averages takes it."""

_GAMMA = Option("gamma", 2.0, "how strongly sure predictions are weighed down", low=0.0)

LOSSES = table(
    LossElement(
        "mean_squared_error",
        "loss",
        "L = mean over n and k of (prediction - target)^2",
        "keras/src/losses/losses.py, torch.nn.MSELoss; some textbooks halve it",
        native={"keras": "keras.losses.MeanSquaredError", "torch": "torch.nn.functional.mse_loss"},
        exact="(p - t)**2",
    ),
    LossElement(
        "mean_absolute_error",
        "loss",
        "L = mean over n and k of |prediction - target|",
        "keras/src/losses/losses.py, torch.nn.L1Loss",
        native={"keras": "keras.losses.MeanAbsoluteError", "torch": "torch.nn.functional.l1_loss"},
        kinks=(0.0,),
        exact="Piecewise((p - t, p > t), (t - p, p < t), (0, True))",
        notes="The derivative at prediction = target is 0 (Keras on JAX: -1 or 1).",
    ),
    LossElement(
        "mean_absolute_percentage_error",
        "loss",
        "L = 100 * mean of |prediction - target| / max(|target|, 1e-7)",
        "keras/src/losses/losses.py; scikit-learn's is a fraction, not a percentage",
        native={"keras": "keras.losses.MeanAbsolutePercentageError"},
        kinks=(0.0,),
        exact="100 * Piecewise((p - t, p > t), (t - p, p < t), (0, True)) / Max(Abs(t), Rational(1, 10**7))",
        notes="The derivative at prediction = target is 0 (Keras on JAX: not 0).",
        relative=True,
    ),
    LossElement(
        "mean_squared_logarithmic_error",
        "loss",
        "L = mean of (log(1 + max(prediction, 1e-7)) - log(1 + max(target, 1e-7)))^2",
        "keras/src/losses/losses.py",
        native={"keras": "keras.losses.MeanSquaredLogarithmicError"},
        exact="(log(1 + Piecewise((p, p > Rational(1, 10**7)), (Rational(1, 10**7), True))) "
        "- log(1 + Max(t, Rational(1, 10**7))))**2",
        targets="counts",
        predictions="positive",
        value=Accuracy(ranges=(Range(0.0, 0.0625, "x"), Range(1.0, 4.0)), reason=_BY_LOGARITHMS),
        derivative=Accuracy(ranges=(Range(0.0, 0.0625), Range(1.0, 4.0)), reason=_BY_LOGARITHMS),
    ),
    LossElement(
        "huber",
        "loss",
        "L = mean of e^2 / 2 if |e| <= delta else delta * (|e| - delta / 2), with e = prediction - target",
        "Huber 1964, Robust Estimation of a Location Parameter",
        options=(Option("delta", 1.0, "error at which the square turns into a line", above=0.0),),
        native={"keras": "keras.losses.Huber", "torch": "torch.nn.functional.huber_loss"},
        exact="Piecewise(((p - t)**2 / 2, Abs(p - t) <= delta), (delta * (p - t - delta / 2), p > t), "
        "(delta * (t - p - delta / 2), True))",
    ),
    LossElement(
        "smooth_l1",
        "loss",
        "L = mean of e^2 / (2 beta) if |e| < beta else |e| - beta / 2, with e = prediction - target: "
        "huber with delta = beta, divided by beta",
        "Girshick 2015, arXiv:1504.08083",
        options=(Option("beta", 1.0, "error at which the square turns into a line", above=0.0),),
        native={"torch": "torch.nn.functional.smooth_l1_loss"},
        exact="Piecewise(((p - t)**2 / (2 * beta), Abs(p - t) < beta), (p - t - beta / 2, p > t), "
        "(t - p - beta / 2, True))",
    ),
    LossElement(
        "log_cosh",
        "loss",
        "L = mean of log(cosh(prediction - target))",
        "keras/src/losses/losses.py",
        native={"keras": "keras.losses.LogCosh"},
        exact="p - t + log(1 + exp(-2 * (p - t))) - log(2)",
        notes="Keras computes e + softplus(-2 e) - log 2, where 2 e overflows; by hand it is |e| + "
        "softplus(-2 |e|) - log 2. Both cancel near 0 and can be slightly negative.",
        value=Accuracy(ranges=(Range(-1.0, 1.0),), reason="|e| + softplus(-2 |e|) - log 2 cancels near 0"),
        derivative=Accuracy(ranges=(Range(-1.0, 1.0),), reason="1 - 2 sigmoid(-2 e) cancels near 0"),
    ),
    LossElement(
        "binary_crossentropy",
        "loss",
        "L = -mean of y log p + (1 - y) log(1 - p); from logits z, p = sigmoid(z): "
        "max(z, 0) - z y + log(1 + exp(-|z|))",
        "keras/src/losses/losses.py, torch.nn.BCELoss, torch.nn.BCEWithLogitsLoss",
        options=(
            _FROM_LOGITS,
            Option(
                "clip_mode",
                "clip_probability",
                "how log 0 is avoided: clip_probability keeps p in [1e-7, 1 - 1e-7] (Keras), clamp_log keeps "
                "log p above -100 (torch); without effect from logits",
                choices=("clip_probability", "clamp_log"),
                tensorflow_default=ABSENT,
            ),
            _BINARY_SMOOTHING,
            Option(
                "class_weight",
                (),
                "two weights: of targets 0, and of targets 1; empty: both 1",
                low=0.0,
                keras_default=ABSENT,
                torch_default=ABSENT,
                tensorflow_default=ABSENT,
            ),
        ),
        conventions={"keras": {"clip_mode": "clip_probability"}, "torch": {"clip_mode": "clamp_log"}},
        native={
            "keras": "keras.losses.BinaryCrossentropy",
            "torch": "torch.nn.functional.binary_cross_entropy, "
            "torch.nn.functional.binary_cross_entropy_with_logits",
            "tensorflow": "tensorflow.nn.sigmoid_cross_entropy_with_logits",
        },
        notes="Torch's logits form has a function of its own, and there a weight of targets 1, `pos_weight`; "
        "TensorFlow has that form only. Keras knows class weights in `fit` alone.",
        targets="binary",
        predictions="probabilities",
        exact=f"{_WEIGHT} * Piecewise(({_binary('-log(1 + exp(-p))', '-log(1 + exp(p))')}, from_logits), "
        f"({_CLAMPED}, clamp_log), ({_clipped('p', '(1 - p)')}, True))",
        exact_derivative=f"Piecewise((derivative, from_logits), ({_WEIGHT} * {_FLOORED}, clamp_log), "
        "(derivative, True))",
        value=Accuracy(
            ulp=16.0,
            ranges=(Range(0.0, 0.5, ulp=16.0),),
            reason="log(1 - p) rounds what stands in it; 1 - y of a target smoothed by 0.1 loses four bits",
        ),
        derivative=Accuracy(
            ulp=16.0,
            ranges=(Range(0.0, 1.0, ulp=16.0), Range(-3.5, -2.0, ulp=16.0), Range(2.0, 3.5, ulp=16.0)),
            reason=f"{_MET}; from logits with targets smoothed by 0.1 that is at 2.94",
        ),
    ),
    LossElement(
        "binary_focal_crossentropy",
        "loss",
        "L = mean of (1 - q)^gamma b, with b the binary cross-entropy of p clipped to [1e-7, 1 - 1e-7] and "
        "q = y p + (1 - y) (1 - p)",
        "Lin et al. 2017, arXiv:1708.02002; keras/src/losses/losses.py",
        options=(_FROM_LOGITS, _GAMMA, _BINARY_SMOOTHING),
        notes="Composed in Keras too: its own, on TensorFlow, looks for logits behind a sigmoid, and then "
        "does not clip. From logits z, 1 - p is sigmoid(-z), and logarithms are clipped instead of p: no "
        "digits are lost.",
        targets="binary",
        predictions="probabilities",
        exact=f"({_SMOOTHED} * {_REST} + (1 - {_SMOOTHED}) * {_PROBABILITY})**gamma "
        f"* ({_clipped(_PROBABILITY, _REST)})",
        value=Accuracy(
            ulp=16.0, ranges=(Range(0.0, 0.5, "x", 16.0),), reason="log(1 - p) rounds what stands in it"
        ),
        derivative=Accuracy(ulp=32.0, ranges=(Range(0.0, 1.0, ulp=32.0),), reason=_MET),
    ),
    LossElement(
        "categorical_crossentropy",
        "loss",
        "L = -mean over n of sum over k of y log p, p divided by its row sum and clipped to "
        "[1e-7, 1 - 1e-7]; from logits z: log p = log_softmax(z)",
        "keras/src/backend/numpy/nn.py, torch.nn.CrossEntropyLoss",
        options=(_FROM_LOGITS, _LABEL_SMOOTHING, _CLASS_WEIGHT, WEIGHT_MODE),
        native={
            "keras": "keras.losses.CategoricalCrossentropy",
            "torch": "torch.nn.functional.cross_entropy",
            "tensorflow": "tensorflow.nn.softmax_cross_entropy_with_logits",
        },
        notes="Torch and TensorFlow have the logits form only; the probability form is composed there. Keras "
        "knows class weights in `fit` alone. An example's weight is sum over k of y w, before smoothing. "
        "Torch's `weight` weighs each term of the sum over k instead (not the same under label_smoothing) "
        "and divides by the number of examples.",
        targets="one_hot",
        predictions="probabilities",
        value=_ROW_OF_LOGITS,
        derivative=_ROW,
    ),
    LossElement(
        "sparse_categorical_crossentropy",
        "loss",
        "L = -mean over n of log p[y], p divided by its row sum and clipped to [1e-7, 1 - 1e-7]; "
        "from logits z: log p = log_softmax(z)",
        "keras/src/backend/numpy/nn.py, torch.nn.CrossEntropyLoss",
        options=(
            _FROM_LOGITS,
            _CLASS_WEIGHT,
            replace(WEIGHT_MODE, torch_default="weights"),
        ),
        native={
            "keras": "keras.losses.SparseCategoricalCrossentropy",
            "torch": "torch.nn.functional.cross_entropy",
            "tensorflow": "tensorflow.nn.sparse_softmax_cross_entropy_with_logits",
        },
        notes="Torch and TensorFlow have the logits form only; the probability form is composed there. Keras "
        "knows class weights in `fit` alone, as weights of examples, and divides by their number.",
        targets="index",
        predictions="probabilities",
        value=_ROW_OF_LOGITS,
        derivative=_ROW,
    ),
    LossElement(
        "categorical_focal_crossentropy",
        "loss",
        "L = -mean over n of sum over k of alpha (1 - p)^gamma y log p, p divided by its row sum and clipped "
        "to [1e-7, 1 - 1e-7]; from logits z: p = softmax(z)",
        "Lin et al. 2017, arXiv:1708.02002; keras/src/losses/losses.py",
        options=(
            _FROM_LOGITS,
            Option("alpha", 0.25, "weight of every class", above=0.0),
            _GAMMA,
            _LABEL_SMOOTHING,
        ),
        native={"keras": "keras.losses.CategoricalFocalCrossentropy"},
        targets="one_hot",
        predictions="probabilities",
        value=_ROW_OF_LOGITS,
        derivative=_ROW,
    ),
    LossElement(
        "kl_divergence",
        "loss",
        "L = mean over n of sum over k of y log(y / p), both clipped to [1e-7, 1]",
        "Kullback & Leibler 1951; keras/src/losses/losses.py",
        native={"keras": "keras.losses.KLDivergence", "torch": "torch.nn.functional.kl_div"},
        notes="Torch takes log p and clips nothing; reduction='batchmean' is this mean.",
        targets="one_hot",
        predictions="probabilities",
        value=_ROW,
        derivative=_ROW,
    ),
    LossElement(
        "poisson",
        "loss",
        "L = mean of p - y log(p + 1e-7), with the expected count p",
        "keras/src/losses/losses.py; torch.nn.PoissonNLLLoss, which takes log p unless told otherwise",
        native={"keras": "keras.losses.Poisson", "torch": "torch.nn.functional.poisson_nll_loss"},
        exact="p - t * log(p + Rational(1, 10**7))",
        targets="counts",
        predictions="positive",
        derivative=_NEAR_TWO,
    ),
    LossElement(
        "gaussian_nll",
        "loss",
        "L = mean of (log v + (m - target)^2 / v) / 2, with mean m and variance v, v at least 1e-6",
        "Nix & Weigend 1994, Estimating the Mean and Variance of the Target Probability Distribution",
        native={"torch": "torch.nn.functional.gaussian_nll_loss"},
        kinks=(VARIANCE_FLOOR,),
        notes="Predictions are k means and then k variances. Below 1e-6 the derivative by v is that at 1e-6.",
        predictions="mean_and_variance",
        value=Accuracy(ulp=16.0, ranges=(Range(0.1, 4.0, ulp=16.0),), reason="log v and e^2 / v cancel"),
        derivative=Accuracy(
            ulp=16.0, ranges=(Range(0.05, 2.0, ulp=16.0),), reason="1 / v and e^2 / v^2 cancel"
        ),
    ),
    LossElement(
        "cosine_similarity",
        "loss",
        "L = -mean over n of sum over k of y p / (max(|y|, 1e-7) max(|p|, 1e-7)), |.| the norm of a row",
        "keras/src/losses/losses.py; torch's cosine_similarity is not negated",
        native={"keras": "keras.losses.CosineSimilarity", "torch": "torch.nn.functional.cosine_similarity"},
        value=_ROW,
        derivative=Accuracy(ulp=32.0, ranges=(Range(*_EVERYWHERE, "1/x", 32.0),), reason=_MET),
    ),
    LossElement(
        "hinge",
        "loss",
        "L = mean of max(0, 1 - t s), with score s and t = 1 where the target is positive, else -1",
        "Rosasco et al. 2004, Are Loss Functions All the Same?",
        native={"keras": "keras.losses.Hinge"},
        kinks=(1.0,),
        exact="Piecewise((1 - p * (2 * t - 1), p * (2 * t - 1) <= 1), (0, True))",
        notes="The derivative at t s = 1 is -t (Keras on JAX and torch: half of it).",
        targets="binary",
    ),
    LossElement(
        "squared_hinge",
        "loss",
        "L = mean of max(0, 1 - t s)^2, with score s and t = 1 where the target is positive, else -1",
        "Rosasco et al. 2004, Are Loss Functions All the Same?",
        native={"keras": "keras.losses.SquaredHinge"},
        exact="Piecewise(((1 - p * (2 * t - 1))**2, p * (2 * t - 1) <= 1), (0, True))",
        targets="binary",
    ),
    LossElement(
        "categorical_hinge",
        "loss",
        "L = mean over n of max(0, 1 + max over k of (1 - y) s - sum over k of y s), with scores s",
        "Weston & Watkins 1999; keras/src/losses/losses.py",
        native={"keras": "keras.losses.CategoricalHinge"},
        notes="The maximum runs over the true class too, where (1 - y) s is 0.",
        targets="one_hot",
        value=_ROW_OF_LOGITS,
        derivative=_ROW,
    ),
    LossElement(
        "dice",
        "loss",
        "L = 1 - 2 sum y p / (sum y + sum p + 1e-7), sums over n and k",
        "Milletari, Navab & Ahmadi 2016, arXiv:1606.04797; keras/src/losses/losses.py",
        native={"keras": "keras.losses.Dice"},
        targets="binary",
        predictions="probabilities",
        averages=False,
        value=_ROW,
        derivative=_ROW,
    ),
    LossElement(
        "tversky",
        "loss",
        "L = 1 - sum y p / (sum y p + alpha sum (1 - y) p + beta sum y (1 - p) + 1e-7), sums over n and k",
        "Salehi, Erdogmus & Gholipour 2017, arXiv:1706.05721",
        options=(
            Option("alpha", 0.5, "weight of false positives", low=0.0),
            Option("beta", 0.5, "weight of false negatives", low=0.0),
        ),
        native={"keras": "keras.losses.Tversky"},
        notes="Keras 3.15 exchanges alpha and beta (keras-team/keras#23333).",
        targets="binary",
        predictions="probabilities",
        averages=False,
        value=_ROW,
        derivative=_ROW,
    ),
    LossElement(
        "perceptron",
        "loss",
        "L = mean of (step(s) - y) s, with score s; dL/ds = (step(s) - y) / (n k), so that one example with "
        "learning rate r moves the weights by r (y - step(s)) x: the perceptron learning rule",
        "Rosenblatt 1958; Duda, Hart & Stork 2001, Pattern Classification, section 5.5",
        kinks=(0.0,),
        exact="Piecewise(((1 - t) * p, p >= 0), (-t * p, True))",
        notes="step(0) = 1, as in the activation `step`.",
        targets="binary",
        reads="score",
    ),
)

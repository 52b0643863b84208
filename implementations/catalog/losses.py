"""Losses: one number for targets and predictions of shape (n, k), averaged over the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from implementations.catalog.element import Element, Option, table

EPSILON = 1e-7
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] (keras/src/backend/config.py)."""

LOG_FLOOR = -100.0
"""Torch's lower bound for a logarithm in its binary cross-entropy (aten/src/ATen/native/Loss.cpp)."""


@dataclass(frozen=True)
class LossElement(Element):
    """A loss and the kind of arrays that it takes.

    Parameters
    ----------
    targets
        `values`: floats, shape (n, k). `binary`: 0 or 1 as floats, shape (n, k).
        `one_hot`: rows that sum to 1, shape (n, k). `index`: class numbers as integers, shape (n,).
    reads
        `output`: the loss is computed from the network's output. `score`: from the last layer's
        weighted sums, below its activation.
    """

    targets: Literal["values", "binary", "one_hot", "index"] = "values"
    reads: Literal["output", "score"] = "output"


_FROM_LOGITS = Option(
    "from_logits", False, "whether predictions are logits (unbounded scores) instead of probabilities"
)

LOSSES = table(
    LossElement(
        "mean_squared_error",
        "loss",
        "L = mean over n and k of (prediction - target)^2",
        "keras/src/losses/losses.py, torch.nn.MSELoss; some textbooks halve it",
        native={"keras": "keras.losses.MeanSquaredError", "torch": "torch.nn.functional.mse_loss"},
    ),
    LossElement(
        "mean_absolute_error",
        "loss",
        "L = mean over n and k of |prediction - target|",
        "keras/src/losses/losses.py, torch.nn.L1Loss",
        native={"keras": "keras.losses.MeanAbsoluteError", "torch": "torch.nn.functional.l1_loss"},
        kinks=(0.0,),
        notes="The derivative at prediction = target is 0 (Keras on JAX: -1 or 1).",
    ),
    LossElement(
        "huber",
        "loss",
        "L = mean of e^2 / 2 if |e| <= delta else delta * (|e| - delta / 2), with e = prediction - target",
        "Huber 1964, Robust Estimation of a Location Parameter",
        options=(Option("delta", 1.0, "error at which the square turns into a line", above=0.0),),
        native={"keras": "keras.losses.Huber", "torch": "torch.nn.functional.huber_loss"},
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
            ),
        ),
        conventions={"keras": {"clip_mode": "clip_probability"}, "torch": {"clip_mode": "clamp_log"}},
        native={
            "keras": "keras.losses.BinaryCrossentropy",
            "torch": "torch.nn.functional.binary_cross_entropy, binary_cross_entropy_with_logits",
        },
        targets="binary",
    ),
    LossElement(
        "categorical_crossentropy",
        "loss",
        "L = -mean over n of sum over k of y log p, p divided by its row sum and clipped to "
        "[1e-7, 1 - 1e-7]; from logits z: log p = log_softmax(z)",
        "keras/src/backend/numpy/nn.py, torch.nn.CrossEntropyLoss",
        options=(_FROM_LOGITS,),
        native={
            "keras": "keras.losses.CategoricalCrossentropy",
            "torch": "torch.nn.functional.cross_entropy",
        },
        notes="Torch has the logits form only; the probability form is composed there.",
        targets="one_hot",
    ),
    LossElement(
        "sparse_categorical_crossentropy",
        "loss",
        "L = -mean over n of log p[y], p divided by its row sum and clipped to [1e-7, 1 - 1e-7]; "
        "from logits z: log p = log_softmax(z)",
        "keras/src/backend/numpy/nn.py, torch.nn.CrossEntropyLoss",
        options=(_FROM_LOGITS,),
        native={
            "keras": "keras.losses.SparseCategoricalCrossentropy",
            "torch": "torch.nn.functional.cross_entropy",
        },
        notes="Torch has the logits form only; the probability form is composed there.",
        targets="index",
    ),
    LossElement(
        "hinge",
        "loss",
        "L = mean of max(0, 1 - t s), with score s and t = 1 where the target is positive, else -1",
        "Rosasco et al. 2004, Are Loss Functions All the Same?",
        native={"keras": "keras.losses.Hinge"},
        kinks=(1.0,),
        notes="The derivative at t s = 1 is -t (Keras on JAX and torch: half of it).",
        targets="binary",
    ),
    LossElement(
        "perceptron",
        "loss",
        "L = mean of (step(s) - y) s, with score s; dL/ds = (step(s) - y) / (n k), so that one example with "
        "learning rate r moves the weights by r (y - step(s)) x: the perceptron learning rule",
        "Rosenblatt 1958; Duda, Hart & Stork 2001, Pattern Classification, section 5.5",
        kinks=(0.0,),
        notes="step(0) = 1, as in the activation `step`.",
        targets="binary",
        reads="score",
    ),
)

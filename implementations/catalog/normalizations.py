"""Normalizations: between a layer's weighted sum and its activation, with a scale and a shift for each unit.

Parameters are gamma (units,), beta (units,) and, for batch_normalization, the moving mean (units,) and the
moving variance (units,), which training changes but no gradient.
"""

from __future__ import annotations

from implementations.catalog.element import ABSENT, REQUIRED, Element, Option, table


def _epsilon() -> Option:
    return Option(
        "epsilon",
        1e-3,
        "keeps the divisor above zero",
        above=0.0,
        torch_default=1e-5,
        tensorflow_default=REQUIRED,
    )


NORMALIZATIONS = table(
    Element(
        "batch_normalization",
        "normalization",
        "y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance (of n, not n - "
        "1) over the "
        "batch; both are averaged as moving = momentum moving + (1 - momentum) batch's, for prediction",
        "Ioffe & Szegedy 2015, arXiv:1502.03167; keras/src/layers/normalization/batch_normalization.py; "
        "torch/nn/modules/batchnorm.py",
        options=(
            Option(
                "momentum",
                0.99,
                "share of the previous average that is kept; torch's argument is the rest",
                low=0.0,
                below=1.0,
                torch_default=0.9,
                tensorflow_default=ABSENT,
            ),
            _epsilon(),
            Option(
                "variance_mode",
                "biased",
                "whether the moving variance takes the batch's sum of squares divided by n or by n - 1",
                choices=("biased", "unbiased"),
                tensorflow_default=ABSENT,
            ),
        ),
        conventions={
            "keras": {"momentum": 0.99, "epsilon": 1e-3, "variance_mode": "biased"},
            "torch": {"momentum": 0.9, "epsilon": 1e-5, "variance_mode": "unbiased"},
        },
        native={
            "keras": "keras.layers.BatchNormalization",
            "torch": "torch.nn.BatchNorm1d",
            "tensorflow": "tensorflow.nn.batch_normalization",
        },
    ),
    Element(
        "layer_normalization",
        "normalization",
        "y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over an example's units",
        "Ba, Kiros & Hinton 2016, arXiv:1607.06450",
        options=(_epsilon(),),
        conventions={"keras": {"epsilon": 1e-3}, "torch": {"epsilon": 1e-5}},
        native={
            "keras": "keras.layers.LayerNormalization",
            "torch": "torch.nn.LayerNorm",
            "tensorflow": "tensorflow.nn.batch_normalization",
        },
    ),
)

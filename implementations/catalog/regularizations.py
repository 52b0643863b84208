"""Regularizations: settings of a layer that change the loss or, in training alone, its outputs."""

from __future__ import annotations

from implementations.catalog.element import ABSENT, REQUIRED, Element, Option, table

REGULARIZATIONS = table(
    Element(
        "l1",
        "regularization",
        "L += l1 * sum of |W| over the layer's kernel",
        "Tibshirani 1996, Regression Shrinkage and Selection via the Lasso",
        options=(Option("l1", 0.0, "how much the penalty counts", low=0.0),),
        native={"keras": "keras.regularizers.L1L2"},
        kinks=(0.0,),
        notes="The derivative at W = 0 is 0.",
    ),
    Element(
        "l2",
        "regularization",
        "L += l2 * sum of W^2 over the layer's kernel",
        "Hoerl & Kennard 1970, Ridge Regression",
        options=(Option("l2", 0.0, "how much the penalty counts", low=0.0, tensorflow_default=ABSENT),),
        native={"keras": "keras.regularizers.L1L2", "tensorflow": "tensorflow.nn.l2_loss"},
        notes="Torch's optimizers have weight_decay over all parameters instead: in plain SGD, twice l2.",
    ),
    Element(
        "dropout",
        "regularization",
        "y = m x, with m = 0 in a share `dropout` of places and 1 / (1 - dropout) elsewhere; 1 in prediction",
        "Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
        options=(
            Option(
                "dropout",
                0.0,
                "share of outputs that are dropped",
                low=0.0,
                below=1.0,
                keras_default=REQUIRED,
                torch_default=0.5,
            ),
        ),
        native={"keras": "keras.layers.Dropout", "torch": "torch.nn.Dropout"},
        notes="Each framework draws its own masks, or all take NumPy's (`Placement.masks`).",
    ),
)

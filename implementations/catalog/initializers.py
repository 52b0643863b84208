"""Initializers: kernels of shape (inputs, units), drawn once in NumPy for every backend."""

from __future__ import annotations

from implementations.catalog.element import ABSENT, REQUIRED, Element, Option, table

_GLOROT = "Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks"
_HE = "He et al. 2015, arXiv:1502.01852"
_LECUN = "LeCun et al. 1998, Efficient BackProp"
_TRUNCATED = Option(
    "truncated",
    True,
    "whether the normal is cut at two standard deviations and rescaled, by 1 / 0.8796, to the stated one",
    torch_default=False,
)
_CONVENTIONS = {"keras": {"truncated": True}, "torch": {"truncated": False}}

INITIALIZERS = table(
    Element(
        "zeros",
        "initializer",
        "w = 0",
        "constant",
        native={
            "keras": "keras.initializers.Zeros",
            "torch": "torch.nn.init.zeros_",
            "jax": "jax.nn.initializers.zeros",
            "tensorflow": "tensorflow.zeros_initializer",
        },
    ),
    Element(
        "ones",
        "initializer",
        "w = 1",
        "constant",
        native={
            "keras": "keras.initializers.Ones",
            "torch": "torch.nn.init.ones_",
            "jax": "jax.nn.initializers.ones",
            "tensorflow": "tensorflow.ones_initializer",
        },
    ),
    Element(
        "constant",
        "initializer",
        "w = value",
        "constant",
        options=(Option("value", 0.0, "what every w is", torch_default=REQUIRED, jax_default=REQUIRED),),
        native={
            "keras": "keras.initializers.Constant",
            "torch": "torch.nn.init.constant_",
            "jax": "jax.nn.initializers.constant",
            "tensorflow": "tensorflow.constant_initializer",
        },
    ),
    Element(
        "random_uniform",
        "initializer",
        "w ~ U(minval, maxval)",
        "keras/src/initializers/random_initializers.py",
        options=(
            Option("minval", -0.05, "lower bound", torch_default=0.0, jax_default=0.0),
            Option("maxval", 0.05, "upper bound", torch_default=1.0, jax_default=1.0),
        ),
        native={
            "keras": "keras.initializers.RandomUniform",
            "torch": "torch.nn.init.uniform_",
            "jax": "jax.random.uniform",
            "tensorflow": "tensorflow.random_uniform_initializer",
        },
    ),
    Element(
        "random_normal",
        "initializer",
        "w ~ N(mean, stddev^2)",
        "keras/src/initializers/random_initializers.py",
        options=(
            Option("mean", 0.0, "mean", jax_default=ABSENT),
            Option("stddev", 0.05, "standard deviation", low=0.0, torch_default=1.0, jax_default=0.01),
        ),
        native={
            "keras": "keras.initializers.RandomNormal",
            "torch": "torch.nn.init.normal_",
            "jax": "jax.nn.initializers.normal",
            "tensorflow": "tensorflow.random_normal_initializer",
        },
    ),
    Element(
        "truncated_normal",
        "initializer",
        "w ~ N(mean, stddev^2) cut at two standard deviations from the mean, which leaves 0.8796 stddev",
        "keras/src/initializers/random_initializers.py",
        options=(
            Option("mean", 0.0, "mean", jax_default=ABSENT),
            Option(
                "stddev",
                0.05,
                "standard deviation before the cut",
                low=0.0,
                torch_default=1.0,
                jax_default=0.01,
                tensorflow_default=1.0,
            ),
        ),
        native={
            "keras": "keras.initializers.TruncatedNormal",
            "torch": "torch.nn.init.trunc_normal_",
            "jax": "jax.nn.initializers.truncated_normal",
            "tensorflow": "tensorflow.random.truncated_normal",
        },
        notes="Torch cuts at the bounds a and b, by default -2 and 2 whatever the standard deviation. JAX's "
        "normals have mean 0.",
    ),
    Element(
        "glorot_uniform",
        "initializer",
        "w ~ U(-a, a), a = sqrt(6 / (inputs + units))",
        _GLOROT,
        native={
            "keras": "keras.initializers.GlorotUniform",
            "torch": "torch.nn.init.xavier_uniform_",
            "jax": "jax.nn.initializers.glorot_uniform",
        },
    ),
    Element(
        "glorot_normal",
        "initializer",
        "w ~ N(0, 2 / (inputs + units))",
        _GLOROT,
        options=(_TRUNCATED,),
        conventions=_CONVENTIONS,
        native={
            "keras": "keras.initializers.GlorotNormal",
            "torch": "torch.nn.init.xavier_normal_",
            "jax": "jax.nn.initializers.glorot_normal",
        },
    ),
    Element(
        "he_uniform",
        "initializer",
        "w ~ U(-a, a), a = sqrt(6 / inputs)",
        _HE,
        native={
            "keras": "keras.initializers.HeUniform",
            "torch": "torch.nn.init.kaiming_uniform_",
            "jax": "jax.nn.initializers.he_uniform",
        },
        notes="In torch with nonlinearity relu.",
    ),
    Element(
        "he_normal",
        "initializer",
        "w ~ N(0, 2 / inputs)",
        _HE,
        options=(_TRUNCATED,),
        conventions=_CONVENTIONS,
        native={
            "keras": "keras.initializers.HeNormal",
            "torch": "torch.nn.init.kaiming_normal_",
            "jax": "jax.nn.initializers.he_normal",
        },
        notes="In torch with nonlinearity relu.",
    ),
    Element(
        "lecun_uniform",
        "initializer",
        "w ~ U(-a, a), a = sqrt(3 / inputs)",
        _LECUN,
        native={
            "keras": "keras.initializers.LecunUniform",
            "torch": "torch.nn.init.kaiming_uniform_",
            "jax": "jax.nn.initializers.lecun_uniform",
        },
        notes="In torch with nonlinearity linear.",
    ),
    Element(
        "lecun_normal",
        "initializer",
        "w ~ N(0, 1 / inputs)",
        _LECUN,
        options=(_TRUNCATED,),
        conventions=_CONVENTIONS,
        native={
            "keras": "keras.initializers.LecunNormal",
            "torch": "torch.nn.init.kaiming_normal_",
            "jax": "jax.nn.initializers.lecun_normal",
        },
        notes="In torch with nonlinearity linear.",
    ),
    Element(
        "torch_linear",
        "initializer",
        "w ~ U(-a, a), a = 1 / sqrt(inputs)",
        "torch/nn/modules/linear.py",
        native={
            "keras": "keras.initializers.VarianceScaling",
            "torch": "torch.nn.Linear",
            "jax": "jax.nn.initializers.variance_scaling",
        },
        notes="What torch's dense layer begins with: kaiming_uniform_ with a = sqrt(5). In Keras with scale "
        "1/3 and the distribution uniform. Torch's bias has the kernel's a, which no bias knows here.",
    ),
    Element(
        "orthogonal",
        "initializer",
        "w = gain Q, with Q^T Q = 1 or, where units are more than inputs, Q Q^T = 1; Q uniformly distributed",
        "Saxe, McClelland & Ganguli 2013, arXiv:1312.6120; Mezzadri 2006, arXiv:math-ph/0609050",
        options=(Option("gain", 1.0, "factor"),),
        native={
            "keras": "keras.initializers.Orthogonal",
            "torch": "torch.nn.init.orthogonal_",
            "jax": "jax.nn.initializers.orthogonal",
        },
        notes="For kernels only.",
    ),
)

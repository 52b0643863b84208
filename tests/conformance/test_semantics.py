"""The card of each contender: what its framework does by itself, and what differs here."""

from __future__ import annotations

import pytest

from implementations import catalog

LOSS = "cross-entropy from probabilities"
SATURATED = "sigmoid before it, saturated"
SOFTMAX = "softmax before it, saturated"
NORMALIZATION = "batch normalization"
INITIAL = "default initialization"
WEIGHTS = "class weights in cross-entropy"
DIVERGENCE = "reduction of KL divergence"
PRODUCTS = "float32 products"
FOCAL, DIGITS = "focal loss of a logit of 12", "keeps all digits"
FEWER_DIGITS = f"loses digits: off by 7e-04; here: {DIGITS}"
SOFTPLUS = "softplus of large numbers"
LARGE_MEAN = "its variance of numbers around 10000"
MOMENTUM, NESTEROV, DECAY = "momentum under a changing rate", "Nesterov momentum", "weight decay of adam"

LEARNS = "the unit learns: loss 20, derivative -1 by the score"
STUCK = "the unit no longer learns: loss 16.12, derivative 0 by the score"
CLIPPED = "probabilities clipped at 1e-7"
OF_N, OF_N_1 = "keeps 0.99 of the moving averages, takes the variance of n", "variance of n - 1"
GLOROT = "kernel uniform up to sqrt(6 / (inputs + units)) (glorot); bias all 0"
BY_ROWS, BY_WEIGHTS = "sum divided by the number of rows", "sum divided by the weights' sum"
ROWS, ALL = "sum over a row, mean over rows", "mean over all numbers"
NOTHING = "nothing of its own"
EVERYWHERE, CUT = "log(1 + exp(x)) everywhere", "x above 20"
KEPT = "keeps its digits"
INSIDE = "the velocity contains the rate: v = momentum v - r g, x += v"
OUTSIDE = "the rate multiplies the velocity: v = momentum v + g, x -= r v"
LOOKING_AHEAD = "gradient plus momentum times the new velocity"
DECOUPLED, L2 = "decoupled: x -= r w x", "l2: w x is added to the gradient"

WITHOUT_LAYERS = {
    LOSS: f"{NOTHING}; here: {CLIPPED}",
    FOCAL: f"{NOTHING}; here: {DIGITS}",
    SATURATED: f"{NOTHING}; here: {STUCK}",
    SOFTMAX: f"{NOTHING}; here: {STUCK}",
    NORMALIZATION: f"{NOTHING}; here: {OF_N}",
    LARGE_MEAN: f"{NOTHING}; here: {KEPT}",
    INITIAL: f"{NOTHING}; here: {GLOROT}",
    WEIGHTS: f"{NOTHING}; here: {BY_ROWS}",
    DIVERGENCE: f"{NOTHING}; here: {ROWS}",
}
EXACT = {
    "numpy": {
        **WITHOUT_LAYERS,
        "float64": "complete",
        SOFTPLUS: f"{NOTHING}; here: {EVERYWHERE}",
        PRODUCTS: "all 24 bits, on cpu",
    },
    "jax": {**WITHOUT_LAYERS, "float64": "complete", SOFTPLUS: EVERYWHERE},
    "tensorflow": {**WITHOUT_LAYERS, SOFTPLUS: EVERYWHERE},
    "torch": {
        LOSS: "logarithms clamped at -100",
        FOCAL: f"{NOTHING}; here: {DIGITS}",
        SATURATED: LEARNS,
        SOFTMAX: f"{NOTHING}; here: {STUCK}",
        SOFTPLUS: f"{CUT}; here: {EVERYWHERE}",
        NORMALIZATION: f"keeps 0.9 of the moving averages, takes the {OF_N_1}",
        LARGE_MEAN: KEPT,
        INITIAL: "kernel uniform up to 1 / sqrt(inputs); bias uniform up to 1 / sqrt(inputs); "
        f"here: {GLOROT}",
        WEIGHTS: f"{BY_WEIGHTS}; here: {BY_ROWS}",
        DIVERGENCE: f"{ALL}; here: {ROWS}",
        MOMENTUM: OUTSIDE,
        NESTEROV: LOOKING_AHEAD,
        DECAY: L2,
        "float64": "complete",
    },
    "keras-tensorflow": {
        FOCAL: DIGITS,
        SATURATED: f"{LEARNS}; here: {STUCK}",
        SOFTMAX: f"{LEARNS}; here: {STUCK}",
        SOFTPLUS: EVERYWHERE,
        LARGE_MEAN: KEPT,
    },
    "keras-jax": {
        FOCAL: FEWER_DIGITS,
        SATURATED: STUCK,
        SOFTMAX: STUCK,
        SOFTPLUS: EVERYWHERE,
        LARGE_MEAN: KEPT,
    },
    "keras-torch": {FOCAL: FEWER_DIGITS, SATURATED: STUCK, SOFTMAX: STUCK, SOFTPLUS: CUT},
}
KERAS = {
    LOSS: CLIPPED,
    NORMALIZATION: OF_N,
    INITIAL: GLOROT,
    WEIGHTS: BY_ROWS,
    DIVERGENCE: ROWS,
    MOMENTUM: INSIDE,
    NESTEROV: LOOKING_AHEAD,
    DECAY: DECOUPLED,
}
EPSILON = {
    "keras": {
        "adam": "before the correction",
        "nadam": "to the corrected root",
        "adamax": "to the largest gradient",
        "rmsprop": "under the root",
        "adagrad": "under the root",
        "adadelta": "under both roots",
    },
    "torch": {
        "adam": "to the corrected root",
        "nadam": "to the corrected root",
        "adamax": "in the maximum",
        "rmsprop": "to the root",
        "adagrad": "to the root",
        "adadelta": "under both roots",
    },
}
WITHOUT_OPTIMIZERS = {
    "numpy": [MOMENTUM, NESTEROV, DECAY, "place of epsilon", "derivatives at kinks"],
    "jax": [MOMENTUM, NESTEROV, DECAY, "place of epsilon"],
    "tensorflow": [DECAY, "place of epsilon"],
    "torch": [],
    "keras-tensorflow": [],
    "keras-jax": [],
    "keras-torch": [],
}
"""What stands on a card with nothing of the framework's own in it."""
KINKS = {
    "jax": "hard_tanh'(1) = 1; here: |e|'(0) = 1, hinge'(1) = -0.5",
    "tensorflow": "with slope 0.2 = 0.2; here: hard_tanh'(1) = 0, |e|'(0) = 0, hinge'(1) = -1",
    "torch": "hard_tanh'(1) = 0, |e|'(0) = 0; here: hinge'(1) = -1",
}
DEFAULTS = {
    "torch": {
        "torch.optim.Adam": "lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0",
        "torch.nn.BatchNorm1d": "eps=1e-05, momentum=0.1",
        "torch.nn.LeakyReLU": "negative_slope=0.01",
        "torch.nn.PReLU": "num_parameters=1, init=0.25",
    },
    "jax": {"jax.nn.leaky_relu": "negative_slope=0.01"},
    "tensorflow": {"tensorflow.nn.leaky_relu": "alpha=0.2"},
    "keras-jax": {
        "keras.layers.BatchNormalization": "momentum=0.99, epsilon=0.001, gamma_initializer=ones",
        "keras.activations.leaky_relu": "negative_slope=0.2",
        "keras.layers.PReLU": "alpha_initializer=Zeros",
    },
}
"""Of some of the calls that the catalogue names, as the library has them."""
LEAKS = {
    "tensorflow": ["constant 0.9"],
    "keras-tensorflow": ["constant 0.9", "rate 0.1 without a switch", "loss without a switch"],
    "keras-jax": ["tanh", "loss", "rate 0.1 without a switch", "loss without a switch"],
    "keras-torch": ["dense", "loss", "rate 0.1 without a switch", "loss without a switch"],
}
SETTINGS = {
    "tensorflow": "with tensor_float_32_execution True by default",
    "jax": "with jax_default_matmul_precision None by default",
    "torch": "with float32_matmul_precision highest by default",
    "keras-tensorflow": "with tensor_float_32_execution True by default",
    "keras-jax": "with jax_default_matmul_precision None by default",
    "keras-torch": "with float32_matmul_precision highest by default",
}


@pytest.mark.parametrize(
    ("contender", "what", "says"),
    [
        (contender, what, says)
        for contender, own in EXACT.items()
        for what, says in ({**KERAS, **own} if contender.startswith("keras") else own).items()
    ],
)
def test_what_the_framework_does_by_itself_and_what_differs_here(computed, contender, what, says):
    assert computed(contender).card[what] == says


def test_variance_of_numbers_with_a_large_mean_is_lost_by_keras_on_torch(computed):
    told = computed("keras-torch").card[LARGE_MEAN]
    assert told.startswith("is ")
    assert told.endswith(" of what it should be")


@pytest.mark.parametrize("contender", EXACT)
def test_place_of_epsilon(computed, contender):
    listed = computed(contender).card["place of epsilon"].removeprefix(f"{NOTHING}; here: ")
    told = dict(each.split(": ") for each in listed.split("; "))
    for name, place in EPSILON["torch" if contender == "torch" else "keras"].items():
        assert told[name] == place


@pytest.mark.parametrize(
    "name", [name for name, each in catalog.OPTIMIZERS.items() if "torch" in each.native and name != "sgd"]
)
def test_weight_decay_of_torch_s_own_class_is_that_of_torch_s_convention(name):
    """Where gradients are 0, decoupled decay leaves the same share of every number; so would l2 of sgd."""
    torch, element = pytest.importorskip("torch"), catalog.OPTIMIZERS[name]
    kind = getattr(torch.optim, element.native["torch"].split(".")[-1].partition("(")[0])
    x = torch.tensor([1.0, 3.0], dtype=torch.float64)
    x.grad = torch.zeros_like(x)
    optimizer = kind([x], lr=0.1, weight_decay=0.5)
    for _ in range(10):
        optimizer.step()
    decoupled = element.resolve({"convention": "torch"})["weight_decay_mode"] == "decoupled"
    assert (x[1].item() == pytest.approx(3 * x[0].item(), rel=1e-12)) is decoupled


@pytest.mark.parametrize("contender", WITHOUT_OPTIMIZERS)
def test_what_this_project_wrote_is_no_fact_about_a_framework(computed, contender):
    facts = computed(contender).card
    told = {what for what in WITHOUT_OPTIMIZERS["numpy"] if facts[what].startswith(f"{NOTHING}; here: ")}
    assert told == set(WITHOUT_OPTIMIZERS[contender])


@pytest.mark.parametrize("contender", KINKS)
def test_kinks_of_what_the_framework_has_come_first(computed, contender):
    assert computed(contender).card["derivatives at kinks"].endswith(KINKS[contender])


@pytest.mark.parametrize("contender", DEFAULTS)
def test_defaults_are_those_of_the_library(computed, contender):
    facts = computed(contender).card
    for call, defaults in DEFAULTS[contender].items():
        assert set(defaults.split(", ")) <= set(facts[f"defaults of {call}"].split(", ")), call


@pytest.mark.parametrize("contender", LEAKS)
def test_float64_leaks_without_this_project_s_care(computed, contender):
    native, here = computed(contender).card["float64"].split("; here: ")
    leaks = [each.rsplit(" ", 1)[0] for each in native.removeprefix("leaks in ").split(", ")]
    assert leaks == LEAKS[contender]
    assert here == "complete"


@pytest.mark.parametrize("contender", SETTINGS)
def test_products_as_the_framework_has_them_when_it_starts(computed, contender):
    told = computed(contender).card[PRODUCTS]
    assert told.endswith(SETTINGS[contender])
    assert told.split("; here: ")[-1].startswith("all 24 bits, on ")

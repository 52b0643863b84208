"""The semantics card: what NumPy is told to do is what the card finds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measures import card
from implementations import backend_names, catalog, load_backend

BACKEND = load_backend("numpy")


class Torchlike(type(BACKEND)):  # type: ignore[misc]  # the class of a loaded backend
    """NumPy in torch's convention."""

    convention = "torch"


@pytest.fixture(scope="module")
def cards():
    return {
        "keras": card.compute({"backend": BACKEND}, lambda: None),
        "torch": card.compute({"backend": Torchlike("numpy")}, lambda: None),
    }


@pytest.mark.parametrize(
    ("what", "keras", "torch"),
    [
        ("momentum under a changing rate", "the velocity contains the rate", "the rate multiplies"),
        ("place of epsilon", "adam: before the correction", "adam: to the corrected root"),
        ("place of epsilon", "rmsprop: under the root", "rmsprop: to the root"),
        ("weight decay of adam", "decoupled", "l2"),
        ("cross-entropy from probabilities", "clipped at 1e-7", "clamped at -100"),
        (
            "batch normalization",
            "keeps 0.99 of the moving averages, takes the variance of n",
            "variance of n - 1",
        ),
        ("Nesterov momentum", "gradient plus momentum", "gradient plus momentum"),
        ("reduction of the squared error", "here: mean over all numbers", "here: mean over all numbers"),
        ("place of epsilon", "adamax: to the largest gradient", "adamax: in the maximum"),
        ("class weights in cross-entropy", "here: sum divided by the number", "here: sum divided by the"),
        ("float64", "complete", "complete"),
        ("float32 products", "all 24 bits", "all 24 bits"),
        ("subnormal numbers", "are kept", "are kept"),
        ("derivatives at kinks", "relu'(0) = 0, leaky_relu'(0) with slope 0.2 = 0.2", "hinge'(1) = -1"),
    ],
)
def test_facts_follow_the_convention(cards, what, keras, torch):
    assert keras in cards["keras"][what]
    assert torch in cards["torch"][what]


def test_numpy_has_no_optimizers_of_its_own(cards):
    for what in ("momentum under a changing rate", "Nesterov momentum", "weight decay of adam"):
        assert cards["keras"][what].startswith("nothing of its own; here: ")


def test_what_the_framework_has_comes_first():
    told = [(catalog.activation(name), name) for name in ("relu", "cauchit", "sigmoid")]
    torch = Torchlike("torch")
    assert card._of_elements(torch, told) == "relu; sigmoid; here: cauchit"
    assert card._of_elements(torch, told[:1]) == "relu"
    assert card._of_elements(torch, told[1:2]) == "nothing of its own; here: cauchit"


def test_defaults_are_numbers_switches_and_texts():
    def call(x, axis=-1, rate=0.1, shape=(1, 2), flag=True, clip=None, start="zeros", name="call", _level=3):
        """Has defaults of every kind."""

    class Call:
        def __new__(cls, *_, **__):
            return super().__new__(cls)

        def __init__(self, x, rate=1e-7):
            self.x, self.rate = x, rate

    assert card._shown(call) == "rate=0.1, shape=(1, 2), flag=True, clip=None, start=zeros"
    assert card._shown(Call) == "rate=1e-07"
    assert card._shown(max) == ""


def test_what_is_no_known_form_is_told_with_its_number():
    assert card._nearest(0.3, {"one": 1.0, "two": 2.0}) == "none of one, two: 0.3"


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (np.linspace(-0.05, 0.05, 1001), "uniform up to bound"),
        (np.linspace(-0.3, 0.3, 1001), "uniform up to 0.3000"),
        (np.zeros(5), "all 0"),
        (np.random.default_rng(0).normal(size=9999) * 0.1, "normal with standard deviation 0.0998"),
    ],
)
def test_distributions(sample, says):
    assert card._distribution(sample, {"bound": 0.0501}).startswith(says)


def test_losing_digits_is_seen(monkeypatch):
    original = BACKEND.activation

    def single(name, x, **options):
        return original(name, x.astype(np.float32), **options).astype(np.float64)

    leaky = Torchlike("numpy")
    monkeypatch.setattr(Torchlike, "activation", staticmethod(single), raising=False)
    assert "leaks in tanh" in card._precision(leaky)


def test_every_backend_has_its_own_convention():
    assert {load_backend("numpy").convention} == {"keras"}
    assert "torch" in backend_names()

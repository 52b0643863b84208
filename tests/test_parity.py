"""The gate: what passes, what does not, and that noise excuses noise and nothing else."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.measures import parity
from benchmarks.measures.parity import Noise, Path
from implementations import ModelSpec, initial, load_backend
from implementations.spec import OptimizerSpec

MODEL = ModelSpec.from_dict(
    {
        "inputs": [4],
        "layers": [{"units": 2, "dropout": 0.5}, {"units": 1}],
        "loss": "mean_squared_error",
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
    }
)
STEPS = [0, 10, 100]


def path(*relative, losses=None, leaks=None):
    """Return a training whose parameters are off by these relative amounts at steps 0, 10 and 100."""
    parameters = [np.full(4, 2.0) * (1 + off) for off in relative]
    return Path(STEPS, losses or [3.0, 2.0, 1.0], parameters, leaks or {})


EXACT = path(0, 0, 0)


def judged(float64=EXACT, float32=EXACT, perturbed=()):
    return parity.judge("torch", MODEL, EXACT, float64, float32, parity.floors(EXACT, Noise(perturbed)))


def test_the_same_training_passes_and_its_notes_tell_of_dropout():
    data = judged()
    assert data.passed
    assert data.notes == ["dropout takes masks drawn once, in NumPy, for every contender"]


@pytest.mark.parametrize(("off", "passes"), [(1e-13, True), (1e-11, False), (np.nan, False), (np.inf, False)])
def test_float64(off, passes):
    data = judged(float64=path(0, 0, off))
    assert data.passed is passes
    assert data.trajectories[0].first_departure == (None if passes else 100)


@pytest.mark.parametrize(("off", "passes"), [(6e-7, True), (9e-7, False)])
def test_float32_is_allowed_more_with_the_root_of_the_steps(off, passes):
    # 4 u sqrt(10) = 7.5e-7
    assert judged(float32=path(0, off, 0)).passed is passes


@pytest.mark.parametrize("losses", [[3.0, 2.0, 1.1], [3.0, 2.0, np.nan]])
def test_losses_count_too(losses):
    assert not judged(float32=path(0, 0, 0, losses=losses)).passed
    assert not judged(float64=path(0, 0, 0, losses=losses)).passed


def test_pretended_float64_does_not_pass():
    data = judged(float64=path(0, 0, 0, leaks={"dense": 5e-8}))
    assert not data.passed
    assert data.float64_leaks == {"dense": 5e-8}
    assert "torch does not compute float64 in float64: dense 5e-08" in data.notes


@pytest.mark.parametrize(("off", "passes"), [(4e-5, True), (6e-5, False)])
def test_noise_excuses_five_times_its_size_from_where_it_begins(off, passes):
    """One of the perturbed trainings takes the other side of a kink at step 10."""
    perturbed = [path(0, 1e-8, 2e-8), path(0, 1e-5, 1e-6)]
    assert judged(float32=path(0, 0, off), perturbed=perturbed).passed is passes
    assert judged(float32=path(off, 0, 0), perturbed=perturbed).passed is False
    assert judged(float64=path(0, 0, 1e-11), perturbed=perturbed).passed is False


def test_noise_that_is_no_number_excuses_nothing():
    assert not judged(float32=path(0, 0, 1e-4), perturbed=[path(0, np.nan, np.inf)]).passed


def test_reference_that_diverges_is_told():
    wild = Path(STEPS, [3.0, np.inf, np.nan], EXACT.parameters)
    data = parity.judge("torch", MODEL, wild, EXACT, EXACT)
    assert any("diverges" in note for note in data.notes)
    assert not data.passed


def test_perturbed_parameters_move_by_four_roundings_of_float32():
    start = [np.linspace(0.1, 2, 50)]
    (moved,) = parity._moved(start, 1)
    assert set(np.round((moved / start[0] - 1) * 2**24, 6)) == {-4.0, 4.0}
    assert (moved != parity._moved(start, 2)[0]).any()


def test_first_tensor_that_departs_is_named():
    tensors = (("layer 1 kernel", 3), ("layer 1 bias", 1))
    off = [np.full(4, 2.0), np.full(4, 2.0), np.array([2.0, 2.0, 2.0, 2.1])]
    found = parity.judge("torch", MODEL, EXACT, Path(STEPS, [3.0, 2.0, 1.0], off, {}, tensors), EXACT)
    assert found.trajectories[0].first_departure == 100
    assert found.trajectories[0].first_tensor == "layer 1 bias"


def test_drift_is_told_as_a_multiple_of_the_noise_of_its_step():
    """What is 20 times the noise at step 10 is not hidden by the noise of step 100."""
    noise = Noise([path(0, 1e-7, 2e-6)], {"one ULP": path(0, 0, 1e-7)})
    data = parity.judge("torch", MODEL, EXACT, EXACT, path(0, 1e-7, 3e-6), parity.floors(EXACT, noise))
    assert data.trajectories[1].ratio == pytest.approx(1.5, rel=0.01)
    assert data.trajectories[1].ratio_step == 100
    assert data.trajectories[1].floors == pytest.approx({"moved": 2e-6, "one ULP": 1e-7}, rel=0.01)
    data = parity.judge("torch", MODEL, EXACT, EXACT, path(0, 2e-6, 2e-6), parity.floors(EXACT, noise))
    assert data.trajectories[1].ratio == pytest.approx(20, rel=0.01)
    assert data.trajectories[1].ratio_step == 10


@pytest.mark.parametrize(("off", "passes"), [(4.5e-7, True), (5.5e-7, False)])
def test_what_is_above_the_noise_is_another_computation_within_the_tolerance_too(off, passes):
    noise = Noise([path(0, 1e-7, 2e-6)])
    found = parity.judge("torch", MODEL, EXACT, EXACT, path(0, off, 2e-6), parity.floors(EXACT, noise))
    assert off < parity.tolerance("float32", 10)
    assert found.passed is passes
    assert found.trajectories[1].first_departure == (None if passes else 10)


def test_a_distance_at_the_start_is_no_noise():
    noise = Noise([path(2e-7, 3e-7, 3e-7)])
    floor = (
        parity.judge("torch", MODEL, EXACT, EXACT, EXACT, parity.floors(EXACT, noise)).trajectories[1].floor
    )
    assert floor == pytest.approx([parity.ROUNDING, 1e-7, 1e-7], rel=0.01)


def test_noise_is_at_least_one_rounding():
    off = path(0, 2 * parity.ROUNDING, 0)
    data = parity.judge("torch", MODEL, EXACT, EXACT, off, parity.floors(EXACT, Noise([EXACT])))
    assert data.trajectories[1].ratio == pytest.approx(2, rel=0.01)


def test_one_rounding_of_many_numbers():
    numbers = np.random.default_rng(0).normal(size=100_000)
    off = np.linalg.norm(numbers.astype(np.float32) - numbers) / np.linalg.norm(numbers)
    assert off == pytest.approx(parity.ROUNDING, rel=0.1)


def test_known_deviation_excuses_what_the_noise_shows():
    adam = MODEL.replace(optimizer=OptimizerSpec.from_dict({"name": "adam", "learning_rate": 0.1}))
    off = path(0, 4e-7, 4e-7)
    (_, found) = parity.judge(
        "keras-jax", adam, EXACT, EXACT, off, parity.floors(EXACT, Noise([EXACT]))
    ).trajectories
    assert found.passed
    assert found.first_departure == 10
    assert "1 - beta^t" in str(found.deviation)


def test_known_deviation_is_as_large_as_before_a_training_is_chaotic():
    adam = MODEL.replace(optimizer=OptimizerSpec.from_dict({"name": "adam", "learning_rate": 0.1}))
    noise = Noise([path(0, 1e-8, 0.5)])
    (_, found) = parity.judge(
        "keras-jax", adam, EXACT, EXACT, path(0, 4e-7, 0.3), parity.floors(EXACT, noise)
    ).trajectories
    assert found.passed
    assert found.first_departure == 10


def test_where_no_step_is_judged_there_is_no_ratio():
    noise = Noise([path(0, 0.5, 0.5)])
    data = parity.judge("torch", MODEL, EXACT, EXACT, EXACT, parity.floors(EXACT, noise))
    assert (data.trajectories[1].judged_until, data.trajectories[1].ratio) == (0, None)


def test_sums_keep_the_distance_between_two_contenders():
    random = np.random.default_rng(1)
    start, common = random.normal(size=(2, 5000))
    mine, theirs = (start + 1e-6 * common + 3e-8 * random.normal(size=5000) for _ in range(2))
    reference = Path([0], [1.0], [start])
    (one,), (other,) = (parity._sums(reference, Path([0], [1.0], [each])) for each in (mine, theirs))
    assert len(one) == parity.SUMS
    expected = np.linalg.norm(mine - theirs) / np.linalg.norm(start)
    assert math.dist(one, other) == pytest.approx(expected, rel=0.5)


def test_reference_s_own_float32_trainings_make_the_floor_of_pairs():
    noise = Noise([EXACT], {"one ULP": path(0, 1e-7, 5e-7)}, float32=path(0, 1e-7, 1e-7))
    data = parity.judge("torch", MODEL, EXACT, EXACT, EXACT, parity.floors(EXACT, noise))
    assert data.trajectories[1].pair_floor == pytest.approx(
        [parity.ROUNDING, parity.ROUNDING, 4e-7], rel=0.01
    )
    jumped = Noise([path(0, 1e-4, 1e-4)], noise.varied, noise.float32)
    data = parity.judge("torch", MODEL, EXACT, EXACT, EXACT, parity.floors(EXACT, jumped))
    assert data.trajectories[1].pair_floor == pytest.approx([parity.ROUNDING, 1e-4, 1e-4], rel=0.01)


@pytest.mark.parametrize(("off", "passes"), [((0, 0, 1e-6), True), ((0, 1e-11, 0), False)])
def test_float64_is_judged_as_long_as_one_ulp_stays_small(off, passes):
    noise = Noise(float64=path(0, 1e-14, 1e-9))
    data = parity.judge("torch", MODEL, EXACT, path(*off), EXACT, parity.floors(EXACT, noise))
    assert data.passed is passes
    assert data.trajectories[0].judged_until == 10
    assert any(note.startswith("in float64 judged up to step 10 only") for note in data.notes)


def test_noise_that_is_no_number_does_not_end_the_judging_of_float64():
    noise = Noise(float64=path(0, np.nan, np.nan))
    data = parity.judge("torch", MODEL, EXACT, path(0, 0, 1e-6), EXACT, parity.floors(EXACT, noise))
    assert data.trajectories[0].judged_until is None
    assert not data.passed


@pytest.mark.parametrize(("off", "passes"), [((0, 1e-7, 0.3), True), ((0, 0.02, 0.3), False)])
def test_chaos_is_told_and_float32_judged_before(off, passes):
    noise = Noise([path(0, 0.001, 0.5)])
    data = parity.judge("torch", MODEL, EXACT, EXACT, path(*off), parity.floors(EXACT, noise))
    assert any(note.startswith("chaotic from step 100 on") for note in data.notes)
    assert data.trajectories[1].judged_until == 10
    assert data.trajectories[1].ratio_step == 10
    assert data.passed is passes


def test_a_learning_rate_that_is_too_high_makes_a_training_chaotic():
    """With a rate of 8 this one still learns, and rounding decides how."""
    model = {
        "layers": [{"units": 16, "activation": "tanh"}, {"units": 10}],
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "batch_size": 64,
    }
    train = partial(
        parity.compute,
        {"backend": load_backend("numpy")},
        lambda: None,
        data=datasets.load("digits"),
        device="cpu",
    )
    for rate, chaotic in ((0.1, False), (8.0, True)):
        asked = partial(train, model={**model, "optimizer": {"name": "sgd", "learning_rate": rate}})
        exact, single = (asked(dtype=dtype, steps=100) for dtype in ("float64", "float32"))
        floors = parity.floors(exact, parity.noise(asked, 100, 100))
        spec = ModelSpec.from_dict(
            {"inputs": [64], **model, "optimizer": {"name": "sgd", "learning_rate": rate}}
        )
        data = parity.judge("numpy", spec, exact, exact, single, floors)
        assert any(note.startswith("chaotic") for note in data.notes) is chaotic
        assert data.passed


def test_permuted_units_compute_the_same_and_come_back():
    model = ModelSpec.from_dict(
        {
            "inputs": [4],
            "layers": [
                {"units": 6, "activation": "tanh", "normalization": "batch_normalization"},
                {"units": 4, "activation": "glu"},
                {"units": 5, "activation": "prelu"},
                {"units": 3, "activation": "relu", "dropout": 0.5},
                {"units": 2},
            ],
            "loss": "mean_squared_error",
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "dtype": "float64",
        }
    )
    parameters = initial.parameters(model)
    permuted, back = parity._permutations(model, parameters)
    for mine, theirs in zip(back(permuted), parameters, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (permuted[0] != parameters[0]).any()
    x = np.random.default_rng(0).normal(size=(3, 4))
    backend = load_backend("numpy")
    expected = backend.build(model, parameters).predict(x)
    np.testing.assert_allclose(backend.build(model, permuted).predict(x), expected, rtol=1e-13)


def test_noise_is_made_of_every_change_that_means_nothing():
    made = asked_for(threads=2)
    assert made.moved == [
        SimpleNamespace(threads=2, steps=10, dtype="float64", perturbation=number)
        for number in range(1, parity.PERTURBATIONS + 1)
    ]
    assert made.varied == {
        name: SimpleNamespace(threads=2, steps=10, dtype="float32", variation=name)
        for name in parity.VARIATIONS
    }
    assert made.float32 == SimpleNamespace(threads=2, steps=10, dtype="float32")
    assert made.float64 == SimpleNamespace(threads=2, steps=20, dtype="float64", variation="one ULP")


def asked_for(threads: int) -> Any:
    """Return what is asked for a noise floor, of a process with so many threads."""
    return parity.noise(
        lambda **asked: SimpleNamespace(threads=threads, **asked),  # type: ignore[arg-type]
        10,
        20,
    )


def test_two_threads_are_no_noise_where_there_is_one():
    assert list(asked_for(threads=1).varied) == ["one ULP", "permuted units"]

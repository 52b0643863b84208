"""Every element of the catalogue, in every backend, against exact results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.deviations import deviations, read
from benchmarks.measures import elements
from benchmarks.measures.elements import questions
from benchmarks.measures.elements.answers import QUANTITIES as QUESTIONS
from benchmarks.measures.elements.variants import SCHEDULES
from benchmarks.measures.layers import QUESTIONS as LAYERS
from implementations import InvalidInput, backend_names, catalog, load_backend
from implementations.numpy import optimizers
from tests.conformance.probe import SAMPLE_WEIGHT, weighable

QUANTITIES = {
    "activation": ("value", "gradient"),
    "loss": ("value", "gradient"),
    "optimizer": ("100 steps",),
    "product": ("product",),
    "metric": ("value",),
    "layer": ("value",),
}
ASKED = [
    pytest.param(variant, quantity, dtype, id=f"{variant.name}-{quantity}-{dtype}")
    for variant, dtype in elements.asked(full=False)
    for quantity in QUANTITIES[variant.kind]
]


WEIGHABLE = weighable()


@pytest.fixture(scope="session")
def judged(computed, reference):
    """Return a function from a backend's name to its agreements by element, quantity and dtype."""
    read = {}

    def of(name):
        if name not in read:
            data = elements.judge(name, reference.expected, computed(name).elements)
            read[name] = {(each.name, each.quantity, each.dtype): each for each in data.agreements}
        return read[name]

    return of


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize(("variant", "quantity", "dtype"), ASKED)
def test_agrees_with_float64_numpy(judged, backend, variant, quantity, dtype):
    found = judged(backend)[variant.name, quantity, dtype]
    assert found.passed, f"error {found.error:.2e}, tolerance {found.tolerance:.2e}"


@pytest.mark.parametrize("backend", backend_names())
def test_keeps_shape_and_dtype(computed, reference, backend):
    for (variant, quantity, dtype), value in computed(backend).elements.items():
        if isinstance(value, np.ndarray) and not (variant.kind in ("loss", "metric") and quantity == "value"):
            assert value.dtype == dtype, (variant, quantity)
            assert value.shape == reference.elements[variant, quantity, dtype].shape, (variant, quantity)


def test_every_element_is_compared():
    compared = {(variant.kind, variant.element) for variant in elements.variants()}
    assert compared == {
        *(("activation", name) for name in catalog.ACTIVATIONS),
        *(("loss", name) for name in catalog.LOSSES),
        *(("optimizer", name) for name in catalog.OPTIMIZERS),
        ("product", "product"),
        *(("metric", name) for name in catalog.METRICS),
        *(("layer", name) for name in LAYERS),
    }
    assert set(catalog.NORMALIZATIONS) < set(LAYERS)
    used = {
        variant.options["learning_rate"]["name"]
        for variant in elements.variants()
        if isinstance(variant.options.get("learning_rate"), dict)
    }
    assert used == set(catalog.SCHEDULES)
    for name in catalog.OPTIMIZERS:
        asked = [variant.options for variant in elements.variants() if variant.element == name]
        assert {isinstance(options["learning_rate"], dict) for options in asked} == {False, True}, name
        assert any(
            options.get("weight_decay_mode") == "l2" and options.get("global_clipnorm") for options in asked
        ), name


TABLES = {
    "activation": catalog.ACTIVATIONS,
    "loss": catalog.LOSSES,
    "optimizer": catalog.OPTIMIZERS,
    "metric": catalog.METRICS,
}
ONCE = {"clipvalue", "clipnorm"}
"""Options that sgd alone is asked: gradients are clipped before every rule by the same few lines."""


@pytest.mark.parametrize("backend", backend_names())
def test_every_option_is_asked_at_a_value_of_nobody_s_own(computed, backend):
    """Or a backend that does not pass it on would be right by its default. Texts name conventions.

    Switches are asked at both values, numbers at two, of which one is neither default nor preset.
    """
    asked: dict[tuple[str, str, str], set[Any]] = {}
    for (variant, _, _), answer in computed(backend).elements.items():
        if variant.kind in TABLES and not isinstance(answer, str):
            element = TABLES[variant.kind][variant.element]
            given = {name: value for name, value in variant.options.items() if name != "learning_rate"}
            for name, value in element.resolve(given).items():
                asked.setdefault((variant.kind, variant.element, name), set()).add(value)
    for kind, table in TABLES.items():
        for element in table.values():
            for option in element.options:
                values = asked[kind, element.name, option.name]
                own = {option.default, *option.own_defaults.values()}
                own |= {preset.get(option.name) for preset in element.conventions.values()}
                once = option.name in ONCE and element.name != "sgd"
                if not option.choices and not once:
                    assert len(values) >= 2, (element.name, option.name)
                    assert isinstance(option.default, bool) or values - own, (element.name, option.name)


def asked_once(monkeypatch, *known):
    """Return the names of what is asked in float64 only, if these deviations are all that are known."""
    monkeypatch.setattr(questions, "deviations", lambda contender: known if contender == "torch" else ())
    usually, fully = (list(elements.asked(full)) for full in (False, True))
    every = [(variant, dtype) for variant in elements.variants() for dtype in elements.DTYPES]
    assert fully == every
    assert all(dtype == "float32" for _, dtype in set(every) - set(usually))
    return {variant.name for variant, _ in set(every) - set(usually)}


def test_all_but_changing_rates_are_asked_in_both_dtypes(monkeypatch):
    once = asked_once(monkeypatch)
    assert once == {
        variant.name
        for variant in elements.variants()
        if isinstance(variant.options.get("learning_rate"), dict)
    }
    assert {"adam torch step", "sgd momentum=0.9 keras cosine"} < once


OF_STEPS: dict[str, Any] = {"quantity": "100 steps", "regions": [[0.0, 1.0]], "at_most": {"float32": 10.0}}
WITH_DECAY, ALONE = "adam weight_decay=0.1 keras step", "adam torch step"


@pytest.mark.parametrize(
    ("kind", "entry", "twice"),
    [
        ("deviation", {**OF_STEPS, "element": "adam"}, {WITH_DECAY, ALONE}),
        ("deviation", {**OF_STEPS, "element": ALONE}, {ALONE}),
        ("deviation", {**OF_STEPS, "element": "adam", "but_not": ALONE}, {WITH_DECAY}),
        ("deviation", {**OF_STEPS, "element": "adam", "at_most": {"float64": 10.0}}, set()),
        ("training", {"element": "adam", "at_most": {"float32": 10.0}}, set()),
        ("refusal", {"element": "adam"}, set()),
    ],
)
def test_a_changing_rate_is_asked_twice_where_steps_are_known_to_deviate(monkeypatch, kind, entry, twice):
    known = read("torch", kind, {**entry, "reason": "why", "link": "https://example.org", "version": "1"})
    assert asked_once(monkeypatch) - asked_once(monkeypatch, known) == twice


@pytest.mark.parametrize("schedule", catalog.SCHEDULES.values(), ids=lambda each: each.name)
def test_every_option_of_a_schedule_is_asked_at_a_value_of_nobody_s_own(schedule):
    """Of the first rate an optimizer has one of its own too."""
    rate, of_sgd = SCHEDULES[schedule.name], catalog.optimizer("sgd").learning_rate
    for option in schedule.options:
        own = {option.default, *option.own_defaults.values()}
        if option.name == "initial_learning_rate":
            own |= {of_sgd.default, *of_sgd.own_defaults.values()}
        assert option.check(schedule.name, rate[option.name]) not in own, option.name


PLATEAU = "sgd momentum=0.9 keras reduce_on_plateau"


@pytest.mark.parametrize(
    "change",
    [{"factor": 0.1}, {"patience": 3}, {"min_delta": 1e-4}, {"min_delta": 0.12 * 0.8}, {"min_lr": 0.0}],
)
def test_a_plateau_s_option_that_is_not_passed_on_is_found(reference, change):
    """Or whose difference is a share of the best loss: 0.12 of 0.8."""
    variant = next(each for each in elements.variants() if each.name == PLATEAU)
    rate = {**variant.options["learning_rate"], **change}
    other = replace(variant, options={**variant.options, "learning_rate": rate})
    found = QUESTIONS["optimizer"]["100 steps"](load_backend("numpy"), other, "float64", False)
    assert not elements.judge("numpy", reference.expected, {(variant, "100 steps", "float64"): found}).passed


CLIPPED = [
    variant for variant in elements.variants() if {"clipnorm", "global_clipnorm"} & set(variant.options)
]


@pytest.mark.parametrize("variant", CLIPPED, ids=lambda each: each.name)
def test_some_gradients_are_clipped_and_some_are_not(variant):
    _, course = questions.course(variant, "float64")
    norms = np.array([[np.linalg.norm(gradient) for gradient in gradients] for gradients in course])
    if bound := variant.options.get("global_clipnorm"):
        norms = np.linalg.norm(norms, axis=1, keepdims=True)
    else:
        bound = variant.options["clipnorm"]
    above = (norms > bound).mean(axis=0)
    assert ((above >= 0.1) & (above <= 0.9)).all(), above


@pytest.mark.parametrize("variant", CLIPPED, ids=lambda each: each.name)
def test_gradients_that_are_always_scaled_to_the_norm_are_found(reference, monkeypatch, variant):
    monkeypatch.setattr(optimizers, "_shrink", lambda gradient, norm: norm / optimizers._norm(gradient))
    key: elements.Key = (variant, "100 steps", "float64")
    found = QUESTIONS["optimizer"]["100 steps"](load_backend("numpy"), variant, "float64", False)
    assert not elements.judge("numpy", reference.expected, {key: found}).passed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("full", [False, True])
def test_probabilities_are_asked_on_both_sides_of_where_they_are_clipped(dtype, full):
    variant = next(each for each in elements.variants() if each.name == "binary_crossentropy keras")
    _, predictions = questions.hard(variant, dtype, full)
    bounds = np.array([1e-7, 1 - 1e-7], dtype)
    for points in (bounds, *(np.nextafter(bounds, way) for way in np.array([-1, 2], dtype))):
        assert set(points) <= set(predictions.ravel())


@pytest.mark.parametrize(
    "variant", [each for each in elements.variants() if each.kind == "loss"], ids=lambda each: each.name
)
def test_derivatives_are_asked_of_every_example_and_their_mean_makes_no_error(variant):
    some, hard = questions.drawn(variant, "float64"), questions.hard(variant, "float64", False)
    batches = questions.together(variant, "float64", False)
    shown = {(*map(repr, pair),) for batch in batches for pair in _pairs(variant, *batch)}
    for each in (some, hard):
        assert {(*map(repr, pair),) for pair in _pairs(variant, *each)} <= shown
    if not questions.of_all_examples(variant):
        mantissa, _ = np.frexp(questions.undone_mean(variant, batches[-1][1]))
        assert mantissa == 0.5


def _pairs(variant, targets, predictions):
    """Return what a loss is one of: targets and predictions row by row, or one by one."""
    if questions._side_by_side(variant):
        return zip(targets.ravel(), predictions.ravel(), strict=True)
    return zip(targets.tolist(), predictions.tolist(), strict=True)


def test_only_the_derivative_at_the_bound_of_a_clip_is_not_asked(reference):
    for name, quantity, count in (
        ("binary_crossentropy keras", "gradient", 2),
        ("binary_crossentropy keras", "value", 0),
        ("binary_crossentropy torch", "gradient", 0),
        ("binary_focal_crossentropy", "gradient", 2),
        ("binary_focal_crossentropy from_logits", "value", 0),
    ):
        (expected,) = (
            each
            for key, each in reference.expected.items()
            if key[0].name == name and key[1:] == (quantity, "float32")
        )
        assert len(set(expected.where[np.isinf(expected.unit) & np.isfinite(expected.where)])) == count, name


OF_CLASSES = [
    variant
    for variant in elements.variants()
    if variant.kind == "loss" and catalog.LOSSES[variant.element].targets in ("one_hot", "index")
]


@pytest.mark.parametrize("variant", OF_CLASSES, ids=lambda each: each.name)
def test_losses_of_classes_meet_masked_classes_nan_and_shared_targets(reference, variant):
    kind = catalog.LOSSES[variant.element].targets
    targets, predictions = questions.hard(variant, "float64", False)
    assert np.isnan(predictions).any()
    if variant.options.get("from_logits"):
        masked = np.isneginf(predictions[:, 0])
        value = reference.expected[variant, "value", "float64"]
        assert np.isneginf(value.where[1:][masked]).all()
        if kind == "index":
            assert list(np.isinf(value.nearest[1:][masked])) == [True, False]
            assert np.isfinite(value.unit[1:][masked]).all()
    if kind == "one_hot":
        assert (np.count_nonzero(targets, axis=1) > 1).any()


@pytest.mark.parametrize("dtype", elements.DTYPES)
def test_full_asks_activations_at_every_exponent_and_sign(dtype):
    variant = next(each for each in elements.variants() if each.name == "tanh")
    points, info = questions.points(variant, dtype, True), np.finfo(dtype)
    for side in (points, -points):
        _, exponents = np.frexp(side[(side > 0) & np.isfinite(side)])
        assert set(exponents) == set(range(info.minexp - info.nmant + 1, info.maxexp + 1))


def test_full_judges_at_points_that_are_asked_nowhere_else(monkeypatch):
    tanh, log_cosh = (
        next(each for each in elements.variants() if each.name == name) for name in ("tanh", "log_cosh")
    )
    pairs = [(tanh, "float32"), (log_cosh, "float32"), (log_cosh, "float64")]
    monkeypatch.setattr(elements, "asked", lambda _: iter(pairs))
    session = {"backend": load_backend("numpy")}
    usual: Any = elements.compute(session, lambda: None, full=False)
    full: Any = elements.compute(session, lambda: None, full=True)
    assert all(full[key].size > usual[key].size for key in usual)
    expected = elements.expect(session, lambda: None, full=True)
    assert all(each.passed for each in elements.judge("numpy", expected, full).agreements)
    points, known = (questions.points(tanh, "float32", each) for each in (True, False))
    place = np.flatnonzero((np.abs(points) < 1) & (np.abs(points) > 0.1) & ~np.isin(points, known))[0]
    full[tanh, "value", "float32"][place] *= 1.01
    wrong = [each for each in elements.judge("numpy", expected, full).agreements if not each.passed]
    assert [(each.name, each.quantity, each.dtype) for each in wrong] == [("tanh", "value", "float32")]
    assert wrong[0].worst_input == pytest.approx(points[place])


@pytest.mark.parametrize(("dtype", "stride"), [("float32", 4), ("float64", 32)])
def test_full_asks_losses_at_as_many_exponents_as_it_says(dtype, stride):
    variant = next(each for each in elements.variants() if each.name == "mean_squared_error")
    _, predictions = questions.hard(variant, dtype, True)
    _, exponents = np.frexp(predictions[(predictions > 0) & np.isfinite(predictions)])
    info = np.finfo(dtype)
    assert set(exponents) >= set(range(info.minexp - info.nmant + 1, info.maxexp + 1, stride))


def judged_with(reference, name, quantity, dtype, change):
    """Return what is said of NumPy's results after a change to those of one element."""
    key = next(key for key in reference.elements if key[0].name == name and key[1:] == (quantity, dtype))
    values = reference.elements[key].copy()
    change(reference.expected[key].where, values)
    data = elements.judge("numpy", reference.expected, {**reference.elements, key: values})
    return [each for each in data.agreements if not each.passed]


def _times(factor, first):
    def change(where, values):
        values[np.abs(where) >= first] *= factor

    return change


def _put(number, low, high):
    def change(where, values):
        values[(low <= where) & (where <= high)] = number

    return change


WRONG = {
    "a hundred units in the last place": ("tanh", "value", "float32", _times(1 + 1e-5, 1.0)),
    "NaN": ("tanh", "value", "float32", _put(np.nan, 0.5, 0.6)),
    "no slope for large x": ("relu", "gradient", "float32", _put(0.0, 2e6, 1e38)),
    "the wrong sign for large x": ("softsign", "gradient", "float64", _times(-1.0, 1e17)),
    "a tail that ends in a constant": ("sigmoid", "value", "float64", _put(7e-14, -100.0, -40.0)),
    "a loss that ends in 0": (
        "binary_crossentropy from_logits keras",
        "value",
        "float32",
        _put(0.0, -60.0, -17.0),
    ),
    "a derivative that ends in 0": (
        "binary_crossentropy from_logits keras",
        "gradient",
        "float32",
        _put(0.0, 20, 60),
    ),
    "an infinite loss": ("huber", "value", "float64", _put(np.inf, 30.0, 60.0)),
    "another first step": (
        "sgd momentum=0.9 torch constant",
        "100 steps",
        "float64",
        _times(1 + 1e-15, 0.0),
    ),
    "a variance without digits": ("batch_normalization torch", "value", "float32", _times(1.01, 3e3)),
    "a penalty at 0": ("l1", "value", "float64", _put(0.25, 0.0, 0.0)),
    "dropout without scaling": ("dropout", "value", "float32", _times(0.7, 0.0)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found(reference, wrong):
    """The judge names the element, the quantity and the dtype, and nothing else fails."""
    name, quantity, dtype, change = WRONG[wrong]
    failed = judged_with(reference, name, quantity, dtype, change)
    assert [(each.name, each.quantity, each.dtype) for each in failed] == [(name, quantity, dtype)]


def test_the_worst_point_and_the_first_bad_one_are_told(reference):
    found = judged_with(reference, "tanh", "value", "float32", _put(0.9, -0.6, -0.5))
    assert -0.6 <= found[0].bad_from <= -0.5
    assert -0.6 <= found[0].worst_input <= -0.5
    assert found[0].special["-inf"] == -1.0
    assert np.isnan(found[0].special["nan"])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_bad(reference, wrong):
    found = judged_with(reference, "tanh", "value", "float32", _put(wrong, 0.5, 0.6))
    assert 0.5 <= found[0].bad_from <= 0.6


def test_the_first_bad_step_is_told(reference):
    """A change from the tenth step on shows after the tenth."""

    def change(where, values):
        values[2 * len(values) // len(questions.JUDGED_STEPS) :] += 1e-3

    found = judged_with(reference, "adam keras constant", "100 steps", "float64", change)
    assert found[0].bad_step == questions.JUDGED_STEPS[2]


@pytest.fixture(scope="session")
def used(computed, reference):
    """Return a function from a backend's name to the uses of its known deviations, by deviation and asked."""
    made: dict[str, Any] = {}

    def of(name):
        if name not in made:
            made[name] = {}
            for key, value in computed(name).elements.items():
                if isinstance(value, np.ndarray):
                    for use in elements.uses(name, key, reference.expected, value):
                        places = made[name].setdefault((use.deviation, key[0].name, *key[1:]), {})
                        places[str(use.region)] = use.largest
        return made[name]

    return of


@pytest.mark.parametrize("backend", backend_names())
def test_calls_that_the_catalogue_names_exist(computed, backend):
    assert computed(backend).missing_calls == []


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize(
    ("variant", "mode"), WEIGHABLE, ids=[f"{variant.name}-{mode}" for variant, mode in WEIGHABLE]
)
def test_weights_of_examples_weigh_their_losses(computed, backend, variant, mode):
    told = computed(backend).weighted[variant.name, mode]
    divisor = len(SAMPLE_WEIGHT) if mode == "examples" else SAMPLE_WEIGHT.sum()
    assert told.value == pytest.approx((SAMPLE_WEIGHT * told.values).sum() / divisor, rel=1e-14)
    expected = (SAMPLE_WEIGHT * len(SAMPLE_WEIGHT) / divisor)[:, np.newaxis] * told.plain_gradient
    np.testing.assert_allclose(told.gradient, expected, rtol=1e-13, atol=1e-16)


KNOWN = [
    pytest.param(name, each, id=f"{name} {place} {' '.join(each.element)}")
    for name in backend_names()
    for place, each in enumerate(deviations(name))
    if each.regions
]


@pytest.mark.parametrize(("backend", "deviation"), KNOWN)
def test_known_deviation_still_occurs(used, backend, deviation):
    """In each region, for each element, quantity and dtype: one that has gone would hide the next."""
    found = used(backend)
    for name in deviation.element:
        for quantity in deviation.quantity:
            for dtype in deviation.at_most:
                places = found.get((deviation, name, quantity, dtype), {})
                gone = {str(region) for region in deviation.regions} - set(places)
                if gone and deviation.varies:
                    pytest.skip(f"{name} {quantity} {dtype} does not differ on this processor")
                assert not gone, f"{name} {quantity} {dtype} no longer differs in {', '.join(gone)}"


@pytest.mark.parametrize(("backend", "deviation"), KNOWN)
def test_known_deviation_is_no_larger_than_what_occurs(used, backend, deviation):
    most = 100 if deviation.varies else 4
    for (each, name, quantity, dtype), places in used(backend).items():
        if each is deviation and np.isfinite(deviation.at_most[dtype]):
            assert deviation.at_most[dtype] <= most * max(places.values()), (name, quantity, dtype)


@pytest.mark.parametrize(
    ("variant", "deviation"),
    [
        pytest.param(variant, each, id=f"{name} {variant.name}")
        for name in backend_names()
        for each in deviations(name)
        for variant in elements.variants()
        if each.at and {variant.element, variant.name} & set(each.element)
    ],
)
def test_points_of_deviations_are_asked_of_everyone(reference, variant, deviation):
    for dtype, points in deviation.at.items():
        for quantity in deviation.quantity:
            assert set(points) <= set(reference.expected[variant, quantity, dtype].where)


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        (backend, name)
        for backend in backend_names()
        for each in deviations(backend)
        if "refusal" in each.quantity
        for name in each.element
    ],
)
def test_known_refusal_still_occurs(computed, backend, name):
    asked = {key: value for key, value in computed(backend).elements.items() if key[0].name == name}
    assert asked
    assert all(isinstance(value, str) for value in asked.values())


def test_a_refusal_that_is_not_known_fails(computed, reference):
    key = next(key for key in reference.expected if key[0].element == "sgd")
    judged = elements.judge("torch", reference.expected, {key: "refused"})
    assert not judged.passed
    assert judged.agreements[0].deviation == "refused"


def test_every_file_of_deviations_is_read():
    stems = {path.stem for path in Path("benchmarks/deviations").glob("*.toml")}
    assert stems <= set(backend_names())


ENTRY = {
    "element": "relu",
    "quantity": "value",
    "regions": [[0.0, 1.0]],
    "at_most": {"float32": 10.0},
    "reason": "why",
    "link": "https://example.org",
    "version": "NumPy 2",
}


@pytest.mark.parametrize("missing", ENTRY)
def test_an_entry_that_could_hide_more_is_refused(missing):
    with pytest.raises(InvalidInput, match=f"no {missing}"):
        read("numpy", "deviation", {name: value for name, value in ENTRY.items() if name != missing})


@pytest.mark.parametrize(
    "change",
    [
        {"at_most": {"float32": np.inf}},
        {"contender": "torch"},
        {"regions": []},
        {"at_most": {}},
        {"element": ["relu", "relu"]},
    ],
)
def test_an_entry_without_size_or_region_or_with_too_much_is_refused(change):
    with pytest.raises(InvalidInput):
        read("numpy", "deviation", {**ENTRY, **change})


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({}, True),
        ({"regions": [[0.625, 1.0]]}, False),
        ({"at_most": {"float32": 1.0}}, False),
        ({"at_most": {"float64": 1e9}}, False),
        ({"quantity": "gradient"}, False),
        ({"element": "relu6"}, False),
        ({"gives": [np.nan]}, False),
        ({"regions": [[np.nan, np.nan]]}, False),
        ({"gives": [0.125], "at_most": {"float32": np.inf}}, True),
    ],
)
def test_a_deviation_excuses_no_more_than_it_names(reference, monkeypatch, change, passed):
    entry = read("numpy", "deviation", {**ENTRY, "at_most": {"float32": 1e9}, **change})
    monkeypatch.setattr(
        elements.judgement, "deviations", lambda contender: (entry,) if contender == "numpy" else ()
    )
    key = next(key for key in reference.elements if key[0].name == "relu" and key[1:] == ("value", "float32"))
    values = reference.elements[key].copy()
    point = reference.expected[key].where == 0.5
    assert point.any()
    values[point] = 0.125
    for contender, right in (("numpy", passed), ("torch", False)):
        data = elements.judge(contender, reference.expected, {key: values})
        assert data.passed is right
        assert (data.agreements[0].deviation == entry.told) is right


@pytest.mark.parametrize("quantity", ["value", "gradient"])
@pytest.mark.parametrize("backend", ["torch", "keras-torch"])
def test_what_is_known_of_one_target_excuses_nothing_of_the_other(reference, backend, quantity):
    """A loss of 0 at a logit of -12, and a derivative of 0 at 12, are near enough for one of them."""
    name = "binary_crossentropy from_logits keras"
    key = next(key for key in reference.elements if key[0].name == name and key[1:] == (quantity, "float32"))
    expected, logit = reference.expected[key], -12.0 if quantity == "value" else 12.0
    for target, passed in ((0.0, True), (1.0, False)) if quantity == "value" else ((1.0, True), (0.0, False)):
        values = reference.elements[key].copy()
        point = (expected.where == logit) & (expected.targets == target)
        assert point.any()
        values[point] = 0.0
        assert elements.judge(backend, reference.expected, {key: values}).passed is passed, target


@pytest.mark.parametrize(("steps", "passed"), [([1, 100], True), ([11, 100], False)])
def test_what_is_known_of_late_steps_excuses_no_early_ones(reference, monkeypatch, steps, passed):
    name = "sgd momentum=0.9 keras cosine_restarts"
    named = {"element": name, "quantity": "100 steps", "regions": [[0.0, 100.0]], "steps": steps}
    entry = read("numpy", "deviation", {**ENTRY, **named, "at_most": {"float64": 1e15}})
    monkeypatch.setattr(elements.judgement, "deviations", lambda _: (entry,))
    key = next(key for key in reference.elements if key[0].name == name and key[2] == "float64")
    values = reference.elements[key].copy()
    values[: len(values) // len(questions.JUDGED_STEPS)] *= 1 + 1e-6  # after the first step
    assert elements.judge("numpy", reference.expected, {key: values}).passed is passed


@pytest.mark.parametrize("limit", [{"targets": [0.0]}, {"steps": [1, 100]}])
def test_what_is_known_of_targets_or_steps_excuses_nothing_that_has_none(reference, monkeypatch, limit):
    entry = read("numpy", "deviation", {**ENTRY, "at_most": {"float32": 1e9}, **limit})
    monkeypatch.setattr(elements.judgement, "deviations", lambda _: (entry,))
    key = next(key for key in reference.elements if key[0].name == "relu" and key[1:] == ("value", "float32"))
    values = reference.elements[key].copy()
    values[reference.expected[key].where == 0.5] = 0.125
    assert not elements.judge("numpy", reference.expected, {key: values}).passed


TRAPS = [
    ("keras-tensorflow", "nadam keras constant", "100 steps", "float64", "0.96"),
    ("keras-tensorflow", "gelu", "value", "float64", "rounds the Python constants"),
    ("keras-jax", "adam keras constant", "100 steps", "float32", "1 - beta^t in float32"),
    ("keras-tensorflow", "adam keras constant", "100 steps", "float32", "1 - beta^t in float32"),
    ("keras-torch", "adam keras constant", "100 steps", "float32", "1 - beta^t in float32"),
    ("keras-tensorflow", "adafactor torch constant", "100 steps", "float64", "where torch clamps"),
    ("keras-tensorflow", "elu", "value", "float32", "exp(x) - 1"),
    ("keras-tensorflow", "selu", "value", "float32", "exp(x) - 1"),
    ("keras-tensorflow", "elu", "gradient", "float32", "from the output"),
    ("keras-jax", "elu", "gradient", "float32", "from the output"),
    ("keras-tensorflow", "celu", "gradient", "float32", "both derivatives count"),
    ("keras-jax", "l1", "value", "float32", "absolute value at 0 is 1"),
    ("keras-jax", "mean_absolute_error", "gradient", "float64", "absolute value at 0 is 1"),
    ("keras-jax", "leaky_relu", "gradient", "float32", "derivative at 0 is 1"),
    ("keras-torch", "batch_normalization keras", "value", "float32", "E[x^2] - E[x]^2"),
    ("torch", "binary_crossentropy from_logits keras", "value", "float32", "log sigmoid(x) cancels"),
    ("keras-torch", "binary_crossentropy from_logits keras", "value", "float32", "log sigmoid(x) cancels"),
    ("torch", "gelu", "value", "float32", "1 + erf cancels"),
    ("torch", "hard_sigmoid", "gradient", "float64", "float32 constant"),
    ("torch", "nadam torch constant", "100 steps", "float64", "product of its momenta in float32"),
    ("keras-torch", "softplus", "value", "float64", "threshold of 20"),
    ("jax", "elu", "gradient", "float32", "from the output"),
    ("jax", "l1", "value", "float32", "absolute value at 0 is 1"),
    ("jax", "leaky_relu", "gradient", "float32", "derivative at 0 is 1"),
    ("jax", "softsign", "gradient", "float32", "that of a quotient"),
    ("keras-jax", "softsign", "gradient", "float32", "that of a quotient"),
    *(
        (name, "tversky alpha=0.3 beta=0.7", "value", "float64", "exchanges alpha and beta")
        for name in ("keras-tensorflow", "keras-jax", "keras-torch")
    ),
    *(
        (name, "sparsemax", "value", "float64", "wrong threshold")
        for name in ("keras-tensorflow", "keras-jax", "keras-torch")
    ),
]
"""Faults of these versions that others have reported; words of the deviation or refusal that shows each."""


@pytest.mark.parametrize(("backend", "name", "quantity", "dtype", "words"), TRAPS)
def test_faults_that_others_reported_are_found(judged, backend, name, quantity, dtype, words):
    assert words in (judged(backend)[name, quantity, dtype].deviation or "")


# The derivatives of NumPy are written by hand; nothing else in the project judges them but frameworks.


@pytest.mark.parametrize("name", [name for name in catalog.ACTIVATIONS if name != "step"])
def test_numpy_activation_gradient_is_the_derivative(name):
    backend, width = load_backend("numpy"), 1e-6
    x = np.array([[-5.0, -1.3, -0.4, 0.2, 0.9, 3.1]])
    upstream = np.array([[0.3, -1.0, 0.7, 0.4, 1.1, -0.2]])
    upstream = upstream[:, : backend.activation(name, x).shape[1]]
    numeric = np.empty_like(x)
    for column in range(x.shape[1]):
        shift = np.zeros_like(x)
        shift[0, column] = width
        difference = backend.activation(name, x + shift) - backend.activation(name, x - shift)
        numeric[0, column] = (difference * upstream).sum() / (2 * width)
    np.testing.assert_allclose(backend.activation_gradient(name, x, upstream), numeric, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "variant", [each for each in elements.variants() if each.kind == "loss"], ids=lambda each: each.name
)
def test_numpy_loss_gradient_is_the_derivative(variant):
    backend, width = load_backend("numpy"), 1e-6
    targets, predictions = questions.drawn(variant, "float64")
    numeric = np.empty_like(predictions)
    for place in np.ndindex(predictions.shape):
        shift = np.zeros_like(predictions)
        shift[place] = width
        values = [
            backend.loss(variant.element, targets, predictions + sign * shift, **variant.options)
            for sign in (1, -1)
        ]
        numeric[place] = (values[0] - values[1]) / (2 * width)
    found = backend.loss_gradient(variant.element, targets, predictions, **variant.options)
    steady = np.abs(predictions) > 1e4 * width  # so that the difference is one of neighbours
    np.testing.assert_allclose(found[steady], numeric[steady], rtol=1e-5, atol=1e-8)

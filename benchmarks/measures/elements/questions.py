"""What every variant is asked: points, predictions, gradients and factors that are made to hurt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.deviations import deviations
from benchmarks.measures.elements.variants import DType, Variant, variants
from implementations import backend_names, catalog
from implementations.catalog.losses import EPSILON

STEPS = 100

JUDGED_STEPS = (1, 2, 5, 10, 11, 20, 50, 100)
"""After which an optimizer's parameters are compared; the rate of some changes after the tenth."""

PRODUCT_SIZES = (16, 128, 1024, 4096)

OBSERVED = (1.0, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7, 0.7)
"""Validation losses told after every tenth step.

A plateau's `min_delta` of 0.12 makes 0.9 no better than 1.0, and 0.7 no better than 0.8, which it would be if
that were a share of the best loss, as torch has it by default.
"""


def asked(full: bool) -> Iterator[tuple[Variant, DType]]:
    """Yield every variant in the dtypes in which it is asked.

    What a changing rate is does not depend on the dtype of what it moves: optimizers meet it in float64,
    and in float32 with `full`, or where a contender is known to deviate. (Trainings meet one in both.)
    """
    for variant in variants():
        changing = isinstance(variant.options.get("learning_rate"), Mapping)
        if full or not changing or _known_to_deviate(variant, "float32"):
            yield variant, "float32"
        yield variant, "float64"


def _known_to_deviate(variant: Variant, dtype: DType) -> bool:
    """Return whether some contender's steps of this optimizer are known to deviate."""
    return any(
        known.names(variant.element, variant.name, "100 steps", dtype)
        for contender in backend_names()
        for known in deviations(contender)
    )


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([2026, seed])


def points(variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return x: every exponent and sign, tails, both sides of each kink and itself, zeros, infinities, NaN.

    What depends on a row gets rows of ten numbers instead.
    """
    element = catalog.ACTIVATIONS[variant.element]
    if not element.exact:
        return _rows(dtype)
    info = np.finfo(dtype)
    stride = 1 if full else {"float32": 2, "float64": 16}[dtype]
    exponents = np.arange(info.minexp - info.nmant, info.maxexp, stride)
    sizes = np.ldexp(np.array([[1.0], [1.3]], dtype), exponents).ravel()
    fine = 4 if full else 1
    dense = [np.linspace(-12, 12, 240 * fine + 1), np.linspace(-110, 110, 120 * fine + 1)]
    kinks = np.array(element.kinks, dtype)
    near = [np.nextafter(kinks, dtype_inf) for dtype_inf in np.array([-np.inf, np.inf], dtype)]
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    parts = [sizes, -sizes, *dense, kinks, *near, special, _known_points(variant, dtype)]
    return np.concatenate([part.astype(dtype) for part in parts]).astype(dtype)


def _rows(dtype: DType) -> np.ndarray:
    """Return ordinary rows, and some that overflow without care, are tied, tiny, or not finite."""
    ordinary = _rounded(_random(4).normal(size=(16, 10)) * 3, dtype)
    ramp, tiny = np.arange(-9.0, 10.0, 2.0), np.finfo(dtype).smallest_subnormal
    one = np.eye(1, 10)[0]
    hard = [0 * ramp, 0 * ramp + 1, 11 * ramp, 110 * ramp, 1e29 * ramp, tiny * np.arange(10), one]
    tied = [np.repeat([1.0, -1.0], 5), np.repeat([0.5, 0.5, -0.5, -2.0, -3.0], 2)]
    odd = [np.where(one == 1, value, ordinary[0]) for value in (-np.inf, np.inf, np.nan)]
    info = np.finfo(dtype)
    sizes = np.linspace(info.minexp + 8, info.maxexp - 8, 6).astype(int)
    scaled = [sign * np.ldexp(ordinary[1], exponent) for exponent in (*sizes, -4, 4) for sign in (1, -1)]
    return np.concatenate([ordinary, np.array([*hard, *tied, *odd, *scaled]).astype(dtype)])


def _known_points(variant: Variant, dtype: DType) -> np.ndarray:
    """Return where some contender is known to deviate, which a coarse grid would miss."""
    points = {
        point
        for contender in backend_names()
        for known in deviations(contender)
        if {variant.element, variant.name} & set(known.element)
        for point in known.at.get(dtype, ())
    }
    return np.array(sorted(points), dtype)


def upstream(variant: Variant, x: np.ndarray) -> np.ndarray:
    """Return 1 for each x: the derivative itself; random weights for rows, whose outputs depend on all."""
    if catalog.ACTIVATIONS[variant.element].exact:
        return np.ones_like(x)
    width = x.shape[-1] // 2 if variant.element == "glu" else x.shape[-1]
    return _random(0).normal(size=(len(x), width)).astype(np.float32).astype(x.dtype)


RANDOM = 12
"""Drawn examples of a loss."""

CLASSES = 5
"""Predictions of each."""

WIDTH = 4
"""Single predictions side by side, where a mean over 2^n of them makes no error."""

_LOGITS = (0.0, 1e-3, 0.7, 1.0, 3.0, 9.0, 12.0, 16.5, 17.0, 30.0, 60.0, 100.0)

_SHARES = (1e-14, 5e-8, 1e-6, 1e-3, 0.5, 0.75, 1.0 - 2.0**-10, 1.0 - 2.0**-20)

_NEAR_CLIP = (EPSILON * (1 - 2.0**-8), EPSILON * (1 + 2.0**-8), 1.0 - 2.0**-22, 1.0 - 2.0**-24)
"""Shares of a row on both sides of where they are clipped; nearer by, the rounding of its sum decides."""

_SIZES_OF_SHARES = (0.0, 1e-30, 1e-8, 1e-4, 0.5, 1.0 - 2.0**-20, 1.0)

_SOFT = (0.5, 0.25, 0.0, 0.125, 0.125)
"""A target of several classes, one of them with nothing; its sum is exact."""

_UNLIKE = (1.0, -2.0, 0.5, 3.0, 0.25)
"""A row that points elsewhere than any target."""

_OTHER_TARGET, _OFF = -4.0, (2.0**-10, 0.5, 1.0, 8.0, 100.0, np.inf)
"""A target by which errors are divided, and errors of predictions: none of these is near 0."""

_MEANS = (*_LOGITS, 1e3, 1e15, np.inf)


def drawn(variant: Variant, dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions of random examples, as the loss wants them."""
    random, loss = _random(2), catalog.LOSSES[variant.element]
    shape = RANDOM, CLASSES
    scores = random.normal(size=shape) * 3
    classes = random.integers(0, CLASSES, size=RANDOM)
    targets = {
        "values": random.normal(size=shape),
        "binary": (random.random(shape) < 0.5).astype(np.float64),
        "one_hot": np.eye(CLASSES)[classes],
        "counts": random.integers(0, 5, size=shape).astype(np.float64),
        "index": classes,
    }[loss.targets]
    if probabilities(variant):
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    elif loss.predictions == "positive":
        scores = np.exp(scores / 3)
    elif loss.predictions == "mean_and_variance":
        scores = np.concatenate([scores, np.exp(random.normal(size=shape))], axis=1)
    return targets if loss.targets == "index" else _rounded(targets, dtype), _rounded(scores, dtype)


def hard(variant: Variant, dtype: DType, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return one row for each hard example.

    Of a loss of single predictions: exponents and signs, tails, both sides of kinks and of where
    probabilities are clipped, infinities, NaN, for each target; targets are 0, or 0 and 2 where they are
    counts, so that differences are exact, and another one where errors are divided by it. Of a mean and a
    variance: one of them at a time. Of a loss of classes: the first class from impossible to certain, masked
    with -inf, inf and NaN, where it is the target, another is, or several share it. Of ratios of sums: shares
    from 0 to 1, where no target, all or some are 1.
    """
    loss = catalog.LOSSES[variant.element]
    if of_all_examples(variant):
        rows = np.repeat(np.array(_SIZES_OF_SHARES)[:, np.newaxis], CLASSES, axis=1)
        targets = np.array([np.zeros(CLASSES), np.ones(CLASSES), np.arange(CLASSES) % 2], dtype)
        return np.repeat(targets, len(rows), axis=0), _rounded(np.tile(rows, (3, 1)), dtype)
    if loss.targets in ("one_hot", "index"):
        weights = np.array([[0.4, 0.3, 0.2, 0.1]])
        if probabilities(variant):
            first = np.array((0.0, *_SHARES, *_NEAR_CLIP, 1.0, np.nan))[:, np.newaxis]
            others = (1 - first) * weights
        else:
            signed = (*_LOGITS, *(-logit for logit in _LOGITS))
            # scores alone, of which a margin is the difference, mask nothing
            endless = () if loss.predictions == "values" else (-np.inf, np.inf)
            first = np.array((*signed, *endless, np.nan))[:, np.newaxis]
            others = np.repeat(weights - 0.35, len(first), axis=0)
        rows = np.concatenate([first, others], axis=1)
        if loss.targets == "index":
            return np.repeat([0, 1], len(rows)), _rounded(np.tile(rows, (2, 1)), dtype)
        targets = np.array([*np.eye(CLASSES)[:2], _SOFT], dtype)
        return np.repeat(targets, len(rows), axis=0), _rounded(np.tile(rows, (3, 1)), dtype)
    if loss.name == "cosine_similarity":
        sizes = np.array([0.0, 1e-10, -1e-10, 1e-4, 1.0, -30.0, 1e4])[:, np.newaxis]
        rows = _rounded(np.concatenate([sizes * np.ones(CLASSES), sizes[1:] * _UNLIKE]), dtype)
        targets = np.array([np.ones(CLASSES), _SOFT], dtype)
        return np.repeat(targets, len(rows), axis=0), np.tile(rows, (2, 1))
    points = _predictions(variant, dtype, full)
    if loss.predictions == "mean_and_variance":
        means = np.array([*_MEANS, *(-mean for mean in _MEANS), np.nan], dtype)
        pairs = [*((1.0, variance) for variance in points), *((mean, 1.0) for mean in means)]
        return np.full((len(pairs), 1), 0.5, dtype), np.array(pairs, dtype)
    wanted = {"binary": (0.0, 1.0), "counts": (0.0, 2.0)}.get(loss.targets, (0.0,))
    asked = [(target, points) for target in wanted]
    if loss.relative:
        asked.append((_OTHER_TARGET, _around(_OTHER_TARGET, dtype)))
    targets = np.concatenate([np.full_like(predictions, target) for target, predictions in asked])
    return targets[:, np.newaxis], np.concatenate([each for _, each in asked])[:, np.newaxis]


def _around(target: float, dtype: DType) -> np.ndarray:
    """Return a target, its neighbours, and predictions that miss it by less and more than its size."""
    errors = [*_OFF, *(-error for error in _OFF)]
    near = [np.nextafter(np.array(target, dtype), np.array(way, dtype)) for way in (-np.inf, np.inf)]
    return np.array([target, *near, *(target + error for error in errors), np.nan], dtype)


def _predictions(variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return single predictions: of every size and sign that the loss takes, around kinks, special ones."""
    loss, info = catalog.LOSSES[variant.element], np.finfo(dtype)
    # each value is asked by itself, which would take as long as all the rest for every exponent of float64
    stride = ({"float32": 4, "float64": 32} if full else {"float32": 16, "float64": 128})[dtype]
    sizes = np.ldexp(np.array(1.3, dtype), np.arange(info.minexp - info.nmant, info.maxexp, stride))
    known = _known_points(variant, dtype)
    kinks = clip_bounds(dtype) if probabilities(variant) else np.array(loss.kinks, dtype)
    near = [np.nextafter(kinks, way) for way in np.array([-np.inf, np.inf], dtype)]
    if probabilities(variant):
        shares = np.array((0.0, *_SHARES, 1.0), dtype)
        return np.concatenate([sizes[sizes < 0.5], shares, kinks, *near, known])
    # torch refuses a probability that is NaN
    special = np.array([0.0, np.inf, *([] if "focal" in loss.name else [np.nan])], dtype)
    points = np.concatenate([np.array(_LOGITS, dtype), sizes, kinks, *near, special, known])
    positive = loss.predictions in ("positive", "mean_and_variance")
    return np.abs(points) if positive else np.concatenate([points, -points])


def clip_bounds(dtype: DType) -> np.ndarray:
    """Return where probabilities are clipped, as the dtype holds it."""
    return np.array([EPSILON, 1 - EPSILON], dtype)


def probabilities(variant: Variant) -> bool:
    """Return whether a loss is given probabilities, not logits."""
    loss = catalog.LOSSES[variant.element]
    return loss.predictions == "probabilities" and not variant.options.get("from_logits")


def batches(variant: Variant, dtype: DType, full: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the drawn examples together, and each hard one on its own."""
    yield drawn(variant, dtype)
    targets, predictions = hard(variant, dtype, full)
    for row in range(len(predictions)):
        yield targets[row : row + 1], predictions[row : row + 1]


def together(variant: Variant, dtype: DType, full: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the drawn examples and the hard ones as one batch, again and again until there are 2^n of them.

    The mean over so many divides each derivative without an error. Hard examples of single predictions stand
    side by side. A loss that sums over all examples gets the drawn ones and the hard ones once each, and one
    of a mean and a variance the drawn ones by themselves.
    """
    some, others = drawn(variant, dtype), hard(variant, dtype, full)
    if of_all_examples(variant):
        return [some, others]
    if catalog.LOSSES[variant.element].predictions == "mean_and_variance":
        return [some, _again(*others)]
    if not _side_by_side(variant):
        return [_again(*(np.concatenate(pair) for pair in zip(some, others, strict=True)))]
    targets, predictions = (np.concatenate([*map(np.ravel, pair)]) for pair in zip(some, others, strict=True))
    places = np.arange(-(-predictions.size // WIDTH) * WIDTH) % predictions.size
    return [_again(*(each[places].reshape(-1, WIDTH) for each in (targets, predictions)))]


def _side_by_side(variant: Variant) -> bool:
    """Return whether a loss is a mean over single predictions, which may stand in any place of a row."""
    paired = catalog.LOSSES[variant.element].predictions == "mean_and_variance"
    return not (paired or _by_row(variant) or of_all_examples(variant))


def _again(targets: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    again = np.arange(1 << (len(predictions) - 1).bit_length()) % len(predictions)
    return targets[again], predictions[again]


def scored(variant: Variant, dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions of 60 examples with 5 values; some scores are equal, some are 1/2."""
    random, kind = _random(5), catalog.METRICS[variant.element].targets
    scores = np.round(random.random((60, 5)) * 16) / 16
    if kind == "index":
        return random.integers(0, 5, 60), scores.astype(dtype)
    if variant.element == "roc_auc":  # many scores between two of anyone's thresholds
        scores = 0.49 + random.random((60, 5)) / 64
    targets = (random.random((60, 5)) < 0.4) if kind == "binary" else random.normal(size=(60, 5))
    return _rounded(targets.astype(np.float64), dtype), _rounded(scores, dtype)


def of_all_examples(variant: Variant) -> bool:
    """Return whether a loss is a ratio of sums over all examples, and no mean."""
    return variant.element in ("dice", "tversky")


def undone_mean(variant: Variant, predictions: np.ndarray) -> float:
    """Return what a gradient is multiplied by to undo the mean over examples."""
    loss = catalog.LOSSES[variant.element]
    if of_all_examples(variant):
        return 1.0
    return len(predictions) if _by_row(variant) else predictions.size / loss.outputs_per_target


def _by_row(variant: Variant) -> bool:
    """Return whether a loss is one number for each row, and no mean over its numbers."""
    loss = catalog.LOSSES[variant.element]
    return loss.targets in ("one_hot", "index") or loss.name == "cosine_similarity"


SCALES = np.array([0.0, *np.logspace(-8, 2, 11)])

MIXED = -1.0
"""Where the kernel's results of an optimizer are said to be that mixes its rows: at no size of their own."""


def mixes_rows(variant: Variant) -> bool:
    """Return whether an optimizer makes of a kernel's row something that depends on the other rows' sizes."""
    return variant.element == "muon"


def course(variant: Variant, dtype: DType) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Return first parameters and 100 gradients: for a kernel (12, 3) and a bias (12,).

    Gradients have sizes from 1e-8 to 1e2, and are 0 for the first row. The kernel's first column and half
    of the bias begin at 0. Where rows are mixed the others have the same size, another one in each step:
    muon makes the gradient orthogonal, and would multiply the roundings of rows of so different sizes.
    """
    random = _random(1)
    kernel, bias = random.normal(size=(12, 3)), random.normal(size=12)
    kernel[:, 0], bias[::2] = 0.0, 0.0
    alike = np.random.default_rng([2026, 7]).permutation(np.resize(SCALES, STEPS))
    gradients = []
    for step in range(STEPS):
        scales = alike[step] * (SCALES > 0) if mixes_rows(variant) else SCALES
        gradients.append(
            [random.normal(size=(12, 3)) * scales[:, np.newaxis], random.normal(size=12) * SCALES]
        )
    return [_rounded(array, dtype) for array in (kernel, bias)], [
        [_rounded(array, dtype) for array in pair] for pair in gradients
    ]


def _rounded(array: np.ndarray, dtype: Any) -> np.ndarray:
    return array.astype(np.float32).astype(dtype)


def factors(dtype: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positive matrices (16, k) and (k, 16), for which rounding errors add up."""
    random = _random(3)
    for length in PRODUCT_SIZES:
        yield _rounded(random.random((16, length)), dtype), _rounded(random.random((length, 16)), dtype)

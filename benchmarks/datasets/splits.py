"""From raw examples to training, validation and test parts."""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.dataset import Dataset, Raw, SealedTest, Split, Task
from implementations.errors import InvalidInput

VALIDATION_SHARE = 0.2
TEST_SHARE = 0.2


def split(name: str, raw: Raw, seed: int, train_examples: int | None, one_hot: bool) -> Dataset:
    """Split, standardise with the training part's statistics, and seal the test part.

    Classes keep their shares in every part. Every feature (of a series: at every time; of an image: every
    pixel) gets mean 0 and standard deviation 1 over the training part; one that is constant there is only
    centred. Regression targets are standardised likewise.

    Parameters
    ----------
    train_examples
        Keep only so many training examples, each class by its share.

    Raises
    ------
    InvalidInput
        If there are NaN or infinite values, or too few examples for the parts.
    """
    _check(name, raw)
    if one_hot and raw.classes is None:
        raise InvalidInput(
            f"option one_hot of {name}", expected="classes", got="a regression", action="remove the option"
        )
    parts = [(raw.x, raw.y)] * 3 if raw.whole else _parts(name, raw, seed, train_examples)
    if not raw.whole:
        parts = _standardized(parts, raw.classes is None)
    train, validation, test = (
        Split(np.ascontiguousarray(x), np.eye(raw.classes or 0)[y] if one_hot else y) for x, y in parts
    )
    task: Task = "regression" if raw.classes is None else "classification"
    return Dataset(name, task, raw.classes, train, validation, SealedTest(test))


def _check(name: str, raw: Raw) -> None:
    for part, values in (("examples", raw.x), ("targets", raw.y)):
        if not np.isfinite(values).all():
            raise InvalidInput(
                f"{part} of {name}",
                expected="finite numbers",
                got=f"{int((~np.isfinite(values)).sum())} that are NaN or infinite",
                action="repair the source",
            )


def _parts(name: str, raw: Raw, seed: int, train_examples: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
    rest, validation_share = (raw.x, raw.y), VALIDATION_SHARE
    if raw.test is None:
        rest, test = _divided(name, rest, TEST_SHARE, seed, raw.classes)
        validation_share = VALIDATION_SHARE / (1 - TEST_SHARE)
    else:
        test = raw.test
    train, validation = _divided(name, rest, validation_share, seed + 1, raw.classes)
    if train_examples is not None:
        if not 1 <= train_examples <= len(train[0]):
            raise InvalidInput(
                f"option train_examples of {name}",
                expected=f"1 to {len(train[0])}, as many as there are",
                got=str(train_examples),
                action="correct it",
            )
        if train_examples < len(train[0]):
            train, _ = _divided(name, train, len(train[0]) - train_examples, seed + 2, raw.classes)
    return [train, validation, test]


def _divided(
    name: str, part: tuple[np.ndarray, np.ndarray], second: float, seed: int, classes: int | None
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return two parts; `second` is the second one's share or number of examples."""
    from sklearn.model_selection import train_test_split

    x, y = part
    try:
        first_x, second_x, first_y, second_y = train_test_split(
            x, y, test_size=second, random_state=seed, stratify=None if classes is None else y
        )
    except ValueError as error:
        raise InvalidInput(
            f"split of {name}",
            expected="enough examples of each class for every part",
            got=f"{len(x)} examples ({error})",
            action="use more examples",
        ) from error
    return (first_x, first_y), (second_x, second_y)


def _standardized(
    parts: list[tuple[np.ndarray, np.ndarray]], targets_too: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = parts[0]
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale == 0, 1.0, scale)
    target_mean, target_scale = (y.mean(), y.std() or 1.0) if targets_too else (0, 1)
    return [((x - mean) / scale, (y - target_mean) / target_scale if targets_too else y) for x, y in parts]

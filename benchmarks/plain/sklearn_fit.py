"""scikit-learn: `MLPClassifier.fit`, without shuffling."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.plain import Script, Task


def script(task: Task) -> Script:
    """Return the training; each call of `epochs` begins with a velocity of 0."""
    classifier = MLPClassifier(
        [bias.size for _, bias in task.layers[:-1]],
        solver="sgd",
        alpha=0.0,
        batch_size=task.batch_size,
        learning_rate_init=task.learning_rate,
        momentum=task.momentum,
        nesterovs_momentum=False,
        shuffle=False,
        warm_start=True,
        max_iter=1,
        tol=0.0,
        n_iter_no_change=10**9,
    )

    def epochs(number: int) -> None:
        classifier.set_params(max_iter=number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it stops when it is told to
            classifier.fit(x, y)

    x, y = (np.concatenate(each) for each in zip(*task.batches, strict=True))
    epochs(1)
    classifier.coefs_ = [np.array(kernel) for kernel, _ in task.layers]
    classifier.intercepts_ = [np.array(bias) for _, bias in task.layers]

    def parameters() -> list[np.ndarray]:
        pairs = zip(classifier.coefs_, classifier.intercepts_, strict=True)
        return [np.array(each) for pair in pairs for each in pair]

    return Script(None, epochs, parameters)

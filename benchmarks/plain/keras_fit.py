"""Keras: `fit` with its defaults, which shuffle by themselves, and `train_on_batch`."""

from __future__ import annotations

import itertools

import keras
import numpy as np

from benchmarks.plain import Script, Task


def script(task: Task) -> Script:
    """Return the training."""
    network = keras.Sequential([keras.Input(task.x.shape[1:])])
    for _, bias in task.layers[:-1]:
        network.add(keras.layers.Dense(bias.size, activation="relu"))
    network.add(keras.layers.Dense(task.parameters[-1].size))
    network.compile(
        keras.optimizers.SGD(task.learning_rate, momentum=task.momentum),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.set_weights(task.parameters)

    batches = task.batches

    def steps(number: int) -> None:
        for x, y in itertools.islice(itertools.cycle(batches), number):
            network.train_on_batch(x, y)

    def epochs(number: int) -> None:
        network.fit(task.x, task.y, batch_size=task.batch_size, epochs=number, verbose=0)

    return Script(steps, epochs, lambda: [np.array(each) for each in network.get_weights()], shuffles=True)

"""TensorFlow: a step as a graph, and a loop of them over an epoch as another."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from benchmarks.plain import Script, Task


def script(task: Task) -> Script:
    """Return the training."""
    layers = [(tf.Variable(kernel), tf.Variable(bias)) for kernel, bias in task.layers]
    variables = [each for layer in layers for each in layer]
    velocities = [tf.Variable(tf.zeros_like(each), trainable=False) for each in variables]

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            for number, (kernel, bias) in enumerate(layers):
                x = (tf.nn.relu(x) if number else x) @ kernel + bias
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x))
        gradients = tape.gradient(loss, variables)
        for variable, velocity, gradient in zip(variables, velocities, gradients, strict=True):
            velocity.assign(task.momentum * velocity - task.learning_rate * gradient)
            variable.assign_add(velocity)

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def epoch(x: tf.Tensor, y: tf.Tensor, order: tf.Tensor) -> None:
        for places in order:
            step(tf.gather(x, places), tf.gather(y, places))

    batches = [(tf.constant(x), tf.constant(y)) for x, y in task.batches]
    whole = tf.constant(task.x), tf.constant(task.y), tf.constant(task.order)

    def steps(number: int) -> None:
        for batch in itertools.islice(itertools.cycle(batches), number):
            step(*batch)
        tf.test.experimental.sync_devices()

    def epochs(number: int) -> None:
        for _ in range(number):
            epoch(*whole)
        tf.test.experimental.sync_devices()

    return Script(steps, epochs, lambda: [np.array(each) for each in variables])

"""A suite that runs in seconds on NumPy alone, and one for two contenders, for tests of the run side."""

from __future__ import annotations

import importlib.util

TEXT = """
description = "small"
measures = ["parity", "curves", "speed", "memory"]
contenders = ["numpy"]
timeout_seconds = 60

[parity]
float64_steps = 10
float32_steps = 10

[curves]
seeds = [0, 1]

[speed]
blocks = 2
start_blocks = 1
block_limit = 2
chunks = 2
chunk_seconds = 0.002
warm_up_seconds = 0.0

[[workloads]]
name = "w"
dataset = { name = "iris" }
[workloads.model]
layers = [{ units = 3 }]
loss = { name = "sparse_categorical_crossentropy", from_logits = true }
optimizer = { name = "sgd", learning_rate = 0.1 }
epochs = 2
"""

SECOND = "torch" if importlib.util.find_spec("torch") else "keras-jax"
"""Another contender, where one is installed."""
PAIR = TEXT.replace('"numpy"', f'"numpy", "{SECOND}"')


def _timed(text: str) -> str:
    """Return the suite with what timing needs and no more, and data that are read without scikit-learn."""
    needed = text.replace('"parity", "curves", "speed", "memory"', '"parity", "speed"')
    needed = needed.replace('"iris"', '"logic_gates"')
    return needed.replace("[speed]", '[speed]\nmetrics = ["train_step"]')


TIMED, TIMED_PAIR = _timed(TEXT), _timed(PAIR)

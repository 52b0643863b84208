"""That the independent measurement measures what it says, without a clock."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from implementations import ModelSpec, load_backend
from tests import independent
from tests.independent import BEST, RATIOS, SIDES, SIZES, Size

SMALL = Size((7, 6, 5, 10), 3, 2)


@pytest.mark.parametrize("size", [SMALL, SIZES["small"]], ids=["three layers", "small"])
def test_the_hand_written_loop_trains_the_same_network(size):
    model = ModelSpec.from_dict(
        {
            "inputs": [size.units[0]],
            "layers": [
                *({"units": units, "activation": "relu"} for units in size.units[1:-1]),
                {"units": size.units[-1]},
            ],
            "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
            "optimizer": {"name": "sgd", **independent.DESCENT},
            "batch_size": size.batch,
        }
    )
    kernels = independent.kernels(size)
    zeros = [np.zeros(kernel.shape[1], np.float32) for kernel in kernels]
    first = [array for pair in zip(kernels, zeros, strict=True) for array in pair]
    learner = load_backend("numpy").build(model, first)
    steps, trained = independent.hand_written_training(size)
    steps(5)
    pairs = independent.batches(size)
    for number in range(5):
        learner.step(*pairs[number % len(pairs)])
    expected = learner.parameters()
    for number, weights in enumerate(trained):
        np.testing.assert_allclose(weights[:-1], expected[2 * number], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(weights[-1], expected[2 * number + 1], rtol=1e-4, atol=1e-6)


def test_every_side_of_a_ratio_is_measured():
    named = {side for pair in RATIOS for side in pair if side != BEST}
    named |= set(BEST.partition("best of ")[2].split(", "))
    assert named == set(SIDES)


@pytest.mark.parametrize(("ratio", "told"), [(1.4, "1.40 (1.30 to 1.60), at most 1.5"), (1.6, "MISSED")])
def test_its_table_marks_what_is_missed(tmp_path, ratio, told):
    page = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "measuring.py"))
    row = {"network": "small", "time of": "numpy", "divided by that of": "products", "ratio": ratio}
    large = {**row, "network": "large", "at most": None}
    limits = {"least": 1.3, "largest": 1.6, "at most": 1.5}
    file = tmp_path / "independent.json"
    rows = [{**row, **limits}, {**limits, **large}]
    file.write_text(json.dumps({"ratios": rows, "git": {"commit": "0123456789", "dirty": False}}))
    code, found = page["_independent"](file)
    assert "0123456" in code["time of"]
    assert told in found["small network"]
    assert "at most" not in found["large network"]

"""Doctests of the backends, each framework and each Keras runtime in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("folder", "framework"),
    [
        ("torch", "torch"),
        ("jax", "jax"),
        ("tensorflow", "tensorflow"),
        ("keras", "tensorflow"),
        ("keras", "jax"),
        ("keras", "torch"),
    ],
)
def test_examples_in_backend_docstrings(folder, framework):
    for package in (folder, framework):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'nn-versus[{package}]'")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"implementations/{folder}", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": framework, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    # 5 is pytest's code for "no test found": the examples are gone or no longer collected.
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

"""What Keras leaves to the framework below it: the same functions for each runtime, one of which is used."""

from __future__ import annotations

STEPS_PER_EXECUTION = 64
"""Steps that `fit` takes before it looks up; more of them save nothing, and PyTorch takes one."""

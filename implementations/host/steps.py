"""An optimizer's side on the host: schedule, step count, and the options that come before every rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from implementations import catalog
from implementations.host import schedules
from implementations.host.numbers import Numbers, rate_alone
from implementations.spec import ElementSpec, OptimizerSpec


@dataclass(frozen=True)
class Rule:
    """How an optimizer changes an array.

    Parameters
    ----------
    start
        Returns the first state of an array, made in NumPy: a program for it would have to be compiled.
    update
        Takes parameters, gradient, state and the numbers; what becomes of them is the framework's way.
    numbers
        Returns the numbers, given learning rate and step number (from 1).
    """

    start: Callable[[np.ndarray], dict[str, np.ndarray]]
    update: Callable[..., Any]
    numbers: Numbers = rate_alone


class Steps:
    """The numbers of step after step: the factor of a decoupled weight decay, then those of the rule.

    Parameters
    ----------
    spec
        The optimizer.
    convention
        Where `spec` leaves it open.
    dtype
        Of the parameters.
    rule
        Returns the rule, given the options that are its own.
    """

    def __init__(self, spec: OptimizerSpec, convention: str, dtype: str, rule: Callable[..., Rule]) -> None:
        options = spec.resolve(convention)
        self._spec, self._dtype = spec, dtype
        self._weight_decay: float = options.pop("weight_decay")
        self._decoupled = options.pop("weight_decay_mode") == "decoupled"
        self._clip_value, self._clip_norm, self._clip_global_norm = (
            options.pop(name) for name in ("clipvalue", "clipnorm", "global_clipnorm")
        )
        self._rule = rule(**options)
        rate = spec.learning_rate
        self._fixed: tuple[float, ...] = ()
        if not isinstance(rate, ElementSpec) and self._rule.numbers is rate_alone:
            self._fixed = self._numbers(rate, 1)
        self.restart()

    @property
    def fixed(self) -> bool:
        """Whether the numbers never change."""
        return bool(self._fixed)

    def restart(self) -> None:
        """Begin at step 1 again."""
        self._rate, self._steps_done = _rate_of(self._spec), 0

    def numbers(self, steps: int | None = None) -> np.ndarray | None:
        """Return the numbers of the next step, or of so many, a row for each, and count them.

        None if they never change: then they are compiled in, and no step has to hand them over.
        """
        if self.fixed:
            return None
        begin, self._steps_done = self._steps_done, self._steps_done + (steps or 1)
        rows = [self._numbers(self._rate(step), step + 1) for step in range(begin, self._steps_done)]
        return np.array(rows if steps else rows[0], self._dtype)

    def _numbers(self, rate: float, step: int) -> tuple[float, ...]:
        return 1 - rate * self._weight_decay, *self._rule.numbers(rate, step)

    def observe(self, loss: float) -> None:
        """Tell a schedule that looks at losses how the epoch ended."""
        if isinstance(self._rate, schedules.reduce_on_plateau):
            self._rate.observe(loss)


def _rate_of(spec: OptimizerSpec) -> schedules.Rate:
    """Return the specification's learning rate as a function of the step number."""
    rate = spec.learning_rate
    if isinstance(rate, ElementSpec):
        options: dict[str, Any] = catalog.schedule(rate.name).resolve(dict(rate.options))
        schedule: schedules.Rate = getattr(schedules, rate.name)(**options)
        return schedule
    return schedules.constant(rate)


def zeros(*names: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return what makes a first state of zeros."""
    return lambda x: {name: np.zeros_like(x) for name in names}

"""Update rules that torch.optim lacks, as torch optimizers; formulas stand in the catalogue."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


class Rule(Optimizer):
    """An optimizer that updates one parameter after the other.

    Parameters
    ----------
    options
        What `update` finds in its group, besides the rate `lr`.
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float, **options: Any) -> None:
        super().__init__(parameters, {"lr": learning_rate, **options})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["step"] = state.get("step", 0) + 1
                self.update(parameter, parameter.grad, state, group)

    @abstractmethod
    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one parameter in place; the state holds its step number, from 1, and what the rule keeps."""


class RateInsideSGD(Optimizer):
    """SGD whose velocity contains the learning rate: v = momentum v - r g.

    Rescaling the momentum buffer of `torch.optim.SGD` at each change of the rate gives the same steps until
    the rate reaches 0: there the velocity goes on moving the parameters, and torch's SGD stops.
    """

    def __init__(
        self, parameters: Iterable[Tensor], learning_rate: float, *, momentum: float, nesterov: bool
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate, "momentum": momentum, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            parameters, rate, momentum = group["params"], group["lr"], group["momentum"]
            gradients = [parameter.grad for parameter in parameters]
            velocities = [_kept(self.state[each], "velocity", each) for each in parameters]
            torch._foreach_mul_(velocities, momentum)
            torch._foreach_add_(velocities, gradients, alpha=-rate)
            if group["nesterov"]:
                torch._foreach_add_(parameters, velocities, alpha=momentum)
                torch._foreach_add_(parameters, gradients, alpha=-rate)
            else:
                torch._foreach_add_(parameters, velocities)


class InsideSqrtRMSprop(Rule):
    """RMSprop with epsilon under the square root, for which torch's RMSprop has no setting."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        square = _kept(state, "mean_square", x)
        square.mul_(group["rho"]).addcmul_(gradient, gradient, value=1 - group["rho"])
        if group["centered"]:
            mean = _kept(state, "mean", x).lerp_(gradient, 1 - group["rho"])
            square = square.addcmul(mean, mean, value=-1)
        x.addcdiv_(gradient, (square + group["epsilon"]).sqrt_(), value=-group["lr"])


class PlainEpsilonAdamax(Rule):
    """Adamax with epsilon behind the maximum, where torch's Adamax has it inside."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        mean = _kept(state, "mean", x).lerp_(gradient, 1 - group["beta_1"])
        norm = _kept(state, "norm", x)
        torch.maximum(norm.mul_(group["beta_2"]), gradient.abs(), out=norm)
        correction = 1 - group["beta_1"] ** state["step"]
        x.addcdiv_(mean, norm + group["epsilon"], value=-group["lr"] / correction)


class Lion(Rule):
    """Lion, which torch lacks."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = _kept(state, "momentum", x)
        x.add_(momentum.lerp(gradient, 1 - group["beta_1"]).sign_(), alpha=-group["lr"])
        momentum.lerp_(gradient, 1 - group["beta_2"])


class Ftrl(Rule):
    """FTRL-proximal, which torch lacks."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        rate, power, l1 = group["lr"], -group["learning_rate_power"], group["l1_regularization_strength"]
        accumulator = _kept(state, "accumulator", x, group["initial_accumulator_value"])
        linear = _kept(state, "linear", x)
        before = accumulator.pow(power)
        after = accumulator.addcmul_(gradient, gradient).pow(power)
        linear.add_(gradient).add_(x, alpha=2 * group["l2_shrinkage_regularization_strength"])
        linear.sub_((after - before).div_(rate).mul_(x))
        l2 = group["l2_regularization_strength"] + group["beta"] / (2 * rate)
        x.copy_((linear.clamp(-l1, l1) - linear) / (after / rate + 2 * l2))


class AddedEpsilonAdafactor(Rule):
    """Adafactor with epsilon added to the squared gradient, where torch's bounds the estimate from below."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        step, square = state["step"], gradient.square() + group["epsilon_1"]
        weight = step ** group["beta_2_decay"]
        if x.dim() < 2:
            estimate = _kept(state, "estimate", x).lerp_(square, weight)
        else:
            rows = _kept(state, "rows", x[:, :1]).lerp_(square.mean(dim=1, keepdim=True), weight)
            columns = _kept(state, "columns", x[:1]).lerp_(square.mean(dim=0, keepdim=True), weight)
            estimate = rows / rows.mean() * columns
        size = _root_mean_square(x).clamp(min=group["epsilon_2"]) * min(group["lr"], 1 / math.sqrt(step))
        change = gradient / estimate.sqrt()
        x.sub_(size / (_root_mean_square(change) / group["clip_threshold"]).clamp(min=1) * change)


class Lamb(Rule):
    """LAMB, which torch lacks."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        change = _adam_change(state, x, gradient, group["beta_1"], group["beta_2"], plain=group["epsilon"])
        size, change_size = x.norm(), change.norm()
        known = (size > 0) & (change_size > 0)
        x.sub_(torch.where(known, size / change_size, 1.0) * group["lr"] * change)


class Muon(Rule):
    """Muon in the dtype of its parameters; `torch.optim.Muon` takes matrices only, in bfloat16."""

    def update(self, x: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if x.dim() < 2:
            betas = group["adam_beta_1"], group["adam_beta_2"]
            x.sub_(group["lr"] * _adam_change(state, x, gradient, *betas, hat=group["epsilon"]))
            return
        velocity = _kept(state, "velocity", x).mul_(group["momentum"]).add_(gradient)
        direction = gradient.add(velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
        size = group["rms_rate"] * math.sqrt(max(x.shape))
        x.sub_(group["lr"] * size * _orthogonal(direction))


def _adam_change(
    state: dict[str, Any],
    x: Tensor,
    gradient: Tensor,
    beta_1: float,
    beta_2: float,
    *,
    plain: float = 0.0,
    hat: float = 0.0,
) -> Tensor:
    """Return Adam's change for rate 1, with epsilon in one of its two places."""
    mean = _kept(state, "mean", x).lerp_(gradient, 1 - beta_1)
    square = _kept(state, "mean_square", x)
    square.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
    root_2 = math.sqrt(1 - beta_2 ** state["step"])
    divisor = square.sqrt().add_(hat).div_(root_2).add_(plain)
    return mean / (1 - beta_1 ** state["step"]) / divisor


def _orthogonal(x: Tensor) -> Tensor:
    """Return a matrix with the singular vectors of x and singular values near 1 (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def _root_mean_square(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()


def _kept(state: dict[str, Any], name: str, like: Tensor, first: float = 0.0) -> Tensor:
    """Return what is kept under that name, made at first."""
    if name not in state:
        state[name] = torch.full_like(like, first)
    kept: Tensor = state[name]
    return kept

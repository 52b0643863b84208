"""Learning-rate schedules: rate r(t) for step t = 0, 1, 2, ..., from the initial rate r0."""

from __future__ import annotations

from implementations.catalog.element import Element, Option, table

_RATE = Option("initial_learning_rate", None, "rate of the first step", above=0.0)
_STEPS = Option("decay_steps", None, "steps of one decay", low=1.0)
_DECAY = Option("decay_rate", None, "factor after decay_steps steps", above=0.0, high=1.0)

SCHEDULES = table(
    Element(
        "step",
        "schedule",
        "r(t) = r0 decay_rate^floor(t / decay_steps)",
        "keras ExponentialDecay(staircase=True); torch.optim.lr_scheduler.StepLR",
        options=(_RATE, _STEPS, _DECAY),
        native={
            "keras": "keras.optimizers.schedules.ExponentialDecay",
            "torch": "torch.optim.lr_scheduler.StepLR",
        },
    ),
    Element(
        "exponential",
        "schedule",
        "r(t) = r0 decay_rate^(t / decay_steps)",
        "keras ExponentialDecay; torch.optim.lr_scheduler.ExponentialLR",
        options=(_RATE, _STEPS, _DECAY),
        native={
            "keras": "keras.optimizers.schedules.ExponentialDecay",
            "torch": "torch.optim.lr_scheduler.ExponentialLR",
        },
    ),
    Element(
        "cosine",
        "schedule",
        "r(t) = r0 ((1 - alpha) (1 + cos(pi min(t, T) / T)) / 2 + alpha), with T = decay_steps",
        "Loshchilov & Hutter 2016, arXiv:1608.03983; keras CosineDecay",
        options=(_RATE, _STEPS, Option("alpha", 0.0, "last rate as a share of the first", low=0.0, high=1.0)),
        native={"keras": "keras.optimizers.schedules.CosineDecay"},
        notes="The rate stays at alpha r0 after T steps; torch's CosineAnnealingLR would rise again.",
    ),
)

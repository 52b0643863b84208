"""Learning-rate schedules: rate r(t) for step t = 0, 1, 2, ..., from the initial rate r0."""

from __future__ import annotations

from dataclasses import replace

from implementations.catalog.element import ABSENT, REQUIRED, Element, Option, table

_RATE = Option("initial_learning_rate", None, "rate of the first step", above=0.0, torch_default=ABSENT)
_STEPS = Option("decay_steps", None, "steps of one decay", low=1.0)
_DECAY = Option("decay_rate", None, "factor after decay_steps steps", above=0.0, high=1.0)

SCHEDULES = table(
    Element(
        "step",
        "schedule",
        "r(t) = r0 decay_rate^floor(t / decay_steps)",
        "keras ExponentialDecay(staircase=True); torch.optim.lr_scheduler.StepLR",
        options=(_RATE, _STEPS, replace(_DECAY, torch_default=0.1)),
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
        options=(_RATE, replace(_STEPS, torch_default=ABSENT), _DECAY),
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
    Element(
        "polynomial",
        "schedule",
        "r(t) = (r0 - r1) (1 - min(t, T) / T)^power + r1, with r1 = end_learning_rate and T = decay_steps",
        "keras PolynomialDecay; torch.optim.lr_scheduler.PolynomialLR",
        options=(
            _RATE,
            _STEPS,
            Option("end_learning_rate", 1e-4, "last rate", low=0.0),
            Option("power", 1.0, "1 for a line", above=0.0),
        ),
        native={"keras": "keras.optimizers.schedules.PolynomialDecay"},
        notes="Torch's PolynomialLR ends at 0 only.",
    ),
    Element(
        "cosine_restarts",
        "schedule",
        "r(t) = r0 ((1 - alpha) m_mul^i (1 + cos(pi s / T_i)) / 2 + alpha), s steps after the i-th restart, "
        "with T_i = first_decay_steps t_mul^i",
        "Loshchilov & Hutter 2016, arXiv:1608.03983; keras CosineDecayRestarts; "
        "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
        options=(
            _RATE,
            Option("first_decay_steps", None, "steps until the first restart", low=1.0),
            Option("t_mul", 2.0, "how much longer each period is", low=1.0),
            Option("m_mul", 1.0, "height of each restart as a share of the one before", above=0.0),
            Option("alpha", 0.0, "last rate as a share of the first", low=0.0, high=1.0),
        ),
        native={"keras": "keras.optimizers.schedules.CosineDecayRestarts"},
        notes="Torch's CosineAnnealingWarmRestarts has no m_mul, and t_mul 1 by default; it takes "
        "whole numbers.",
    ),
    Element(
        "inverse_time",
        "schedule",
        "r(t) = r0 / (1 + decay_rate t / decay_steps)",
        "Robbins & Monro 1951; keras InverseTimeDecay",
        options=(_RATE, _STEPS, Option("decay_rate", None, "how fast the rate falls", above=0.0)),
        native={"keras": "keras.optimizers.schedules.InverseTimeDecay"},
    ),
    Element(
        "piecewise_constant",
        "schedule",
        "r(t) = values[i], with i the number of boundaries below t: a boundary is the last step of "
        "the old rate",
        "keras PiecewiseConstantDecay; torch.optim.lr_scheduler.MultiStepLR, whose milestone is the "
        "first step "
        "of the new rate",
        options=(
            Option("boundaries", (1000.0,), "steps, in rising order", keras_default=REQUIRED),
            Option(
                "values",
                (0.01, 0.001),
                "rates, one more than there are boundaries",
                keras_default=REQUIRED,
            ),
        ),
        native={"keras": "keras.optimizers.schedules.PiecewiseConstantDecay"},
        notes="Torch's MultiStepLR multiplies by one factor at every milestone.",
    ),
    Element(
        "linear_warmup",
        "schedule",
        "r(t) = r0 + (r1 - r0) min(t, T) / T, with r1 = warmup_target and T = warmup_steps",
        "Goyal et al. 2017, arXiv:1706.02677; torch.optim.lr_scheduler.LinearLR",
        options=(
            _RATE,
            Option(
                "warmup_target",
                None,
                "rate after the warm-up",
                above=0.0,
                keras_default=1e-4,
                torch_default=ABSENT,
            ),
            Option("warmup_steps", None, "steps of the warm-up", low=1.0, torch_default=5.0),
        ),
        native={
            "keras": "keras.optimizers.schedules.PolynomialDecay",
            "torch": "torch.optim.lr_scheduler.LinearLR",
        },
    ),
    Element(
        "reduce_on_plateau",
        "schedule",
        "r is multiplied by factor, down to min_lr, when for patience epochs no validation loss was "
        "lower than "
        "the best one by more than min_delta",
        "keras/src/callbacks/reduce_lr_on_plateau.py; torch.optim.lr_scheduler.ReduceLROnPlateau, "
        "which waits "
        "one epoch more and takes 1e-4 of the best loss as difference",
        options=(
            replace(_RATE, keras_default=ABSENT),
            Option("factor", 0.1, "what the rate is multiplied by", above=0.0, below=1.0),
            Option("patience", 10.0, "epochs to wait", low=1.0),
            Option("min_delta", 1e-4, "least difference that counts", low=0.0),
            Option("min_lr", 0.0, "least rate", low=0.0),
        ),
        native={
            "keras": "keras.callbacks.ReduceLROnPlateau",
            "torch": "torch.optim.lr_scheduler.ReduceLROnPlateau",
        },
        notes="The one schedule that looks at losses: `observe` tells them, once an epoch.",
    ),
)

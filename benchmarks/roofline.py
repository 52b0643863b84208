"""What a training step can take at least on this machine, from what was calibrated there."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.result import LimitData


@dataclass(frozen=True)
class Limit:
    """What a step can take at least here, and what that rests on.

    Parameters
    ----------
    products_seconds
        Of the step's matrix products alone, the median over chunks: the practical floor.
    own_rate, square_rate
        The best rate of those products, and of large square ones, in FLOP/s.
    bandwidth
        Of the best copy of a large array, in bytes/s.
    call_seconds
        Of a function call on one number, the median over chunks.
    intensity
        Floating-point operations for each byte that has to move.
    roof_seconds
        max(FLOP / square_rate, bytes / bandwidth): what the roofline allows (Williams et al. 2009).
    """

    products_seconds: float
    own_rate: float
    square_rate: float
    bandwidth: float
    call_seconds: float
    intensity: float
    roof_seconds: float


def limit(data: LimitData) -> Limit | None:
    """Return the limit of a step from what was calibrated; None where nothing was."""
    calibration = data.calibration
    if calibration is None:
        return None
    square_rate = 2 * calibration.square_size**3 / min(calibration.square)
    bandwidth = calibration.copied_bytes / min(calibration.copying)
    return Limit(
        products_seconds=median(calibration.products),
        own_rate=data.flops / min(calibration.products),
        square_rate=square_rate,
        bandwidth=bandwidth,
        call_seconds=median(calibration.call),
        intensity=data.flops / data.least_bytes,
        roof_seconds=max(data.flops / square_rate, data.least_bytes / bandwidth),
    )

"""Numbers as text: the only place that decides about digits and units."""

from __future__ import annotations

import math

from benchmarks.stats import Interval

UNKNOWN = "–"


def seconds(value: float | None) -> str:
    """Return a duration with three digits and a unit.

    Examples
    --------
    >>> seconds(5.34e-5), seconds(0.012), seconds(2.5), seconds(0.0)
    ('53.4 µs', '12.0 ms', '2.50 s', '0 s')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0 s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(value) >= size:
            return f"{_three_digits(value / size)} {unit}"
    return f"{_three_digits(value / 1e-9)} ns"


def quantity(value: float | None, unit: str) -> str:
    """Return a large number with three digits and a decimal prefix.

    Examples
    --------
    >>> quantity(5.12e10, "FLOP/s"), quantity(154_448, "B"), quantity(64, "FLOP")
    ('51.2 GFLOP/s', '154 kB', '64.0 FLOP')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    prefix, size = next(
        (
            (prefix, size)
            for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
            if value >= size
        ),
        ("", 1.0),
    )
    return f"{_three_digits(value / size)} {prefix}{unit}"


def megabytes(value: float | None) -> str:
    """Return bytes in MB (10^6 bytes).

    Examples
    --------
    >>> megabytes(123_400_000)
    '123 MB'
    """
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value / 1e6:.0f} MB"


def ratio(interval: Interval) -> str:
    """Return a ratio with its interval.

    Examples
    --------
    >>> ratio(Interval(0.512, 0.49, 0.532, 6)), ratio(Interval(2.0, math.nan, math.nan, 1))
    ('0.512 (0.490 to 0.532)', '2.00 (no interval)')
    """
    if not math.isfinite(interval.estimate):
        return UNKNOWN
    if math.isnan(interval.low):
        return f"{_three_digits(interval.estimate)} (no interval)"
    ends = [_three_digits(end) for end in (interval.low, interval.high)]
    return f"{_three_digits(interval.estimate)} ({ends[0]} to {ends[1]})"


def percent(value: float | None) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.96944)
    '96.9 %'
    """
    return UNKNOWN if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"


def scientific(value: float | None) -> str:
    """Return a small number as a power of ten.

    Examples
    --------
    >>> scientific(2.2e-16), scientific(0.0)
    ('2.2e-16', '0')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.1e}" if value else "0"


def number(value: float | None) -> str:
    """Return a number with three digits.

    Examples
    --------
    >>> number(0.61847), number(1234.5), number(math.inf), number(0.0)
    ('0.618', '1,234', 'never', '0')
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "never"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else _three_digits(value)


def _three_digits(value: float) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{decimals}f}"

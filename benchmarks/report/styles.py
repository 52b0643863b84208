"""Colours and markers: each contender has one of each, everywhere on a page."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

Look = dict[str, str]
"""`color` and `symbol`, as plotly names them."""

_OWN: dict[str, Look] = {
    name: {"color": colour, "symbol": marker}
    for name, colour, marker in (
        # Okabe & Ito, Color Universal Design, and four more
        ("numpy", "#E69F00", "circle"),
        ("torch", "#D55E00", "square"),
        ("jax", "#A0522D", "hexagram"),
        ("tensorflow", "#4400EE", "pentagon"),
        ("keras-tensorflow", "#0072B2", "diamond"),
        ("keras-jax", "#009E73", "cross"),
        ("keras-torch", "#CC79A7", "triangle-up"),
        ("torch-compile", "#56B4E9", "star"),
        ("keras-tensorflow-xla", "#AA66FF", "x"),
        ("tensorflow-xla", "#991133", "hourglass"),
    )
}
_SPARE: tuple[Look, ...] = tuple(
    {"color": colour, "symbol": marker}
    for colour, marker in (
        ("#775577", "hexagon"),
        ("#99BB77", "triangle-down"),
        ("#667777", "bowtie"),
        ("#CC11BB", "triangle-left"),
        ("#225555", "triangle-right"),
        ("#554488", "star-square"),
    )
)
"""Of contenders that have none. No two of all sixteen colours are nearer than 0.06 in Oklab, also with
protanopia, deuteranopia or tritanopia."""
READABLE = 0.5
"""So much of any of the colours on white leaves black text readable: more than 4.5 to 1."""
_LOOKS = (*_OWN.values(), *_SPARE)


def styles(contenders: Iterable[str]) -> dict[str, Look]:
    """Return each contender's colour and marker, no two alike: the same for the same contenders in any order.

    A side, such as numpy@after, takes its contender's where that is free; others take spare ones. Where there
    are more contenders than colours, colours come again with other markers: 256 pairs in all.

    Examples
    --------
    >>> found = styles(["numpy@after", "numpy@before", "torch"])
    >>> found["numpy@after"]
    {'color': '#E69F00', 'symbol': 'circle'}
    >>> found["numpy@before"]
    {'color': '#775577', 'symbol': 'hexagon'}
    """
    names = sorted(set(contenders))
    found = {name: _OWN[name] for name in names if name in _OWN}
    spare = itertools.chain(_SPARE, _mixed())
    for name in names:
        base = name.partition("@")[0]
        if name in found:
            continue
        if base in _OWN and _OWN[base] not in found.values():
            found[name] = _OWN[base]
        else:
            found[name] = next(spare, _SPARE[-1])
    return found


def _mixed() -> Iterator[Look]:
    """Yield every colour with every marker that is not its own."""
    count = len(_LOOKS)
    for shift in range(1, count):
        for number, look in enumerate(_LOOKS):
            yield {"color": look["color"], "symbol": _LOOKS[(number + shift) % count]["symbol"]}


def tint(colour: str, share: float) -> str:
    """Return so much of a colour on white.

    Examples
    --------
    >>> tint("#000000", 0.0), tint("#0072B2", 1.0)
    ('#ffffff', '#0072b2')
    """
    return "#" + "".join(f"{round(255 + share * (value - 255)):02x}" for value in rgb(colour))


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of #rrggbb.

    Examples
    --------
    >>> rgb("#E69F00")
    (230, 159, 0)
    """
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue

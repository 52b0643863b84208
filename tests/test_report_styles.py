from __future__ import annotations

import itertools
import math
from importlib import resources

import pytest

from benchmarks.modes import contender_names
from benchmarks.report.charts.chart import LEVELS
from benchmarks.report.styles import READABLE, rgb, styles, tint

SIDES = [f"{name}@{side}" for name in contender_names() for side in ("before", "after")]
STRANGERS = [f"stranger-{number}" for number in range(16 - len(contender_names()))]
SIGHTS = {
    "trichromacy": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What is seen of linear red, green and blue: Machado, Oliveira & Fernandes 2009, severity 1."""
NEAREST = 0.06
"""In Oklab, where 0.02 is just noticed (CSS Color 4, section 13)."""


def times(matrix, vector):
    return [math.fsum(factor * part for factor, part in zip(row, vector, strict=True)) for row in matrix]


def oklab(colour, sight):
    """Björn Ottosson 2020, A Perceptual Color Space for Image Processing."""
    shares = [value / 255 for value in rgb(colour)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
    seen = [min(1.0, max(0.0, part)) for part in times(SIGHTS[sight], linear)]
    cones = times(
        (
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        ),
        seen,
    )
    return times(
        (
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        ),
        [math.cbrt(cone) for cone in cones],
    )


@pytest.mark.parametrize(
    "names",
    [
        contender_names(),
        SIDES,
        [*contender_names(), *(f"stranger-{n}" for n in range(256 - len(contender_names())))],
    ],
)
def test_no_two_contenders_look_alike(names):
    looks = [tuple(look.values()) for look in styles(names).values()]
    assert len(looks) == len(set(looks)) == len(names)


def test_up_to_sixteen_differ_in_colour_and_in_marker():
    looks = styles([*contender_names(), *STRANGERS])
    assert len(looks) == 16
    for part in ("color", "symbol"):
        assert len({look[part] for look in looks.values()}) == 16


def test_looks_do_not_depend_on_order():
    names = [*SIDES, *STRANGERS, "numpy"]
    assert styles(names) == styles(reversed(names))


def test_a_known_contender_looks_the_same_whoever_else_is_there():
    assert {styles(others)["torch"]["color"] for others in (["torch"], ["torch", *SIDES])} == {"#D55E00"}


def test_a_side_takes_its_contender_s_look_where_that_is_free():
    assert styles(["torch@after", "torch@before"])["torch@after"] == styles(["torch"])["torch"]
    assert styles(["torch@after", "torch"])["torch@after"] != styles(["torch"])["torch"]


def test_more_contenders_than_looks_still_have_one():
    assert len(styles(f"stranger-{number}" for number in range(300))) == 300


COLOURS = {
    "contenders": tuple(look["color"] for look in styles([*contender_names(), *STRANGERS]).values()),
    "levels": LEVELS,
}


@pytest.mark.parametrize("of", COLOURS)
@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart(sight, of):
    colours = COLOURS[of]
    distances = {
        (one, other): math.dist(oklab(one, sight), oklab(other, sight))
        for one, other in itertools.combinations(colours, 2)
    }
    assert min(distances.values()) > NEAREST, min(distances, key=distances.__getitem__)


@pytest.mark.parametrize("ground", ["#ffffff", "#16181b"])
@pytest.mark.parametrize("of", COLOURS)
def test_colours_are_seen_on_the_page_s_ground(ground, of):
    for colour in COLOURS[of]:
        assert contrast(colour, ground) > 2, colour


def test_black_text_is_read_on_every_pale_colour():
    for look in styles([*contender_names(), *STRANGERS]).values():
        assert contrast(tint(look["color"], READABLE), "#000000") >= 4.5, look


def test_every_marker_has_its_symbol_in_tables():
    template = (resources.files("benchmarks.report") / "templates" / "report.html").read_text("utf-8")
    for look in styles([*contender_names(), *STRANGERS]).values():
        assert f'id="mark-{look["symbol"]}"' in template


def luminance(colour):
    """The relative luminance of #rrggbb, as WCAG defines it."""
    shares = [value / 255 for value in rgb(colour)]
    parts = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """The ratio that WCAG asks 4.5 of."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)

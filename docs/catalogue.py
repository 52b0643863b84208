"""Writes docs/catalogue.md from the catalogue: `python docs/catalogue.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from implementations import catalog
from implementations.catalog import ABSENT, REQUIRED, Accuracy, Element, Option
from implementations.catalog.element import GOOD

PAGE = Path(__file__).with_name("catalogue.md")
TABLES: dict[str, Mapping[str, Element]] = {
    "Activations": catalog.ACTIVATIONS,
    "Losses": catalog.LOSSES,
    "Optimizers": catalog.OPTIMIZERS,
    "Schedules": catalog.SCHEDULES,
    "Normalizations": catalog.NORMALIZATIONS,
    "Regularizations": catalog.REGULARIZATIONS,
    "Metrics": catalog.METRICS,
    "Initializers": catalog.INITIALIZERS,
}
SHARED = ("weight_decay_mode", "clipvalue", "clipnorm", "global_clipnorm")
"""Options of every optimizer, told once."""
FRAMEWORKS = {"keras": "Keras", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
INTRODUCTIONS = {
    "Losses": (
        "All but dice and tversky, which sum over all examples, take `sample_weight`, a weight w for each",
        "example's loss l. The option `weight_mode` says what the sum of w l is divided by: `examples`,",
        "their number (Keras's `sum_over_batch_size`), or `weights`, the sum of w (Keras's",
        "`mean_with_sample_weight`). Trainings take weights of classes, and none of examples.",
    ),
    "Optimizers": (
        "All take `weight_decay` (`weight_decay_mode` decoupled or l2), and one of `clipvalue`,",
        "`clipnorm` and `global_clipnorm`, which are no options of PyTorch's. A learning rate is always",
        "given here; the frameworks have defaults of it, which differ.",
    ),
    "Regularizations": ("Settings of a layer.",),
    "Initializers": ("Drawn once, in NumPy, for every backend.",),
}
"""What is told once for all elements of a table."""


def text() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The catalogue"
    yield ""
    yield "Written by `python docs/catalogue.py` from `implementations/catalog/`; a test sees to it."
    yield "Every element is there in NumPy (derivatives by hand), PyTorch, JAX, TensorFlow and Keras on each"
    yield "runtime. An option shows its default here, mostly Keras's, and a framework's own where that"
    yield "differs, – where its call has no such option. [Side by side](side-by-side.md) has them all."
    yield "Kinks, where the derivative jumps, are those with the defaults."
    yield ""
    counts = ", ".join(f"{len(table)} {name.lower()}" for name, table in TABLES.items())
    yield f"There are {counts}."
    for name, table in TABLES.items():
        yield from ("", f"## {name}", "")
        if name in INTRODUCTIONS:
            yield from (*INTRODUCTIONS[name], "")
        yield "| name | formula | options | conventions and kinks | source |"
        yield "|---|---|---|---|---|"
        for element in table.values():
            yield _line(_row(element))
    yield from ("", "## Tolerances", "")
    yield f"Values and derivatives of activations and losses may be {GOOD.ulp:g} units in the last place"
    yield "(ULP) off the exact result: room for three or four rounded operations and a library function."
    yield "Where more is allowed, or less is asked within a range of x (of a prediction, of a row's largest"
    yield "number), in ULP of f itself, of 1, of x or of 1 / x, it stands here, with its reason. The others'"
    yield "tolerances are in [numerics](numerics.md)."
    yield ""
    yield "| element | of | ULP | reason |"
    yield "|---|---|---|---|"
    for element in (*catalog.ACTIVATIONS.values(), *catalog.LOSSES.values()):
        for quantity, accuracy in (("value", element.value), ("derivative", element.derivative)):
            if accuracy != GOOD:
                yield _line((f"`{element.name}`", quantity, _allowed(accuracy), accuracy.reason))
    yield from ("", "## Coverage", "")
    yield "What computes an element in each backend: the framework's own call, or *composed*, where it is"
    yield "made of operations. An optimizer's class serves the convention that it has; the other one,"
    yield "where the class cannot take it, is a rule or a subclass of this project's. Initial values are"
    yield "drawn in NumPy for all; the calls named there draw from the"
    yield "same distribution, and tests compare them."
    yield ""
    yield f"| kind | element | NumPy | {' | '.join(FRAMEWORKS.values())} |"
    yield "|---|---|---|---|---|---|---|"
    for name, table in TABLES.items():
        calls = [[each.native.get(framework) for framework in FRAMEWORKS] for each in table.values()]
        native = [f"{sum(map(bool, column))} of {len(table)} native" for column in zip(*calls, strict=True)]
        yield _line((f"**{name}**", "", f"{len(table)} by hand", *native))
        for element, found in zip(table.values(), calls, strict=True):
            yield _line(
                (element.kind, f"`{element.name}`", "by hand", *(each or "composed" for each in found))
            )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _row(element: Element) -> tuple[str, ...]:
    options = "; ".join(_option(element, each) for each in element.arguments if each.name not in SHARED)
    notes = [f"Kinks: {', '.join(f'{kink:g}' for kink in element.kinks)}."] if element.kinks else []
    notes += [element.notes] if element.notes else []
    for convention, preset in element.conventions.items():
        settings = ", ".join(f"{name} = {value}" for name, value in preset.items())
        notes.append(f"{convention}: {settings}.")
    return f"`{element.name}`", element.formula, options, " ".join(notes), element.reference


def _allowed(accuracy: Accuracy) -> str:
    parts = [f"{accuracy.ulp:g}"]
    for each in accuracy.ranges:
        of = "" if each.of == "f" else f" of {each.of}"
        parts.append(f"{each.ulp:g}{of} from {each.low:g} to {each.high:g}")
    return "; ".join(parts)


def _option(element: Element, option: Option) -> str:
    own = {FRAMEWORKS[each]: value for each, value in option.own_defaults.items() if each in element.native}
    differing = [
        f", {label} {'–' if value == ABSENT else value}" for label, value in own.items() if value is not None
    ]
    return f"{option.name} ({REQUIRED if option.default is None else option.default}{''.join(differing)})"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

"""Writes docs/catalogue.md from the catalogue: `python docs/catalogue.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from implementations import catalog
from implementations.catalog import Element, Option

PAGE = Path(__file__).with_name("catalogue.md")
TABLES: dict[str, Mapping[str, Element]] = {
    "Activations": catalog.ACTIVATIONS,
    "Losses": catalog.LOSSES,
    "Optimizers": catalog.OPTIMIZERS,
    "Schedules": catalog.SCHEDULES,
    "Normalizations": catalog.NORMALIZATIONS,
    "Metrics": catalog.METRICS,
    "Initializers": catalog.INITIALIZERS,
}
SHARED = ("weight_decay_mode", "clipvalue", "clipnorm", "global_clipnorm")
"""Options of every optimizer, told once."""


def text() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The catalogue"
    yield ""
    yield "Written by `python docs/catalogue.py` from `implementations/catalog/`; a test sees to it."
    yield "Every element is there in NumPy (derivatives by hand), PyTorch, JAX and Keras on each runtime."
    yield "*Composed* means that the framework has no such element, and it is made of operations. An option"
    yield "shows Keras's default and, where it differs, PyTorch's."
    yield ""
    counts = ", ".join(f"{len(table)} {name.lower()}" for name, table in TABLES.items())
    yield f"There are {counts}."
    for name, table in TABLES.items():
        yield from ("", f"## {name}", "")
        if name == "Optimizers":
            yield "All take `weight_decay` (`weight_decay_mode` decoupled or l2), and one of `clipvalue`,"
            yield "`clipnorm` and `global_clipnorm`."
            yield ""
        if name == "Initializers":
            yield "Drawn once, in NumPy, for every backend."
            yield ""
        yield "| name | formula | options | Keras | PyTorch | conventions and kinks | source |"
        yield "|---|---|---|---|---|---|---|"
        for element in table.values():
            yield "| " + " | ".join(_cell(each) for each in _row(element)) + " |"


def _row(element: Element) -> tuple[str, ...]:
    drawn = element.kind == "initializer"
    options = "; ".join(_option(each) for each in element.options if each.name not in SHARED)
    notes = [element.notes] if element.notes else []
    for convention, preset in element.conventions.items():
        settings = ", ".join(f"{name} = {value}" for name, value in preset.items())
        notes.append(f"{convention}: {settings}.")
    native = ["NumPy" if drawn else element.native.get(each, "composed") for each in ("keras", "torch")]
    return f"`{element.name}`", element.formula, options, *native, " ".join(notes), element.reference


def _option(option: Option) -> str:
    default = "required" if option.default is None else f"{option.default}"
    torch = "" if option.torch_default is None else f", PyTorch {option.torch_default}"
    return f"{option.name} ({default}{torch})"


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

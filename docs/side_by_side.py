"""Writes docs/side-by-side.md from the catalogue and the backends' sources: `python docs/side_by_side.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from implementations import catalog
from implementations.catalog import Element, Option

PAGE = Path(__file__).with_name("side-by-side.md")
SOURCES = Path(__file__).parents[1] / "implementations"
BACKENDS = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
HOST_SCHEDULES = SOURCES / "host_schedules.py"
KINDS: dict[str, Mapping[str, Element]] = {
    "activations": catalog.ACTIVATIONS,
    "losses": catalog.LOSSES,
    "optimizers": catalog.OPTIMIZERS,
    "schedules": catalog.SCHEDULES,
    "metrics": catalog.METRICS,
}
"""A module of every backend -> the elements in it."""


@dataclass(frozen=True)
class Source:
    """A backend's module, cut into its functions and classes.

    Parameters
    ----------
    parts
        Name -> source, in order.
    uses
        Name -> the private functions, classes and constants of the module that it refers to.
    """

    parts: dict[str, str]
    uses: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> Source:
        """Cut a module."""
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        found: dict[str, ast.stmt] = {}
        for node in ast.parse(text).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = node
        parts, uses = {}, {}
        for name, node in found.items():
            decorators = getattr(node, "decorator_list", [])
            begin = min([node.lineno, *(each.lineno for each in decorators)])
            parts[name] = "\n".join(lines[begin - 1 : node.end_lineno])
            named = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
            uses[name] = [each for each in dict.fromkeys(named) if each in found and each.startswith("_")]
        return cls(parts, uses)

    def of(self, element: str) -> str:
        """Return an element's function and, where it is written by hand, its derivative."""
        names = [name for name in (element, f"{element}_gradient") if name in self.parts]
        return "\n\n\n".join(self.parts[name] for name in names)

    def shared(self, elements: Mapping[str, Element]) -> str:
        """Return the private parts that the elements use, directly or not, in the module's order."""
        reached: set[str] = set()
        waiting = [name for each in elements for name in (each, f"{each}_gradient") if name in self.parts]
        while waiting:
            for name in self.uses[waiting.pop()]:
                if name not in reached:
                    reached.add(name)
                    waiting.append(name)
        return "\n\n\n".join(text for name, text in self.parts.items() if name in reached)


def text() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Side by side"
    yield ""
    yield "Written by `python docs/side_by_side.py` from `implementations/`; a test sees to it. Each element"
    yield "with its formula, source and defaults, and the code of all backends next to each other. NumPy's"
    yield "derivatives are written by hand (`…_gradient`); the frameworks find theirs. Layers, normalizations"
    yield "and penalties are in each backend's `network.py`, initial values for all of them in"
    yield "[`implementations/initial.py`](../implementations/initial.py)."
    yield ""
    for kind, elements in KINDS.items():
        links = " · ".join(f"[{name}](#{_anchor(kind, name)})" for name in elements)
        yield from (f"**{kind.capitalize()}**: {links}", "")
    for kind, elements in KINDS.items():
        paths = {backend: path(backend, kind) for backend in BACKENDS}
        sources = {backend: Source.read(path) for backend, path in paths.items()}
        yield from (f"## {kind.capitalize()}", "")
        files = " · ".join(
            f"[{label}](../implementations/{paths[backend].relative_to(SOURCES).as_posix()})"
            for backend, label in BACKENDS.items()
        )
        yield from (f"Files: {files}", "")
        for name, element in elements.items():
            yield f'<a id="{_anchor(kind, name)}"></a>'
            yield from ("", f"### {name}", "")
            yield from _facts(element)
            yield from _columns({backend: source.of(name) for backend, source in sources.items()})
        shared = {backend: source.shared(elements) for backend, source in sources.items()}
        if any(shared.values()):
            yield from (f"### What {kind} share", "")
            yield from _columns(shared)


def path(backend: str, kind: str) -> Path:
    """Return the file with a backend's elements: where it takes those computed on the host, their file."""
    own = SOURCES / backend / f"{kind}.py"
    return HOST_SCHEDULES if "from implementations.host_schedules import" in own.read_text() else own


def _facts(element: Element) -> Iterator[str]:
    yield f"`{element.formula}`"
    yield ""
    if element.notes:
        yield from (element.notes, "")
    yield from (f"Source: {element.reference}", "")
    if element.options:
        yield "| option | Keras's default | PyTorch's default | meaning |"
        yield "|---|---|---|---|"
        for option in element.options:
            defaults = f"{_default(option)} | {_torch_default(option)}"
            yield f"| `{option.name}` | {defaults} | {_cell(option.meaning)} |"
        yield ""
    for convention, preset in element.conventions.items():
        settings = ", ".join(f"`{name} = {value}`" for name, value in preset.items())
        yield from (f"Convention `{convention}`: {settings}.", "")


def _columns(code: Mapping[str, str]) -> Iterator[str]:
    """Yield a table of code, one column for each backend, as GitHub shows it."""
    yield "<table>"
    yield "<tr>" + "".join(f"<th>{label}</th>" for label in BACKENDS.values()) + "</tr>"
    yield "<tr>"
    for backend in BACKENDS:
        yield from ('<td valign="top">', "", "```python", code[backend] or "# nothing", "```", "", "</td>")
    yield from ("</tr>", "</table>", "")


def _anchor(kind: str, name: str) -> str:
    return f"{kind}-{name}"


def _default(option: Option) -> str:
    return "required" if option.default is None else f"`{option.default}`"


def _torch_default(option: Option) -> str:
    return "the same" if option.torch_default is None else f"`{option.torch_default}`"


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

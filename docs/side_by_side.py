"""Writes docs/side-by-side.md from the catalogue and the backends' sources: `python docs/side_by_side.py`."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from implementations import catalog
from implementations.catalog import ABSENT, REQUIRED, Element, Option, OptionValue
from implementations.spec import LayerSpec

PAGE = Path(__file__).with_name("side-by-side.md")
SOURCES = Path(__file__).parents[1] / "implementations"
BACKENDS = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
FRAMEWORKS = ("keras", "torch", "jax", "tensorflow")
HOST = SOURCES / "host"
KINDS: dict[str, Mapping[str, Element]] = {
    "activations": catalog.ACTIVATIONS,
    "losses": catalog.LOSSES,
    "optimizers": catalog.OPTIMIZERS,
    "schedules": catalog.SCHEDULES,
    "metrics": catalog.METRICS,
}
"""A module of every backend -> the elements in it."""
_LAYER = LayerSpec(units=1)
DENSE = Element(
    "dense",
    "layer",
    "y = f(x W + b), x of shape (n, inputs), W (inputs, units), b (units,), with f one of the activations",
    "keras/src/layers/core/dense.py; torch/nn/modules/linear.py",
    options=(
        Option("use_bias", _LAYER.use_bias, "whether there is a b"),
        Option(
            "kernel_initializer",
            _LAYER.kernel_initializer.name,
            "what W begins with; drawn in NumPy for all",
            torch_default="torch_linear",
        ),
        Option(
            "bias_initializer",
            _LAYER.bias_initializer.name,
            "what b begins with; PyTorch's has the kernel's bounds",
            torch_default="torch_linear",
        ),
    ),
    native={"keras": "keras.layers.Dense", "torch": "torch.nn.Linear"},
    notes="PyTorch's kernel is the transpose, (units, inputs). JAX has no layers.",
)
LAYERS: dict[str, Element] = {"dense": DENSE, **catalog.NORMALIZATIONS, **catalog.REGULARIZATIONS}
_PENALTY = {
    "numpy": ("Affine", "Learner._penalty"),
    "torch": ("Learner._objective",),
    "jax": ("Learner._objective",),
    "tensorflow": ("Learner._objective",),
    "keras": ("dense", "_penalty"),
}
LAYER_PARTS: dict[str, Mapping[str, Sequence[str]]] = {
    "dense": {
        "numpy": ("Affine", "Activation"),
        "torch": ("dense", "Activation"),
        "jax": ("dense", "activation"),
        "tensorflow": ("dense", "activation"),
        "keras": ("dense", "activation", "function"),
    },
    "batch_normalization": {
        "numpy": ("BatchNormalization",),
        "torch": ("normalization", "BiasedBatchNorm1d"),
        "jax": ("normalization",),
        "tensorflow": ("normalization",),
        "keras": ("normalization", "UnbiasedBatchNormalization"),
    },
    "layer_normalization": {
        "numpy": ("LayerNormalization",),
        "torch": ("normalization",),
        "jax": ("normalization",),
        "tensorflow": ("normalization",),
        "keras": ("normalization",),
    },
    "l1": _PENALTY,
    "l2": _PENALTY,
    "dropout": {
        "numpy": ("Dropout", "Learner._fill_masks"),
        "torch": ("dense", "SharedDropout"),
        "jax": ("Learner._own_masks", "Learner._forward"),
        "tensorflow": ("Learner._own_masks", "Learner._forward"),
        "keras": ("Learner._build", "SharedDropout"),
    },
}
"""A layer's element -> its parts of each backend's `network.py`, a class's method as Class.method."""
INITIAL = ("draw", "_uniform", "_cut_normal", "_orthogonal")
"""What of `initial.py` draws."""


@dataclass(frozen=True)
class Source:
    """A backend's module, cut into its functions and classes.

    Parameters
    ----------
    parts
        Name -> source, in order; of a class also Class.method.
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
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef):
                    method = "\n".join(lines[inner.lineno - 1 : inner.end_lineno])
                    parts[f"{name}.{inner.name}"] = textwrap.dedent(method)
        return cls(parts, uses)

    def of(self, element: str) -> str:
        """Return an element's function and, where it is written by hand, its derivative."""
        names = [name for name in (element, f"{element}_gradient") if name in self.parts]
        return self.joined(names)

    def joined(self, names: Sequence[str]) -> str:
        """Return these parts."""
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
    yield "derivatives are written by hand (`…_gradient`); the frameworks find theirs."
    yield ""
    yield "Of an option, *here* is what this project takes in every framework, before a convention or you say"
    yield "otherwise; beside it are the frameworks' own defaults, which a test compares with their"
    yield "signatures. Where a framework has no argument for what an option chooses, such as the place of"
    yield "epsilon, the column says what it always does. – means that its call has no such option, or that"
    yield "the element is composed of others. A learning rate has no default here: it is always given."
    yield ""
    yield "JAX itself has neither layers nor losses, metrics, optimizers or schedules. Nor has TensorFlow, as"
    yield "those of `tf.keras` are Keras's. What is left are functions and kernels, mostly without defaults."
    yield ""
    for kind, elements in {**KINDS, "layers": LAYERS, "initializers": catalog.INITIALIZERS}.items():
        links = " · ".join(f"[{name}](#{_anchor(kind, name)})" for name in elements)
        yield from (f"**{kind.capitalize()}**: {links}", "")
    for kind, elements in KINDS.items():
        paths = {backend: path(backend, kind) for backend in BACKENDS}
        sources = {backend: Source.read(path) for backend, path in paths.items()}
        yield from (f"## {kind.capitalize()}", "")
        yield from (f"Files: {_files(paths)}", "")
        for name, element in elements.items():
            yield from _heading(kind, name)
            yield from _facts(element)
            yield from _columns({backend: source.of(name) for backend, source in sources.items()})
        shared = {backend: source.shared(elements) for backend, source in sources.items()}
        if any(shared.values()):
            yield from (f"### What {kind} share", "")
            yield from _columns(shared)
    yield from _layers()
    yield from _initializers()


def _layers() -> Iterator[str]:
    paths = {backend: SOURCES / backend / "network.py" for backend in BACKENDS}
    sources = {backend: Source.read(path) for backend, path in paths.items()}
    yield from ("## Layers", "", f"Files: {_files(paths)}", "")
    for name, element in LAYERS.items():
        yield from _heading("layers", name)
        yield from _facts(element)
        parts = LAYER_PARTS[name]
        yield from _columns({backend: sources[backend].joined(parts[backend]) for backend in BACKENDS})


def _initializers() -> Iterator[str]:
    yield from ("## Initializers", "")
    yield "Initial parameters are drawn once, by `draw` in"
    yield "[`implementations/initial.py`](../implementations/initial.py), and handed to every backend. The"
    yield "frameworks' own calls draw from the same distributions, which tests compare."
    yield ""
    for name, element in catalog.INITIALIZERS.items():
        yield from _heading("initializers", name)
        yield from _facts(element)
        calls = [f"`{element.native[backend]}`" for backend in BACKENDS if backend in element.native]
        yield from (f"The frameworks' own: {' · '.join(calls)}", "")
    drawn = Source.read(SOURCES / "initial.py").joined(INITIAL)
    yield from ("### What initializers share", "", "```python", drawn, "```", "")


def _heading(kind: str, name: str) -> Iterator[str]:
    yield from (f'<a id="{_anchor(kind, name)}"></a>', "", f"### {name}", "")


def _files(paths: Mapping[str, Path]) -> str:
    return " · ".join(
        f"[{label}](../implementations/{paths[backend].relative_to(SOURCES).as_posix()})"
        for backend, label in BACKENDS.items()
    )


def path(backend: str, kind: str) -> Path:
    """Return the file with a backend's elements: where it takes those computed on the host, their file."""
    own = SOURCES / backend / f"{kind}.py"
    return own if own.exists() else HOST / own.name


def _facts(element: Element) -> Iterator[str]:
    yield f"`{element.formula}`"
    yield ""
    if element.notes:
        yield from (element.notes, "")
    yield from (f"Source: {element.reference}", "")
    if element.options:
        yield f"| option | here | {' | '.join(BACKENDS[each] for each in FRAMEWORKS)} | meaning |"
        yield f"|---|---|{'---|' * len(FRAMEWORKS)}---|"
        for option in element.arguments:
            here = REQUIRED if option.default is None else option.default
            defaults = [here, *(element.own_default(each, option) for each in FRAMEWORKS)]
            yield f"| `{option.name}` | {' | '.join(map(_shown, defaults))} | {_cell(option.meaning)} |"
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


def _shown(default: OptionValue) -> str:
    return "–" if default == ABSENT else REQUIRED if default == REQUIRED else f"`{default}`"


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

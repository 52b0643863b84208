"""Programs: operations on arrays of known shapes, replayed without allocating anything.

A program is a straight list of calls, each of which writes where an earlier result is no longer needed. The
operations come from `recording`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

View = Callable[[Any], Any]
Empty = Callable[[tuple[int, ...], np.dtype], Any]
SLOW_WITH_NUMBERS = (np.maximum, np.minimum)
"""Three times as fast with an array of equal numbers as with a single one (NumPy 2.4)."""


@dataclass(eq=False)
class Node:
    """An array of the program: one from outside, one that it owns, or a view of either."""

    example: np.ndarray
    """Any array of that shape and dtype."""
    array: Any = None
    """Its memory, once it is known."""
    base: Node | None = None
    view: View | None = None
    slot: int | None = None
    """Number of the input that it is."""

    @property
    def owner(self) -> Node:
        """The node whose memory this one lies in."""
        return self.base.owner if self.base else self


@dataclass(frozen=True)
class Operation:
    """A call that writes the array of a node."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    out: Node
    options: dict[str, Any] = field(default_factory=dict)
    elementwise: bool = False
    """Whether it may write where it reads."""

    @property
    def nodes(self) -> Iterator[Node]:
        """The owners of what it reads and writes."""
        yield from (each.owner for each in (*self.inputs, self.out) if isinstance(each, Node))


@dataclass(frozen=True)
class Patch:
    """Where an input of the run is put: into the arguments of a call."""

    slot: int
    view: View
    arguments: list[Any]
    place: int


class Program:
    """A straight list of calls.

    Parameters
    ----------
    calls
        Each writes into memory that it knows.
    patches
        Where inputs go.
    outputs
        Arrays that hold the results after a run, and are overwritten by the next one.
    names
        Of what each call does.
    """

    def __init__(
        self,
        calls: list[Callable[[], Any]],
        patches: list[Patch],
        outputs: tuple[Any, ...],
        names: list[str],
    ) -> None:
        self.calls, self._patches, self.outputs, self.names = calls, patches, outputs, names
        self.scope: AbstractContextManager[Any] = nullcontext()
        """What the calls run in."""

    def run(self, *inputs: Any) -> None:
        """Do it all, with these inputs in place of the recorded ones."""
        for patch in self._patches:
            patch.arguments[patch.place] = patch.view(inputs[patch.slot])
        with self.scope:
            for call in self.calls:
                call()

    @contextmanager
    def timed(self) -> Iterator[dict[str, list[float]]]:
        """Note the seconds of each call while it runs, by the call's name."""
        calls, seconds = self.calls, {name: list[float]() for name in self.names}
        self.calls = [_timed(*each) for each in zip(calls, map(seconds.__getitem__, self.names), strict=True)]
        try:
            yield seconds
        finally:
            self.calls = calls


def linked(operations: Sequence[Operation], results: Sequence[Node], empty: Empty) -> Program:
    """Return these operations as calls, of which each knows its memory.

    Parameters
    ----------
    results
        What the program's outputs are.
    empty
        `empty(shape, dtype)` makes an array where one is needed.
    """
    kept = {node.owner for node in results}
    operations = _needed(operations, kept)
    _allocate(operations, kept, empty)
    patches: list[Patch] = []
    calls = [_call(operation, patches) for operation in operations]
    names = [_name(operation.function) for operation in operations]
    return Program(calls, patches, tuple(map(_array, results)), names)


def _needed(operations: Sequence[Operation], kept: set[Node]) -> list[Operation]:
    """Return the operations whose result somebody reads."""
    needed, used = set(kept), []
    for operation in reversed(operations):
        owner = operation.out.owner
        if owner in needed or owner.array is not None:
            needed.update(operation.nodes)
            used.append(operation)
    return used[::-1]


def _allocate(operations: Sequence[Operation], kept: set[Node], empty: Empty) -> None:
    """Give every node of the program memory: that of an input that dies there, or of one that is dead."""
    last: dict[Node, int] = {}
    for number, operation in enumerate(operations):
        last.update(dict.fromkeys(operation.nodes, number))
    owned: set[Node] = set()
    free: dict[tuple[tuple[int, ...], np.dtype], list[Any]] = defaultdict(list)
    for number, operation in enumerate(operations):
        out = operation.out.owner
        dying = {node for node in operation.nodes if node in owned and last[node] == number}
        if out.array is None:
            owned.add(out)
            heirs = [node for node in dying if _may_write_to(operation, node) and _place(node) == _place(out)]
            if heirs:
                out.array = heirs[0].array
                dying.remove(heirs[0])
            else:
                spare = free[_place(out)]
                out.array = spare.pop() if spare else empty(*_place(out))
        for node in dying - kept:
            free[_place(node)].append(node.array)
            owned.discard(node)
        owned -= kept


def _call(operation: Operation, patches: list[Patch]) -> Callable[[], Any]:
    """Return the operation as a call without arguments; add where it waits for inputs."""
    out = _array(operation.out)
    # a ufunc takes its output fastest by position, which maximum and minimum no longer allow
    positional = isinstance(operation.function, np.ufunc) and operation.function not in SLOW_WITH_NUMBERS
    options = operation.options if positional else {**operation.options, "out": out}
    arguments = [_array(each) if isinstance(each, Node) else each for each in operation.inputs]
    late = [
        Patch(*_way(each), arguments, place)
        for place, each in enumerate(operation.inputs)
        if isinstance(each, Node) and each.owner.slot is not None
    ]
    if positional:
        arguments.append(out)
    if not late:
        return partial(operation.function, *arguments, **options)
    patches += late
    function = partial(operation.function, **options) if options else operation.function
    return lambda: function(*arguments)


def _name(function: Callable[..., Any]) -> str:
    """Return the name of what a call does, such as `multiply`, `add.reduce` or `copy`."""
    function = function.func if isinstance(function, partial) else function
    ufunc = getattr(function, "__self__", None)
    own = function.__name__.removeprefix("_")
    return f"{ufunc.__name__}.{own}" if isinstance(ufunc, np.ufunc) else own


def _timed(call: Callable[[], Any], seconds: list[float]) -> Callable[[], None]:
    """Return a call that also notes how long it takes."""

    def timed() -> None:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)

    return timed


def _way(node: Node) -> tuple[int, View]:
    """Return the number of the input that a node shows, and how to come from the one to the other."""
    if node.slot is not None:
        return node.slot, _itself
    assert node.base is not None
    assert node.view is not None
    slot, before = _way(node.base)
    after = node.view
    return slot, after if before is _itself else lambda array: after(before(array))


def _itself(array: Any) -> Any:
    return array


def _array(node: Node) -> Any:
    """Return the node's array; None for an input, and for a view of one."""
    if node.array is None and node.base is not None and node.view is not None and node.owner.slot is None:
        node.array = node.view(_array(node.base))
    return node.array


def _may_write_to(operation: Operation, node: Node) -> bool:
    """Return whether it reads that node number by number, and no view of it."""
    reads = [each for each in operation.inputs if isinstance(each, Node) and each.owner is node]
    return operation.elementwise and bool(reads) and all(each is node for each in reads)


def _place(node: Node) -> tuple[tuple[int, ...], np.dtype]:
    return node.example.shape, node.example.dtype


def example_like(like: Any) -> np.ndarray:
    """Return an array of that shape and dtype that takes no memory."""
    value = np.zeros((), like.dtype) if like.dtype.kind in "iu" else np.ones((), like.dtype)
    return np.broadcast_to(value, like.shape)

"""Programs: formulas recorded once for arrays of known shapes, and replayed without allocating anything.

A formula such as `np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))` makes a new array with every operation.
While it is recorded, `x` is a `Recorded` array, which only notes what is done to it. The program that comes
of it is a straight list of calls, each of which writes where an earlier result is no longer needed.

Nothing is differentiated here: formulas and their derivatives are written by hand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from implementations.numpy.arrays import NUMPY, ArrayModule

View = Callable[[Any], Any]
_SLOW_WITH_NUMBERS = (np.maximum, np.minimum)
"""Three times as fast with a row of equal numbers as with a single one (NumPy 2.4)."""


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


class Program:
    """A straight list of calls.

    Parameters
    ----------
    calls
        Each writes into memory that it knows.
    inputs
        Filled with the arrays of a run, which calls that need them look up.
    outputs
        Arrays that hold the results after a run, and are overwritten by the next one.
    """

    def __init__(self, calls: list[Callable[[], Any]], inputs: list[Any], outputs: tuple[Any, ...]) -> None:
        self._calls, self._inputs, self.outputs = calls, inputs, outputs

    def run(self, *inputs: Any) -> None:
        """Do it all, with these inputs in place of the recorded ones."""
        self._inputs[:] = inputs
        for call in self._calls:
            call()


class Recorder:
    """Notes what is done to the arrays that it hands out.

    Examples
    --------
    >>> recorder = Recorder()
    >>> x = recorder.input(np.zeros(3))
    >>> program = recorder.program(2 * np.maximum(x, 0) + 1)
    >>> program.run(np.array([-1.0, 0.0, 1.0]))
    >>> program.outputs[0]
    array([1., 1., 3.])
    """

    def __init__(self, module: ArrayModule = NUMPY) -> None:
        self._module = module
        self._operations: list[Operation] = []
        self._known: dict[Any, Node] = {}
        self._rows: dict[Any, Recorded] = {}
        self._writes: Counter[Node] = Counter()
        self._slots = 0

    def input(self, like: np.ndarray) -> Recorded:
        """Return an array that each run brings along, of that shape and dtype."""
        self._slots += 1
        return Recorded(self, Node(_example(like), slot=self._slots - 1))

    def bound(self, array: Any) -> Recorded:
        """Return an array of the outside that the program reads and changes where it is."""
        return Recorded(self, Node(_example(array), array))

    def program(self, *outputs: Recorded) -> Program:
        """Give every array its memory and return the calls."""
        results = [output.node for output in outputs]
        kept = {node.owner for node in results}
        self._drop_unused(kept)
        self._allocate(kept)
        inputs: list[Any] = [None] * self._slots
        calls = [_call(operation, inputs) for operation in self._operations]
        return Program(calls, inputs, tuple(map(_array, results)))

    def with_ones(self, x: Recorded) -> Recorded:
        """Return x (n, k) with a last column of ones; x is then computed inside of it."""
        rows, columns = x.shape
        whole = self._module.full((rows, columns + 1), 1, x.dtype)
        if x.node.array is None and x.node.base is None and x.node.slot is None:
            x.node.array = whole[:, :columns]
        else:
            self.note(_copy, (x,), out=self.bound(whole[:, :columns]))
        return self.bound(whole)

    def note(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Any],
        *,
        out: Recorded | None = None,
        example: np.ndarray | None = None,
        elementwise: bool = False,
        **options: Any,
    ) -> Recorded:
        """Note a call `function(*inputs, out=..., **options)`; return what it writes."""
        read = tuple(map(self._read, inputs))
        if out is not None:
            self._writes[out.node.owner] += 1
            self._operations.append(Operation(function, read, out.node, options, elementwise))
            return out
        # what was computed before, and has not been overwritten since, is not computed again
        key = function, tuple(map(self._identity, read)), tuple(options.items())
        if key in self._known and not self._writes[self._known[key]]:
            return Recorded(self, self._known[key])
        assert example is not None
        node = self._known[key] = Node(_example(example))
        self._operations.append(Operation(function, read, node, options, elementwise))
        return Recorded(self, node)

    def full(self, shape: tuple[int, ...], value: float, dtype: np.dtype) -> Recorded:
        """Return an array of its own for the program, filled with a number."""
        return self.bound(self._module.full(shape, value, dtype))

    def row(self, length: int, value: float, dtype: np.dtype) -> Recorded:
        """Return equal numbers that the program only reads."""
        key = length, value, dtype
        if key not in self._rows:
            self._rows[key] = self.full((length,), value, dtype)
        return self._rows[key]

    def constant(self, array: np.ndarray) -> Recorded:
        """Return an array that the program only reads."""
        return self.bound(self._module.asarray(array))

    def _read(self, value: Any) -> Any:
        """Return what an operation reads: a node, or a number."""
        if type(value) is np.ndarray:  # a table that a formula made
            return self.constant(value).node
        return value.node if isinstance(value, Recorded) else value

    def _identity(self, value: Any) -> Any:
        """Return what tells whether two inputs are the same numbers."""
        if isinstance(value, Node):
            return value, self._writes[value.owner]
        return type(value), value

    def _drop_unused(self, kept: set[Node]) -> None:
        """Forget operations whose result nobody reads."""
        needed, used = set(kept), []
        for operation in reversed(self._operations):
            owner = operation.out.owner
            if owner in needed or owner.array is not None:
                needed.update(operation.nodes)
                used.append(operation)
        self._operations = used[::-1]

    def _allocate(self, kept: set[Node]) -> None:
        """Give every node of the program memory: that of an input that dies there, or of one that is dead."""
        last: dict[Node, int] = {}
        for number, operation in enumerate(self._operations):
            last.update(dict.fromkeys(operation.nodes, number))
        owned: set[Node] = set()
        free: dict[tuple[tuple[int, ...], np.dtype], list[Any]] = defaultdict(list)
        for number, operation in enumerate(self._operations):
            out = operation.out.owner
            dying = {node for node in operation.nodes if node in owned and last[node] == number}
            if out.array is None:
                owned.add(out)
                heirs = [
                    node for node in dying if _may_write_to(operation, node) and _place(node) == _place(out)
                ]
                if heirs:
                    out.array = heirs[0].array
                    dying.remove(heirs[0])
                else:
                    spare = free[_place(out)]
                    out.array = spare.pop() if spare else self._module.empty(*_place(out))
            for node in dying - kept:
                free[_place(node)].append(node.array)
                owned.discard(node)
            owned -= kept


class Recorded(NDArrayOperatorsMixin):
    """An array of which only shape and dtype are known; NumPy's functions on it are noted."""

    def __init__(self, recorder: Recorder, node: Node) -> None:
        self.recorder, self.node = recorder, node

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its axes."""
        return self.node.example.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of its numbers."""
        return self.node.example.dtype

    @property
    def ndim(self) -> int:
        """Number of its axes."""
        return self.node.example.ndim

    @property
    def size(self) -> int:
        """Number of its numbers."""
        return self.node.example.size

    @property
    def T(self) -> Recorded:  # noqa: N802  NumPy's name
        """The transpose, a view."""
        return self._viewed(lambda array: array.T)

    def __len__(self) -> int:
        return len(self.node.example)

    def __getitem__(self, key: Any) -> Recorded:
        return self._viewed(lambda array: array[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.recorder.note(_copy, (value,), out=self[key])

    def reshape(self, *shape: int) -> Recorded:
        """Return a view of another shape."""
        return self._viewed(lambda array: _reshaped(array, shape))

    def astype(self, dtype: Any, **_: Any) -> Recorded:
        """Return its numbers in another type."""
        return self.recorder.note(_cast, (self,), example=self.node.example.astype(dtype))

    def sum(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return sums along an axis."""
        return _reduced(np.add, self, axis, keepdims)

    def max(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return the largest numbers along an axis."""
        return _reduced(np.maximum, self, axis, keepdims)

    def mean(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return means along an axis."""
        total = self.sum(axis, keepdims=keepdims)
        return total / (self.size // max(total.size, 1))

    def var(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return variances of n along an axis."""
        return np.square(self - self.mean(axis, keepdims=True)).mean(axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None) -> Recorded:
        """Return the places of the largest numbers along an axis."""
        return self.recorder.note(
            np.argmax, (self,), example=np.asarray(self.node.example.argmax(axis)), axis=axis
        )

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] = (), **options: Any
    ) -> Recorded:
        recorder = self.recorder
        if method != "__call__" or options:
            raise TypeError(f"{ufunc.__name__}.{method} with {sorted(options)} cannot be recorded")
        with np.errstate(all="ignore"):
            example = ufunc(*map(_example_of, inputs))
        into = out[0] if out else None
        if into is not None and not isinstance(into, Recorded):
            into = recorder.bound(into)
        if ufunc in _SLOW_WITH_NUMBERS and example.ndim:
            inputs = tuple(
                recorder.row(example.shape[-1], each, example.dtype)
                if isinstance(each, (int, float))
                else each
                for each in inputs
            )
        if ufunc is np.matmul:
            return recorder.note(ufunc, inputs, out=into, example=example)
        return recorder.note(ufunc, inputs, out=into, example=example, elementwise=True)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        try:
            note = _FUNCTIONS[function]
        except KeyError:
            raise TypeError(f"{function.__name__} cannot be recorded") from None
        return note(self.recorder, *args, **options)

    def _viewed(self, view: View) -> Recorded:
        node = Node(view(self.node.example), base=self.node, view=view)
        return Recorded(self.recorder, node)


# ------------------------------------------------------------------ NumPy's functions that are no ufuncs


def _reduced(ufunc: np.ufunc, x: Recorded, axis: int | None, keepdims: bool) -> Recorded:
    example = ufunc.reduce(x.node.example, axis=axis, keepdims=keepdims)
    options: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    return x.recorder.note(ufunc.reduce, (x,), example=np.asarray(example), **options)


def _where(recorder: Recorder, condition: Any, a: Any, b: Any) -> Recorded:
    example = np.where(*map(_example_of, (condition, a, b)))
    return recorder.note(_select, (condition, a, b), example=example)


def _clip(recorder: Recorder, x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def _concatenate(recorder: Recorder, parts: Sequence[Any], axis: int = 0) -> Recorded:
    example = np.concatenate([_example_of(part) for part in parts], axis=axis)
    return recorder.note(_join, parts, example=example, axis=axis)


def _split(recorder: Recorder, x: Recorded, sections: int, axis: int = 0) -> list[Recorded]:
    size = x.shape[axis] // sections
    at = axis % x.ndim
    cuts = [slice(number * size, (number + 1) * size) for number in range(sections)]
    return [x[(slice(None),) * at + (cut,)] for cut in cuts]


def _sort(recorder: Recorder, x: Recorded, axis: int = -1) -> Recorded:
    return recorder.note(_sorted, (x,), example=x.node.example, axis=axis)


def _cumsum(recorder: Recorder, x: Recorded, axis: int) -> Recorded:
    return recorder.note(np.add.accumulate, (x,), example=x.node.example, axis=axis)


def _take(recorder: Recorder, table: Any, places: Any, axis: int) -> Recorded:
    example = np.take(_example_of(table), _example_of(places), axis=axis)
    # without mode, NumPy fills a buffer first; checks.targets has seen that the places exist
    return recorder.note(np.take, (table, places), example=example, axis=axis, mode="clip")


def _filled(value: float) -> Callable[..., Recorded]:
    return lambda recorder, like: recorder.full(like.shape, value, like.dtype)


_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.concatenate: _concatenate,
    np.split: _split,
    np.sort: _sort,
    np.cumsum: _cumsum,
    np.take: _take,
    np.sum: lambda recorder, x, axis=None, keepdims=False: x.sum(axis, keepdims=keepdims),
    np.mean: lambda recorder, x, axis=None, keepdims=False: x.mean(axis, keepdims=keepdims),
    np.max: lambda recorder, x, axis=None, keepdims=False: x.max(axis, keepdims=keepdims),
    np.argmax: lambda recorder, x, axis=None: x.argmax(axis),
    np.zeros_like: _filled(0.0),
    np.ones_like: _filled(1.0),
    np.full_like: lambda recorder, like, value: recorder.full(like.shape, value, like.dtype),
}


def _copy(source: Any, *, out: Any) -> None:
    out[...] = source


def _cast(source: Any, *, out: Any) -> None:
    np.copyto(out, source, casting="unsafe")


def _select(condition: Any, a: Any, b: Any, *, out: Any) -> None:
    out[...] = b
    np.copyto(out, a, where=condition)


def _join(*parts: Any, out: Any, axis: int) -> None:
    np.concatenate(parts, axis=axis, out=out)


def _sorted(source: Any, *, out: Any, axis: int) -> None:
    out[...] = source
    out.sort(axis=axis)


# ------------------------------------------------------------------ from operations to calls


def _call(operation: Operation, inputs: list[Any]) -> Callable[[], Any]:
    """Return the operation as a call without arguments."""
    readers = [_reader(each, inputs) for each in operation.inputs]
    out = _array(operation.out)
    function: Callable[..., Any] = partial(operation.function, **operation.options)
    # a ufunc takes its output fastest by position, which maximum and minimum no longer allow
    positional = isinstance(operation.function, np.ufunc) and operation.function not in _SLOW_WITH_NUMBERS
    if not any(map(callable, readers)):
        return partial(function, *readers, out) if positional else partial(function, *readers, out=out)

    def late() -> None:
        function(*[read() if callable(read) else read for read in readers], out=out)

    return late


def _reader(value: Any, inputs: list[Any]) -> Any:
    """Return what the operation reads, or a function that looks it up in the inputs of a run."""
    if not isinstance(value, Node):
        return value
    if value.owner.slot is None:
        return _array(value)
    return partial(_from_slot, value, inputs)


def _from_slot(node: Node, inputs: list[Any]) -> Any:
    if node.slot is not None:
        return inputs[node.slot]
    assert node.base is not None
    assert node.view is not None
    return node.view(_from_slot(node.base, inputs))


def _array(node: Node) -> Any:
    """Return the node's array."""
    if node.array is None and node.base is not None and node.view is not None:
        node.array = node.view(_array(node.base))
    return node.array


def _may_write_to(operation: Operation, node: Node) -> bool:
    """Return whether it reads that node number by number, and no view of it."""
    reads = [each for each in operation.inputs if isinstance(each, Node) and each.owner is node]
    return operation.elementwise and bool(reads) and all(each is node for each in reads)


def _reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    """Return a view of that shape; a copy would not follow what is written to the array."""
    return array.reshape(shape, copy=False) if isinstance(array, np.ndarray) else array.reshape(shape)


def _place(node: Node) -> tuple[tuple[int, ...], np.dtype]:
    return node.example.shape, node.example.dtype


def _example(like: Any) -> np.ndarray:
    """Return an array of that shape and dtype that takes no memory."""
    value = np.zeros((), like.dtype) if like.dtype.kind in "iu" else np.ones((), like.dtype)
    return np.broadcast_to(value, like.shape)


def _example_of(value: Any) -> Any:
    return value.node.example if isinstance(value, Recorded) else value

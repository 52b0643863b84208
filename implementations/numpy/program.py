"""Programs: formulas recorded once for arrays of known shapes, and replayed without allocating anything.

A formula such as `np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))` makes a new array with every operation.
While it is recorded, `x` is a `Recorded` array, which only notes what is done to it. The program that comes
of it is a straight list of calls, each of which writes where an earlier result is no longer needed.

Nothing is differentiated here: formulas and their derivatives are written by hand.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from implementations.numpy.arrays import NUMPY, ArrayModule

View = Callable[[Any], Any]
Order = Literal["C", "F"]
_SLOW_WITH_NUMBERS = (np.maximum, np.minimum)
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


class Recorder:
    """Notes what is done to the arrays that it hands out.

    Parameters
    ----------
    order
        How results lie in memory. Of (examples, units) in order F, a unit's results lie side by side: sums
        over units are then sums of whole columns, and a column of ones disturbs nobody.

    Examples
    --------
    >>> recorder = Recorder()
    >>> x = recorder.input(np.zeros(3))
    >>> program = recorder.program(2 * np.maximum(x, 0) + 1)
    >>> program.run(np.array([-1.0, 0.0, 1.0]))
    >>> program.outputs[0]
    array([1., 1., 3.])
    """

    def __init__(self, module: ArrayModule = NUMPY, order: Order = "C") -> None:
        self.module, self._order = module, order
        self._operations: list[Operation] = []
        self._known: dict[Any, Node] = {}
        self._equal: dict[Any, Recorded] = {}
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
        patches: list[Patch] = []
        calls = [_call(operation, patches) for operation in self._operations]
        names = [_name(operation.function) for operation in self._operations]
        return Program(calls, patches, tuple(map(_array, results)), names)

    def with_ones(self, x: Recorded) -> Recorded:
        """Return x (n, k) with a last column of ones; x is then computed inside of it."""
        rows, columns = x.shape
        whole = self._full((rows, columns + 1), 1, x.dtype)
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
        return self.bound(self._full(shape, value, dtype))

    def equal(self, shape: tuple[int, ...], value: float, dtype: np.dtype) -> Recorded:
        """Return equal numbers that the program only reads."""
        key = shape, value, dtype
        if key not in self._equal:
            self._equal[key] = self.full(*key)
        return self._equal[key]

    def constant(self, array: np.ndarray) -> Recorded:
        """Return an array that the program only reads."""
        return self.bound(self.module.asarray(array))

    def _full(self, shape: tuple[int, ...], value: float, dtype: np.dtype) -> Any:
        array = self._empty(shape, dtype)
        array[...] = value
        return array

    def _empty(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        return (
            self.module.empty(shape[::-1], dtype).T if self._order == "F" else self.module.empty(shape, dtype)
        )

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
                    out.array = spare.pop() if spare else self._empty(*_place(out))
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
        return _reduced("sum", self, axis, keepdims)

    def max(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return the largest numbers along an axis."""
        return _reduced("max", self, axis, keepdims)

    def mean(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return means along an axis."""
        total = self.sum(axis, keepdims=keepdims)
        return total / (self.size // max(total.size, 1))

    def var(self, axis: int | None = None, *, keepdims: bool = False) -> Recorded:
        """Return variances of n along an axis."""
        return np.square(self - self.mean(axis, keepdims=True)).mean(axis, keepdims=keepdims)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] = (), **options: Any
    ) -> Recorded:
        recorder = self.recorder
        if method != "__call__" or options:
            raise TypeError(f"{ufunc.__name__}.{method} with {sorted(options)} cannot be recorded")
        with np.errstate(all="ignore"):
            example = ufunc(*map(_example_of, inputs))
        if ufunc is np.multiply and not out:
            for one, other in (inputs, inputs[::-1]):
                if type(one) in (int, float) and one == 1 and example.dtype == other.dtype:
                    return other
        into = out[0] if out else None
        if into is not None and not isinstance(into, Recorded):
            into = recorder.bound(into)
        if ufunc in _SLOW_WITH_NUMBERS and example.ndim:
            inputs = tuple(
                recorder.equal(example.shape, each, example.dtype) if isinstance(each, (int, float)) else each
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


def _reduced(name: Literal["sum", "max"], x: Recorded, axis: int | None, keepdims: bool) -> Recorded:
    example = getattr(NUMPY, name)(x.node.example, axis=axis, keepdims=keepdims)
    options: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    return x.recorder.note(getattr(x.recorder.module, name), (x,), example=np.asarray(example), **options)


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
    return recorder.note(recorder.module.cumsum, (x,), example=x.node.example, axis=axis)


def _take(recorder: Recorder, table: Any, places: Any, axis: int) -> Recorded:
    example = np.take(_example_of(table), _example_of(places), axis=axis)
    return recorder.note(recorder.module.take, (table, places), example=example, axis=axis)


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


def _call(operation: Operation, patches: list[Patch]) -> Callable[[], Any]:
    """Return the operation as a call without arguments; add where it waits for inputs."""
    out = _array(operation.out)
    # a ufunc takes its output fastest by position, which maximum and minimum no longer allow
    positional = isinstance(operation.function, np.ufunc) and operation.function not in _SLOW_WITH_NUMBERS
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

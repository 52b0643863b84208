"""Recording: formulas run once on arrays of which only shape and dtype are known, for `program` to replay.

A formula such as `np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))` makes a new array with every operation.
While it is recorded, `x` is a `Recorded` array, which only notes what is done to it.

Nothing is differentiated here: formulas and their derivatives are written by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from implementations.numpy.arrays import NUMPY, ArrayModule
from implementations.numpy.program import (
    SLOW_WITH_NUMBERS,
    Node,
    Operation,
    Program,
    View,
    example_like,
    linked,
)

Order = Literal["C", "F"]


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
        return Recorded(self, Node(example_like(like), slot=self._slots - 1))

    def bound(self, array: Any) -> Recorded:
        """Return an array of the outside that the program reads and changes where it is."""
        return Recorded(self, Node(example_like(array), array))

    def program(self, *outputs: Recorded) -> Program:
        """Give every array its memory and return the calls."""
        return linked(self._operations, [output.node for output in outputs], self._empty)

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
        node = self._known[key] = Node(example_like(example))
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
        if ufunc in SLOW_WITH_NUMBERS and example.ndim:
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


def _reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    """Return a view of that shape; a copy would not follow what is written to the array."""
    return array.reshape(shape, copy=False) if isinstance(array, np.ndarray) else array.reshape(shape)


def _example_of(value: Any) -> Any:
    return value.node.example if isinstance(value, Recorded) else value

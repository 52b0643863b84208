"""What is computed from the same records again and again, computed once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from benchmarks.result import Record

P = ParamSpec("P")
R = TypeVar("R")


class Records(tuple[Record, ...]):
    """Records that keep what has been made of them by functions that are marked with `once`.

    It lives as long as they do, and everyone who asks gets the same: it must not be changed.
    """

    def __init__(self, _: Iterable[Record] = ()) -> None:
        self.made: dict[tuple[Any, ...], Any] = {}


def kept(records: Iterable[Record]) -> Records:
    """Return the records as `Records`: themselves, if they are."""
    return records if isinstance(records, Records) else Records(records)


def once(make: Callable[Concatenate[Records, P], R]) -> Callable[Concatenate[Iterable[Record], P], R]:
    """Have a function of `Records` called once for each of its other arguments, which must be hashable."""
    signature = inspect.signature(make)

    @wraps(make)
    def made(records: Iterable[Record], /, *arguments: P.args, **named: P.kwargs) -> R:
        own = kept(records)
        bound = signature.bind(own, *arguments, **named)
        bound.apply_defaults()
        key = make, *bound.args[1:]
        if key not in own.made:
            own.made[key] = make(own, *arguments, **named)
        found: R = own.made[key]
        return found

    return made

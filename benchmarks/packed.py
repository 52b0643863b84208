"""Blocks of a timing, kept small: a long one has thousands, and few are looked at a time."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Iterator

from benchmarks.result import Block


class Packed:
    """A growing list of blocks, which are unpacked when they are asked for.

    Examples
    --------
    >>> from tests.synthetic_run import speed
    >>> blocks = speed(1e-4).blocks
    >>> list(Packed(blocks)) == blocks
    True
    """

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self._packed: list[bytes] = []
        for block in blocks:
            self.append(block)

    def append(self, block: Block) -> None:
        """Add a block, as it is now."""
        self._packed.append(zlib.compress(pickle.dumps(block)))

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Block]:
        for packed in self._packed:
            block: Block = pickle.loads(zlib.decompress(packed))
            yield block

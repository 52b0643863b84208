"""The IDX format of MNIST: a magic number, the sizes, then the values.

Source: LeCun, Cortes & Burges, The MNIST Database of Handwritten Digits, section "File formats".
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from implementations.errors import InvalidInput

UNSIGNED_BYTES = 8


def read_idx(path: Path) -> np.ndarray:
    """Return the array in a file of unsigned bytes, gzipped or not.

    Raises
    ------
    InvalidInput
        If the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, "a readable file", str(error)) from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTES:
        raise _damaged(path, "the magic number of an IDX file of bytes", content[:4].hex() or "nothing")
    axes = content[3]
    header = 4 + 4 * axes
    shape = tuple(int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes))
    if len(content) != header + math.prod(shape):
        raise _damaged(path, f"{math.prod(shape)} values for shape {shape}", f"{len(content) - header}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _damaged(path: Path, expected: str, got: str) -> InvalidInput:
    return InvalidInput(f"IDX file {path}", expected=expected, got=got, action="get the file again")

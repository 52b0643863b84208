"""Result files whose texts would like to be run: every text field in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from benchmarks.report.material import Material, gather
from benchmarks.store import RunStore

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)><!--[x](javascript:alert(1))|`\"'=1"

FREE = ("settings", "environment", "spec", "sides", "packages")
"""Fields of any content: a name and a value of each are replaced."""
SHAPED: dict[str, dict[str, Any]] = {
    "lost_blocks": {"0": HOSTILE},
    "floors": {HOSTILE: 1.0},
    "float64_leaks": {HOSTILE: 1.0},
    "special": {HOSTILE: 1.0},
}
"""Fields whose shape cannot be seen where they are empty."""


def places(model: type[BaseModel], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every field of free text below a model, each model only once."""
    found: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        path = (*above, name)
        if name in FREE:
            found.append(path)
            continue
        for inner in _inner(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found += places(inner, (*path, inner.__name__) if name == "data" else path)
            elif inner is str:
                found.append(path)
    return list(dict.fromkeys(found))


def _inner(annotation: Any) -> list[Any]:
    """Return the types that an annotation is made of; those of a Literal are values and no types."""
    if annotation is str or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return [annotation]
    return [inner for each in get_args(annotation) for inner in _inner(each)]


def poisoned(store: RunStore, place: tuple[str, ...], files: Sequence[Path] = ()) -> Material:
    """Return the run with one field replaced wherever a file has it, as it is read from the disk.

    Parameters
    ----------
    files
        By default the run's own.
    place
        One of `places`. Below `data` its second name is a class: only records of that measure are changed.
    """
    kept = [part for number, part in enumerate(place) if number != 1 or place[0] != "data"]
    replaced = 0
    for path in files or [store.folder / "manifest.json", *(store.folder / "records").glob("*.json")]:
        content = json.loads(path.read_text())
        replaced += _replace(content, kept)
        path.write_text(json.dumps(content))
    assert replaced, "no file has this field"
    material = gather([store.folder])
    assert not material.damaged, "what cannot be read is not shown, and cannot do anything"
    return material


def _replace(content: Any, place: list[str]) -> int:
    """Replace a field wherever it is, and return how often it was."""
    if isinstance(content, list):
        return sum(_replace(each, place) for each in content)
    if not isinstance(content, dict) or place[0] not in content:
        return 0
    name = place[0]
    if len(place) > 1:
        return _replace(content[name], place[1:])
    if name in FREE:
        content[name] = _everywhere(content[name] or {})
    else:
        content[name] = SHAPED.get(name) or _same_shape(content[name])
    return 1


def _same_shape(value: Any) -> Any:
    """Return hostile text in the shape of a field."""
    if isinstance(value, list):
        return [HOSTILE]
    if isinstance(value, dict):
        return dict.fromkeys([HOSTILE, *value], next(iter(value.values()), HOSTILE))
    return HOSTILE


def _everywhere(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _everywhere(each) for name, each in value.items()} | {HOSTILE: HOSTILE}
    if isinstance(value, list):
        return [_everywhere(each) for each in value]
    return HOSTILE if isinstance(value, str) else value

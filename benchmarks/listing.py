"""What there is to choose from, as rows for `versus list`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import contenders, datasets
from benchmarks.modes import default_contenders
from benchmarks.store import RunStore, runs_in
from benchmarks.suite import load_suite, suite_names
from implementations import catalog

Row = dict[str, str]


def rows(what: str, results: Path) -> list[Row]:
    """Return one row for each thing of that kind; all rows have the same keys.

    Parameters
    ----------
    what
        contenders, suites, datasets, runs, or a kind of element of the catalogue in the plural.
    results
        Folder whose runs are listed.

    Examples
    --------
    >>> rows("activations", Path())[0]["name"]
    'linear'
    """
    return _KINDS[what](results)


def _contenders(results: Path) -> list[Row]:
    return [
        {
            "name": each.name,
            "mode": "compiled" if each.compiled else "",
            "takes part": _takes_part(each),
            "installed": "yes" if each.usable else f"no: {each.reason}",
            "install": each.install,
        }
        for each in contenders.installed()
    ]


def _takes_part(contender: contenders.Contender) -> str:
    """Return when a run has this contender that names none."""
    if contender.name in default_contenders(compiled=False):
        return "by default"
    if contender.name in default_contenders(compiled=True):
        return "in suites with compiled modes"
    return "by name only"


def _suites(results: Path) -> list[Row]:
    found = []
    for name in suite_names():
        suite = load_suite(name)
        measures = ", ".join(suite.measures)
        found.append(
            {
                "name": name,
                "workloads": str(len(suite.workloads)),
                "measures": measures,
                "description": suite.description,
            }
        )
    return found


def _datasets(results: Path) -> list[Row]:
    found = []
    for name in datasets.names():
        each = datasets.describe(name)
        found.append(
            {
                "name": name,
                "task": each.task,
                "examples": str(each.examples),
                "inputs": " × ".join(map(str, each.inputs)),
                "comes from": each.source,
                "options": ", ".join(each.options),
            }
        )
    return found


def _runs(results: Path) -> list[Row]:
    found = []
    for folder in runs_in(results):
        manifest = RunStore.open(folder).manifest
        found.append(
            {
                "name": manifest.run,
                "suite": manifest.suite,
                "started": manifest.started,
                "outcome": manifest.outcome,
                "contenders": ", ".join(manifest.contenders),
                "folder": str(folder),
            }
        )
    return found


def _elements(elements: Mapping[str, catalog.Element]) -> Callable[[Path], list[Row]]:
    def list_them(results: Path) -> list[Row]:
        return [
            {
                "name": name,
                "formula": each.formula,
                "options": ", ".join(
                    f"{option.name}={option.default}" if option.default is not None else option.name
                    for option in each.options
                ),
                "source": each.reference,
            }
            for name, each in elements.items()
        ]

    return list_them


_KINDS: dict[str, Callable[[Path], list[Row]]] = {
    "contenders": _contenders,
    "suites": _suites,
    "datasets": _datasets,
    "runs": _runs,
    "activations": _elements(catalog.ACTIVATIONS),
    "losses": _elements(catalog.LOSSES),
    "optimizers": _elements(catalog.OPTIMIZERS),
    "schedules": _elements(catalog.SCHEDULES),
    "normalizations": _elements(catalog.NORMALIZATIONS),
    "regularizations": _elements(catalog.REGULARIZATIONS),
    "metrics": _elements(catalog.METRICS),
    "initializers": _elements(catalog.INITIALIZERS),
}
"""The kinds that `versus list` knows."""

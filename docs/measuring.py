"""Writes the tables of committed experiments into docs/measuring.md: `python docs/measuring.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.selfcheck.result import read

HERE = Path(__file__).parent
PAGE, REFERENCE = HERE / "measuring.md", HERE.parent / "results" / "reference"
SECONDS, MOST_MB, MOST_LEADING_MB = {"report": 20, "compare": 5}, 1000, 150
"""Limits of what 10,000 records and the leading process may take, as `tests/scale.py` has them."""
Rows = list[dict[str, str]]


def _selfcheck(file: Path) -> Rows:
    return read(file).rows()


def _survival(file: Path) -> Rows:
    found = json.loads(file.read_text(encoding="utf-8"))
    kills = found["kills"]
    counts = {
        "random kills": (f"{sum(kills.values())} ({kills['run']} of runs, {kills['worker']} of workers)", ""),
        "runs, and how often one was taken up": (f"{found['runs']}, {found['resumes']}", ""),
        "tries that did not come to their end although the run was not killed": (
            found["resumes_that_failed"],
            "0",
        ),
        "runs that were given up": (found["given_up"], "0"),
        "finished records lost": (found["lost"], "0"),
        "finished records repeated or changed": (found["repeated"], "0"),
        "blocks of timing that one contender lacks": (found["unpaired_blocks"], "0"),
        "runs with missing or unfinished records at the end": (found["unfinished"], "0"),
        "workers that outlived their run": (found["orphans"], "0"),
    }
    rows = [
        {"what": what, "found": str(seen), "should be": should} for what, (seen, should) in counts.items()
    ]
    return [_of_commit(found), *rows]


def _scale(file: Path) -> Rows:
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = []
    for name, each in found["commands"].items():
        missed = each["seconds"] > SECONDS[name] or each["peak_mb"] > MOST_MB
        rows.append(
            {
                "what": f"`{name}` of {found['records']:,} records" + _size(found),
                "found": f"{each['seconds']} s, {each['peak_mb']} MB",
                "should be": f"at most {SECONDS[name]} s and {MOST_MB} MB{' MISSED' if missed else ''}",
            }
        )
    leading = found["leading"]
    missed = leading["peak_mb"] > MOST_LEADING_MB
    leads = {
        "what": f"process that leads `{leading['suite']}` with preset `{leading['preset']}`",
        "found": f"{leading['peak_mb']} MB; {leading['seconds']} s of its own",
        "should be": f"at most {MOST_LEADING_MB} MB{' MISSED' if missed else ''}",
    }
    return [_of_commit(found), *rows, leads]


def _size(found: dict[str, Any]) -> str:
    return f" ({found['run_mb']} MB)" if "run_mb" in found else ""


def _of_commit(found: dict[str, Any]) -> dict[str, str]:
    """Return the row that says which code was measured."""
    return {"what": "code", "found": f"commit {found['git']['commit'][:7]}", "should be": ""}


def _page(file: Path) -> Rows:
    document = json.loads(file.read_text(encoding="utf-8"))
    pages, limits = document["pages"], document["limits"]
    told = {
        "mb": ("size", "MB"),
        "render_seconds": ("made in", "s"),
        "open_seconds": ("open in", "s"),
        "use_seconds": ("first chart drawn, and filtered, in", "s"),
    }
    return [
        {
            "what": f"page of {name}, {words}",
            "found": f"{found[what]} {unit}",
            "should be": f"at most {limits[name][what]:g} {unit}" if what in limits[name] else "",
        }
        for name, found in pages.items()
        for what, (words, unit) in told.items()
    ]


def _plain(file: Path) -> Rows:
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for each in json.loads(file.read_text(encoding="utf-8"))["ratios"]:
        doubt = f"; {'; '.join(each['doubts'])}" if each["doubts"] else ""
        told = f"{each['ratio']:.2f} ({each['low']:.2f} to {each['high']:.2f}){doubt}"
        found.setdefault((each["metric"], each["contender"], each["other"]), {})[each["workload"]] = told
    return [
        {
            "what": metric,
            "time of": contender,
            "divided by that of": other,
            **{f"{name} network": told.get(name, "") for name in ("small", "large")},
        }
        for (metric, contender, other), told in found.items()
    ]


def _independent(file: Path) -> Rows:
    document = json.loads(file.read_text(encoding="utf-8"))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in document["ratios"]:
        wanted = each["at most"]
        limit = "" if wanted is None else f", at most {wanted:g}{' MISSED' if each['ratio'] > wanted else ''}"
        told = f"{each['ratio']:.2f} ({each['least']:.2f} to {each['largest']:.2f}){limit}"
        found.setdefault((each["time of"], each["divided by that of"]), {})[each["network"]] = told
    code = {"time of": f"(code of commit {document['git']['commit'][:7]})", "divided by that of": ""}
    return [
        {**code, "small network": "", "large network": ""},
        *(
            {"time of": one, "divided by that of": other, **{f"{name} network": each[name] for name in each}}
            for (one, other), each in found.items()
        ),
    ]


TABLES: dict[str, Callable[[Path], Rows]] = {
    "selfcheck/xeon": _selfcheck,
    "survival": _survival,
    "scale": _scale,
    "page": _page,
    "plain": _plain,
    "independent": _independent,
}
"""Marker on the page, and name of the file under results/reference -> its rows."""


def page() -> str:
    """Return the page with each table that a committed file has."""
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        before, rest = text.split(begin)
        file = REFERENCE / f"{name}.json"
        table = _table(rows(file)) if file.exists() else ""
        text = before + begin + table + end + rest.split(end)[1]
    return text


def _table(rows: Rows) -> str:
    lines = [
        " | ".join(rows[0]),
        "|".join(["---"] * len(rows[0])),
        *(" | ".join(row.values()) for row in rows),
    ]
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

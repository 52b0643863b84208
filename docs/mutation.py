"""Writes what became of the planted faults into docs/numerics.md: `python docs/mutation.py`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
PAGE, RUN = HERE / "numerics.md", HERE.parent / "results" / "reference" / "mutation.json"
BEGIN, END = "<!-- mutation -->\n", "<!-- /mutation -->\n"


def page() -> str:
    """Return the page, with the committed run if there is one."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + (table() if RUN.exists() else "") + END + rest.split(END)[1]


def table() -> str:
    """Return a row for each backend and one for all, then what was not named."""
    run = json.loads(RUN.read_text(encoding="utf-8"))
    groups: dict[str, Counter[str]] = {name: Counter(found) for name, found in run["backends"].items()}
    results = list(run["results"])
    groups["all"] = sum(groups.values(), Counter())
    lines = [["where", "planted", *results], ["---"] * (len(results) + 2)]
    lines += [
        [name, str(found.total()), *(str(found[result]) for result in results)]
        for name, found in groups.items()
    ]
    told = f"\n{run['share']:.1%} of {run['planted']} are caught and named.\n"
    others = [each for each in run["faults"] if not each["result"].startswith("named")]
    told += "".join(
        f"\n- {each['backend']}, {each['name']}: {each['result']}"
        + (f"; the first complaint is `{each['complaints'][0]}`" if each["complaints"] else "")
        + ("" if each["complaints"] or not each["told"] else f"; {each['told']}")
        for each in others
    )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + told + ("\n" if others else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

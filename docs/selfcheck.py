"""Writes the self-check's table into docs/measuring.md: `python docs/selfcheck.py`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.selfcheck.result import SelfCheck

HERE = Path(__file__).parent
PAGE, RESULT = HERE / "measuring.md", HERE.parent / "results" / "reference" / "selfcheck.json"
BEGIN, END = "<!-- selfcheck -->\n", "<!-- /selfcheck -->\n"


def page() -> str:
    """Return the page with the table of the committed self-check."""
    rows = SelfCheck.model_validate_json(RESULT.read_text(encoding="utf-8")).rows()
    table = [" | ".join(rows[0]), "|".join(["---"] * len(rows[0]))]
    table += [" | ".join(row.values()) for row in rows]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    text = "".join(f"| {line} |\n" for line in table)
    return before + BEGIN + text + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

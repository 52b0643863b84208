"""Draw the README's picture from the reference run: `python docs/figure.py` writes docs/quick.svg."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks import tables
from benchmarks.report.styles import styles
from benchmarks.store import RunStore

ROOT = Path(__file__).parents[1]
MARKERS = {"circle": "o", "square": "s", "diamond": "D", "cross": "P", "triangle-up": "^"}
WORKLOAD = "digits-network"


def main() -> None:
    """Draw parity on the left and speed on the right."""
    records, _ = RunStore.open(ROOT / "results" / "reference" / "quick").records()
    looks = styles(record.case.contender for record in records)
    plt.rcParams.update({"svg.hashsalt": "versus", "font.size": 10, "axes.spines.top": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for record in records:
        if record.case.workload != WORKLOAD or record.case.measure != "parity":
            continue
        look = looks[record.case.contender]
        for trajectory in record.data.trajectories:  # type: ignore[union-attr]  # a finished parity record has them
            left.plot(
                [drift.step for drift in trajectory.drift],
                [drift.parameters or None for drift in trajectory.drift],
                color=look["color"],
                marker=MARKERS[look["symbol"]],
                markersize=4,
                linestyle="-" if trajectory.dtype == "float32" else "--",
                label=record.case.contender if trajectory.dtype == "float32" else None,
            )
    for level, name in ((1e-12, "tolerance float64"), (4 * 2.0**-24 * 10, "tolerance float32, 100 steps")):
        left.axhline(level, color="grey", linestyle=":")
        left.annotate(name, (0, level), xytext=(2, 3), textcoords="offset points", color="grey", fontsize=8)
    left.set(yscale="log", xlabel="training step", ylabel="relative distance of all parameters")
    left.set_title(f"{WORKLOAD}: distance from float64 NumPy\n(solid: float32, dashed: float64)", fontsize=10)
    table = tables.speed(records)
    rows = table[table["contender"] != "numpy"]
    names = list(dict.fromkeys(f"{row.workload}\n{row.metric} ({row.tier})" for row in rows.itertuples()))
    for number, (contender, part) in enumerate(rows.groupby("contender", sort=False)):
        look = looks[str(contender)]
        places = [names.index(f"{row.workload}\n{row.metric} ({row.tier})") for row in part.itertuples()]
        right.errorbar(
            part["ratio"],
            [place + 0.13 * (number - 1.5) for place in places],
            xerr=[part["ratio"] - part["ratio_low"], part["ratio_high"] - part["ratio"]],
            fmt=MARKERS[look["symbol"]],
            color=look["color"],
            markersize=5,
            capsize=2,
            label=str(contender),
        )
    right.axvline(1, color=looks["numpy"]["color"], label="numpy")
    right.set(xscale="log", xlabel="time ÷ NumPy's, 95 % intervals", yticks=range(len(names)))
    right.set_yticklabels(names, fontsize=8)
    right.invert_yaxis()
    right.set_title("1 thread, interleaved blocks", fontsize=10)
    right.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(ROOT / "docs" / "quick.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()

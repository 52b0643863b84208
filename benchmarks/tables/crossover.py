"""Who is fastest at each point of a grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from benchmarks import stats
from benchmarks.once import Records, kept, once
from benchmarks.result import LimitData
from benchmarks.tables.limit import network_of
from benchmarks.tables.rows import REFERENCE, frame_of, grouped, key_of
from benchmarks.tables.speed import all_doubts, judge, speed, timings, told

if TYPE_CHECKING:
    import pandas as pd

POINT = ["workload", "device", "threads", "metric", "tier"]


@once
def fastest(records: Records) -> pd.DataFrame:
    """Return one row for each timed contender, workload, metric and tier: its verdict against the fastest.

    Whoever is not decidedly slower than the fastest contender of the same tier ties with it (`wins`), an
    inconclusive comparison included.
    """
    times, timed, doubtful = speed(records), timings(records), all_doubts(records)
    rows: list[dict[str, Any]] = []
    behind: list[dict[str, Any]] = []
    ratios: list[stats.Interval] = []
    for place, group in grouped(times, POINT).items() if len(times) else ():
        key, metric = place[:3], place[3]
        first = min(group, key=lambda row: row.seconds).contender
        for row in group:
            found = {
                **dict(zip(POINT, place, strict=True)),
                "contender": row.contender,
                "seconds": row.seconds,
                "examples_per_second": row.examples_per_second,
                "fastest": first,
                "margin": row.margin,
                "doubts": told(row.contender, first, doubtful[key][metric]),
                "verdict": "fastest",
            }
            rows.append(found)
            if row.contender != first:
                behind.append(found)
                ratios.append(stats.paired_ratio(timed[key][row.contender], timed[key][first], metric))
    judge(behind, ratios)
    return frame_of([{**row, "wins": row["verdict"] != "slower"} for row in rows])


@once
def crossover(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each contender and point of a grid whose workloads were timed (an experiment).

    The verdict is that of `fastest`. `overtakes` says whether a contender is decidedly faster than the
    reference there.
    """
    experiments = {
        key_of(record.case): record.case.experiment for record in records if record.case.experiment
    }
    shapes = {key_of(record.case): record.data for record in records if isinstance(record.data, LimitData)}
    grids = [record for record in records if key_of(record.case) in experiments.keys() & shapes.keys()]
    own = kept(grids)
    against = {
        tuple(getattr(row, name) for name in (*POINT, "contender")): row
        for row in speed(own, wanted).itertuples()
    }
    rows = []
    for point in fastest(own).to_dict("records"):
        key = point["workload"], point["device"], point["threads"]
        shape, row = shapes[key], against[tuple(point[name] for name in (*POINT, "contender"))]
        rows.append(
            {
                "experiment": experiments[key],
                **{name: point[name] for name in POINT},
                "network": network_of(shape),
                "parameters": shape.parameters,
                "batch_size": shape.batch_size,
                "contender": point["contender"],
                "seconds": point["seconds"],
                "seconds_per_example": 1 / point["examples_per_second"],
                "overtakes": row.verdict == "faster",
                "reference": row.reference,
                **{name: point[name] for name in ("fastest", "margin", "doubts", "verdict", "wins")},
            }
        )
    return frame_of(rows)


def overtaking(points: pd.DataFrame, along: str) -> pd.DataFrame:
    """Return one row for each contender and line of a map: from where on it is always faster.

    Parameters
    ----------
    points
        Of one experiment, metric, tier, device and track of `crossover`.
    along
        What grows along a line: the `batch_size` of one network, or the `parameters` at one batch.

    Returns
    -------
    DataFrame
        `start` is the smallest value of `along` at and above which the contender is decidedly faster than
        the reference at every point; infinite if there is none.
    """
    line = "network" if along == "batch_size" else "batch_size"
    rows = []
    others = points[points["contender"] != points["reference"]]
    for (place, contender), group in others.groupby([line, "contender"], sort=False):
        downwards = group.sort_values(along, ascending=False)
        ahead = downwards[downwards["overtakes"].cummin()]
        start = float(ahead[along].min()) if len(ahead) else math.inf
        rows.append({line: place, "contender": contender, "start": start})
    return frame_of(rows)

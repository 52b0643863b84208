"""Maps of who is fastest where: winners, ties that are not won, and from where on NumPy is overtaken."""

from __future__ import annotations

import math
import re

import pytest

from benchmarks import tables
from benchmarks.report.charts import charts
from benchmarks.report.markdown import text
from benchmarks.report.material import of
from benchmarks.report.sections.crossover import maps, winner
from benchmarks.report.styles import styles
from benchmarks.result import Case, Record
from benchmarks.store import RunStore
from tests import synthetic_run

BATCHES, WIDTHS = (1, 16, 128), (8, 64)
SECONDS = {
    ("numpy", 8): (10e-6, 20e-6, 100e-6),
    ("torch", 8): (40e-6, 40e-6, 50e-6),
    ("keras-jax", 8): (90e-6, 90e-6, 90.1e-6),
    ("numpy", 64): (20e-6, 100e-6, 900e-6),
    ("torch", 64): (40e-6, 50e-6, 300e-6),
    ("keras-jax", 64): (90e-6, 50.1e-6, 100e-6),
}


def point(data, contender, width, batch, **changes):
    case = {
        "suite": "crossover",
        "workload": f"w-{width}-{batch}",
        "measure": data.measure,
        "contender": contender,
        "experiment": "batch and width",
    }
    return Record(
        case=Case.model_validate(case | changes),
        status="finished",
        started=synthetic_run.STARTED,
        seconds=1.0,
        spec={},
        data=data,
    )


def grid(blocks=6, **changes):
    for (contender, width), seconds in SECONDS.items():
        for batch, each in zip(BATCHES, seconds, strict=True):
            timed = synthetic_run.speed(each, blocks=blocks, noise=0.001, seed=batch)
            yield point(synthetic_run.parity(), contender, width, batch, **changes)
            yield point(timed, contender, width, batch, **changes)
            shape = synthetic_run.limit(
                batch_size=batch, widths=[4, width, 2], parameters=7 * width + 2, calibration=None
            )
            if contender == "numpy":
                yield point(shape, contender, width, batch, **changes)


def steps(records):
    frame = tables.crossover(records)
    return frame[frame["metric"] == "train_step"]


def winners(records):
    frame = steps(records)
    return {place: winner(rows) for place, rows in frame.groupby(["network", "batch_size"])}


def test_the_fastest_wins_and_whoever_is_not_slower_ties():
    found = winners(grid())
    assert found["4-8-2", 1] == found["4-8-2", 16] == found["4-64-2", 1] == "numpy"
    assert found["4-8-2", 128] == "torch"
    assert found["4-64-2", 128] == "keras-jax"
    assert set(found["4-64-2", 16].split(" = ")) == {"torch", "keras-jax"}


def test_what_is_inconclusive_is_a_tie():
    """One block has no interval; and a doubt about a contender stands against the interval that it has."""
    assert {name.count(" = ") for name in winners(grid(blocks=1)).values()} == {2}
    doubted = []
    for record in grid():
        if record.case.measure == "speed" and record.case.contender == "torch":
            blocks = [block.model_copy(update={"problems": ["slept"]}) for block in record.data.blocks]
            record = record.model_copy(update={"data": record.data.model_copy(update={"blocks": blocks})})
        doubted.append(record)
    assert set(winners(doubted)["4-8-2", 1].split(" = ")) == {"numpy", "torch"}
    assert winners(grid())["4-8-2", 1] == "numpy"


def test_numpy_is_overtaken_where_all_beyond_are_faster():
    along = tables.overtaking(steps(grid()), "batch_size").set_index(["network", "contender"])["start"]
    assert along["4-8-2", "torch"] == 128
    assert along["4-64-2", "torch"] == 16
    assert along["4-8-2", "keras-jax"] == 128
    assert math.isinf(
        tables.overtaking(
            steps(record for record in grid() if "128" not in record.case.workload), "batch_size"
        ).set_index(["network", "contender"])["start"]["4-8-2", "keras-jax"]
    )
    across = tables.overtaking(steps(grid()), "parameters").set_index(["batch_size", "contender"])["start"]
    assert across[16, "torch"] == 7 * 64 + 2
    assert across[128, "torch"] == 7 * 8 + 2
    assert math.isinf(across[1, "torch"])


def test_a_gap_further_on_takes_the_lead_back():
    """Faster at a batch, not at the next: it has not overtaken there."""
    swapped = [
        record.model_copy(update={"data": synthetic_run.speed(9e-3, noise=0.001)})
        if (record.case.contender, record.case.measure, record.case.workload)
        == ("torch", "speed", "w-64-128")
        else record
        for record in grid()
    ]
    along = tables.overtaking(steps(swapped), "batch_size").set_index(["network", "contender"])["start"]
    assert math.isinf(along["4-64-2", "torch"])
    assert along["4-8-2", "torch"] == 128


def test_the_cost_of_an_example_is_a_step_by_its_examples():
    frame = steps(grid()).set_index(["network", "batch_size", "contender"])
    # the made-up steps have 64 examples each
    assert frame["seconds_per_example"]["4-8-2", 1, "numpy"] == pytest.approx(10e-6 / 64, rel=0.01)


def test_tiers_and_tracks_never_share_a_map():
    records = [*grid(), *grid(threads=None)]
    frame = tables.crossover(records)
    titles = [title for title, _ in maps(frame)]
    assert len(titles) == len(set(titles)) == 4  # steps and epochs, on two tracks
    for _, part in maps(frame):
        assert part["tier"].nunique() == part["threads"].nunique() == part["metric"].nunique() == 1


def test_no_parity_no_place_on_the_map():
    records = [
        record for record in grid() if (record.case.contender, record.case.measure) != ("torch", "parity")
    ]
    assert "torch" not in set(tables.crossover(records)["contender"])


def test_the_report_has_map_and_costs(tmp_path):
    store = RunStore.create(tmp_path / "run", synthetic_run.manifest(suite="crossover"))
    for record in grid():
        store.write(record)
    told = text(of(store))
    assert "Who is fastest where?" in told
    assert re.search(r"\| 4-8-2 \| numpy \| numpy \| torch \|", told)
    assert re.search(r"\| 4-64-2 \| 16.0 \| 16.0 \|", told)
    assert "| 1 | never | never |" in told


def test_the_page_draws_them():
    records = list(grid())
    looks = styles(record.case.contender for record in records)
    drawn = [chart.traces for chart in charts(records, looks).charts if chart.anchor == "crossover"]
    heat = next(traces[0] for traces in drawn if traces[0]["type"] == "heatmap")
    assert heat["y"] == ["4-8-2", "4-64-2"]
    assert heat["text"][0][2] == "torch"
    assert heat["z"][1][1] == len(("numpy", "torch", "keras-jax"))  # the colour of ties
    costs = [traces for traces in drawn if traces[0]["type"] == "scatter"]
    assert len(costs) == 2 * len(BATCHES)

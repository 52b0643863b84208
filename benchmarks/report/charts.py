"""Charts for the HTML page. Each contender has one colour and one marker everywhere."""

from __future__ import annotations

import html
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from benchmarks import findings, stats, tables, units
from benchmarks.once import Records, kept, once
from benchmarks.report.sections.crossover import maps, track, winner
from benchmarks.report.spared import spared
from benchmarks.report.styles import READABLE, Look, rgb, tint
from benchmarks.result import Case, CurvesData, MemoryData, ParityData, Record, Trajectory

if TYPE_CHECKING:
    import pandas as pd

_LEVELS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#c8a400", "#b5367a", "#f1605d", "#7a7a7a")
"""Of levels and stages, which are no contenders: in steps of lightness, from viridis and magma."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_NEUTRAL = "#888888"
_TIE = "#cccccc"
_PRODUCTS = {"color": _NEUTRAL, "symbol": "line-ew-open"}

_LOOK = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
}
"""Readable on light and dark ground and on a phone."""
_AXIS = {"gridcolor": "rgba(136,136,136,0.2)", "zeroline": False, "automargin": True}

MOST_WORKLOADS = 100
"""Workloads that are drawn; of a run with more the tables have the rest."""


@dataclass(frozen=True)
class Chart:
    """A chart and what it is about.

    What is filtered within it stands in its traces. `meta` holds the contenders of a whole trace
    (`contenders`, by default that of its name) and its `workload`, and says what `customdata` holds of each
    point (`points`): its workload (by default), its `contender`, or on a map its workload and who is
    `fastest`. Its numbers are shown as a table too: there `series` is the trace's name, and of an axis
    without a title the layout's `meta` has the name.

    Parameters
    ----------
    anchor
        Of the section that it belongs to.
    place
        What all of it shares: some of workload, tier, threads, device, contender, experiment.
    """

    anchor: str
    figure: go.Figure
    place: Mapping[str, str]

    @property
    def title(self) -> str:
        """What it shows, as plotly would show it."""
        title: str = self.figure.layout.title.text
        return title

    def content(self) -> dict[str, Any]:
        """Return data and layout for plotly.js, the same look for all, without the title."""
        content: dict[str, Any] = json.loads(self.figure.to_json(), parse_float=_rounded)
        layout = content["layout"]
        for unused in ("title", "template"):
            layout.pop(unused, None)
        for axis in ("xaxis", "yaxis"):
            layout[axis] = {**_AXIS, **layout.get(axis, {})}
        return {"data": content["data"], "layout": {**_LOOK, **layout}}


def _rounded(number: str) -> float:
    """Return a number to six digits, more than a chart shows; the records in the page have all of them."""
    return float(f"{float(number):.6g}")


@dataclass(frozen=True)
class Drawn:
    """Charts, and by anchor what had to be left out of them, and why."""

    charts: list[Chart]
    left_out: dict[str, list[str]]


def charts(records: Iterable[Record], looks: Mapping[str, Look]) -> Drawn:
    """Return all charts that the records have data for and that no contender is a reference of.

    Parameters
    ----------
    looks
        Colour and marker of each contender in the records.
    """
    looks = _harmless_looks(looks)
    return _drawn(
        kept(records),
        (
            ("parity", partial(_drifts, looks=looks)),
            ("parity", partial(_pairs, looks=looks)),
            ("learning", partial(_learning, looks=looks)),
            ("learning", partial(_confusion, looks=looks)),
            ("limit", partial(_rooflines, looks=looks)),
            ("crossover", partial(_maps, looks=looks)),
            ("crossover", partial(_costs, looks=looks)),
            ("cold-start", _cold_starts),
            ("memory", partial(_memory, looks=looks)),
            ("course", _course),
        ),
    )


def ratio_charts(
    records: Iterable[Record], looks: Mapping[str, Look], reference: str = tables.REFERENCE
) -> Drawn:
    """Return the charts of times ÷ the reference's."""
    draw = partial(_ratios, looks=_harmless_looks(looks), reference=plain(reference))
    return _drawn(kept(records), (("speed", draw),))


def _drawn(records: Records, drawings: Iterable[tuple[str, Callable[[Records], Iterable[Chart]]]]) -> Drawn:
    found: list[Chart] = []
    notes: dict[str, list[str]] = {}
    for anchor, draw in drawings:
        made, left_out = spared(partial(_listed, draw), _harmless(records))
        found += made or []
        if left_out:
            notes.setdefault(anchor, []).extend(f"Charts: {html.unescape(str(each))}" for each in left_out)
    return Drawn(found, notes)


def _listed(draw: Callable[[Records], Iterable[Chart]], records: Records) -> list[Chart]:
    return list(draw(records))


def plain(text: str) -> str:
    """Return text that plotly, which reads some HTML, shows as it is.

    Examples
    --------
    >>> plain("<b>")
    '&lt;b&gt;'
    """
    return html.escape(text, quote=False)


@once
def _harmless(records: Records) -> Records:
    """Return records whose names may be drawn: those in files are not to be trusted."""
    cases = [_harmless_case(record.case) for record in records]
    if all(case is record.case for case, record in zip(cases, records, strict=True)):
        return records
    return Records(
        record.model_copy(update={"case": case}) for record, case in zip(records, cases, strict=True)
    )


def _harmless_looks(looks: Mapping[str, Look]) -> dict[str, Look]:
    return {plain(contender): look for contender, look in looks.items()}


def _harmless_case(case: Case) -> Case:
    names = ("workload", "contender", "device", "experiment", "level")
    texts = {name: text for name in names if (text := getattr(case, name)) is not None}
    changed = {name: plain(text) for name, text in texts.items() if plain(text) != text}
    return case.model_copy(update=changed) if changed else case


def _drifts(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload how far each contender is from float64 NumPy, with the tolerance."""
    for place, name, found in _by_place(records, ParityData):
        figure = go.Figure()
        for contender, data in found.items():
            for trajectory in data.trajectories:
                figure.add_scatter(
                    x=[drift.step for drift in trajectory.drift],
                    y=[drift.parameters or None for drift in trajectory.drift],
                    name=contender,
                    legendgroup=contender,
                    showlegend=trajectory.dtype == "float32",
                    mode="lines+markers",
                    meta={"series": f"{contender} {trajectory.dtype}"},
                    marker=looks[contender],
                    line={"color": looks[contender]["color"], "dash": _dash(trajectory.dtype)},
                    hovertemplate=f"{contender} {trajectory.dtype}<br>step %{{x}}: %{{y:.1e}}<extra></extra>",
                )
        for trajectory in next(iter(found.values())).trajectories:
            # early records have the largest only
            floor = trajectory.floor or [trajectory.noise_floor or 0.0] * len(trajectory.drift)
            if any(floor):
                _noise(figure, trajectory, floor)
            if trajectory.tolerance > 0:
                figure.add_hline(y=trajectory.tolerance, line={"color": _NEUTRAL, "dash": "dot"})
                figure.add_annotation(
                    text=f"tolerance {trajectory.dtype}",
                    x=0,
                    xref="paper",
                    y=math.log10(trajectory.tolerance),  # as plotly places what is no data on such an axis
                    yanchor="bottom",
                    showarrow=False,
                )
        figure.update_yaxes(type="log", exponentformat="power", title="relative distance of parameters")
        figure.update_xaxes(title="training step")
        figure.update_layout(title=f"{name}: distance from float64 NumPy (float32 solid, float64 dashed)")
        yield Chart("parity", figure, place)


def _pairs(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload how far each two contenders are apart: one's colour, the other's marker."""
    for place, name, found in _by_place(records, ParityData):
        figure = go.Figure()
        for (mine, one), (theirs, other) in itertools.combinations(found.items(), 2):
            theirs_by_dtype = {each.dtype: each for each in other.trajectories}
            for left in one.trajectories:
                if (right := theirs_by_dtype.get(left.dtype)) is None:
                    continue
                apart = tables.distances(left, right)
                pair, colour = f"{mine} – {theirs}", looks[mine]["color"]
                figure.add_scatter(
                    x=list(apart),
                    y=[distance or None for distance in apart.values()],
                    name=pair,
                    legendgroup=pair,
                    showlegend=left.dtype == "float32",
                    mode="lines+markers",
                    meta={"contenders": [mine, theirs], "series": f"{pair} {left.dtype}"},
                    marker=looks[theirs],
                    line={"color": colour, "dash": _dash(left.dtype)},
                    hovertemplate=f"{pair} {left.dtype}<br>step %{{x}}: %{{y:.1e}}<extra></extra>",
                )
        if not any(line.x for line in figure.data):
            continue
        for trajectory in next(iter(found.values())).trajectories:
            if trajectory.pair_floor:
                _noise(figure, trajectory, trajectory.pair_floor)
        figure.update_yaxes(type="log", exponentformat="power", title="relative distance of parameters")
        figure.update_xaxes(title="training step")
        figure.update_layout(title=f"{name}: distance between contenders (float32 solid, float64 dashed)")
        yield Chart("parity", figure, place)


def _noise(figure: go.Figure, trajectory: Trajectory, floor: Sequence[float]) -> None:
    figure.add_scatter(
        x=[drift.step for drift in trajectory.drift],
        y=[noise or None for noise in floor],
        name=f"noise floor {trajectory.dtype}",
        mode="lines",
        line={"color": _NEUTRAL, "width": 4, "dash": _dash(trajectory.dtype)},
        opacity=0.5,
        hovertemplate="noise floor<br>step %{x}: %{y:.1e}<extra></extra>",
    )


def _learning(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload train and validation loss, the mean over seeds in a band from least to most."""
    plain = [record for record in records if record.case.experiment is None]
    for place, name, found in _by_place(plain, CurvesData):
        for quantity in ("loss", "accuracy"):
            figure, seeds = go.Figure(), set()
            for contender, data in found.items():
                curves = [curve for curve in data.curves if curve.dtype == "float32"]
                for part in ("train", "validation"):
                    series = [values for curve in curves if (values := getattr(curve, f"{part}_{quantity}"))]
                    if series:
                        _band(figure, contender, looks[contender], series, part)
                        seeds.add(len(series))
            if figure.data:
                figure.update_yaxes(title=quantity)
                figure.update_xaxes(title="epoch")
                figure.update_layout(
                    title=f"{name}: {quantity} (train solid, validation dashed{_bands(seeds)})"
                )
                yield Chart("learning", figure, place)


def _bands(seeds: Collection[int]) -> str:
    """Return what lines and bands are, where there are bands at all."""
    if max(seeds) == 1:
        return ""
    count = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"{max(seeds)}"
    return f"; mean, and band from lowest to highest of {count} seeds"


def _band(
    figure: go.Figure, contender: str, look: Look, series: Sequence[Sequence[float]], part: str
) -> None:
    length = min(map(len, series))
    epochs = list(range(length))
    columns = [[one[epoch] for one in series] for epoch in epochs]
    colour, count = look["color"], len(series)
    if count > 1:
        figure.add_scatter(
            x=[*epochs, *reversed(epochs)],
            y=[*(max(column) for column in columns), *(min(column) for column in reversed(columns))],
            fill="toself",
            fillcolor=_transparent(colour),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=contender,
            meta={"series": f"{contender} {part}, lowest and highest of {count} seeds", "band": True},
        )
    figure.add_scatter(
        x=epochs,
        y=[fmean(column) for column in columns],
        name=contender,
        legendgroup=contender,
        showlegend=part == "train",
        mode="lines+markers",
        meta={"series": f"{contender} {part}" + (f", mean of {count} seeds" if count > 1 else "")},
        marker={**look, "size": 5},
        line={"color": colour, "dash": "solid" if part == "train" else "dash"},
        hovertemplate=f"{contender} {part}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
    )


def _ratios(records: Sequence[Record], looks: Mapping[str, Look], reference: str) -> Iterable[Chart]:
    """Draw ratios with intervals, one chart for each tier and thread track."""
    frame = tables.speed(records, reference)
    if not len(frame):
        return
    drawn = frame["workload"].isin(list(dict.fromkeys(frame["workload"]))[:MOST_WORKLOADS])
    places = ["tier", "threads", "device", "reference"]
    for (tier, threads, device, divisor), part in frame[drawn].groupby(places, sort=False):
        figure = go.Figure()
        for contender, rows in part.groupby("contender", sort=False):
            figure.add_scatter(
                x=list(rows["ratio"]),
                y=[f"{row.workload}, {row.metric}" for row in rows.itertuples()],
                customdata=list(rows["workload"]),
                text=[
                    units.ratio(stats.Interval(row.ratio, row.ratio_low, row.ratio_high, row.blocks))
                    + f", {row.verdict}"
                    for row in rows.itertuples()
                ],
                name=contender,
                mode="markers",
                marker={**looks[str(contender)], "size": 10},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": list((rows["ratio_high"] - rows["ratio"]).fillna(0)),
                    "arrayminus": list((rows["ratio"] - rows["ratio_low"]).fillna(0)),
                },
                hovertemplate=f"{contender}<br>%{{y}}: %{{text}}<extra></extra>",
            )
        band = {"fillcolor": _transparent(_NEUTRAL), "line_width": 0}
        figure.add_vrect(x0=1 / (1 + part["margin"].max()), x1=1 + part["margin"].max(), **band)
        figure.update_xaxes(type="log", title=f"time ÷ {divisor}'s (less is faster)")
        title = f"Tier {tier}, threads {threads}, {device}: ratios with 95 % intervals"
        figure.update_layout(title=title, meta={"yaxis": "workload, metric"})
        figure.update_yaxes(automargin=True, autorange="reversed")
        figure.update_layout(height=140 + 34 * len(set(part["workload"] + part["metric"])))
        yield Chart("speed", figure, {"tier": tier, "threads": threads, "device": device})


def _rooflines(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw steps below the roof of bandwidth and products, one chart for each tier and thread track."""
    frame = tables.limit_shares(records)
    if not len(frame):
        return
    drawn = frame["workload"].isin(list(dict.fromkeys(frame["workload"]))[:MOST_WORKLOADS])
    for (tier, threads, device, dtype), part in frame[drawn].groupby(
        ["tier", "threads", "device", "dtype"], sort=False
    ):
        bandwidth, rate = part["bandwidth"].max(), part["square_rate"].max()
        ridge = rate / bandwidth
        ends = [min(part["intensity"].min(), ridge) / 2, ridge, 2 * max(part["intensity"].max(), ridge)]
        figure = go.Figure()
        figure.add_scatter(
            x=ends,
            y=[min(rate, intensity * bandwidth) for intensity in ends],
            name="roof: copying, large products",
            mode="lines",
            line={"color": _NEUTRAL, "width": 4},
            hoverinfo="skip",
        )
        floors = part.drop_duplicates("workload")
        points = [
            ("products alone", floors, floors["flops"] / floors["products_seconds"], _PRODUCTS),
            *(
                (str(contender), rows, rows["flops_per_second"], looks[str(contender)])
                for contender, rows in part.groupby("contender", sort=False)
            ),
        ]
        for name, rows, reached, marker in points:
            figure.add_scatter(
                x=list(rows["intensity"]),
                y=list(reached),
                text=list(rows["workload"]),
                customdata=list(rows["workload"]),
                name=name,
                mode="markers",
                marker={**marker, "size": 10},
                hovertemplate=f"{name}, %{{text}}<br>%{{x:.3g}} FLOP/B: %{{y:.3g}} FLOP/s<extra></extra>",
            )
        figure.update_xaxes(type="log", title="FLOP of a step's products ÷ bytes that it has to move")
        figure.update_yaxes(type="log", exponentformat="power", title="FLOP/s")
        figure.update_layout(title=f"Tier {tier}, threads {threads}, {device}, {dtype}: roofline")
        yield Chart("limit", figure, {"tier": tier, "threads": threads, "device": device})


def _maps(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw who is fastest at each point of a grid, in the contender's colour; a tie has none."""
    frame = tables.crossover(records)
    for title, part in maps(frame) if len(frame) else ():
        networks = list(part.sort_values("parameters", kind="stable")["network"].unique())
        batches = sorted(set(part["batch_size"]))
        contenders = list(dict.fromkeys(part["contender"]))
        cells = dict(list(part.groupby(["network", "batch_size"])))
        names = [
            [winner(cells[network, batch]) if (network, batch) in cells else "" for batch in batches]
            for network in networks
        ]
        # one number for each contender, and one more for ties
        numbers = [
            [
                None if not name else contenders.index(name) if name in contenders else len(contenders)
                for name in row
            ]
            for row in names
        ]
        shades = [*(tint(looks[name]["color"], READABLE) for name in contenders), _TIE]
        steps = len(shades)
        figure = go.Figure()
        figure.add_heatmap(
            x=[f"batch {batch}" for batch in batches],
            y=networks,
            z=numbers,
            text=[[name.replace(" = ", "<br>= ") for name in row] for row in names],
            texttemplate="%{text}",
            textfont={"color": "#000000"},
            meta={"points": "fastest", "names": contenders},
            customdata=[[_ahead(cells.get((network, batch))) for batch in batches] for network in networks],
            zmin=-0.5,
            zmax=steps - 0.5,
            colorscale=[
                [(number + side) / steps, shade] for number, shade in enumerate(shades) for side in (0, 1)
            ],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
        figure.update_layout(title=f"{title}: who is fastest", meta={"xaxis": "batch", "yaxis": "network"})
        yield Chart("crossover", figure, track(part))


def _ahead(point: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return the workload of a point of a map, and who is fastest there."""
    if point is None:
        return None
    ahead = point[point["wins"]].sort_values("seconds")["contender"]
    return {"workload": str(point["workload"].iloc[0]), "fastest": list(ahead)}


def _costs(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw the time for one example over the parameters, one chart for each batch of a map."""
    frame = tables.crossover(records)
    for title, part in maps(frame) if len(frame) else ():
        for batch, points in part.groupby("batch_size"):
            figure = go.Figure()
            for contender, rows in points.sort_values("parameters").groupby("contender", sort=False):
                figure.add_scatter(
                    x=list(rows["parameters"]),
                    y=list(rows["seconds_per_example"]),
                    text=list(rows["network"]),
                    customdata=list(rows["workload"]),
                    name=contender,
                    mode="lines+markers",
                    marker={**looks[str(contender)], "size": 8},
                    line={"color": looks[str(contender)]["color"]},
                    hovertemplate=f"{contender}, %{{text}}: %{{y:.3g}} s<extra></extra>",
                )
            figure.update_xaxes(type="log", title="parameters")
            figure.update_yaxes(type="log", exponentformat="power", title="seconds for one example")
            figure.update_layout(title=f"{title}, batch {batch}: what an example costs")
            yield Chart("crossover", figure, track(part))


def _cold_starts(records: Sequence[Record]) -> Iterable[Chart]:
    """Draw for each workload the time from an empty process to the steady step, stage by stage."""
    frame = tables.cold_start(records)
    stages = [column for column in frame.columns if column.endswith("_seconds")]
    for (workload, threads, device), part in (
        list(frame.groupby(["workload", "threads", "device"], sort=False))[:MOST_WORKLOADS]
        if len(frame)
        else ()
    ):
        figure = go.Figure()
        for number, stage in enumerate(stages):
            steady = stage == "steady_step_seconds"
            figure.add_bar(
                x=list(part[stage]),
                y=list(part["contender"]),
                orientation="h",
                name=stage.removesuffix("_seconds").replace("_", " "),
                meta={"points": "contender"},
                customdata=list(part["contender"]),
                marker={"color": _LEVELS[number % len(_LEVELS)]},
                # beside the seconds before it a steady step is too short to be seen
                text=[f"then {units.seconds(each)} a step" for each in part[stage]] if steady else None,
                textposition="outside" if steady else "none",
                cliponaxis=False,
            )
        figure.update_xaxes(title="seconds")
        figure.update_yaxes(automargin=True, autorange="reversed")
        figure.update_layout(
            barmode="stack",
            title=f"{workload}, threads {threads}, {device}: from nothing to the steady step",
            meta={"yaxis": "contender"},
        )
        place = {"workload": workload, "threads": threads, "device": device}
        yield Chart("cold-start", figure, place)


def _confusion(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw which answers were given to test examples of each class, summed over seeds in float32."""
    learned = [record for record in records if record.case.experiment is None]
    for place, where, found in _by_place(learned, CurvesData):
        for contender, data in found.items():
            counts = [
                curve.test.confusion
                for curve in data.curves
                if curve.dtype == "float32" and curve.test and curve.test.confusion
            ]
            if not counts:
                continue
            size = len(counts[0])
            if any(len(rows) != size or any(len(row) != size for row in rows) for rows in counts):
                raise ValueError("a confusion matrix that is not square, or not as large as another")
            total = [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*counts, strict=True)]
            names = [str(number) for number in range(len(total))]
            figure = go.Figure()
            figure.add_heatmap(
                x=names,
                y=names,
                z=total,
                text=total,
                texttemplate="%{text}",
                colorscale=[[0, "#ffffff"], [1, tint(looks[contender]["color"], READABLE)]],
                textfont={"color": "#000000"},
                showscale=False,
                xgap=1,
                ygap=1,
                hovertemplate="class %{y}, answer %{x}: %{z}<extra></extra>",
            )
            figure.update_xaxes(title="answer", type="category")
            figure.update_yaxes(title="class", type="category", autorange="reversed")
            figure.update_layout(
                title=f"{where}, {contender}: answers to test examples, float32, {_seeds(len(counts))}"
            )
            yield Chart("learning", figure, {**place, "contender": contender})


def _seeds(count: int) -> str:
    return f"sum of {count} seeds" if count > 1 else "one seed"


def _memory(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    for place, name, found in _by_place(records, MemoryData):
        figure = go.Figure()
        for contender, data in found.items():
            figure.add_bar(
                x=list(data.peak_bytes),
                y=[peak / 1e6 for peak in data.peak_bytes.values()],
                name=contender,
                marker={"color": looks[contender]["color"]},
            )
        figure.update_yaxes(title="peak of the process, MB")
        figure.update_layout(title=f"{name}: memory by stage", meta={"xaxis": "stage"})
        yield Chart("memory", figure, place)


def _course(records: Sequence[Record]) -> Iterable[Chart]:
    """Draw for each experiment the training (and for overfitting the validation) loss of each level.

    A line is the mean over the seeds of one contender: those of a level have one colour, so that contenders
    which do not learn the same are seen.
    """
    told = [finding.experiment for finding in findings.course(records)]
    found: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if isinstance(record.data, CurvesData) and record.data.curves and record.case.experiment in told:
            found[record.case.experiment, record.case.track, record.case.device].append(record)
    for (experiment, threads, device), unsorted in found.items():
        own = sorted(unsorted, key=lambda record: findings.level_order(record.case.level or ""))
        figure, numbers, seeds = go.Figure(), dict[str, int](), set[int]()
        parts = ("train", "validation") if experiment == "overfitting" else ("train",)
        for record in own:
            assert isinstance(record.data, CurvesData)
            level, contender, curves = record.case.level or "", record.case.contender, record.data.curves
            first = level not in numbers
            number = numbers.setdefault(level, len(numbers))
            for part in parts:
                series = [values for curve in curves if (values := getattr(curve, f"{part}_loss"))]
                if not series:
                    continue
                length = min(map(len, series))
                name = f"{level} {part}" if len(parts) > 1 else level
                seeds.add(len(series))
                figure.add_scatter(
                    x=[epoch * curves[0].steps_per_epoch for epoch in range(length)],
                    y=[fmean(one[epoch] for one in series) for epoch in range(length)],
                    name=name,
                    legendgroup=name,
                    showlegend=first,
                    mode="lines",
                    meta={
                        "contenders": [contender],
                        "workload": record.case.workload,
                        "series": f"{name}, {contender}",
                    },
                    line={
                        "color": _LEVELS[number % len(_LEVELS)],
                        "dash": _DASHES[number % 6] if len(parts) == 1 else _part_dash(part),
                    },
                    hovertemplate=f"{name}, {contender}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
                )
        if not figure.data:
            continue
        figure.update_yaxes(title="loss", type="log")
        figure.update_xaxes(title="training step")
        count = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"{max(seeds)}"
        each = f"a line for each contender, mean over its trainings ({count})"
        figure.update_layout(title=f"{experiment}, threads {threads}, {device}: {each}")
        place = {"experiment": experiment, "threads": threads, "device": device}
        yield Chart("course", figure, place)


def _by_place(
    records: Sequence[Record], kind: type[Any]
) -> Iterable[tuple[dict[str, str], str, dict[str, Any]]]:
    """Return for each workload on each device and thread track its name and the contenders' data."""
    found: dict[tuple[str, str, str], dict[str, Any]] = defaultdict(dict)
    for record in records:
        if isinstance(record.data, kind):
            case = record.case
            found[case.workload, case.track, case.device][case.contender] = record.data
    several = len({(threads, device) for _, threads, device in found}) > 1
    return [
        (
            {"workload": workload, "threads": threads, "device": device},
            f"{workload}, threads {threads}, {device}" if several else workload,
            data,
        )
        for (workload, threads, device), data in itertools.islice(found.items(), MOST_WORKLOADS)
    ]


def _dash(dtype: str) -> str:
    return "solid" if dtype == "float32" else "dash"


def _part_dash(part: str) -> str:
    return "solid" if part == "train" else "dash"


def _transparent(colour: str) -> str:
    red, green, blue = rgb(colour)
    return f"rgba({red},{green},{blue},0.2)"

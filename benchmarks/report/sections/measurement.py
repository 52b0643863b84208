"""How this was measured, what stays open, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args

from benchmarks import soundness, stats, tables, units
from benchmarks.report.material import Material, Run
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import Measure, ParityData, Record, Samples, SpeedData


def method(run: Run) -> Section:
    """How was this measured?"""
    records = run.records
    timed = [record.data for record in records if isinstance(record.data, SpeedData) and record.data.blocks]
    checked = [record.data for record in records if isinstance(record.data, ParityData)]
    text = []
    if checked:
        reasons = dict.fromkeys(each.tolerance_reason for data in checked for each in data.trajectories)
        text += [f"Tolerance of parity: {reason}." for reason in reasons]
    if timed:
        blocks = [block for data in timed for block in data.blocks]
        samples = [each for block in blocks for each in block.samples]
        repeated = sum(each.repeated_rounds for each in samples)
        disturbed = [chunk for each in samples for chunk in each.disturbed]
        labels = Counter(soundness.steadiness(each) for each in samples)
        margins = dict.fromkeys(f"{data.margin:.1%}" for data in timed)
        presets = dict.fromkeys(data.preset for data in timed)
        idle = ", ".join(dict.fromkeys(block.idle_workers for block in blocks))
        busy = sorted(block.cpu_per_wall for block in blocks)
        text.append(
            f"Speed: {'; '.join(dict.fromkeys(data.stopped_by for data in timed))}; {_turns(samples)}"
            f"idle workers {idle}; while timed, a process was busy on {busy[0]:.2f} to {busy[-1]:.2f} cores."
        )
        text.append(
            f"Preset {', '.join(presets)}; ratios within {', '.join(margins)} count as the same. Warm-up: "
            + ", ".join(f"{count} {label}" for label, count in labels.items())
            + f" (processes and metrics). Chunks measured again after a disturbance: {repeated} rounds"
            + (
                f"; disturbed all the same: {sum(disturbed)} of {len(disturbed)} chunks."
                if disturbed
                else "."
            )
        )
        if limits := soundness.clock_limits(samples):
            told = ", ".join(f"{name} in {count}" for name, count in limits.items())
            text.append(f"What kept the GPU's clock down, by chunks: {told}.")
    lost = [
        f"{record.case.contender}, {record.case.workload}, block {index + 1} ({why})"
        for record in records
        if isinstance(record.data, SpeedData)
        for index, why in record.data.lost_blocks.items()
    ]
    if lost:
        text.append(f"Blocks that a contender lost and others did not: {'; '.join(lost)}.")
    if peak := run.manifest.parent_peak_bytes:
        text.append(f"The process that led the run took at most {units.megabytes(peak)}.")
    text.append(f"Repeat it: {run.command(())}")
    return Section("method", "How was this measured?", text, [], ("parity", "speed"))


def _turns(samples: Sequence[Samples]) -> str:
    """Return in which order contenders were timed, as far as the records have it."""
    turns = [turn for each in samples for turn in each.turns]
    if not any(turns):
        return ""
    drawn = any(len(set(each.turns)) > 1 for each in samples)
    return f"contenders took turns chunk by chunk{', in an order drawn anew' if drawn else ''}; "


def inconclusive(records: Sequence[Record], reference: str) -> Section:
    """Return every comparison that stays open, with the reason."""
    rows = []
    frame = tables.judged(records, reference)
    for row in frame[frame["verdict"] == "inconclusive"].itertuples() if len(frame) else ():
        ratio = stats.Interval(row.ratio, row.ratio_low, row.ratio_high, row.blocks)
        rows.append(
            [
                row.workload,
                row.contender,
                row.device,
                row.threads,
                row.tier,
                row.what.replace("_", " "),
                f"{units.ratio(ratio)} of {row.reference}",
                row.doubts or _why_open(ratio, row.margin),
            ]
        )
    if not rows:
        return Section("inconclusive", "Inconclusive")
    headers = ["workload", "contender", "device", "threads", "tier", "what", "ratio", "why"]
    text = [f"Comparisons of which nothing is concluded: {len(rows)}."]
    found = [Table("Inconclusive comparisons", headers, rows, detail=True)]
    return Section("inconclusive", "What stays open?", text, found, ("parity", "speed"), relative=True)


def _why_open(ratio: stats.Interval, margin: float) -> str:
    if ratio.count < 2:
        return "one block has no interval"
    if stats.verdict(ratio, margin) == "inconclusive":
        return f"the interval is not on one side of {margin:.1%}"
    return "could be chance among so many comparisons"


def self_check(material: Material) -> Section:
    """Does the harness tell the truth on the machines of the runs?"""
    text, found = [], []
    for number, (checked, runs) in enumerate(material.self_checks):
        whose = "" if len(material.runs) == 1 else f"Of {_named(runs)}: "
        if checked is None:
            if any(isinstance(record.data, SpeedData) for run in runs for record in run.records):
                missing = "No readable self-check of this machine is kept beside the run"
                text.append(f"{whose}{missing}; `versus selfcheck` makes one.")
            continue
        rows = checked.rows()
        text.append(f"{whose}`versus selfcheck --effort {checked.effort}` on this machine, {checked.taken}.")
        table = Table(
            f"{whose}Self-check",
            list(rows[0]),
            [list(row.values()) for row in rows],
            detail=True,
            key=f"self-check {number}",
        )
        found.append(table)
    source: Literal["", "selfcheck"] = "selfcheck" if found else ""
    return Section("selfcheck", "Does the harness tell the truth here?", text, found, source=source)


def _named(runs: Sequence[Run]) -> str:
    return f"run{'s' if len(runs) > 1 else ''} {', '.join(run.name for run in runs)}"


def troubles(material: Material) -> Section:
    """What is missing, and why."""
    rows = [
        [run.name, record.case.id, record.status, record.reason or ""]
        for run in material.runs
        for record in run.records
        if record.status != "finished"
    ]
    rows += [
        [run.name, each.path.name, "damaged", each.reason] for run in material.runs for each in run.damaged
    ]
    rows += [[units.UNKNOWN, each.path.name, "unreadable run", each.reason] for each in material.unreadable]
    if not rows:
        return Section("troubles", "Troubles")
    headers = ["run", "case", "status", "reason"]
    if len(material.runs) == 1:
        headers, rows = headers[1:], [row[1:] for row in rows]
    found = [Table("", headers, rows, key="troubles")]
    return Section("troubles", "What is missing, and why", [], found, get_args(Measure))


def environment(run: Run) -> Section:
    """Where was this measured?"""
    manifest = run.manifest
    packages, machine, python = (
        found if isinstance(found := manifest.environment.get(name), dict) else {}
        for name in ("packages", "machine", "python")
    )
    versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    rows = [
        ["run", run.name],
        ["suite", manifest.suite],
        ["started", manifest.started],
        ["finished", manifest.finished or units.UNKNOWN],
        ["outcome", manifest.outcome],
        ["processor", f"{machine.get('processor')}, {machine.get('usable_cores')} usable cores"],
        ["system", f"{machine.get('system')} {machine.get('release')} {machine.get('architecture')}"],
        ["python", str(python.get("version"))],
        ["packages", versions],
        ["commit", _commit(manifest.environment.get("git"))],
        *(["absent", f"{name}: {reason}"] for name, reason in manifest.absent.items()),
    ]
    found = [Table(f"Run {run.name}", ["what", "value"], rows, detail=True)]
    return Section("environment", "Where was this measured?", [], found, source="manifest")


def _commit(git: Any) -> str:
    if not isinstance(git, dict) or not git:
        return units.UNKNOWN
    return f"{git.get('commit')}{' with uncommitted changes' if git.get('dirty') else ''}"

"""How this was measured, what stays open, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks import stats, tables, units
from benchmarks.report.material import Material
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import ParityData, Record, SpeedData


def method(material: Material) -> Section:
    """How was this measured?"""
    records = material.records
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
        labels = Counter(stats.steadiness(each) for each in samples)
        margins = dict.fromkeys(f"{data.margin:.1%}" for data in timed)
        presets = dict.fromkeys(data.preset for data in timed)
        idle = ", ".join(dict.fromkeys(block.idle_workers for block in blocks))
        busy = sorted(block.cpu_per_wall for block in blocks)
        text.append(
            f"Speed: {'; '.join(dict.fromkeys(data.stopped_by for data in timed))}; contenders took turns "
            f"chunk by chunk in random order, idle workers {idle}; while timed, a process was busy on "
            f"{busy[0]:.2f} to {busy[-1]:.2f} cores."
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
    lost = [
        f"{record.case.contender}, {record.case.workload}, block {index + 1} ({why})"
        for record in records
        if isinstance(record.data, SpeedData)
        for index, why in record.data.lost_blocks.items()
    ]
    if lost:
        text.append(f"Blocks that a contender lost and others did not: {'; '.join(lost)}.")
    peaks = [manifest.parent_peak_bytes for _, manifest in material.runs if manifest.parent_peak_bytes]
    if peaks:
        text.append(f"The process that led the run took at most {units.megabytes(max(peaks))}.")
    text += [f"Repeat it: {command}" for command in material.commands(())]
    return Section("method", "How was this measured?", text)


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
    return Section("inconclusive", "What stays open?", text, found, ("speed",), relative=True)


def _why_open(ratio: stats.Interval, margin: float) -> str:
    if ratio.count < 2:
        return "one block has no interval"
    if stats.verdict(ratio, margin) == "inconclusive":
        return f"the interval is not on one side of {margin:.1%}"
    return "could be chance among so many comparisons"


def self_check(material: Material) -> Section:
    """Does the harness tell the truth on this machine?"""
    checked = material.checked
    if checked is None:
        text = ["No self-check of this machine is kept beside the run; `versus selfcheck` makes one."]
        measured = any(isinstance(record.data, SpeedData) for record in material.records)
        return Section("selfcheck", "Does the harness tell the truth here?", text if measured else [])
    rows = checked.rows()
    text = [f"`versus selfcheck --effort {checked.effort}` on this machine, {checked.taken}."]
    found = [Table("Self-check", list(rows[0]), [list(row.values()) for row in rows], detail=True)]
    return Section("selfcheck", "Does the harness tell the truth here?", text, found)


def troubles(material: Material) -> Section:
    """What is missing, and why."""
    rows = [
        [record.case.id, record.status, record.reason or ""]
        for record in material.records
        if record.status != "finished"
    ]
    rows += [
        [each.path.name, "damaged record" if each.path.suffix else "unreadable run", each.reason]
        for each in material.damaged
    ]
    if not rows:
        return Section("troubles", "Troubles")
    return Section(
        "troubles", "What is missing, and why", [], [Table("", ["case", "status", "reason"], rows)]
    )


def environment(material: Material) -> Section:
    """Where was this measured?"""
    found = []
    for _, manifest in material.runs:
        packages = manifest.environment.get("packages") or {}
        machine = manifest.environment.get("machine") or {}
        versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        rows = [
            ["run", manifest.run],
            ["suite", manifest.suite],
            ["started", manifest.started],
            ["outcome", manifest.outcome],
            ["processor", f"{machine.get('processor')}, {machine.get('usable_cores')} usable cores"],
            ["system", f"{machine.get('system')} {machine.get('release')} {machine.get('architecture')}"],
            ["python", str((manifest.environment.get("python") or {}).get("version"))],
            ["packages", versions],
            ["commit", _commit(manifest.environment.get("git"))],
            *(["absent", f"{name}: {reason}"] for name, reason in manifest.absent.items()),
        ]
        found.append(Table(f"Run {manifest.run}", ["what", "value"], rows, detail=True))
    return Section("environment", "Where was this measured?", [], found)


def _commit(git: dict[str, Any] | None) -> str:
    if not git:
        return units.UNKNOWN
    return f"{git.get('commit')}{' with uncommitted changes' if git.get('dirty') else ''}"

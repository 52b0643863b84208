"""The command `versus`. Everything heavy is imported inside the commands, so that `--help` answers at once.

Exit codes: 0 all is well; 1 a case failed, something disagrees, or something got slower; 2 bad input or
nothing could be measured, with one line on standard error; 130 interrupted (Ctrl-C, `kill`), with everything
finished kept.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from benchmarks.compare import Comparison
    from benchmarks.launch import Launch

INTERRUPTED = 130
RESULTS = click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of results; runs go to its subfolder local.",
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON to standard output, and nothing else there."
)
CONTENDERS = click.option(
    "--contenders",
    metavar="NAME,...",
    help="Who takes part, as `versus list contenders` names them.  [default: the suite's, or those installed "
    "that take part by default]",
)
DEVICE = click.option(
    "--device", type=click.Choice(["cpu", "gpu"]), help="Where to compute.  [default: the suite's]"
)
THREADS = click.option(
    "--threads",
    metavar="N|default",
    help="Threads of each contender; default: what a user gets.  [default: 1]",
)
SET = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Replace a setting of the suite, such as speed.blocks=6; may be repeated.",
)
PRESET = click.option(
    "--preset",
    type=click.Choice(["quick", "standard", "rigorous"]),
    help="How long to time: until intervals are within 5, 2 or 1 %, in at most 6, 30 or 60 blocks."
    "  [default: the suite's]",
)
RESUME = click.option("--resume", metavar="RUN", help="Take up a run that was broken off.")


def _project_error() -> type[Exception]:
    """Return the project's base error; evaluated only once something was raised."""
    from implementations.errors import VersusError

    return VersusError


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Take the signal of `kill` for a Ctrl-C, unless it is ignored or handled already."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Commands(click.Group):
    """Turns the project's errors, and an interruption, into one line on standard error and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        """Run the chosen command."""
        try:
            with _ended_as_by_ctrl_c():
                return super().invoke(context)
        except _project_error() as error:
            click.echo(f"versus: {error}", err=True)
            context.exit(2)
        except OSError as error:  # wherever something is written, be it to standard output
            from benchmarks.store import FULL

            if error.errno not in FULL:
                raise
            what = error.filename or "a disk"
            click.echo(f"versus: {what}: expected space, got {error.strerror}; free some", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("versus: interrupted", err=True)
            context.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nn-versus", prog_name="versus")
def main() -> None:
    """The same network in Keras, PyTorch and raw NumPy: do they compute the same, do they learn the same,
    and which is faster on this machine?

    A speed is shown only beside the proof that it computes the same thing: no parity, no time.
    """


@main.command()
@click.argument("suite", default="quick")
@CONTENDERS
@DEVICE
@THREADS
@PRESET
@SET
@RESULTS
@RESUME
@JSON
def run(suite: str, results: Path, resume: str | None, as_json: bool, **choices: Any) -> None:
    """Train and measure every contender on SUITE (default: quick).

    SUITE is a name from `versus list suites` or the path of a TOML file. Parity comes first, then learning
    curves, speed and memory. Ctrl-C, or `kill`, keeps what is finished; --resume goes on from there.

    Exit code 1: a case failed, or parity failed.
    """
    launch = _launch(suite, results, resume, **choices)
    _carry_out(launch)
    _conclude(launch.store.folder, as_json)


@main.command()
@click.argument("suite", default="parity")
@click.option(
    "--full",
    is_flag=True,
    help="Every exponent (of losses every 4th or 32nd), every optimizer, changing rates in both dtypes, 1000 "
    "steps: suite parity-full.",
)
@click.option("--card", is_flag=True, help="Print each contender's semantics card instead.")
@CONTENDERS
@DEVICE
@SET
@RESULTS
@RESUME
@JSON
def parity(
    suite: str, full: bool, card: bool, results: Path, resume: str | None, as_json: bool, **choices: Any
) -> None:
    """Compare elements, gradients, optimizer steps and whole trainings with exact results.

    Takes the workloads of SUITE (default: parity) and asks nothing else of them.

    Exit code 1: something differs by more than its tolerance, and not for a known reason.
    """
    if card:
        _refuse_with_card()
        _print_cards(choices["contenders"], as_json)
        return
    if full:
        suite = "parity-full" if suite == "parity" else suite
    launch = _launch(suite, results, resume, only=["elements", "parity"], **choices)
    _carry_out(launch)
    _conclude(launch.store.folder, as_json)


@main.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["html", "markdown", "csv", "parquet"]),
    multiple=True,
    help="May be repeated.  [default: html and markdown]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go.  [default: the run's folder; of several runs results/report]",
)
@RESULTS
@JSON
def report(
    runs: tuple[str, ...], formats: tuple[str, ...], output: Path | None, results: Path, as_json: bool
) -> None:
    """Render runs (default: the latest) as one offline HTML page, Markdown, CSV or Parquet.

    RUN is a folder, or the name of a run under the results folder. Several runs become one report.
    No framework is needed.
    """
    from benchmarks.report import render
    from benchmarks.report.material import gather
    from benchmarks.store import find_run

    folders = [find_run(name, results) for name in runs or ("latest",)]
    into = output or (folders[0] if len(folders) == 1 else results / "report")
    paths = render(gather(folders), into, formats or _possible_formats())
    _say({"files": [str(path) for path in paths]}, "\n".join(map(str, paths)), as_json)


@main.command()
@click.argument("runs", metavar="[RUN_A RUN_B]", nargs=-1)
@click.option(
    "--force", is_flag=True, help="Compare even if machine, versions or threads differ, and say so."
)
@click.option(
    "--rerun",
    metavar="REF",
    help="Instead of saved runs: measure REF and what is here in turns. REF is a git revision, the folder of"
    " a checkout or of a virtual environment, or requirements such as torch==2.12.0.",
)
@click.option(
    "--suite",
    default="quick",
    show_default=True,
    help="What --rerun measures; quick with at least six blocks, unless --preset asks for more.",
)
@click.option("--markdown", is_flag=True, help="Write a comment for a pull request.")
@CONTENDERS
@DEVICE
@THREADS
@PRESET
@SET
@RESULTS
@click.option("--resume", metavar="RUN", help="Take up a --rerun that was broken off.")
@JSON
def compare(
    runs: tuple[str, ...],
    force: bool,
    rerun: str | None,
    suite: str,
    markdown: bool,
    results: Path,
    resume: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Say what got slower, faster, or wrong from RUN_A to RUN_B, or from REF to what is here.

    Saved runs were not measured in turns, so that only large differences between them mean something; --rerun
    is the sound way.

    Exit code 1: a regression. Exit code 2: nothing could be compared.
    """
    from benchmarks.compare import compare as compare_runs
    from benchmarks.report.markdown import comparison_text
    from benchmarks.report.terminal import print_comparison
    from benchmarks.store import RunStore, find_run
    from implementations import InvalidInput

    ways = [name for name, given in (("--rerun", rerun), ("--resume", resume)) if given]
    if len(runs) != (0 if ways else 2) or len(ways) > 1:
        raise InvalidInput(
            "versus compare",
            expected="two runs, or --rerun REF, or --resume RUN",
            got=" and ".join([f"{len(runs)} runs", *ways]),
            action="see `versus list runs`",
        )
    if ways:
        comparison = _rerun(rerun, resume, suite, results, **choices)
    else:
        folders = [find_run(name, results) for name in runs]
        comparison = compare_runs(RunStore.open(folders[0]), RunStore.open(folders[1]), force=force)
    if as_json:
        _print_json(comparison.to_dict())
    elif markdown:
        click.echo(comparison_text(comparison))
    else:
        print_comparison(comparison)
    sys.exit(comparison.exit_code)


@main.command("list")
@click.argument(
    "what",
    type=click.Choice(
        [
            "contenders",
            "suites",
            "datasets",
            "activations",
            "losses",
            "optimizers",
            "schedules",
            "normalizations",
            "regularizations",
            "metrics",
            "initializers",
            "runs",
        ]
    ),
)
@RESULTS
@JSON
def list_(what: str, results: Path, as_json: bool) -> None:
    """Explain what there is to choose from."""
    from benchmarks.listing import rows
    from benchmarks.report.terminal import print_rows

    found = rows(what, results)
    if as_json:
        _print_json(found)
    else:
        print_rows(what, found)


@main.command()
@click.option(
    "--effort",
    type=click.Choice(["quick", "standard", "long"]),
    default="quick",
    show_default=True,
    help="About 3, 15 and 60 minutes, up to 3 hours on a noisy machine; rare events need the long one.",
)
@RESULTS
@JSON
def selfcheck(effort: str, results: Path, as_json: bool) -> None:
    """Measure the harness itself: false alarms, planted slowdowns and faults, its own cost, other tools.

    The result is kept for this machine, and later runs take their margin of "same" from it. Ctrl-C, or
    `kill`, ends it with what was measured until then.

    Exit code 1: it cries wolf, or missed a planted fault.
    """
    from benchmarks.progress import ProgressBar
    from benchmarks.report.terminal import print_rows
    from benchmarks.selfcheck.check import check
    from benchmarks.selfcheck.result import keep

    with ProgressBar() as watcher:
        found = check(effort, watcher)
    kept = keep(found, results)
    if as_json:
        _print_json({**found.model_dump(), "rows": found.rows(), "passed": found.passed, "file": str(kept)})
    else:
        print_rows("self-check", found.rows())
        click.echo(f"kept in {kept}")
    if found.interrupted:
        click.echo("versus: interrupted", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(0 if found.passed else 1)


@main.command()
@CONTENDERS
@THREADS
@PRESET
@SET
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
@JSON
def plain(out: Path | None, as_json: bool, **choices: Any) -> None:
    """Time the backends beside plain scripts of the same training, and NumPy beside its matrix products.

    A script knows no interface: the ratio to it is what ours costs. Each script must first come to the same
    parameters as its backend.

    Exit code 1: a script or a backend failed.
    """
    from benchmarks.plain.race import race
    from benchmarks.progress import ProgressBar
    from benchmarks.report.terminal import print_rows
    from benchmarks.store import write_whole

    names, overrides = _choices(device=None, **choices)
    with ProgressBar() as watcher:
        found = race(names, overrides, watcher)
    if out:
        write_whole(out, found.model_dump_json(indent=1))
    if as_json:
        _print_json(found.model_dump())
    else:
        print_rows("plain scripts", found.rows())
        for name, said in found.failures.items():
            click.echo(f"failed: {name}: {said}")
    sys.exit(1 if found.failures else 0)


@main.command()
@JSON
def doctor(as_json: bool) -> None:
    """Say what is installed and usable, on which device, and how to get the rest.

    Exit code 1: nothing is usable.
    """
    from dataclasses import asdict

    from benchmarks.contenders import loaded
    from benchmarks.progress import waiting
    from benchmarks.report.terminal import print_doctor

    with waiting("loading each contender in a process of its own"):
        found = loaded()
    if as_json:
        _print_json([asdict(each) for each in found])
    else:
        print_doctor(found)
    sys.exit(0 if any(each.usable for each in found) else 1)


def _launch(
    suite: str,
    results: Path,
    resume: str | None,
    contenders: str | None,
    device: str | None,
    settings: tuple[str, ...],
    threads: str | None = None,
    preset: str | None = None,
    only: list[str] | None = None,
) -> Launch:
    """Return the run that the options describe."""
    from benchmarks import launch
    from benchmarks.progress import waiting

    if resume:
        _refuse_choices(contenders, device, settings, threads, preset)
        with waiting("other runs, then the run and its data sets"):
            return launch.resume(resume, results)
    names, overrides = _choices(contenders, device, settings, threads, preset)
    if only:
        overrides["measures"] = only
    with waiting("other runs, then data sets"):
        return launch.begin(suite, overrides, names, results)


def _refuse_choices(*choices: Any) -> None:
    from implementations import InvalidInput

    if any(choices):
        raise InvalidInput(
            "--resume",
            expected="no other choices: a run goes on as it began",
            got="some",
            action="leave them out, or begin a new run",
        )


def _choices(
    contenders: str | None,
    device: str | None,
    settings: tuple[str, ...],
    threads: str | None = None,
    preset: str | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """Return the contenders that the options name, and what they replace in the suite."""
    import tomllib

    from implementations import InvalidInput

    overrides: dict[str, Any] = {"speed.preset": preset} if preset else {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise InvalidInput(
                "--set", expected="KEY=VALUE", got=setting, action="such as --set speed.blocks=6"
            )
        try:
            overrides[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            overrides[key] = value
    if device:
        overrides["device"] = device
    if threads:
        overrides["threads"] = int(threads) if threads.isdigit() else threads
    names = [name.strip() for name in contenders.split(",") if name.strip()] if contenders else []
    return names, overrides


def _rerun(
    reference: str | None, resume: str | None, suite: str, results: Path, **choices: Any
) -> Comparison:
    """Measure both sides in turns, or what is left of that, and compare them."""
    from benchmarks import rerun
    from benchmarks.compare import compare_sides
    from benchmarks.store import RunStore

    if resume:
        _refuse_choices(*choices.values())
        way = rerun.resume(resume, results)
    else:
        names, overrides = _choices(**choices)
        way = rerun.begin(str(reference), suite, overrides, names, results)
    with way as launch:
        _carry_out(launch)
    return compare_sides(RunStore.open(launch.store.folder))


def _carry_out(launch: Launch) -> None:
    """Run under a progress bar; an interruption says how to go on."""
    from benchmarks.launch import carry_out
    from benchmarks.progress import ProgressBar

    store = launch.store
    for name, reason in store.manifest.absent.items():
        click.echo(f"without {name}: {reason}", err=True)
    try:
        with ProgressBar() as watcher:
            carry_out(launch, watcher)
    except KeyboardInterrupt:
        kept = sum(1 for _ in store.each())
        command = "compare" if store.manifest.sides else "run"
        click.echo(
            f"versus: interrupted; {kept} cases are kept. "
            f"Go on with: versus {command} --resume {store.folder}",
            err=True,
        )
        sys.exit(INTERRUPTED)


def _refuse_with_card() -> None:
    """Refuse whatever was given beside --card, which asks no suite and leaves no run."""
    from implementations import InvalidInput

    context = click.get_current_context()
    given = [
        parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.make_metavar(context)
        for parameter in context.command.params
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
        and parameter.name not in ("card", "contenders", "as_json")
    ]
    if given:
        raise InvalidInput(
            "versus parity --card",
            expected="no choices but --contenders and --json",
            got=", ".join(given),
            action="leave them out: a card is of a contender on the CPU, whatever the suite",
        )


def _print_cards(names: str | None, as_json: bool) -> None:
    """Print what each contender does where frameworks differ; exit with 2 if no contender could be asked."""
    from benchmarks import contenders
    from benchmarks.progress import waiting
    from benchmarks.report.terminal import print_rows

    asked = names.split(",") if names else None
    contenders.require(asked or [])
    with waiting("trying each contender"):
        cards = contenders.cards(asked)
    if as_json:
        _print_json(cards)
    else:
        for name, facts in cards.items():
            print_rows(name, [{"what": what, "found": found} for what, found in facts.items()])
    sys.exit(2 if all("failed" in facts for facts in cards.values()) else 0)


def _conclude(folder: Path, as_json: bool) -> None:
    """Print tables and the report's path; exit with 1 if something failed, 2 if nothing was measured."""
    from benchmarks.report import render, summary
    from benchmarks.report.material import gather
    from benchmarks.report.sections import passed
    from benchmarks.report.terminal import print_run

    material = gather([folder])
    paths = render(material, folder, _possible_formats())
    if as_json:
        _print_json({**summary(material), "files": [str(path) for path in paths]})
    else:
        print_run(material)
        click.echo(f"report: {paths[0]}")
    if not any(record.status == "finished" for record in material.records):
        click.echo(f"versus: nothing could be measured; see the reasons in {folder}", err=True)
        sys.exit(2)
    sys.exit(0 if passed(material.records) else 1)


def _possible_formats() -> tuple[str, ...]:
    """Return the formats for readers that can be made here; say what is missing for the rest."""
    from benchmarks.report import possible_formats

    formats, missing = possible_formats()
    if missing:
        click.echo(f"without HTML: {missing}", err=True)
    return formats


def _say(content: Any, text: str, as_json: bool) -> None:
    if as_json:
        _print_json(content)
    else:
        click.echo(text)


def _print_json(content: Any) -> None:
    """Write it as JSON; what JSON has no number for, infinity and NaN, as null."""
    from pydantic_core import to_json

    click.echo(to_json(content, indent=2, inf_nan_mode="null", fallback=str))


if __name__ == "__main__":
    main()

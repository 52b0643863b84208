"""From options to a run, and the run under a progress bar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.cli.group import INTERRUPTED

if TYPE_CHECKING:
    from benchmarks.launch import Launch


def launched(
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
        refuse_choices(contenders, device, settings, threads, preset)
        with waiting("other runs, then the run and its data sets"):
            return launch.resume(resume, results)
    names, overrides = chosen(contenders, device, settings, threads, preset)
    if only:
        overrides["measures"] = only
    with waiting("other runs, then data sets"):
        return launch.begin(suite, overrides, names, results)


def refuse_choices(*choices: Any) -> None:
    """Refuse what was chosen beside --resume."""
    from implementations import InvalidInput

    if any(choices):
        raise InvalidInput(
            "--resume",
            expected="no other choices: a run goes on as it began",
            got="some",
            action="leave them out, or begin a new run",
        )


def chosen(
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


def carry_out(launch: Launch) -> None:
    """Run under a progress bar; an interruption says how to go on."""
    from benchmarks.launch import carry_out as carry_out_launch
    from benchmarks.progress import ProgressBar

    store = launch.store
    for name, reason in store.manifest.absent.items():
        click.echo(f"without {name}: {reason}", err=True)
    try:
        with ProgressBar() as watcher:
            carry_out_launch(launch, watcher)
    except KeyboardInterrupt:
        kept = sum(1 for _ in store.each())
        command = "compare" if store.manifest.sides else "run"
        click.echo(
            f"versus: interrupted; {kept} cases are kept. "
            f"Go on with: versus {command} --resume {store.folder}",
            err=True,
        )
        sys.exit(INTERRUPTED)

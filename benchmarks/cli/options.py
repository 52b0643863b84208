"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

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

"""The command `versus`: a file for each of its commands, and what they share.

Everything heavy is imported inside the commands, so that `--help` answers at once.

Exit codes: 0 all is well; 1 a case failed, something disagrees, or something got slower; 2 bad input or
nothing could be measured, with one line on standard error; 130 interrupted (Ctrl-C, `kill`), with everything
finished kept.
"""

from __future__ import annotations

import click

from benchmarks.cli.compare import compare
from benchmarks.cli.doctor import doctor
from benchmarks.cli.group import Commands
from benchmarks.cli.list import list_
from benchmarks.cli.parity import parity
from benchmarks.cli.plain import plain
from benchmarks.cli.report import report
from benchmarks.cli.run import run
from benchmarks.cli.selfcheck import selfcheck


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nn-versus", prog_name="versus")
def main() -> None:
    """The same network in Keras, PyTorch and raw NumPy: do they compute the same, do they learn the same,
    and which is faster on this machine?

    A speed is shown only beside the proof that it computes the same thing: no parity, no time.
    """


main.add_command(run)
main.add_command(parity)
main.add_command(report)
main.add_command(compare)
main.add_command(list_)
main.add_command(selfcheck)
main.add_command(plain)
main.add_command(doctor)

"""Two sides of one run: other code, or other packages, measured in turns with what is here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import launch, rerun
from benchmarks.compare import compare_sides
from benchmarks.report.markdown import comparison_text
from benchmarks.store import RunStore
from implementations import InvalidInput
from tests import small_suite
from tests.test_runner import Watcher

TEXT = small_suite.TEXT.replace("chunks = 2", "chunks = 3")
SLOW = "        self._differentiate(y, self._forward(x, training=True))\n"


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def checkout(tmp_path):
    """A copy of the sources."""
    folder = tmp_path / "checkout"
    for name in ("implementations", "benchmarks"):
        shutil.copytree(rerun.HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def compared(reference, suite, results):
    with rerun.begin(reference, suite, {}, ["numpy"], results) as begun:
        launch.carry_out(begun, Watcher())
    return RunStore.open(begun.store.folder)


def test_a_slower_checkout_is_found(checkout, suite, tmp_path):
    source = checkout / "implementations" / "numpy" / "network.py"
    text = source.read_text()
    assert SLOW in text
    source.write_text(text.replace(SLOW, SLOW * 6))  # six times the work, the same result
    store = compared(str(checkout), suite, tmp_path / "results")
    comparison = compare_sides(store)
    changes = {change.what: change for change in comparison.changes}
    assert changes["parity"].judgement == "same"
    assert changes["train_step (loop)"].ratio.estimate < 0.7
    assert "checkout" in comparison_text(comparison)


def test_another_environment_takes_part(suite, tmp_path):
    """With this interpreter's packages by another path, which is what an environment is."""
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    import sysconfig

    (next(other.glob("lib/*/site-packages")) / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    comparison = compare_sides(compared(str(other), suite, tmp_path / "results"))
    assert {change.what for change in comparison.changes} >= {"parity", "train_step (loop)"}


def test_what_is_no_reference_is_refused(suite, tmp_path):
    with (
        pytest.raises(InvalidInput, match="git revision"),
        rerun.begin("no-such-revision", suite, {}, ["numpy"], tmp_path),
    ):
        pass


def test_a_rerun_is_not_taken_up_again(suite, checkout, tmp_path):
    with rerun.begin(str(checkout), suite, {}, ["numpy"], tmp_path / "results") as begun:
        name = begun.store.folder.name
    with pytest.raises(InvalidInput, match="compare --rerun"):
        launch.resume(name, tmp_path / "results")


def test_a_checkout_that_speaks_otherwise_fails_its_cases(checkout, suite, tmp_path):
    worker = checkout / "benchmarks" / "worker.py"
    worker.write_text(worker.read_text().replace("PROTOCOL = 2", "PROTOCOL = 1"))
    store = compared(str(checkout), suite, tmp_path / "results")
    records = {(record.case.contender, record.case.measure): record for record in store.records()[0]}
    assert "protocol 1" in records["numpy@before", "parity"].reason
    assert records["numpy@after", "parity"].status == "finished"
    assert compare_sides(store).exit_code == 2


def test_revisions_come_from_git(tmp_path):
    git = ["git", "-C", str(rerun.HERE)]
    if subprocess.run([*git, "rev-parse"], capture_output=True, check=False).returncode:
        pytest.skip("these sources are no git checkout")
    side, what = rerun._side("HEAD", tmp_path)
    assert side.checkout is not None
    assert (Path(side.checkout) / "benchmarks" / "worker.py").exists()
    assert what == "revision HEAD"

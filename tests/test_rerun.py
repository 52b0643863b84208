"""Two sides of one run: other code, or other packages, measured in turns with what is here."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner

from benchmarks import launch, rerun
from benchmarks.cli import main
from benchmarks.compare import compare_sides
from benchmarks.report.markdown import comparison_text
from benchmarks.store import RunStore, StoreError
from benchmarks.temporary import among
from implementations import InvalidInput
from tests import small_suite
from tests.test_runner import Watcher

TEXT = small_suite.TEXT.replace("chunks = 2", "chunks = 3")
SLOW = "        program.run(x, y)\n"


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


def test_a_slower_checkout_is_a_regression(checkout, suite, tmp_path, monkeypatch):
    source = checkout / "implementations" / "numpy" / "network.py"
    text = source.read_text()
    assert SLOW in text
    source.write_text(text.replace(SLOW, SLOW * 6))  # six times the work, the same result
    reference = str(rerun.HERE)
    monkeypatch.setattr(rerun, "HERE", checkout)
    asked = ["--suite", suite, "--contenders", "numpy", "--results", str(tmp_path / "results")]
    more = ["--set", "speed.blocks=6", "--set", "speed.block_limit=6", "--json"]
    done = CliRunner().invoke(main, ["compare", "--rerun", reference, *asked, *more])
    told = json.loads(done.stdout)
    changes = {change["what"]: change for change in told["changes"]}
    assert changes["parity"]["judgement"] == "same"
    step = changes["train_step (loop)"]
    assert step["ratio"]["estimate"] > 1.4
    assert step["judgement"] == "regression" or step["why"]  # a busy machine may leave a doubt
    regressions = [change for change in changes.values() if change["judgement"] == "regression"]
    assert done.exit_code == told["exit_code"] == bool(regressions)
    store = RunStore.open(next((tmp_path / "results" / "local").glob("*-small")))
    assert "this checkout" in comparison_text(compare_sides(store))


def test_without_a_choice_it_takes_as_many_blocks_as_a_conclusion_needs(checkout, tmp_path):
    """The suite `quick` itself has three, and ends after a minute."""
    for overrides, blocks in (({}, 6), ({"speed.preset": "rigorous"}, 60)):
        results = tmp_path / str(blocks)
        with rerun.begin(str(checkout), rerun.SUITE, overrides, ["numpy"], results) as begun:
            speed = begun.suite.speed
            assert (speed.block_limit, speed.time_budget_seconds) == (blocks, None)
            assert {"train_step", "epoch", "predict"} <= set(speed.metrics)


def test_another_environment_takes_part(suite, tmp_path):
    """With this interpreter's packages by another path, which is what an environment is."""
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    import sysconfig

    (next(other.glob("lib/*/site-packages")) / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    comparison = compare_sides(compared(str(other), suite, tmp_path / "results"))
    assert {change.what for change in comparison.changes} >= {"parity", "train_step (loop)"}


def test_an_environment_that_finds_no_space_is_one_error(suite, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("venv.create", full)
    with (
        pytest.raises(StoreError, match="No space left on device"),
        rerun.begin("numpy==2.3.5", suite, {}, ["numpy"], tmp_path),
    ):
        pass

    def failing(*_, **__):
        raise subprocess.CalledProcessError(1, "ensurepip", b"much before\nOSError: no space")

    monkeypatch.setattr("venv.create", failing)
    with (
        pytest.raises(InvalidInput, match="got OSError: no space"),
        rerun.begin("numpy==2.3.5", suite, {}, ["numpy"], tmp_path),
    ):
        pass
    assert not list(among(tmp_path / "local").iterdir())


def test_what_is_no_reference_is_refused(suite, tmp_path):
    with (
        pytest.raises(InvalidInput, match="git revision"),
        rerun.begin("no-such-revision", suite, {}, ["numpy"], tmp_path),
    ):
        pass


def test_a_rerun_is_taken_up_with_both_sides_and_by_its_own_command(suite, checkout, tmp_path, monkeypatch):
    results, written = tmp_path / "results", []
    write = RunStore.write

    def interrupted(self, record):
        write(self, record)
        written.append(record.case.measure)
        if written.count("speed") == 3:  # both sides have block 0, and one has block 1
            raise KeyboardInterrupt

    monkeypatch.setattr(RunStore, "write", interrupted)
    with rerun.begin(str(checkout), suite, {}, ["numpy"], results) as begun, pytest.raises(KeyboardInterrupt):
        launch.carry_out(begun, Watcher())
    monkeypatch.setattr(RunStore, "write", write)
    name = begun.store.folder.name
    with pytest.raises(InvalidInput, match="versus compare --resume"):
        launch.resume(name, results)
    store = RunStore.open(begun.store.folder)
    sides = store.manifest.sides or {}
    told = {side: {**sides[side], "git": None} for side in ("before", "after")}
    store.update_manifest(sides={**sides, **told})  # the code is the same, whatever git says
    with rerun.resume(name, results) as again:
        assert again.sides["numpy@before"].checkout == checkout
        assert again.sides["numpy@after"].against == "numpy@before"
        launch.carry_out(again, Watcher())
    store = RunStore.open(again.store.folder)
    indices = {
        record.case.contender: [block.index for block in record.data.blocks]
        for record in store.records()[0]
        if record.case.measure == "speed"
    }
    assert indices == {"numpy@before": [0, 1], "numpy@after": [0, 1]}
    assert any(change.ratio for change in compare_sides(store).changes)


def test_a_rerun_whose_reference_has_changed_is_refused(suite, checkout, tmp_path):
    with rerun.begin(str(checkout), suite, {}, ["numpy"], tmp_path / "results") as begun:
        sides = json.loads(json.dumps(begun.store.manifest.sides))
        sides["before"]["packages"]["numpy"] = "1.0"
        begun.store.update_manifest(sides=sides)
    with (
        pytest.raises(InvalidInput, match=r"before packages numpy: 1\.0"),
        rerun.resume(begun.store.folder.name, tmp_path / "results"),
    ):
        pass


def test_an_ordinary_run_is_none_of_two_sides(suite, tmp_path):
    begun = launch.begin(suite, {}, ["numpy"], tmp_path)
    with (
        pytest.raises(InvalidInput, match="versus run --resume"),
        rerun.resume(begun.store.folder.name, tmp_path),
    ):
        pass


def test_a_checkout_that_speaks_otherwise_fails_its_cases(checkout, suite, tmp_path):
    worker = checkout / "benchmarks" / "worker.py"
    worker.write_text(worker.read_text().replace("PROTOCOL = ", "PROTOCOL = -"))
    store = compared(str(checkout), suite, tmp_path / "results")
    records = {(record.case.contender, record.case.measure): record for record in store.records()[0]}
    assert "protocol -" in records["numpy@before", "parity"].reason
    assert records["numpy@after", "parity"].status == "finished"
    assert compare_sides(store).exit_code == 2


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_revision_is_pinned_by_its_commit(checkout, suite, tmp_path, monkeypatch):
    """What the branch says later is another matter, also for a run that is taken up."""
    monkeypatch.setattr(rerun, "HERE", checkout)
    git(checkout, "init", "--initial-branch", "main")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "slow")
    slow = git(checkout, "rev-parse", "HEAD")
    source = checkout / "implementations" / "numpy" / "network.py"
    fast = source.read_text()
    source.write_text(fast.replace(SLOW, SLOW * 6))
    git(checkout, "commit", "--quiet", "--all", "--amend", "--message", "slower")
    slower = git(checkout, "rev-parse", "HEAD")
    assert slow != slower
    source.write_text(fast)
    with rerun.begin("main", suite, {}, ["numpy"], tmp_path / "results") as begun:
        launch.carry_out(begun, Watcher())
    sides = RunStore.open(begun.store.folder).manifest.sides
    assert sides is not None
    assert sides["before"]["git"] == {"commit": slower, "dirty": False}
    assert sides["after"]["git"] == {"commit": slower, "dirty": True}
    changes = {change.what: change for change in compare_sides(begun.store).changes}
    assert changes["train_step (loop)"].ratio.estimate < 0.7
    git(checkout, "branch", "--force", "other", slow)
    git(checkout, "update-ref", "refs/heads/main", slow)
    before = rerun._before("main", tmp_path / "again", slower)
    assert before.side.checkout is not None
    assert SLOW * 6 in (before.side.checkout / "implementations" / "numpy" / "network.py").read_text()


def test_requirements_get_an_environment_of_their_own(suite, tmp_path, monkeypatch):
    """From a folder of packages instead of the index; what is not named comes from here."""
    name, wheels = "pytest_benchmark-0.0.1", tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pytest_benchmark.py", "")
        info = f"{name}.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pytest-benchmark\nVersion: 0.0.1\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with rerun.begin("pytest-benchmark==0.0.1", suite, {}, ["numpy"], tmp_path / "results") as begun:
        launch.carry_out(begun, Watcher())
    store = RunStore.open(begun.store.folder)
    sides = store.manifest.sides
    assert sides is not None
    before, after = (sides[side]["packages"] for side in ("before", "after"))
    assert before["pytest-benchmark"] == "0.0.1" != after["pytest-benchmark"]
    assert before["numpy"] == after["numpy"]
    assert any(change.ratio for change in compare_sides(store).changes)


def test_requirements_that_cannot_be_had_are_refused(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with (
        pytest.raises(InvalidInput, match="that can be installed"),
        rerun.begin("no-such-package==1", suite, {}, ["numpy"], tmp_path),
    ):
        pass

"""Whole runs of a small suite on NumPy, undisturbed and disturbed."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import wait

import psutil
import pytest
from filelock import FileLock, Timeout

from benchmarks import durations, keeping, launch, store, units
from benchmarks.measures import parity, planted
from benchmarks.packed import Packed
from benchmarks.report.markdown import text
from benchmarks.report.material import of
from benchmarks.result import CurvesData, MemoryData, ParityData, SpeedData
from benchmarks.runner import Runner
from benchmarks.sides import Side
from benchmarks.store import RunStore, StoreError, find_run
from benchmarks.temporary import among
from benchmarks.worker import CAN_FREEZE, Worker, WorkerFailed
from implementations import BackendUnavailable, InvalidInput
from tests import small_suite, synthetic_run

WITH_ELEMENTS = small_suite.TEXT.replace('"parity", "curves"', '"elements", "parity", "curves"')


class Watcher:
    def __init__(self):
        self.phases, self.done = {}, {}

    def begin(self, phase, total):
        self.phase = phase
        self.phases[phase], self.done[phase] = total, 0

    def advance(self, _):
        self.done[self.phase] += 1


@pytest.fixture
def begin(tmp_path):
    def begin(text=small_suite.TEXT, **overrides):
        path = tmp_path / "small.toml"
        path.write_text(text)
        return launch.begin(str(path), overrides, [], tmp_path / "results")

    return begin


def records(begun):
    return {record.case.measure: record for record in RunStore.open(begun.store.folder).records()[0]}


def test_a_run_answers_every_question(begin):
    begun, watcher = begin(), Watcher()
    launch.carry_out(begun, watcher)
    found = records(begun)
    assert {record.status for record in found.values()} == {"finished"}
    assert isinstance(found["parity"].data, ParityData)
    assert found["parity"].data.passed
    curves = found["curves"].data
    assert isinstance(curves, CurvesData)
    assert [(curve.dtype, curve.seed) for curve in curves.curves] == [
        ("float32", 0),
        ("float32", 1),
        ("float64", 0),
    ]
    assert all(len(curve.train_loss) == 3 and curve.test.evaluations == 1 for curve in curves.curves)
    assert isinstance(found["memory"].data, MemoryData)
    assert RunStore.open(begun.store.folder).manifest.outcome == "finished"
    assert watcher.phases == watcher.done


def test_the_points_of_a_grid_share_their_data(begin):
    begun = begin(small_suite.TEXT + '[workloads.grid]\n"model.batch_size" = [4, 8]\n')
    first, second = begun.data.values()
    assert first is second


LIMIT = small_suite.TEXT.replace('"parity", "curves", "speed", "memory"', '"limit"')


def test_the_limit_is_numpy_s_whoever_takes_part(begin):
    text = LIMIT.replace('"numpy"', f'"{small_suite.SECOND}"')
    begun, watcher = begin(text, **{"workloads.0.model.batch_size": 32}), Watcher()
    launch.carry_out(begun, watcher)
    record = records(begun)["limit"]
    assert (record.status, record.case.contender) == ("finished", "numpy")
    data, calibration = record.data, record.data.calibration
    assert (data.widths, data.parameters, data.batch_size) == ([4, 3], 15, 32)
    assert data.flops == 2 * 2 * 32 * 5 * 3
    assert data.least_bytes == 4 * (32 * 5 + 2 * 15)
    assert calibration.threads_seen >= 1
    for chunks in (calibration.products, calibration.square, calibration.copying, calibration.call):
        assert len(chunks) >= 5
        assert min(chunks) > 0
    assert watcher.phases == watcher.done


def test_a_limit_that_cannot_be_found_fails_alone(begin, monkeypatch):
    monkeypatch.setattr(Worker, "call", killing(Worker.call, "limit", "numpy", {1, 2}))
    begun = begin(LIMIT)
    launch.carry_out(begun, Watcher())
    found = records(begun)
    assert (found["limit"].status, found["card"].status) == ("failed", "finished")
    assert "SIGKILL" in found["limit"].reason


def test_speed_keeps_raw_chunks_and_says_how_they_were_measured(begin):
    begun = begin()
    launch.carry_out(begun, Watcher())
    data = records(begun)["speed"].data
    assert isinstance(data, SpeedData)
    assert [block.index for block in data.blocks] == [0, 1]
    assert list(data.blocks[0].stages) == list(durations.START_STAGES)
    assert set(data.blocks[1].stages) == {"build", "first_step"}
    assert [block.served_before for block in data.blocks] == [0, 0]
    for block in data.blocks:
        assert {samples.metric for samples in block.samples} == {"train_step", "epoch", "predict"}
        assert all(len(samples.seconds) == 2 and min(samples.seconds) > 0 for samples in block.samples)
        assert block.threads_seen == 1
        assert block.idle_workers == ("frozen" if CAN_FREEZE else "absent")
        assert 0.5 < block.cpu_per_wall < 1.5


def test_no_parity_no_time(begin, monkeypatch):
    """With a tolerance that nothing meets, nothing is timed."""
    monkeypatch.setattr(parity, "FLOAT32_TOLERANCE_PER_ROOT_STEP", 0.0)
    monkeypatch.setattr(parity, "NOISE_RATIO", 0.0)
    begun = begin()
    launch.carry_out(begun, Watcher())
    found = records(begun)
    assert not found["parity"].data.passed
    assert found["speed"].status == "skipped"
    assert "not the same computation" in found["speed"].reason
    assert found["speed"].data is None
    assert found["curves"].status == "finished"


@pytest.mark.parametrize("command", ["trajectory", "curves", "time_chunk", "memory_stages", "open_workload"])
def test_a_worker_that_fails_fails_its_case_alone(begin, monkeypatch, command):
    begun = begin()
    call, failures = Worker.call, []

    def failing(self, name, **arguments):
        # the float64 reference is computed first and must stand
        if name == command and (name != "trajectory" or arguments.get("dtype") == "float32"):
            failures.append(name)
            self._process.kill()
        return call(self, name, **arguments)

    monkeypatch.setattr(Worker, "call", failing)
    launch.carry_out(begun, Watcher())
    hit = {
        "trajectory": "parity",
        "curves": "curves",
        "time_chunk": "speed",
        "open_workload": "speed",
        "memory_stages": "memory",
    }[command]
    assert failures
    for measure, record in records(begun).items():
        if measure == hit:
            assert record.status == "failed"
            assert "SIGKILL" in record.reason
        elif measure == "speed":  # and parity was hit
            assert record.status == ("skipped" if hit == "parity" else "finished")
        else:
            assert record.status == "finished"


def speed_of(begun):
    """Return each contender's record of speed."""
    found, _ = RunStore.open(begun.store.folder).records()
    return {record.case.contender: record for record in found if record.case.measure == "speed"}


def indices(begun):
    return {
        contender: [block.index for block in record.data.blocks]
        for contender, record in speed_of(begun).items()
    }


def killing(call, command, contender, calls):
    """Return `Worker.call` with a worker that is killed at those calls of a command."""
    seen = [0]

    def killed(self, name, **arguments):
        if (name, self.contender) == (command, contender):
            seen[0] += 1
            if seen[0] in calls:
                self._process.kill()
        return call(self, name, **arguments)

    return killed


@pytest.mark.parametrize("command", ["card", "expect", "trajectory", "curves", "memory_stages", "read"])
def test_a_worker_that_dies_once_is_replaced(begin, monkeypatch, command):
    contender = "the data sets" if command == "read" else "numpy"
    monkeypatch.setattr(Worker, "call", killing(Worker.call, command, contender, {1}))
    begun = begin(WITH_ELEMENTS if command == "expect" else small_suite.TEXT)
    launch.carry_out(begun, Watcher())
    assert {record.status for record in records(begun).values()} == {"finished"}


def test_those_that_compile_begin_first_and_then_the_last_ones(begin):
    begun, began = begin(), []
    names = ["numpy", "torch", "keras-jax", "keras-torch", "torch-compile"]
    runner = Runner(begun.suite, names, {}, begun.store, Watcher(), jobs=1)
    runner._side_by_side("parity", lambda name, _: began.append(name), "card")
    assert began == ["torch-compile", "keras-jax", "keras-torch", "torch", "numpy"]


def test_elements_are_judged_while_reference_trainings_are_still_to_come(begin, monkeypatch):
    judged, keep, train = threading.Event(), keeping.Keeper.keep, Runner._train_reference
    in_time = []

    def kept(self, case, *arguments, **options):
        keep(self, case, *arguments, **options)
        if case.measure == "elements":
            judged.set()

    def patient(self, workload):
        in_time.append(judged.wait(120))
        return train(self, workload)

    monkeypatch.setattr(keeping.Keeper, "keep", kept)
    monkeypatch.setattr(Runner, "_train_reference", patient)
    begun = begin(WITH_ELEMENTS)
    launch.carry_out(begun, Watcher())
    assert in_time == [True]
    assert {record.status for record in records(begun).values()} == {"finished"}


def test_a_reference_that_fails_fails_what_is_judged_by_it_alone(begin, monkeypatch):
    def failing(self, workload):
        raise WorkerFailed("reference", expected="a training", got="none at all", action="look")

    monkeypatch.setattr(Runner, "_train_reference", failing)
    begun = begin()
    launch.carry_out(begun, Watcher())
    found = records(begun)
    assert (found["parity"].status, found["curves"].status) == ("failed", "finished")
    assert "none at all" in found["parity"].reason


def test_nothing_is_begun_anew_after_an_error(begin, monkeypatch):
    """A disk that is full ends the run, and a reference's worker that was ended with it is not replaced."""
    keep, hire, hired = keeping.Keeper.keep, Runner._hire, []

    def full(self, case, *arguments, **options):
        if case.measure == "card":
            raise StoreError("results", expected="space", got="none", action="make room")
        keep(self, case, *arguments, **options)

    def counted(self, contender, *arguments, **options):
        hired.append((contender, self._ended))
        return hire(self, contender, *arguments, **options)

    monkeypatch.setattr(keeping.Keeper, "keep", full)
    monkeypatch.setattr(Runner, "_hire", counted)
    with pytest.raises(StoreError):
        launch.carry_out(begin(WITH_ELEMENTS), Watcher())
    assert hired
    assert not any(ended for _, ended in hired)


def test_data_whose_reader_dies_again_ends_in_one_error(begin, monkeypatch):
    monkeypatch.setattr(Worker, "call", killing(Worker.call, "read", "the data sets", {1, 2}))
    with pytest.raises(WorkerFailed, match="SIGKILL"):
        begin()


def test_a_contender_that_dies_once_while_timed_loses_one_block(begin, monkeypatch):
    """The others keep it; the one catches up, and the report tells."""
    begun = begin(small_suite.TIMED_PAIR)
    monkeypatch.setattr(Worker, "call", killing(Worker.call, "time_chunk", "numpy", {1}))
    launch.carry_out(begun, Watcher())
    assert indices(begun) == {"numpy": [1, 2], small_suite.SECOND: [0, 1, 2]}
    record = speed_of(begun)["numpy"]
    assert record.status == "finished"
    assert "after 2 blocks" in record.data.stopped_by or "limit of 2" in record.data.stopped_by
    assert "SIGKILL" in record.data.lost_blocks[0]
    assert "numpy, w, block 1 (" in text(of(RunStore.open(begun.store.folder)))


def beside_planted(begin, mishap, **settings):
    """Return a run of NumPy and of NumPy to whose steps something happens before they are warm."""
    begun = begin(small_suite.TIMED, **{"speed.warm_up_steps": planted.LATE})
    contenders = ["numpy", "planted"]
    begun.store.update_manifest(contenders=contenders)
    sides = {"planted": Side("numpy", planted={"fault": mishap})}
    suite = begun.suite.model_copy(update=settings)  # data sets are read already, which takes longer
    return dataclasses.replace(begun, suite=suite, contenders=contenders, sides=sides)


@pytest.mark.parametrize(
    ("mishap", "says"),
    [
        ("a worker that hangs", "a sign of life within 10 s"),
        ("a worker that leaks", "at most 400 MB of memory"),
        ("a worker that raises", "ArithmeticError: planted in step 1000"),
    ],
)
def test_what_happens_to_one_contender_while_timed_is_told_and_the_others_keep_their_times(
    begin, mishap, says
):
    """It happens in each of its processes, of which it gets two."""
    share = 400e6 / psutil.virtual_memory().total
    begun = beside_planted(begin, mishap, timeout_seconds=10, memory_share=share)
    launch.carry_out(begun, Watcher())
    found = speed_of(begun)
    assert (found["numpy"].status, found["planted"].status) == ("finished", "failed")
    assert indices(begun) == {"numpy": [0, 1], "planted": []}
    assert says in found["planted"].reason
    assert [says in why for why in found["planted"].data.lost_blocks.values()] == [True, True]
    assert "planted, w, block 2 (" in text(of(RunStore.open(begun.store.folder)))
    assert not [child for child in psutil.Process().children() if "benchmarks.worker" in child.cmdline()]


def test_what_a_contender_prints_while_timed_goes_to_its_log(begin):
    begun = beside_planted(begin, "a worker that prints")
    launch.carry_out(begun, Watcher())
    assert {record.status for record in speed_of(begun).values()} == {"finished"}
    assert indices(begun) == {"numpy": [0, 1], "planted": [0, 1]}
    log = begun.store.log("planted").read_text()
    assert "planted xxx" in log
    assert "planted past Python" in log


def test_a_contender_that_dies_again_keeps_the_blocks_it_has(begin, monkeypatch):
    begun = begin(small_suite.TIMED_PAIR, **{"speed.blocks": 4, "speed.block_limit": 4})
    third_and_fourth = {3, 4}
    monkeypatch.setattr(Worker, "call", killing(Worker.call, "open_workload", "numpy", third_and_fourth))
    launch.carry_out(begun, Watcher())
    assert indices(begun) == {"numpy": [0, 1], small_suite.SECOND: [0, 1, 2, 3]}
    found = speed_of(begun)
    assert found["numpy"].status == "failed"
    assert found[small_suite.SECOND].status == "finished"
    monkeypatch.undo()
    again = launch.resume(begun.store.folder.name, begun.store.folder.parents[1])
    launch.carry_out(again, Watcher())
    assert indices(begun) == {"numpy": [0, 1], small_suite.SECOND: [0, 1, 2, 3]}
    assert speed_of(begun)["numpy"].status == "failed"
    assert speed_of(begun)[small_suite.SECOND] == found[small_suite.SECOND]


@pytest.mark.parametrize("moment", [2, 4, 6])
def test_a_kill_between_two_writes_leaves_no_contender_behind(begin, monkeypatch, moment):
    """Of two blocks of two contenders: two records each, then two final ones."""
    begun, write, written = begin(small_suite.TIMED_PAIR), RunStore.write, []

    def killed(self, record):
        if record.case.measure == "speed":
            written.append(record)
            if len(written) == moment:
                raise KeyboardInterrupt
        write(self, record)

    monkeypatch.setattr(RunStore, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        launch.carry_out(begun, Watcher())
    monkeypatch.undo()
    final = {name: record for name, record in speed_of(begun).items() if keeping.is_final(record)}
    launch.carry_out(launch.resume(begun.store.folder.name, begun.store.folder.parents[1]), Watcher())
    found = speed_of(begun)
    assert indices(begun) == {"numpy": [0, 1], small_suite.SECOND: [0, 1]}
    assert all(set(record.data.blocks[0].stages) >= {"spawn", "import"} for record in found.values())
    assert all(keeping.is_final(record) for record in found.values())
    assert final.items() <= found.items()
    assert moment < 6 or set(final) == {"numpy"}


def test_a_contender_that_comes_when_the_others_have_ended_is_told_so(begin, monkeypatch):
    begun = begin(small_suite.TIMED_PAIR)
    monkeypatch.setattr(Worker, "call", killing(Worker.call, "trajectory", small_suite.SECOND, {1, 2}))
    launch.carry_out(begun, Watcher())
    assert "parity could not be checked" in speed_of(begun)[small_suite.SECOND].reason
    monkeypatch.undo()
    numpy = speed_of(begun)["numpy"]
    launch.carry_out(launch.resume(begun.store.folder.name, begun.store.folder.parents[1]), Watcher())
    assert speed_of(begun)["numpy"] == numpy
    assert "the others' timing had ended" in speed_of(begun)[small_suite.SECOND].reason


def test_the_whole_run_keeps_others_waiting(begin, monkeypatch):
    """Not the timing alone: parity and memory would be another run's noise."""
    begun, free = begin(), []

    def look(self, command, **arguments):
        free.append(FileLock(store._lock_file()).acquire(timeout=0) if command == "card" else None)
        return call(self, command, **arguments)

    call = Worker.call
    monkeypatch.setattr(Worker, "call", look)
    with pytest.raises(Timeout):
        launch.carry_out(begun, Watcher())


def test_reading_the_data_waits_for_other_runs_too(begin, monkeypatch):
    """It would disturb what they time."""
    read = launch._read_data

    def look(*arguments):
        with pytest.raises(Timeout):
            FileLock(store._lock_file()).acquire(timeout=0)
        return read(*arguments)

    monkeypatch.setattr(launch, "_read_data", look)
    assert begin().data


def test_what_another_process_has_done_meanwhile_is_not_done_again(begin):
    """A resume that waited begins where the run is when its turn comes."""
    begun = begin()
    RunStore.open(begun.store.folder).update_manifest(blocks_done=1, timing_seconds=7.0)
    launch.carry_out(begun, Watcher())
    assert begun.store.manifest.timing_seconds > 7.0


def test_a_lock_that_cannot_be_had_is_one_error(begin, monkeypatch, tmp_path):
    begun = begin()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "none" / "file"))
    (tmp_path / "none").write_text("")
    with pytest.raises(StoreError, match="TMPDIR"):
        launch.carry_out(begun, Watcher())


@pytest.mark.parametrize(
    ("part", "value"),
    [("fingerprint", "another"), ("code", "0" * 12), ("python", {"version": "3"})],
)
def test_resume_elsewhere_or_with_other_code_is_refused(begin, tmp_path, part, value):
    begun = begin()
    changed = {**begun.store.manifest.environment, part: value}
    begun.store.update_manifest(environment=changed)
    with pytest.raises(InvalidInput, match="began with"):
        launch.resume(begun.store.folder.name, tmp_path / "results")


def test_a_wider_margin_of_the_suite_is_kept(begin):
    assert begin(**{"speed.margin": 0.1}).suite.speed.margin == 0.1


def test_resume_with_another_kernel_goes_on(begin, tmp_path):
    begun = begin()
    surroundings = begun.store.manifest.environment
    machine = {**surroundings["machine"], "release": "7.0"}
    begun.store.update_manifest(environment={**surroundings, "machine": machine})
    assert launch.resume(begun.store.folder.name, tmp_path / "results").contenders == ["numpy"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_parent_stays_small_and_the_report_says_how(begin, tmp_path):
    """In a process of its own, as pytest is larger; with every measure and two contenders.

    What a worker sends must not bring its framework along: torch's version, for one, is a class of its own.
    """
    path = tmp_path / "pair.toml"
    path.write_text(small_suite.PAIR)
    results = tmp_path / "results"
    lead = (
        "import sys; from benchmarks.cli import main;"
        f"main(['run', {str(path)!r}, '--results={results}', '--json'], standalone_mode=False)"
    )
    told = "import atexit, sys; atexit.register(lambda: print(sorted(sys.modules), file=sys.stderr));"
    done = subprocess.run([sys.executable, "-c", told + lead], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "'benchmarks.runner'" in done.stderr
    assert not [name for name in ("torch", "keras", "tensorflow", "jax") if f"'{name}'" in done.stderr]
    found = RunStore.open(find_run("latest", results))
    peak = found.manifest.parent_peak_bytes
    assert peak is not None
    assert 10e6 < peak < 150e6
    assert f"took at most {units.megabytes(peak)}" in text(of(found))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_parent_holds_no_data(tmp_path):
    """A data set that is larger than the parent may be, sent to one worker after the other."""
    path = tmp_path / "large.toml"
    text = small_suite.TEXT.replace('"parity", "curves", "speed", "memory"', '"parity", "memory"')
    text = text.replace("epochs = 2", "epochs = 1\nbatch_size = 1000").replace("steps = 10", "steps = 2")
    text = text.replace('"iris"', '"clusters", features = 784, examples = 24_000')
    path.write_text(text.replace("units = 3", "units = 10"))
    command = [sys.executable, "-m", "benchmarks.cli", "run", path, f"--results={tmp_path / 'results'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = RunStore.open(find_run("latest", tmp_path / "results"))
    assert {record.status for record in found.each()} == {"finished"}
    peak = found.manifest.parent_peak_bytes
    assert peak is not None
    assert peak < 150e6 < 24_000 * 784 * 8


def test_parameters_of_trainings_do_not_come_to_the_parent(begin, monkeypatch):
    """What it is sent is less than those of a single step, and of the files only the reference's are kept."""
    grid = '[workloads.grid]\n"model.batch_size" = [4, 8, 16]\n'
    wide = small_suite.TEXT.replace('"parity", "curves", "speed", "memory"', '"parity"')
    begun = begin(wide.replace("units = 3", 'units = 3000, activation = "relu" }, { units = 3') + grid)
    sent, kept, call, judge, ask = {}, [], Worker.call, parity.judge, Runner._ask_references

    def ask_and_wait(self):
        ask(self)
        wait(self._references.values())  # so that no training of theirs passes by while files are counted

    def weigh(self, command, **arguments):
        answer = call(self, command, **arguments)
        if command == "trajectory":
            sent[arguments["file"]] = len(pickle.dumps(answer)), answer.parameters[0].nbytes
        return answer

    def look(contender, model, reference, *candidates):
        kept.append(
            {file for file in sent if file.exists()} - {each.parameters.file for each in candidates[:2]}
        )
        assert reference.parameters.file in kept[-1]
        return judge(contender, model, reference, *candidates)

    monkeypatch.setattr(Runner, "_ask_references", ask_and_wait)
    monkeypatch.setattr(Worker, "call", weigh)
    monkeypatch.setattr(parity, "judge", look)
    launch.carry_out(begun, Watcher())
    workloads = {workload.name for workload in begun.suite.workloads}
    trainings = 1 + parity.PERTURBATIONS + len(parity.VARIATIONS) + 2
    assert len(sent) == len(workloads) * (trainings + 2) == 3 * 13
    assert all(size < of_one_step / 10 for size, of_one_step in sent.values())
    assert [{file.parent.name for file in files} for files in kept] == [workloads] * 3
    assert {len(files) for files in kept} == {3}
    assert not [file for file in sent if file.exists()]


def test_interruption_keeps_what_is_done_and_resume_does_the_rest(begin, tmp_path, monkeypatch):
    begun = begin()
    keep = keeping.Keeper.keep

    def interrupted(self, case, *arguments, **options):
        keep(self, case, *arguments, **options)
        if case.measure == "parity":
            raise KeyboardInterrupt

    monkeypatch.setattr(keeping.Keeper, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch.carry_out(begun, Watcher())
    assert set(records(begun)) == {"card", "parity"}
    assert RunStore.open(begun.store.folder).manifest.outcome == "interrupted"
    first = records(begun)["parity"]
    monkeypatch.setattr(keeping.Keeper, "keep", keep)
    again = launch.resume(begun.store.folder.name, tmp_path / "results")
    launch.carry_out(again, Watcher())
    found = records(begun)
    assert set(found) == {"card", "parity", "curves", "speed", "memory"}
    assert found["parity"] == first
    assert RunStore.open(begun.store.folder).manifest.outcome == "finished"


def test_a_run_that_is_taken_up_holds_no_records(begin, tmp_path, monkeypatch):
    begun = begin()
    launch.carry_out(begun, Watcher())

    def all_at_once(self):
        raise AssertionError

    monkeypatch.setattr(RunStore, "records", all_at_once)
    again, watcher = launch.resume(begun.store.folder.name, tmp_path / "results"), Watcher()
    launch.carry_out(again, watcher)
    assert set(watcher.phases) == {"other runs"}


def test_resume_in_another_environment_is_refused(begin, tmp_path):
    begun = begin()
    path = begun.store.folder / "manifest.json"
    content = json.loads(path.read_text())
    content["environment"]["packages"]["numpy"] = "1.0"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInput, match=r"numpy: 1\.0"):
        launch.resume(begun.store.folder.name, tmp_path / "results")


def test_missing_contender_that_was_asked_for(tmp_path, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    with pytest.raises(BackendUnavailable, match=r"pip install.*torch"):
        launch.begin("quick", {}, ["torch"], tmp_path)


def test_contenders_that_are_not_installed_are_left_out_with_the_reason(tmp_path, monkeypatch):
    import importlib.util

    find, gone = importlib.util.find_spec, ("torch", "keras", "tensorflow", "jax")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in gone else find(name, *a)
    )
    begun = launch.begin("quick", {}, [], tmp_path)
    assert begun.contenders == ["numpy"]
    assert "pip install" in begun.store.manifest.absent["keras-jax"]


def test_device_that_no_contender_has_is_told_with_reasons(begin):
    with pytest.raises(InvalidInput, match="NumPy computes on the CPU only") as told:
        begin(device="gpu")
    assert "this measures parity, curves, speed, memory of w, by numpy" in str(told.value)


def test_data_that_cannot_be_read_stops_before_anything_is_written(begin, tmp_path):
    with pytest.raises(InvalidInput, match="no such file"):
        begin(small_suite.TEXT.replace('name = "iris"', f'name = "mnist", folder = "{tmp_path}"'))
    assert not [path for path in tmp_path.glob("results/local/*") if path.name != "temporary"]
    assert not list(among(tmp_path / "results" / "local").iterdir())


def test_error_of_a_worker_keeps_its_parts():
    error = WorkerFailed("a", expected="b", got="c", action="d")
    assert (error.subject, error.expected, error.got, error.action) == ("a", "b", "c", "d")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_many_blocks_take_little_memory():
    """Of the process that leads: the longest timing of the suites keeps five thousand of them."""
    block = synthetic_run.speed(1e-4).blocks[0]
    copies = [pickle.dumps(block.model_copy(update={"index": index})) for index in range(1000)]
    tracemalloc.start()
    try:
        plain = [pickle.loads(each) for each in copies]
        lists, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        packed = Packed(pickle.loads(each) for each in copies)
        both, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(packed) == plain
    assert both - lists < 0.4 * lists


def test_two_runs_that_start_at_once_in_one_results_folder(tmp_path):
    """Each has a folder of its own, and one waits until the other is done."""
    path, results = tmp_path / "small.toml", tmp_path / "results"
    # so long that they would overlap, though they also take turns at reading their data
    path.write_text(small_suite.TIMED.replace("blocks = 2", "blocks = 8").replace("limit = 2", "limit = 8"))
    command = [sys.executable, "-m", "benchmarks.cli", "run", path, f"--results={results}"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    folders = [file.parent for file in results.glob("local/*/manifest.json")]
    assert len(folders) == 2
    spans = []
    for run in map(RunStore.open, folders):
        assert run.manifest.outcome == "finished"
        found, damaged = run.records()
        assert not damaged
        assert {record.status for record in found} == {"finished"}
        written = [file.stat().st_mtime for file in (run.folder / "records").iterdir()]
        spans.append((min(written), max(written)))
    (_, first_end), (second_begin, _) = sorted(spans)
    assert second_begin > first_end

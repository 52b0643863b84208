"""What a run leaves behind: one manifest, and one record for each finished case.

The models here are the schema. Records hold raw measurements; every summary is computed from them
when it is shown, so a better statistic can be applied to an old run.

Schema history
--------------
1
    First version.
2
    Speed: the preset and margin of the verdict; warm-up times, noise witnesses and rounds measured again;
    problems of a block; the stages interpreter (until then a part of spawn) and device; chunks that stayed
    disturbed, and clocks of a GPU; blocks that a contender lost; how much a worker had served before. In
    manifests how far timing has come, and the sides of a comparison. Elements: layers, results at special
    points, the first bad step. Measures of their own: the limit, the profile. Of tests the confusion matrix.
    All optional, so records of version 1 are read as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 2

Measure = Literal["card", "elements", "parity", "curves", "speed", "limit", "profile", "memory"]
Status = Literal["finished", "failed", "skipped"]
Metric = Literal["train_step", "epoch", "predict", "place"]
Tier = Literal["idiomatic", "loop", "compiled"]
Stage = Literal["spawn", "interpreter", "import", "device", "build", "first_step"]


class Model(BaseModel):
    """Common settings: immutable, no unknown fields, infinities and NaN kept as strings in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Case(Model):
    """One thing to find out: a measure of one contender on one workload."""

    suite: str
    workload: str
    measure: Measure
    contender: str
    device: str = "cpu"
    threads: int | None = 1
    """Threads each contender may use; None is the `default` track (what a user gets)."""
    experiment: str | None = None
    """Experiment that the workload belongs to: one of the course, or a grid whose times make a map."""
    level: str | None = None
    """The workload's value on the experiment's axis, such as a learning rate."""

    @property
    def track(self) -> str:
        """Thread track: `single`, `default`, or the number of threads."""
        return {None: "default", 1: "single"}.get(self.threads, f"{self.threads}-threads")

    @property
    def id(self) -> str:
        """Unique within a run, and a valid file name."""
        return ".".join((self.workload, self.measure, self.contender, self.device, self.track))


class Agreement(Model):
    """One element of the catalogue compared with exact results."""

    kind: Literal["activation", "loss", "optimizer", "metric", "product", "layer"]
    name: str
    """With its options where they matter, such as `binary_crossentropy from_logits`."""
    quantity: Literal["value", "gradient", "50 steps", "100 steps", "product"]
    dtype: Literal["float32", "float64"]
    error: float
    """Largest error in units (beyond known deviations, if one is); in early records in max(|f|, 1)."""
    tolerance: float
    """In the same units: of the last place, of what an optimizer has moved in that many steps, of
    2 sqrt(k) u |A| |B|."""
    median: float | None = None
    worst_input: float | None = None
    """Where the largest error is: x, a prediction, a gradient's size, a length, a mean, a weight."""
    bad_from: float | None = None
    """The x nearest to 0 at which the relative error is above 0.001; in early records its size only."""
    bad_step: int | None = None
    """First judged step after which an optimizer's error is above the tolerance, known deviation or not."""
    special: dict[str, float] = {}
    """Results at `0`, `-0`, `inf`, `-inf` and `nan`. Derivatives at NaN are told here, and not judged."""
    passed: bool
    deviation: str | None = None
    """What known deviations explain errors beyond the tolerance, or why the element was refused."""


class CardData(Model):
    """Answer to "what does it mean by the names?": the semantics card, found by trying."""

    measure: Literal["card"] = "card"
    facts: dict[str, str]


class ElementsData(Model):
    """Answer to "does each element compute the same?"."""

    measure: Literal["elements"] = "elements"
    agreements: list[Agreement]
    passed: bool


class Drift(Model):
    """Distance of a contender's training from float64 NumPy's before one step."""

    step: int
    loss: float
    """|loss - reference| / max(|reference|, 1)."""
    parameters: float
    """Norm of the difference of all parameters divided by max(norm of the reference's, 1)."""


class Trajectory(Model):
    """A training compared step by step with the same training in float64 NumPy."""

    dtype: Literal["float32", "float64"]
    steps: int
    tolerance: float
    """Largest relative drift (of loss and of parameters) that counts as the same after the last step."""
    tolerance_reason: str
    noise_floor: float | None = None
    """Largest drift, over all steps, of the reference itself with changes that mean nothing."""
    floor: list[float] | None = None
    """The noise floor of parameters at each compared step, in float32 at least that of one rounding."""
    floors: dict[str, float] | None = None
    """The largest drift by what was changed: `moved`, `one ULP`, `permuted units`, `two threads`."""
    pair_floor: list[float] | None = None
    """The noise floor of two contenders: how far apart the reference's own float32 trainings are."""
    ratio: float | None = None
    """Largest multiple of the noise floor at any step: about 1 is parity, above 5 another computation."""
    ratio_step: int | None = None
    """The step at which it is that multiple."""
    judged_until: int | None = None
    """Last step that was judged, where one ULP then grows too large for the tolerance."""
    drift: list[Drift]
    sums: list[list[float]] | None = None
    """The difference of the parameters from the reference's at each compared step, divided by their norm, in
    random sums: distances between two contenders' sums are about those between their parameters."""
    passed: bool
    first_departure: int | None = None
    """First compared step beyond the tolerance."""
    first_tensor: str | None = None
    """The parameter that was furthest off there, such as `layer 2 bias`."""
    deviation: str | None = None
    """Reason of a known deviation that covers a drift beyond the tolerance or above 5 times the noise."""


class ParityData(Model):
    """Answer to "do they compute the same?"."""

    measure: Literal["parity"] = "parity"
    reference: str
    """What it was compared with, such as `numpy float64`."""
    true_float64: bool
    """Whether float64 inputs are really computed in float64 (probed, not assumed)."""
    float64_leaks: dict[str, float] | None = None
    """What is not, with its relative error: `dense`, `tanh`, `constant 0.9`, `loss`."""
    trajectories: list[Trajectory]
    passed: bool
    notes: list[str] = []


class TestResult(Model):
    """The single evaluation of the test split, after training had ended."""

    loss: float
    accuracy: float | None = None
    correct: int | None = None
    count: int
    confusion: list[list[int]] | None = None
    """How many examples of each class (row) were given each answer (column)."""
    evaluations: Literal[1] = 1


class Curve(Model):
    """One training: losses and accuracies after each epoch (index 0: before training)."""

    seed: int
    dtype: Literal["float32", "float64"]
    steps_per_epoch: int
    train_loss: list[float]
    validation_loss: list[float]
    train_accuracy: list[float] | None = None
    validation_accuracy: list[float] | None = None
    diverged: bool = False
    stopped_early: bool = False
    best_epoch: int
    """Epoch with the lowest validation loss."""
    test: TestResult | None = None


class CurvesData(Model):
    """Answer to "do they learn the same?"."""

    measure: Literal["curves"] = "curves"
    task: Literal["classification", "regression"]
    curves: list[Curve]


class Samples(Model):
    """Raw chunk times of one metric in one process."""

    metric: Metric
    tier: Tier
    iterations: int
    """Repetitions (steps, epochs or predictions) inside each chunk."""
    examples: int
    """Examples processed by one repetition."""
    seconds: list[float]
    """Wall time of each whole chunk, in the order in which the chunks ran."""
    turns: list[int] = []
    """Place of each chunk among the contenders of its round, from 0: the order is drawn anew each round."""
    warm_up: list[float] = []
    """Seconds for one repetition in each chunk before the timed ones."""
    first_calls: dict[int, float] = {}
    """Repetitions -> seconds of the first call with so many, which may have compiled something."""
    cpu_seconds: list[float] = []
    """CPU time of the process in each chunk, all threads."""
    steal_seconds: list[float] = []
    """Time in each chunk for which the hypervisor gave the machine's cores to others (/proc/stat)."""
    pressure_seconds: list[float] = []
    """Time in each chunk in which some process waited for a core (/proc/pressure/cpu)."""
    involuntary_switches: list[int] = []
    """How often the process was taken off its core in each chunk (getrusage)."""
    repeated_rounds: int = 0
    """Rounds of all contenders that were measured again because a chunk in them was disturbed."""
    disturbed: list[bool] = []
    """Whether each chunk was disturbed all the same, when no more rounds could be repeated."""
    throttled: list[bool] = []
    """Whether the GPU lowered its clock because of heat in each chunk (NVML)."""
    clock_mhz: list[int] = []
    """The GPU's clock at the end of each chunk (NVML)."""
    clock_reasons: list[int] = []
    """Why the GPU's clock was not at its highest around each chunk: NVML's bits, 0x4 for a power limit."""
    problems: list[str] = []
    """What is wrong with this metric here; a comparison that rests on it stays inconclusive."""


class Block(Model):
    """One fresh worker process of this contender, measured interleaved with the other contenders'."""

    index: int
    stages: dict[Stage, float]
    """Seconds of each stage of a start; those before build only where workers started one by one."""
    served_before: int | None = None
    """Workloads that its worker had served before: only where there were none are build and first step those
    of a cold start. Early records do not tell."""
    warm_up_steps: int
    idle_workers: Literal["frozen", "running", "absent"]
    """What the other contenders' workers did meanwhile."""
    threads_seen: int
    """Threads that the framework says it uses, read back after start."""
    cpu_per_wall: float
    """CPU seconds per wall second over the timed chunks."""
    samples: list[Samples]
    problems: list[str] = []
    """What the harness found wrong with itself here; a comparison that rests on it stays inconclusive."""


class SpeedData(Model):
    """Answer to "which is faster here?"."""

    measure: Literal["speed"] = "speed"
    blocks: list[Block]
    stopped_by: str
    lost_blocks: dict[int, str] = {}
    """Number of a block from which there are no times of this contender -> what its worker failed by."""
    preset: str = "custom"
    margin: float = 0.02
    """Ratios up to 1 + margin count as the same speed: 2 %, or the machine's own floor if that is more."""


class Calibration(Model):
    """What NumPy reaches on this machine with the threads of the track. Seconds are those of each chunk."""

    threads_seen: int
    products: list[float]
    """Of the matrix products of one step, and nothing else."""
    square: list[float]
    """Of the product of two large square matrices."""
    square_size: int
    """Rows and columns of each."""
    copying: list[float]
    """Of a copy from one large array to another."""
    copied_bytes: int
    """Read and written by one copy, together."""
    call: list[float]
    """Of a function call that adds one number to another."""


class LimitData(Model):
    """Answer to "what is the least that a step can take here?", from the model's shapes and one process."""

    measure: Literal["limit"] = "limit"
    dtype: Literal["float32", "float64"]
    batch_size: int
    widths: list[int]
    """Inputs, then the outputs of each layer."""
    parameters: int
    flops: int
    """Floating-point operations in the matrix products of a step."""
    least_bytes: int
    """What a step has to read and write, whatever stays in a cache meanwhile."""
    calibration: Calibration | None = None
    not_calibrated: str | None = None
    """Why there is no calibration."""


class Spent(Model):
    """What a function or an operation took in one step, on average."""

    name: str
    calls: float
    seconds: float
    """Of its own, without what it called."""
    kind: Literal["product", "copy", "other"] | None = None
    """Of an operation: a product of matrices, a move or conversion of numbers, or anything else."""


class ProfileData(Model):
    """Answer to "where does a step's time go?", from a process that was not timed: watching takes time."""

    measure: Literal["profile"] = "profile"
    steps: int
    python_calls: float
    """Calls of functions that are written in Python, in one step."""
    c_calls: float
    """Calls of built-in functions; cProfile sees no call of an object, such as NumPy's ufuncs."""
    functions: list[Spent]
    """Those that took most of the time themselves."""
    function_seconds: float
    """Of all functions, in one step."""
    operations: list[Spent] | None = None
    """Everything that the framework's own profiler counts; None on a GPU, and in early records."""
    operation_step_seconds: float | None = None
    """Of one step, while its operations were counted."""


class MemoryData(Model):
    """Answer to "how much memory does it take?", from a process that was not timed."""

    measure: Literal["memory"] = "memory"
    method: str
    peak_bytes: dict[Literal["baseline", "import", "build", "train"], int]
    """Peak resident set of the process within each stage, in bytes."""
    device_peak_bytes: dict[Literal["build", "train"], int] | None = None
    """The most that the framework's own allocator held on the GPU within each stage; JAX and CuPy: so far."""
    device_process_bytes: int | None = None
    """What the driver counts for the whole process on the GPU after training: with its context, and with what
    the framework has reserved, which is most of a card for JAX and TensorFlow if nobody told them not to."""


Data = Annotated[
    CardData | ElementsData | ParityData | CurvesData | SpeedData | LimitData | ProfileData | MemoryData,
    Field(discriminator="measure"),
]


class Record(Model):
    """What became of one case."""

    schema_version: int = SCHEMA_VERSION
    case: Case
    status: Status
    reason: str | None = None
    """Why the case failed or was skipped, in one line."""
    started: str
    """ISO 8601 time with offset."""
    seconds: float
    spec: dict[str, Any]
    """The workload as it was run: dataset and model, after expansion and with defaults."""
    data: Data | None = None


class Manifest(Model):
    """What is needed to repeat a run."""

    schema_version: int = SCHEMA_VERSION
    run: str
    suite: str
    command: list[str]
    started: str
    finished: str | None = None
    outcome: Literal["running", "finished", "interrupted"] = "running"
    contenders: list[str]
    absent: dict[str, str] = {}
    """Contenders that could not take part, with the reason."""
    seed: int
    settings: dict[str, Any]
    """The suite as it was read, after command-line overrides."""
    environment: dict[str, Any]
    parent_peak_bytes: int | None = None
    """Peak resident memory of the process that led the run (Linux)."""
    blocks_done: int = 0
    """Blocks of timing that every contender's record has; a record may have one more that was broken off."""
    timing_seconds: float = 0.0
    """How long those blocks took, of all parts of a run that was taken up again."""
    stopped_by: dict[str, str] = {}
    """Workload -> the rule that ended its timing."""
    sides: dict[str, Any] | None = None
    """Of `versus compare --rerun`: the reference as it was given, and what each side consists of."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of records and manifests, which stands in `results/schema.json`."""
    from pydantic.json_schema import models_json_schema

    _, schema = models_json_schema(
        [(Record, "serialization"), (Manifest, "serialization")],
        title=f"versus records, schema {SCHEMA_VERSION}",
    )
    return schema

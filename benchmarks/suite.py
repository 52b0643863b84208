"""Suites: what to run, read from TOML, expanded into workloads and checked before anything starts."""

from __future__ import annotations

import copy
import itertools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from benchmarks import datasets
from benchmarks.modes import contender_names, default_contenders
from benchmarks.result import Case, Measure, Metric, Model
from implementations import InvalidInput, ModelSpec, catalog
from implementations.errors import unknown_name

_VALID_NAME = re.compile(r"[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*")


class ElementsSettings(Model):
    """How elements are compared."""

    full: bool = False
    """Whether every exponent of a float64 is tried, and four times as many points between."""


class ParitySettings(Model):
    """How long trainings are compared with float64 NumPy."""

    float64_steps: int = Field(200, ge=1)
    float32_steps: int = Field(100, ge=1)
    """Fewer, because after some hundred steps a ReLU may take the other side of its kink in float32."""


class CurvesSettings(Model):
    """Which trainings are compared as curves."""

    seeds: list[int] = [0, 1, 2]
    float64_seeds: list[int] = [0]
    """Seeds that are also trained in float64, where all contenders must count the same right answers."""


PRESETS: Mapping[str, Mapping[str, float]] = {
    "quick": {
        "block_limit": 6,
        "half_width": 0.05,
        "chunk_seconds": 0.05,
        "warm_up_seconds": 0.3,
        "start_blocks": 1,
    },
    "standard": {
        "block_limit": 30,
        "half_width": 0.02,
        "chunk_seconds": 0.1,
        "warm_up_seconds": 1.0,
        "start_blocks": 6,
    },
    "rigorous": {
        "block_limit": 60,
        "half_width": 0.01,
        "chunk_seconds": 0.1,
        "warm_up_seconds": 1.0,
        "start_blocks": 6,
    },
}
"""How much time is spent on certainty: settings of `SpeedSettings` that a suite may still replace."""


class SpeedSettings(Model):
    """How time is measured; `docs/measuring.md` gives the reasons."""

    preset: Literal["quick", "standard", "rigorous"] = "standard"
    metrics: list[Metric] = ["train_step", "epoch", "predict"]
    blocks: int = Field(6, ge=1)
    """Fresh processes for each contender, before it is asked whether there are enough of them."""
    block_limit: int = Field(ge=1)
    """Blocks after which measuring ends in any case."""
    half_width: float = Field(gt=0)
    """Half-width of the interval of the log-ratio that is precise enough; 0.02 is about 2 %."""
    chunks: int = Field(10, ge=1)
    """Timed chunks for each process and metric."""
    chunk_seconds: float = Field(gt=0)
    warm_up_steps: int = Field(10, ge=1)
    warm_up_seconds: float = Field(ge=0)
    """At least; on a GPU three times as long."""
    time_budget_seconds: float | None = Field(None, gt=0)
    """No new block begins after this time, once two are done."""
    margin: float = Field(0.02, ge=0.02)
    """Ratios up to 1 + margin count as the same speed: 2 %, or the machine's own floor if that is more."""
    start_blocks: int = Field(1, ge=0)
    """Whole cold starts that are wanted of each workload; until all have them, workers start one by one."""
    freeze: bool = True
    """Whether workers are stopped while another one's turn is timed."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """Fill in what the preset says and the suite does not."""
        if not isinstance(given, dict):
            return given
        return {**PRESETS.get(str(given.get("preset", "standard")), {}), **given}


class Variant(Model):
    """One level of an experiment: settings that replace the workload's."""

    level: str
    set: dict[str, Any]


class Workload(Model):
    """A model trained on a data set."""

    name: str
    dataset: dict[str, Any]
    """`name` and the options of `benchmarks.datasets.load`."""
    model: dict[str, Any]
    """As in `ModelSpec.from_dict`, without `inputs`, which the data set gives."""
    measures: list[Measure] | None = None
    """Those of the suite's measures that are taken here; by default all."""
    early_stopping: int | None = Field(None, ge=1)
    """Epochs without a better validation loss after which training stops and the best parameters return."""
    target_accuracy: float | None = Field(None, gt=0, le=1)
    """Validation accuracy whose first reaching is timed."""
    experiment: str | None = None
    level: str | None = None
    grid: dict[str, list[Any]] = {}
    """Dotted setting -> values; every combination becomes a workload."""
    variants: list[Variant] = []


ELEMENTS = Workload(name="elements", dataset={}, model={})
"""Stands for the catalogue in cases that compare single elements."""


class Suite(Model):
    """A named set of workloads and how to measure them."""

    name: str
    description: str
    measures: list[Measure]
    contenders: list[str] = []
    """Empty: every backend that is installed and takes part by default."""
    compiled: bool = False
    """Whether compiled modes take part too, where no contenders are named."""
    device: Literal["cpu", "gpu"] = "cpu"
    threads: int | None = Field(1, ge=1)
    """Threads of each contender; `threads = "default"` in TOML for the frameworks' own choice."""
    convention: Literal["keras", "torch"] = "keras"
    """Meaning of optimizers and losses where frameworks differ, unless a model names one."""
    seed: int = 0
    """Splits of the data sets."""
    timeout_seconds: float = Field(300.0, gt=0)
    """A worker that is silent for so long is killed; its case fails."""
    memory_share: float = Field(0.8, gt=0, le=1)
    """A worker that takes more of the machine's memory than this share is killed; its case fails."""
    elements: ElementsSettings = ElementsSettings()
    parity: ParitySettings = ParitySettings()
    curves: CurvesSettings = CurvesSettings()
    speed: SpeedSettings = SpeedSettings.model_validate({})
    workloads: list[Workload] = []

    @model_validator(mode="after")
    def _copies_only_to_a_device(self) -> Suite:
        if self.device == "cpu" and "place" in self.speed.metrics:
            raise ValueError("the metric place, copies to the device, on a GPU only")
        return self

    @property
    def entrants(self) -> tuple[str, ...]:
        """The contenders that are named, or all that the suite asks for."""
        return tuple(self.contenders) or default_contenders(compiled=self.compiled)

    def having(self, measure: Measure) -> list[Workload]:
        """Return the workloads on which this measure is taken."""
        if measure in ("card", "elements"):
            return [ELEMENTS]
        return [each for each in self.workloads if each.measures is None or measure in each.measures]

    def case(self, workload: Workload, measure: Measure, contender: str) -> Case:
        """Return the case that asks this measure of this contender on this workload."""
        return Case(
            suite=self.name,
            workload=workload.name,
            measure=measure,
            contender=contender,
            device=self.device,
            threads=self.threads,
            experiment=workload.experiment,
            level=workload.level,
        )


def suite_names() -> tuple[str, ...]:
    """Return the names of the suites that come with the project.

    Examples
    --------
    >>> "quick" in suite_names()
    True
    """
    folder = resources.files("benchmarks") / "suites"
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_suite(name: str, overrides: dict[str, Any] | None = None) -> Suite:
    """Read a suite by name, or from the path of a TOML file, and expand its workloads.

    Parameters
    ----------
    overrides
        Dotted setting -> value, replacing what the file says (`{"speed.blocks": 6}`).

    Raises
    ------
    InvalidInput
        For an unknown suite, a file that is not TOML, an unknown or wrong setting, an unknown data set,
        contender, activation, loss or optimizer.

    Examples
    --------
    >>> [workload.name for workload in load_suite("quick").workloads][0]
    'sigmoid-perceptron'
    """
    text = _read(name)
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"suite {name}", expected="a TOML file", got=str(error), action="correct that line"
        ) from error
    settings.setdefault("name", Path(name).stem)
    overrides = dict(overrides or {})
    if preset := overrides.pop("speed.preset", None):  # in place of the suite's own settings of time
        metrics = {key: value for key, value in settings.get("speed", {}).items() if key == "metrics"}
        settings["speed"] = {**metrics, "preset": preset}
    for dotted, value in overrides.items():
        _set(settings, dotted, value, f"suite {name}")
    if settings.get("threads") == "default":
        settings["threads"] = None
    if settings.get("device") == "gpu" and isinstance(speed := settings.setdefault("speed", {}), dict):
        speed.setdefault("metrics", list(get_args(Metric)))
    suite = _validated(Suite, settings, f"suite {name}")
    expanded = [single for workload in suite.workloads for single in _expand(workload)]
    if not expanded and set(suite.measures) - {"elements"}:
        raise InvalidInput(f"suite {name}", expected="at least one workload", got="none", action="add one")
    if "speed" in suite.measures and "parity" not in suite.measures:
        raise InvalidInput(
            f"suite {name}, setting measures",
            expected="parity wherever there is speed: no parity, no time",
            got=", ".join(suite.measures),
            action="add parity",
        )
    names = [workload.name for workload in expanded]
    if duplicate := next((each for each in names if names.count(each) > 1), None):
        raise InvalidInput(
            f"suite {name}",
            expected="different workload names",
            got=f"{duplicate} twice",
            action="rename one",
        )
    for contender in suite.contenders:
        if contender not in contender_names():
            raise unknown_name(
                "contender", contender, contender_names(), "`versus list contenders` explains them"
            )
    return suite.model_copy(update={"workloads": [_checked(workload, suite) for workload in expanded]})


def _read(name: str) -> str:
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "suite", expected="a readable TOML file", got=f"{path}: {error}", action="check the path"
            ) from error
    if name not in suite_names():
        raise unknown_name(
            "suite",
            name,
            suite_names(),
            "`versus list suites` explains them; a path to a .toml file works too",
        )
    return (resources.files("benchmarks") / "suites" / f"{name}.toml").read_text(encoding="utf-8")


def _validated(kind: type[Suite], settings: dict[str, Any], subject: str) -> Suite:
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"{subject}, setting {where}",
            expected=first["msg"],
            got=repr(first["input"])[:80],
            action="correct it; `versus list suites` shows complete examples",
        ) from error


def _expand(workload: Workload) -> list[Workload]:
    """Return the workload for each variant, or for each point of its grid."""
    if not workload.grid and not workload.variants:
        return [workload]
    points: list[tuple[str, dict[str, Any]]] = [(variant.level, variant.set) for variant in workload.variants]
    if workload.grid:
        for values in itertools.product(*workload.grid.values()):
            chosen = dict(zip(workload.grid, values, strict=True))
            level = "-".join(f"{key.rpartition('.')[2]}={value}" for key, value in chosen.items())
            points.append((level if len(chosen) > 1 else f"{values[0]}", chosen))
    expanded = []
    for level, settings in points:
        plain = copy.deepcopy(workload.model_dump(exclude={"grid", "variants"}))
        for dotted, value in settings.items():
            _set(plain, dotted, value, f"workload {workload.name}")
        plain.update(name=f"{workload.name}-{level}".replace(" ", "-").replace("/", "-"), level=level)
        expanded.append(Workload.model_validate(plain))
    return expanded


def _set(settings: dict[str, Any], dotted: str, value: Any, subject: str) -> None:
    """Set a nested value by its dotted path; numbers index lists."""
    *path, last = dotted.split(".")
    place: Any = settings
    try:
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(last) if isinstance(place, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{subject}, setting {dotted}",
            expected="a path through its settings",
            got=str(error),
            action="correct it",
        ) from error


def _checked(workload: Workload, suite: Suite) -> Workload:
    """Check names and options, and write the suite's convention into the model."""
    if not _VALID_NAME.fullmatch(workload.name):
        raise InvalidInput(
            "workload name",
            expected="letters, digits and . _ = + -",
            got=repr(workload.name),
            action="rename it",
        )
    dataset = workload.dataset.get("name")
    if dataset not in datasets.names():
        raise unknown_name("dataset", dataset, datasets.names(), "`versus list datasets` explains them")
    model = ModelSpec.from_dict({"inputs": [1], **workload.model})
    plain = {key: value for key, value in model.to_dict().items() if key != "inputs"}
    plain["optimizer"] = _with_convention(plain["optimizer"], catalog.OPTIMIZERS, suite.convention)
    plain["loss"] = _with_convention(plain["loss"], catalog.LOSSES, suite.convention)
    for layer in plain["layers"]:
        if layer["normalization"]:
            layer["normalization"] = _with_convention(
                layer["normalization"], catalog.NORMALIZATIONS, suite.convention
            )
    return workload.model_copy(update={"model": plain})


def _with_convention(value: Any, elements: Mapping[str, catalog.Element], convention: str) -> Any:
    """Return the element's settings with the suite's convention where it has conventions and names none."""
    settings = {"name": value} if isinstance(value, str) else value
    return {"convention": convention, **settings} if elements[settings["name"]].conventions else value

"""The ratios that `versus plain` tells, measured once more with nothing of the harness.

    python -m tests.independent --out results/reference/independent.json

A process for each side, on one core, all but one of them stopped; a clock around a loop of steps; medians. It
shares no line with `benchmarks`: from the project it takes the backends alone. The hand-written loop is NumPy
as somebody writes it who knows where its time goes: one product for kernel and bias, everything in place, and
results of (examples, units) unit by unit in memory.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import numpy as np

ROOT = Path(__file__).parents[1]
RATE, MOMENTUM = 0.01, 0.9
DESCENT = {"learning_rate": RATE, "momentum": MOMENTUM}
CHUNK_SECONDS = 0.1
Steps = Callable[[int], None]


class Size(NamedTuple):
    """A network, its batch, and steps in an epoch."""

    units: tuple[int, ...]
    batch: int
    steps: int


SIZES = {"small": Size((64, 128, 64, 10), 64, 28), "large": Size((784, 512, 512, 10), 128, 14)}
BEST = "best of keras-tensorflow, keras-tensorflow-xla"
HALF, WHOLE = "torch.compile of the loss", "torch.compile of the optimizer too"
RATIOS = {
    ("numpy", "products"): (1.5, 1.12),
    ("numpy", "hand-written"): (1.05, 1.02),
    ("numpy", "torch"): (0.40, 0.90),
    ("numpy", "jax"): (0.95, math.inf),
    ("numpy", "scikit-learn"): (0.50, 0.75),
    ("torch", "torch script"): (1.03, 1.02),
    ("jax", "jax script"): (1.03, 1.02),
    (BEST, "keras fit"): (0.6, 0.9),
    (WHOLE, HALF): (math.inf, math.inf),
}
"""Two sides, and what the ratio of their times should be at most, small and large."""


def data(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Return examples and classes that can be told apart."""
    drawn = np.random.default_rng(0)
    y = drawn.integers(0, 10, size.batch * size.steps)
    centres = drawn.normal(size=(10, size.units[0]))
    return (centres[y] + drawn.normal(size=(len(y), size.units[0]))).astype(np.float32), y


def batches(size: Size) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the batches of an epoch."""
    x, y = data(size)
    return [(x[at : at + size.batch], y[at : at + size.batch]) for at in range(0, len(x), size.batch)]


def kernels(size: Size) -> list[np.ndarray]:
    """Return first kernels."""
    drawn = np.random.default_rng(1)
    pairs = zip(size.units, size.units[1:], strict=False)
    return [drawn.normal(size=pair, scale=pair[0] ** -0.5).astype(np.float32) for pair in pairs]


def over_batches(step: Callable[[Any, Any], Any], pairs: list[tuple[Any, Any]]) -> Steps:
    """Return the loop over an epoch's batches."""

    def steps(count: int) -> None:
        for number in range(count):
            step(*pairs[number % len(pairs)])

    return steps


def backend(name: str, *, epochs: bool = False) -> Callable[[Size], Steps]:
    """Return a backend's steps, one by one or an epoch at a time."""

    def side(size: Size) -> Steps:
        from implementations import ModelSpec, Placement, load_backend

        made = load_backend(name.removesuffix("-xla"))
        hidden = [{"units": units, "activation": "relu"} for units in size.units[1:-1]]
        model = ModelSpec.from_dict(
            {
                "inputs": [size.units[0]],
                "layers": [*hidden, {"units": size.units[-1]}],
                "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
                "optimizer": {"name": "sgd", **DESCENT},
                "batch_size": size.batch,
            }
        )
        learner = made.build(model, placement=Placement(compiled=name.endswith("-xla")))
        if epochs:
            x, y = learner.place(*data(size))
            order = np.arange(size.batch * size.steps).reshape(size.steps, size.batch)

            def whole(count: int) -> None:
                learner.train_epoch(x, y, np.tile(order, (count // size.steps, 1)))
                learner.synchronize()

            return whole
        loop = over_batches(learner.train_step, [learner.place(*pair) for pair in batches(size)])

        def steps(count: int) -> None:
            loop(count)
            learner.synchronize()

        return steps

    return side


def hand_written(size: Size) -> Steps:
    """Return NumPy's steps as they are best written out."""
    return hand_written_training(size)[0]


def hand_written_training(size: Size) -> tuple[Steps, list[np.ndarray]]:
    """Return these steps, and what they train: of each layer the kernel above the bias."""
    layers, batch = kernels(size), size.batch
    rows = [len(kernel) + 1 for kernel in layers]
    widths = [kernel.shape[1] for kernel in layers]
    flat = np.concatenate([np.vstack([k, np.zeros((1, k.shape[1]), np.float32)]).ravel() for k in layers])
    slopes, velocity = np.zeros_like(flat), np.zeros_like(flat)
    ends = np.cumsum([r * w for r, w in zip(rows, widths, strict=True)])[:-1]

    def parts(array: np.ndarray) -> list[np.ndarray]:
        pieces = np.split(array, ends)
        return [piece.reshape(r, w) for piece, r, w in zip(pieces, rows, widths, strict=True)]

    own, own_slopes = parts(flat), parts(slopes)
    # a hidden layer's outputs lie in the next layer's [x 1]
    inputs = [np.ones((width + 1, batch), np.float32).T for width in widths[:-1]]
    outputs = [whole[:, :-1] for whole in inputs]
    zeros = [np.zeros((width, batch), np.float32).T for width in widths[:-1]]
    masks = [np.empty((width, batch), bool).T for width in widths[:-1]]
    back = [np.empty((width, batch), np.float32).T for width in widths[:-1]]
    score, slope = (np.empty((widths[-1], batch), np.float32).T for _ in range(2))
    hot, column = np.empty((widths[-1], batch), bool).T, np.empty((batch, 1), np.float32)
    classes = np.arange(widths[-1])
    pairs = [(np.hstack([x, np.ones((batch, 1), np.float32)]), y[:, np.newaxis]) for x, y in batches(size)]

    def step(x: np.ndarray, y: np.ndarray) -> None:
        below = x
        for number, output in enumerate(outputs):
            np.matmul(below, own[number], output)
            np.maximum(output, zeros[number], out=output)
            below = inputs[number]
        np.matmul(below, own[-1], score)
        np.equal(y, classes, hot)
        np.maximum.reduce(score, axis=1, keepdims=True, out=column)
        np.subtract(score, column, score)
        np.exp(score, score)
        np.add.reduce(score, axis=1, keepdims=True, out=column)
        np.divide(score, column, slope)
        np.subtract(slope, hot, slope)
        np.divide(slope, batch, slope)
        upstream = slope
        for number in range(len(own) - 1, 0, -1):
            np.matmul(inputs[number - 1].T, upstream, own_slopes[number])
            np.matmul(upstream, own[number][:-1].T, back[number - 1])
            np.greater(outputs[number - 1], 0, masks[number - 1])
            upstream = np.multiply(back[number - 1], masks[number - 1], back[number - 1])
        np.matmul(x.T, upstream, own_slopes[0])
        np.multiply(slopes, RATE, slopes)
        np.multiply(velocity, MOMENTUM, velocity)
        np.subtract(velocity, slopes, velocity)
        np.add(flat, velocity, flat)

    return over_batches(step, pairs), own


def products(size: Size) -> Steps:
    """Return the products of a step alone."""
    calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number, kernel in enumerate(kernels(size)):
        rows, width = len(kernel) + 1, kernel.shape[1]
        weights = np.ones((rows, width), np.float32)
        x = np.ones((rows, size.batch), np.float32).T if number else np.ones((size.batch, rows), np.float32)
        output, upstream = (np.ones((width, size.batch), np.float32).T for _ in range(2))
        calls += [(x, weights, output), (x.T, upstream, np.ones_like(weights))]
        if number:
            calls.append((upstream, weights[:-1].T, np.ones((rows - 1, size.batch), np.float32).T))

    def steps(count: int) -> None:
        for _ in range(count):
            for call in calls:
                np.matmul(*call)

    return steps


def torch_script(size: Size, *, compiles: str = "") -> Steps:
    """Return the loop of PyTorch's tutorials; `compiles` names what is compiled, beginning with the loss."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    pairs = list(zip(size.units, size.units[1:], strict=False))
    stack = [part for pair in pairs for part in (nn.Linear(*pair), nn.ReLU())]
    network, of_outputs = nn.Sequential(*stack[:-1]), nn.CrossEntropyLoss()

    def objective(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = of_outputs(network(x), y)
        return found

    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM, fused=bool(compiles))
    loss, update = objective, optimizer.step
    if compiles:
        loss = torch.compile(objective, dynamic=False)
    if compiles == "loss and optimizer":
        # a rate that is no tensor would be compiled anew whenever it changes
        rate = torch.tensor(RATE)
        optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=MOMENTUM, foreach=False)
        update = torch.compile(optimizer.step, dynamic=False)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss(x, y).backward()
        update()

    return over_batches(step, [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(size)])


def jax_script(size: Size) -> Steps:
    """Return JAX's compiled step, called from Python."""
    import jax
    import jax.numpy as jnp

    def loss(layers: Any, x: Any, y: Any) -> Any:
        for number, (kernel, bias) in enumerate(layers):
            x = (jax.nn.relu(x) if number else x) @ kernel + bias
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1))

    def update(layers: Any, velocities: Any, x: Any, y: Any) -> Any:
        slopes = jax.grad(loss)(layers, x, y)
        velocities = jax.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocities, slopes)
        return jax.tree.map(jnp.add, layers, velocities), velocities

    compiled = jax.jit(update, donate_argnums=(0, 1))
    layers = [(jnp.asarray(kernel), jnp.zeros(kernel.shape[1])) for kernel in kernels(size)]
    held = [layers, jax.tree.map(jnp.zeros_like, layers)]
    pairs = [(jnp.asarray(x), jnp.asarray(y)) for x, y in batches(size)]

    def step(x: Any, y: Any) -> None:
        held[:] = compiled(*held, x, y)

    loop = over_batches(step, pairs)

    def steps(count: int) -> None:
        loop(count)
        jax.block_until_ready(held)

    return steps


def keras_fit(size: Size) -> Steps:
    """Return Keras's `fit` on TensorFlow with its defaults."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    hidden = [keras.layers.Dense(units, activation="relu") for units in size.units[1:-1]]
    network = keras.Sequential([keras.Input(size.units[:1]), *hidden, keras.layers.Dense(size.units[-1])])
    network.compile(
        keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = data(size)
    return lambda count: network.fit(x, y, batch_size=size.batch, epochs=count // size.steps, verbose=0)


def sklearn_fit(size: Size) -> Steps:
    """Return scikit-learn's `fit`."""
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")  # it does not converge
    x, y = data(size)

    def steps(count: int) -> None:
        MLPClassifier(
            size.units[1:-1],
            solver="sgd",
            alpha=0.0,
            batch_size=size.batch,
            learning_rate_init=RATE,
            momentum=MOMENTUM,
            nesterovs_momentum=False,
            max_iter=count // size.steps,
            tol=0.0,
            n_iter_no_change=10**9,
        ).fit(x, y)

    return steps


SIDES: dict[str, Callable[[Size], Steps]] = {
    "numpy": backend("numpy"),
    "products": products,
    "hand-written": hand_written,
    "torch": backend("torch"),
    "torch script": torch_script,
    HALF: partial(torch_script, compiles="loss"),
    WHOLE: partial(torch_script, compiles="loss and optimizer"),
    "jax": backend("jax"),
    "jax script": jax_script,
    "scikit-learn": sklearn_fit,
    "keras-tensorflow": backend("keras-tensorflow", epochs=True),
    "keras-tensorflow-xla": backend("keras-tensorflow-xla", epochs=True),
    "keras fit": keras_fit,
}


def serve(side: str, size: str) -> None:
    """Answer each number of steps on standard input with the seconds that they took."""
    run = SIDES[side](SIZES[size])
    run(SIZES[size].steps)
    click.echo("ready")
    for line in sys.stdin:
        began = time.perf_counter()
        run(int(line))
        click.echo(time.perf_counter() - began)


class Child:
    """A side's process: on one core, stopped but for its turns."""

    def __init__(self, side: str, size: str) -> None:
        core = min(os.sched_getaffinity(0))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.independent", "--serve", side, size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, **threads, "TF_CPP_MIN_LOG_LEVEL": "3"},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        self.steps = unit = SIZES[size].steps
        try:
            self._answer()
            self._process.send_signal(signal.SIGSTOP)
            while (seconds := self.turn() * self.steps) < CHUNK_SECONDS:
                self.steps = unit * math.ceil(self.steps / unit * min(8, 1.2 * CHUNK_SECONDS / seconds))
        except BaseException:
            self.close()
            raise

    def turn(self) -> float:
        """Return the seconds of a step."""
        assert self._process.stdin
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write(f"{self.steps}\n")
        self._process.stdin.flush()
        seconds = float(self._answer())
        self._process.send_signal(signal.SIGSTOP)
        return seconds / self.steps

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout
        while line := self._process.stdout.readline():
            if line.startswith("ready") or line[:1].isdigit():
                return line
        raise click.ClickException("a side ended before its time; run it with --serve to see why")


def measure(size: str, processes: int, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Return for each ratio its median over rounds, once for each set of fresh processes."""
    found: dict[tuple[str, str], list[float]] = {pair: [] for pair in RATIOS}
    for number in range(processes):
        children: dict[str, Child] = {}
        try:
            for side in SIDES:
                children[side] = Child(side, size)
            order = random.Random(number)
            times = [
                {side: children[side].turn() for side in order.sample(list(SIDES), len(SIDES))}
                for _ in range(rounds)
            ]
        finally:
            for child in children.values():
                child.close()
        for one, other in RATIOS:
            several = one.partition("best of ")[2].split(", ") if one == BEST else [one]
            ratios = [median(each[name] / each[other] for each in times) for name in several]
            found[one, other].append(min(ratios))
        click.echo(f"{size}: {number + 1} of {processes}", err=True)
    return found


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@click.command()
@click.option("--processes", default=5, show_default=True, help="Sets of fresh processes.")
@click.option("--rounds", default=7, show_default=True, help="Turns of each process.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
@click.option("--serve", "served", nargs=2, hidden=True)
def main(processes: int, rounds: int, out: Path | None, served: tuple[str, str] | None) -> None:
    """Measure every ratio, a quarter of an hour; print median, least and largest, and what was wanted."""
    if served:
        serve(*served)
        return
    rows = []
    for place, size in enumerate(SIZES):
        for (one, other), ratios in measure(size, processes, rounds).items():
            wanted = RATIOS[one, other][place]
            rows.append(
                {
                    "network": size,
                    "time of": one,
                    "divided by that of": other,
                    "ratio": median(ratios),
                    "least": min(ratios),
                    "largest": max(ratios),
                    "at most": None if math.isinf(wanted) else wanted,
                }
            )
    git = {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))}
    taken = datetime.now().astimezone().isoformat(timespec="seconds")
    text = json.dumps({"ratios": rows, "taken": taken, "git": git}, indent=1)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

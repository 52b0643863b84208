from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from implementations import (
    BackendUnavailable,
    InvalidInput,
    backend_names,
    install_command,
    load_backend,
    registry,
    support,
)


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes packages look uninstalled."""
    find = importlib.util.find_spec

    def hide(*gone):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name in gone else find(name, *rest)
        )

    return hide


def test_names():
    assert backend_names()[:7] == (
        "numpy",
        "torch",
        "keras-tensorflow",
        "keras-jax",
        "keras-torch",
        "jax",
        "tensorflow",
    )


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(InvalidInput, match="keras-jax"):
        load_backend("keras_jax")


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (("torch", "keras", "tensorflow", "jax"), {"numpy"}),
        (("keras", "tensorflow", "jax"), {"numpy", "torch"}),
        (("keras",), {"numpy", "torch", "jax", "tensorflow"}),
        (("torch", "tensorflow"), {"numpy", "jax", "keras-jax"}),
        (("jax",), {"numpy", "torch", "tensorflow", "keras-tensorflow", "keras-torch"}),
    ],
)
def test_any_subset_of_frameworks(without, gone, left):
    here = {name for name in backend_names() if support(name).available}
    without(*gone)
    assert {name for name in backend_names() if support(name).available} == left & here
    for name in set(backend_names()) - left:
        with pytest.raises(BackendUnavailable, match="pip install"):
            load_backend(name)


def test_install_command_names_the_extra():
    assert install_command("keras-jax").endswith('".[jax]"')


def test_package_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "implementations.numpy", None)
    with pytest.raises(BackendUnavailable, match="can be imported"):
        load_backend("numpy")


def test_backend_of_another_package(monkeypatch):
    class Point:
        name, value = "mine", "implementations.numpy"

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point] if group == registry.GROUP else [])
    registry._entries.cache_clear()
    try:
        assert backend_names()[-1] == "mine"
        assert load_backend("mine").name == "mine"
    finally:
        registry._entries.cache_clear()


@pytest.mark.skipif(
    not (support("keras-jax").available and support("keras-torch").available),
    reason="needs two Keras runtimes",
)
def test_keras_has_one_runtime_in_a_process():
    code = (
        "import implementations\nimplementations.load_backend('keras-jax')\n"
        "try: implementations.load_backend('keras-torch')\n"
        "except implementations.BackendConflict as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "expected Keras on torch, got Keras on jax" in done.stdout

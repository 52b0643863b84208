from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.datasets import bundled, downloads
from benchmarks.datasets.dataset import Dataset, Raw
from benchmarks.datasets.mapped import mapped, write
from benchmarks.datasets.splits import split
from implementations import InvalidInput

OFFLINE = [name for name in datasets.names() if "download" not in datasets.describe(name).source]


@pytest.mark.parametrize(("name", "options"), [("iris", {"one_hot": True}), ("diabetes", {})])
def test_a_data_set_in_files_is_sent_by_their_names(tmp_path, name, options):
    whole = datasets.load(name, **options)
    kept = mapped(tmp_path / "data", write(whole, tmp_path / "data"), owner=lambda: "which nobody can send")
    sent = pickle.dumps(kept)
    assert len(sent) < 2000 < whole.train.x.nbytes
    came = pickle.loads(sent)
    assert type(came) is Dataset  # whatever checkout it comes to
    for data in (kept, came):
        assert (data.name, data.task, data.classes) == (whole.name, whole.task, whole.classes)
        test, expected = data.test.open("m"), whole.test.open(f"m {data is came}")
        for part, other in (
            (data.train, whole.train),
            (data.validation, whole.validation),
            (test, expected),
        ):
            for array, same in ((part.x, other.x), (part.y, other.y)):
                assert type(array) is np.ndarray  # and not memmap, whose indexing is slow
                assert array.dtype == same.dtype
                np.testing.assert_array_equal(array, same)
    came.train.x[:] = 0.0
    np.testing.assert_array_equal(kept.train.x, whole.train.x)


def rows(array):
    return {row.tobytes() for row in array}


@pytest.mark.parametrize("name", OFFLINE)
def test_description_tells_the_truth(name):
    told, data = datasets.describe(name), datasets.load(name)
    parts = [data.train.x, data.validation.x, data.test.open("m").x]
    assert data.task == told.task
    assert data.classes == told.classes
    assert data.inputs == told.inputs
    assert sum(map(len, parts)) == (12 if name == "logic_gates" else told.examples)


@pytest.mark.parametrize("name", [name for name in OFFLINE if name != "logic_gates"])
def test_parts_share_no_example_and_are_standardised_by_training_part(name):
    data = datasets.load(name, seed=3)
    test = data.test.open("m")
    assert not rows(data.train.x) & rows(data.validation.x)
    assert not rows(data.train.x) & rows(test.x) or name in ("iris", "digits")  # iris holds a row twice
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0, atol=1e-12)
    assert abs(data.validation.x.mean(axis=0)).max() > 1e-3
    varying = data.train.x.std(axis=0) > 1e-9
    np.testing.assert_allclose(data.train.x.std(axis=0)[varying], 1, rtol=1e-9)
    assert np.isfinite(data.train.x).all()


def test_seed_decides_split():
    first, again, other = (datasets.load("wine", seed=seed).train.x for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "digits"])
def test_classes_keep_their_shares(name):
    data = datasets.load(name)
    shares = [
        np.bincount(part.y) / len(part.y) for part in (data.train, data.validation, data.test.open("m"))
    ]
    for share in shares[1:]:
        np.testing.assert_allclose(share, shares[0], atol=0.02)


def test_train_examples_limits_only_training_part():
    full, few = datasets.load("digits"), datasets.load("digits", train_examples=100)
    assert len(few.train.x) == 100
    assert set(few.train.y) == set(range(10))
    assert len(few.validation.x) == len(full.validation.x)


def test_one_hot_rows():
    data = datasets.load("iris", one_hot=True)
    assert data.train.y.shape == (90, 3)
    np.testing.assert_array_equal(data.train.y.sum(axis=1), 1)


def test_same_digits_in_three_shapes():
    parts = [datasets.load("digits", shape=shape).train.x for shape in ("features", "series", "image")]
    assert [part.shape[1:] for part in parts] == [(64,), (8, 8), (8, 8, 1)]
    for part in parts[1:]:
        np.testing.assert_array_equal(part.reshape(parts[0].shape), parts[0])


@pytest.mark.parametrize(
    ("gate", "y"),
    [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xor", [0, 1, 1, 0]), ("nand", [1, 1, 1, 0])],
)
def test_logic_gates_have_all_rows_in_every_part(gate, y):
    data = datasets.load("logic_gates", gate=gate)
    for part in (data.train, data.validation, data.test.open("m")):
        assert part.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert part.y.tolist() == y


def test_test_part_is_handed_out_once_for_each_model():
    data = datasets.load("iris")
    data.test.open("first")
    data.test.open("second")
    with pytest.raises(datasets.TestAlreadyUsed, match=r"first.*its only use"):
        data.test.open("first")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("irish", {}, "did you mean|one of"),
        ("iris", {"shape": "image"}, "option of iris"),
        ("digits", {"shape": "cube"}, "shape of digits"),
        ("logic_gates", {"gate": "maybe"}, "gate"),
        ("moons", {"examples": 3}, "examples of moons"),
        ("moons", {"noise": -1.0}, "noise of moons"),
        ("clusters", {"features": 0}, "features of clusters"),
        ("clusters", {"classes": 1}, "classes of clusters"),
        ("iris", {"train_examples": 0}, "train_examples"),
        ("iris", {"train_examples": 10**6}, "train_examples"),
        ("iris", {"train_examples": 2}, "split of iris"),
        ("iris", {"seed": -1}, "seed"),
        ("diabetes", {"one_hot": True}, "one_hot"),
    ],
)
def test_wrong_names_and_values(name, options, says):
    with pytest.raises(InvalidInput, match=says):
        datasets.load(name, **options)


def test_nan_in_source(monkeypatch):
    x = np.ones((100, 2))
    x[3, 1] = np.nan
    monkeypatch.setattr(bundled, "iris", lambda: Raw(x, np.arange(100) % 2, classes=2))
    with pytest.raises(InvalidInput, match=r"examples of iris.*1 that are NaN"):
        datasets.load("iris")


def test_too_few_examples_for_the_parts():
    raw = Raw(np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]), classes=2)
    with pytest.raises(InvalidInput, match="enough examples"):
        split("tiny", raw, 0, None, one_hot=False)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def small_mnist(tmp_path):
    """The four files of MNIST with 60 and 20 images of 4 × 4 pixels, half of them gzipped."""
    random = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        images, labels = random.integers(0, 256, (count, 4, 4)), np.arange(count) % 10
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), mtime=0))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize(("shape", "inputs"), [("features", (16,)), ("series", (4, 4)), ("image", (4, 4, 1))])
def test_idx_files_from_local_folder(small_mnist, name, shape, inputs):
    data = datasets.load(name, folder=str(small_mnist), shape=shape)
    assert data.inputs == inputs
    assert len(data.train.x) + len(data.validation.x) == 60
    assert len(data.test) == 20


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "magic number"),
        (b"\x00\x00\x0d\x03", "magic number"),
        (idx(np.zeros((60, 4, 4)))[:-1], "960 values"),
        (gzip.compress(idx(np.zeros((60, 4, 4))), mtime=0)[:-9], "readable file"),
        (idx(np.zeros((59, 4, 4))), "as many labels"),
    ],
)
def test_damaged_idx_files(small_mnist, content, says):
    (small_mnist / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(InvalidInput, match=says):
        datasets.load("mnist", folder=str(small_mnist))


def test_missing_file_in_local_folder(tmp_path):
    with pytest.raises(InvalidInput, match="no such file"):
        datasets.load("mnist", folder=str(tmp_path))


def test_downloads_are_off_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv(downloads.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(downloads.PERMISSION_VARIABLE, raising=False)
    with pytest.raises(InvalidInput, match=f"set {downloads.PERMISSION_VARIABLE}=1"):
        datasets.load("mnist")


@pytest.fixture
def small_california(tmp_path, monkeypatch):
    """An archive in the true format with 50 districts, lying in the cache under its own checksum."""
    random = np.random.default_rng(0)
    table = random.uniform(1, 9, (50, 9))
    text = "\n".join(",".join(f"{value:.6f}" for value in row) for row in table).encode()
    archive = tmp_path / "california_housing" / "cal_housing.tgz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as file:
        member = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
        member.size = len(text)
        file.addfile(member, io.BytesIO(text))
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(downloads, "_CALIFORNIA", {"cal_housing.tgz": f"sha256:{checksum}"})
    monkeypatch.setenv(downloads.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(downloads.PERMISSION_VARIABLE, raising=False)
    return archive, table


def test_california_housing_from_cache(small_california):
    raw = downloads.california_housing(folder="")
    _, table = small_california
    np.testing.assert_allclose(raw.x[:, 2], table[:, 3] / table[:, 6], rtol=1e-4)
    np.testing.assert_allclose(raw.y, table[:, 8] / 1e5, rtol=1e-4)
    assert datasets.load("california_housing").inputs == (8,)


def test_file_with_wrong_checksum_is_not_used(small_california, monkeypatch):
    archive, _ = small_california
    monkeypatch.setattr(downloads, "_CALIFORNIA_URL", (archive.parent / "nowhere").as_uri())
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(InvalidInput, match="checksum"):
        datasets.load("california_housing")


def test_damaged_archive(tmp_path):
    (tmp_path / "cal_housing.tgz").write_bytes(b"not a tar file")
    with pytest.raises(InvalidInput, match="tar archive"):
        datasets.load("california_housing", folder=str(tmp_path))

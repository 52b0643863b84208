"""Data that must be fetched once: checked by checksum, kept in a cache, and only if it is allowed.

Files that already lie in the folder are used without the network. Checksums: torchvision/datasets/mnist.py
and sklearn/datasets/_california_housing.py.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np

from benchmarks.datasets.dataset import Raw
from benchmarks.datasets.idx import read_idx
from benchmarks.datasets.shapes import shaped
from implementations.errors import InvalidInput

FOLDER_VARIABLE = "VERSUS_DATA"
PERMISSION_VARIABLE = "VERSUS_ALLOW_DOWNLOAD"

_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
_FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_FASHION_MNIST = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
_CALIFORNIA_URL = "https://ndownloader.figshare.com/files/5976036"
_CALIFORNIA = {"cal_housing.tgz": "sha256:aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681"}
_CALIFORNIA_MEMBER = "CaliforniaHousing/cal_housing.data"


def mnist(*, shape: str, folder: str) -> Raw:
    return _idx("mnist", _MNIST_URL, _MNIST, shape, folder)


def fashion_mnist(*, shape: str, folder: str) -> Raw:
    return _idx("fashion_mnist", _FASHION_MNIST_URL, _FASHION_MNIST, shape, folder)


def california_housing(*, folder: str) -> Raw:
    """Return 8 features of 20,640 districts and the median house value in 100,000 dollars.

    Rooms, bedrooms and population are divided by the households, as in Pace & Barry 1997.
    """
    (path,) = _files("california_housing", _CALIFORNIA, folder, [_CALIFORNIA_URL])
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile(_CALIFORNIA_MEMBER)
            assert member is not None  # a regular file, or extractfile raises KeyError
            table = np.loadtxt(member, delimiter=",", ndmin=2)
        longitude, latitude, age, rooms, bedrooms, population, households, income, value = table.T
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError) as error:
        raise InvalidInput(
            f"file {path}",
            expected=f"a tar archive with a table of 9 columns in {_CALIFORNIA_MEMBER}",
            got=f"{type(error).__name__}: {error}",
            action="delete it and get it again",
        ) from error
    features = [
        income,
        age,
        rooms / households,
        bedrooms / households,
        population,
        population / households,
        latitude,
        longitude,
    ]
    return Raw(np.stack(features, axis=1), value / 100_000, classes=None)


def _idx(name: str, url: str, checksums: dict[str, str], shape: str, folder: str) -> Raw:
    paths = _files(name, checksums, folder, [url + file for file in checksums])
    images, labels, test_images, test_labels = (read_idx(path) for path in paths)
    for pictures, classes in ((images, labels), (test_images, test_labels)):
        if pictures.ndim != 3 or classes.shape != pictures.shape[:1]:
            raise InvalidInput(
                f"files of {name}",
                expected="images (n, height, width) and as many labels",
                got=f"{pictures.shape} and {classes.shape}",
                action="get the files again",
            )
    test = shaped(name, test_images, shape), test_labels.astype(np.int64)
    return Raw(shaped(name, images, shape), labels.astype(np.int64), classes=10, test=test)


def _files(name: str, checksums: dict[str, str], folder: str, urls: list[str]) -> list[Path]:
    """Return the paths of all files: from a folder of the user's as they are, else checked or fetched."""
    if folder:
        return [_lying_in(Path(folder), name, file) for file in checksums]
    import pooch

    cache = Path(os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("versus")) / name
    paths = []
    for (file, checksum), url in zip(checksums.items(), urls, strict=True):
        if not (cache / file).exists() and os.environ.get(PERMISSION_VARIABLE) != "1":
            raise InvalidInput(
                f"data set {name}",
                expected=f"{file} in {cache}, or permission to download it",
                got="neither",
                action=f"set {PERMISSION_VARIABLE}=1, or give the folder where it lies (option folder)",
            )
        try:
            paths.append(Path(pooch.retrieve(url, checksum, file, cache)))
        except (OSError, ValueError) as error:  # no network, or the wrong checksum
            raise InvalidInput(
                f"data set {name}",
                expected=f"{file} with checksum {checksum}",
                got=" ".join(str(error).split()),
                action=f"look at {url}, or give a folder with the file (option folder)",
            ) from error
    return paths


def _lying_in(folder: Path, name: str, file: str) -> Path:
    for path in (folder / file, folder / file.removesuffix(".gz")):
        if path.exists():
            return path
    raise InvalidInput(
        f"folder of {name}", expected=f"{file} in {folder}", got="no such file", action="check the folder"
    )

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offramp.golden.data import load_dataset
from offramp.golden.data_files import DataError

GOOD: dict[str, Any] = {
    "images": np.arange(6 * 4 * 3 * 1, dtype=np.uint8).reshape(6, 4, 3, 1),
    "labels": np.array([0, 1, 2, 2, 1, 0]),
}


def test_own_images_are_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **GOOD)
    data = load_dataset(str(path))
    assert (data.images == GOOD["images"]).all()
    assert data.labels.tolist() == GOOD["labels"].tolist()
    assert (data.class_names, data.name) == (("0", "1", "2"), str(path))
    np.savez(path, **GOOD, class_names=["a", "b", "c", "d"])
    assert load_dataset(str(path)).class_names == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, r"must hold images, not ['labels']"),
        ({"images": GOOD["images"] / 255}, "must be uint8 [n, H, W, C], not float64 [6, 4, 3, 1]"),
        ({"images": GOOD["images"][..., 0]}, "must be uint8 [n, H, W, C], not uint8 [6, 4, 3]"),
        ({"labels": GOOD["labels"][:5]}, "must be integers [6], not int64 [5]"),
        ({"labels": GOOD["labels"] / 2}, "must be integers [6], not float64 [6]"),
        ({"labels": GOOD["labels"] - 1}, "must be in 0..1, not -1"),
        ({"class_names": np.array(["a", "b"])}, "must be in 0..1, not 2"),
        ({"class_names": np.array([1, 2, 3])}, "must be a list of texts, not int64 [3]"),
        ({"labels": np.array([None] * 6)}, "must be a whole .npz"),
    ],
)
def test_own_images_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "mine.npz"
    arrays = {name: array for name, array in (GOOD | change).items() if array is not None}
    np.savez(path, **arrays, allow_pickle=True)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_dataset(str(path))
    assert "\n" not in str(caught.value)
    assert "mine.npz" in str(caught.value)


def test_damaged_file_of_own_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **GOOD)
    content = path.read_bytes()
    middle = content.index(b"labels.npy") - 60
    flipped = content[: middle - 20] + b"\xff" * 20 + content[middle:]
    for wrong in (content[:-30], b"no zip", b"", flipped):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match=r"^Data file must be a whole \.npz, not"):
            load_dataset(str(path))
    with pytest.raises(DataError, match="No such file"):
        load_dataset(str(tmp_path / "absent.npz"))

import json
import pickle
import struct
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.safetensors import Tensor, check_shapes, read_header, write_tensors

HEADER = {"a": Tensor("F32", (2, 3)), "b": Tensor("BF16", (4,)), "c": Tensor("U32", ())}


def with_header(path: Path, header: object, content: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def test_what_is_written_is_read_back_by_us_and_by_mlx(path: Path) -> None:
    numbers = np.arange(6, dtype="<f4")
    content = {"a": numbers.tobytes(), "b": b"\x80\x3f" * 4, "c": struct.pack("<I", 7)}
    write_tensors(path, HEADER, lambda name: content[name])
    assert read_header(path) == HEADER
    arrays = mx.load(str(path))
    assert isinstance(arrays, dict)
    assert np.array(arrays["a"]).tolist() == numbers.reshape(2, 3).tolist()
    assert np.array(arrays["b"].astype(mx.float32)).tolist() == [1.0] * 4
    assert arrays["c"].item() == 7


def test_what_mlx_writes_is_read(path: Path) -> None:
    mx.save_safetensors(str(path), {"x": mx.zeros((3, 1), mx.int8)}, metadata={"format": "mlx"})
    assert read_header(path) == {"x": Tensor("I8", (3, 1))}


def test_content_of_another_size_than_announced_is_a_mistake(path: Path) -> None:
    with pytest.raises(ValueError, match="a: 3 bytes, not 24"):
        write_tensors(path, HEADER, lambda name: b"abc")


def test_a_file_that_is_cut_off_says_how_much_is_missing(path: Path) -> None:
    write_tensors(path, HEADER, lambda name: bytes(HEADER[name].nbytes))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    remedy = "fetch it again: moshi-speaker models pull"
    assert str(caught.value) == f"{path}: the file is cut off, 5 bytes are missing; {remedy}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        b"Not every file is a model. This one is text.\n" * 10,
        b"<!DOCTYPE html><html><body>Please log in to this network.</body></html>",
        pickle.dumps({"weights": list(range(100))}),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 384644900\n",
        struct.pack("<Q", 200) + b'{"a":',
        struct.pack("<Q", 8) + b"\xff\xfe{}    ",
        struct.pack("<Q", 2**63) + b"{}",
    ],
    ids=[
        "empty",
        "short",
        "text",
        "web page",
        "pickle",
        "LFS pointer",
        "cut header",
        "no UTF-8",
        "huge header",
    ],
)
def test_a_foreign_file_is_refused_in_one_line(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="this is no safetensors file") as caught:
        read_header(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 3},
        {"a": {"dtype": "F32", "shape": [1]}},
        {"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, "4"]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}},
        {"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}},
    ],
)
def test_a_header_that_is_not_sound_is_refused(header: object, path: Path) -> None:
    with pytest.raises(CheckpointError, match="this is no safetensors file"):
        read_header(with_header(path, header, bytes(8)))


def test_a_type_that_is_not_known_is_left_to_the_reader_of_the_header(path: Path) -> None:
    header = {"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}
    assert read_header(with_header(path, header, bytes(4))) == {"a": Tensor("F8_E4M3", (4,))}


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file or directory"):
        read_header(path)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"a": (2, 3), "b": (4,), "c": (), "d": (5,)}, r"file: tensor d \(5\) is missing"),
        ({"a": (2, 3), "c": ()}, r"file: tensor b \(4\) is unexpected"),
        ({"a": (3, 2), "b": (4,), "c": ()}, r"file: tensor a has shape \(2, 3\), expected \(3, 2\)"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(
    expected: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        check_shapes(HEADER, expected, "file")

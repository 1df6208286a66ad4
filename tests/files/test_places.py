"""Files in memory, in file objects and at paths: the same everywhere, with errors that name the kind of a file."""

import gzip
import io
import os
import pickle
import stat
import sys
import tempfile
import zipfile
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
import tensors
from small import blobs, classifier, outputs

X, Y = blobs()


@pytest.fixture(scope="module")
def net():
    return classifier().fit(X, Y, epochs=2)


@pytest.fixture(scope="module")
def model():
    return cnn.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X, Y)


def written(save):
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def same(a, b):
    return (a.predict_proba(X) == b.predict_proba(X)).all()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_content_is_taken_wherever_a_path_is(kind, net, model):
    assert same(cnn.load(kind(written(net.save))), net)
    assert same(cnn.load(kind(written(net.save_checkpoint))), net)
    assert same(cnn.MLPClassifier.load(kind(written(model.save))), model)
    again = cnn.load_checkpoint(kind(written(net.save_checkpoint)))
    assert again.history == net.history
    twin = pickle.loads(pickle.dumps(net))
    assert outputs(again.fit(X, Y, epochs=1, warm_start=True)) == outputs(
        twin.fit(X, Y, epochs=1, warm_start=True)
    )


def test_content_equals_the_file(net, model, tmp_path):
    for save in (net.save, net.save_checkpoint, model.save):
        save(tmp_path / "file")
        assert written(save) == (tmp_path / "file").read_bytes()


def test_file_objects(net, tmp_path):
    with open(tmp_path / "a", "wb") as file:
        net.save(file)
    with open(tmp_path / "a", "rb") as file:
        assert same(cnn.load(file), net)
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        net.save(file)
    with gzip.open(tmp_path / "b.gz", "rb") as file:
        assert same(cnn.load(file), net)
    with tempfile.TemporaryFile() as file:
        net.save_checkpoint(file)
        file.seek(0)
        assert cnn.load_checkpoint(file).history == net.history
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive, archive.open("net", "w") as file:
        net.save(file)
    with zipfile.ZipFile(tmp_path / "c.zip") as archive, archive.open("net") as file:
        assert same(cnn.load(file), net)
    assert same(cnn.load(memoryview(written(net.save))[:]), net)
    assert same(cnn.load(str(tmp_path / "a")), net)


def test_arrays_read_from_bytes_are_the_network_s_own(net):
    content = bytearray(written(net.save))
    loaded = cnn.load(content)
    before = outputs(loaded)
    content[:] = bytes(len(content))
    assert outputs(loaded) == before
    loaded.fit(X, Y, epochs=1, warm_start=True)


@pytest.mark.parametrize("place", [None, 3, 2.5, ["a"], object()])
def test_what_is_no_place(place, net):
    for call in (cnn.load, cnn.load_checkpoint, cnn.MLPClassifier.load):
        with pytest.raises(TypeError, match="must be given as a path, as bytes, or as a binary file object"):
            call(place)
    for call in (net.save, net.save_checkpoint):
        with pytest.raises(TypeError, match="must be given as a path, or as a binary file object"):
            call(place)


def test_text_files_are_refused(net, tmp_path):
    path = tmp_path / "text"
    with open(path, "w") as file, pytest.raises(TypeError, match=r"text is a file object for text.*'wb'"):
        net.save(file)
    with open(path) as file, pytest.raises(TypeError, match=r"text is a file object for text.*'rb'"):
        cnn.load(file)
    with pytest.raises(TypeError, match="The given StringIO is a file object for text"):
        cnn.load(io.StringIO("a"))
    with pytest.raises(TypeError, match="given as a path, or as a binary file object"):
        net.save(b"path")


def hdf5():
    return b"\x89HDF\r\n\x1a\n" + bytes(100)


def zipped(name="archive/data.pkl"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"content")
    return buffer.getvalue()


def saved():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
OTHERS = {
    "pointer": (POINTER, "it is a Git LFS pointer without the content of the file: run `git lfs pull`"),
    "page": (b"<!DOCTYPE html>\n<html><body>404</body></html>", "it is an HTML page"),
    "plain page": (b"\n <HTML>not found</HTML>", "it is an HTML page"),
    "empty": (b"", "it is empty"),
    "zip": (zipped(), r"it is a ZIP archive, as written by torch\.save"),
    "hdf5": (hdf5(), "it is an HDF5 file, as written by Keras"),
    "array": (saved(), r"it is an array written by numpy\.save"),
    "gzip": (gzip.compress(b"content"), r"it is compressed with gzip: pass gzip\.open"),
    "cut": (b"\x10\x00\x00", "it has 3 bytes, too few for a header"),
    "text": (b"a,b\n1,2\n", "it is not a safetensors file, or it is cut: its header would have"),
} | {f"pickle {n}": (pickle.dumps([1] * 50, n), "it is a pickle") for n in range(2, 6)}


@pytest.mark.parametrize("case", OTHERS)
def test_files_of_other_kinds_are_named(case, tmp_path):
    content, words = OTHERS[case]
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    for call in (cnn.load, cnn.load_checkpoint, cnn.MLPClassifier.load):
        with pytest.raises(ValueError, match=rf"weights\.bin is not a readable network: .*{words}|{words}"):
            call(path)
        with pytest.raises(ValueError, match=f"The given content of {len(content)} bytes is not a readable"):
            call(content)
        with pytest.raises(ValueError, match=words):
            call(content)
        with (
            open(path, "rb") as file,
            pytest.raises(ValueError, match=rf"weights\.bin is not.*{words}|{words}"),
        ):
            call(file)
        with pytest.raises(ValueError, match=f"The given BytesIO is not.*{words}|{words}"):
            call(io.BytesIO(content))


def test_damaged_content_in_memory(net):
    content = written(net.save)
    for cut in (8, 100, len(content) - 1):
        with pytest.raises(ValueError, match="is not a readable network"):
            cnn.load(content[:cut])
    with pytest.raises(ValueError, match="without the metadata of compiled_nn"):
        cnn.load(tensors.save({"a": np.ones(2)}))


def test_folders(net, tmp_path):
    missing = tmp_path / "nowhere" / "net.safetensors"
    for save in (net.save, net.save_checkpoint):
        with pytest.raises(FileNotFoundError, match="There is no such folder") as caught:
            save(missing)
        assert caught.value.filename == str(tmp_path / "nowhere")
        assert ".tmp" not in str(caught.value)
        with pytest.raises(IsADirectoryError, match="pass the path of a file in it"):
            save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_modes_are_those_of_open(net, tmp_path):
    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    path, other = tmp_path / "net", tmp_path / "other"
    old = os.umask(0o027)
    try:
        net.save(path)
        other.write_bytes(b"")
        assert mode(path) == mode(other) == 0o640
        path.chmod(0o664)
        net.save(path)
        assert mode(path) == 0o664
        path.chmod(0o600)
        net.save_checkpoint(path)
        assert mode(path) == 0o600
    finally:
        os.umask(old)
    assert {each.name for each in tmp_path.iterdir()} == {"net", "other"}


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there is no /dev/null")
def test_devices_are_written_to_and_stay(net):
    net.save("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links_stay_links(net, tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    net.save(link)
    assert link.is_symlink()
    assert same(cnn.load(target), net)

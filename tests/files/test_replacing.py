"""Files that are replaced as a whole: modes, owners, links, names, special files, and what killed processes left."""

import errno
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import compiled_nn as cnn
import numpy as np
import pytest
from compiled_nn.files import places, replacing
from small import blobs, classifier

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
X, Y = blobs()


@pytest.fixture(scope="module")
def net():
    return classifier().fit(X, Y, epochs=1)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def temporary(folder):
    return [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def during_write(path, action, content=b"new"):
    """Write to a path, and call `action` when half of the content is written."""

    def pieces():
        yield content[:1]
        action()
        yield content[1:]

    places.write(path, pieces())


def as_user(action):
    """Run an action in a child process without the rights of root; return the name of its error, or "done"."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(4321, 4321, 4321)
            os.setresuid(4321, 4321, 4321)
            action()
            result = "done"
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        os.write(write, result.encode("utf-8", "replace"))
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        result = pipe.read().decode()
    os.waitpid(child, 0)
    return result


@pytest.fixture
def shared(tmp_path):
    """Folder that other users reach: those above that pytest made are for the owner alone."""
    folder = Path(f"/tmp/cnn-{os.getpid()}-{time.time_ns()}")
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


# ---- modes and owners


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o000, 0o4755, 0o2640, 0o777])
def test_an_existing_file_keeps_its_mode(mode, net, tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"")
    path.chmod(mode)
    mode = stat.S_IMODE(path.stat().st_mode)  # some systems clear bits of files of certain groups
    during = []
    during_write(path, lambda: during.append(stat.S_IMODE(temporary(tmp_path)[0].stat().st_mode)))
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert during == [0o600], "nobody else can read the new file before it has the mode of the old one"
    net.save(path)
    net.save_checkpoint(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o777, 0)])
def test_a_new_file_follows_the_umask(umask, mode, tmp_path):
    old = os.umask(umask)
    try:
        places.write(tmp_path / "a", [b"new"])
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@as_root
def test_an_existing_file_keeps_its_owner(net, tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"")
    os.chown(path, 4321, 8765)
    path.chmod(0o4750)
    net.save(path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (4321, 8765, 0o4750)


@as_root
@pytest.mark.parametrize(
    ("mode", "expected"), [(0o660, 0o600), (0o664, 0o644), (0o4775, 0o755), (0o640, 0o600), (0o666, 0o666)]
)
def test_a_group_that_cannot_be_kept_gets_the_rights_of_others(mode, expected, shared):
    path = shared / "net"
    path.write_bytes(b"")
    os.chown(path, 4321, 8765)
    path.chmod(mode)
    assert as_user(lambda: places.write(path, [b"new"])) == "done"
    status = path.stat()
    assert path.read_bytes() == b"new"
    assert (status.st_uid, status.st_gid) == (4321, 4321)
    assert stat.S_IMODE(status.st_mode) == expected


ACL = "system.posix_acl_access"
# rw for the owner, r for user 4321, nothing for the group and others, as the file systems of Linux store it.
LIST = bytes.fromhex(
    "02000000 01000600 ffffffff 02000400 e1100000 04000000 ffffffff 10000400 ffffffff 20000000 ffffffff"
)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="there are no extended attributes")
def test_an_access_list_is_kept_and_that_of_the_folder_is_not_added(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, ACL, LIST)
    except OSError as error:
        pytest.skip(f"no access lists here: {error}")
    mode = path.stat().st_mode
    places.write(path, [b"new"])
    assert os.getxattr(path, ACL) == LIST
    assert path.stat().st_mode == mode
    os.removexattr(path, ACL)
    path.chmod(0o640)
    os.setxattr(tmp_path, "system.posix_acl_default", LIST)
    places.write(path, [b"newer"])
    assert ACL not in os.listxattr(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


# ---- links, special files, names


@posix
def test_links(net, tmp_path):
    (tmp_path / "a").mkdir()
    target, link, other = tmp_path / "a" / "target", tmp_path / "link", tmp_path / "hard"
    link.symlink_to(Path("a") / "target")
    net.save(link)  # the target does not exist yet
    assert link.is_symlink()
    first = target.read_bytes()
    os.link(target, other)
    places.write(link, [b"new"])
    assert target.read_bytes() == b"new"
    assert other.read_bytes() == first, "another name of the old file keeps the old content"
    assert names(tmp_path / "a") == ["target"]


@posix
def test_loops_of_links_are_refused(net, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.symlink_to(two)
    two.symlink_to(one)
    for save in (net.save, net.save_checkpoint):
        with pytest.raises(OSError, match=re.escape(str(one))) as caught:
            save(one)
        assert caught.value.errno == errno.ELOOP
    assert one.is_symlink()
    assert two.is_symlink()
    assert names(tmp_path) == ["one", "two"]


@posix
def test_a_named_pipe_is_written_through(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    places.write(path, [b"new", b" content"])
    reader.join()
    assert read == [b"new content"]
    assert path.is_fifo()
    assert names(tmp_path) == ["pipe"]


@posix
def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(OSError, match=r"No such device|not supported"):
            places.write("socket", [b"new"])
    assert names(tmp_path) == ["socket"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is no /dev/stdout")
def test_standard_output_is_written_through(environment, tmp_path):
    code = "from compiled_nn.files import places; places.write('/dev/stdout', [b'new'])"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert result.stdout == b"new"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
def test_open_files_without_a_name_are_written_through(tmp_path):
    with open(tmp_path / "a", "w+b") as file:
        (tmp_path / "a").unlink()
        places.write(f"/proc/self/fd/{file.fileno()}", [b"new"])
        assert file.read() == b"new"
    assert names(tmp_path) == []


def test_paths_of_bytes_from_a_path_like_object(tmp_path):
    class Path:
        def __fspath__(self):
            return os.fsencode(tmp_path / "a")

    places.write(Path(), [b"new"])
    assert (tmp_path / "a").read_bytes() == b"new"


@posix
@pytest.mark.parametrize(
    "name",
    [
        b"a" * 255,
        "Ω".encode() * 127,
        b"a\nb",
        b"\xff\xfe\x80",
        b"-",
        b" ",
        b"$(x)",
        b".compiled-nn-a.tmp",
        b"\x1b[2J",
    ],
)
def test_any_name_that_the_file_system_takes(name, net, tmp_path):
    if sys.platform == "darwin" and name.startswith(b"\xff"):
        pytest.skip("its file systems take names in UTF-8 only")
    path = os.path.join(os.fsencode(tmp_path), name)
    for _ in range(2):
        net.save(os.fsdecode(path))
        assert os.listdir(os.fsencode(tmp_path)) == [name]
    assert (cnn.load(os.fsdecode(path)).predict(X) == net.predict(X)).all()
    with open(path, "wb") as file:
        file.write(b"abc")
    with pytest.raises(ValueError, match="is not a readable network") as caught:
        cnn.load(os.fsdecode(path))
    str(caught.value).encode()  # it can be printed
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_too_long_is_named(tmp_path):
    with pytest.raises(OSError, match="aaaa") as caught:
        places.write(tmp_path / ("a" * 256), [b"new"])
    assert caught.value.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ENOENT)
    assert names(tmp_path) == []


def test_an_empty_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("", ".", "..", str(tmp_path)):
        with pytest.raises(IsADirectoryError):
            places.write(path, [b"new"])
    with pytest.raises(ValueError, match="null"):
        places.write("a\0b", [b"new"])
    assert names(tmp_path) == []


# ---- folders


@as_root
def test_folders_without_permission(net, shared):
    path = shared / "net"
    net.save(path)
    path.chmod(0o666)
    old = path.read_bytes()
    for mode in (0o555, 0o000):
        shared.chmod(mode)
        for save in (net.save, net.save_checkpoint):
            result = as_user(lambda save=save: save(path))
            assert result.startswith("PermissionError: [Errno 13]"), result
            assert str(path) in result
            assert ".tmp" not in result
    shared.chmod(0o777)
    assert path.read_bytes() == old
    shared.chmod(0o333)  # names cannot be read, files can be created
    assert as_user(lambda: net.save(shared / "other")) == "done"
    shared.chmod(0o777)
    assert names(shared) == ["net", "other"]


# ---- temporary files


def test_the_name_of_a_temporary_file(tmp_path):
    found = []
    during_write(tmp_path / "a", lambda: found.extend(temporary(tmp_path)))
    (path,) = found
    host, boot, process, started = replacing._TEMPORARY.fullmatch(path.name).groups()
    assert (host, boot, process, started) == replacing._process()
    assert int(process) == os.getpid()
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_the_start_of_a_process_is_that_of_the_system():
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert replacing._process()[3] == f"{ticks:x}"
    assert Path("/proc/sys/kernel/random/boot_id").read_text()[:8] == replacing._process()[1]


def left(folder, *, host=None, boot=None, process="1", started="0"):
    """Make a temporary file that no process has open."""
    here = replacing._process()
    path = folder / f".compiled-nn-{host or here[0]}-{boot or here[1]}-{process}-{started}-00000000.tmp"
    path.write_bytes(b"left")
    return path


@posix
def test_what_dead_processes_left_is_removed(tmp_path):
    mine = str(os.getpid())
    gone = [
        left(tmp_path),  # process 1 lives, but does not write this file
        left(tmp_path, process=mine, started="1"),  # an earlier process with the number of this one
        left(tmp_path, boot="ffffffff"),  # before the machine was restarted
        left(tmp_path, host="ffffffff"),  # in a container on this machine
    ]
    kept = [
        left(tmp_path, host="ffffffff", boot="ffffffff"),  # on another machine
        left(tmp_path, process=mine, started=replacing._process()[3]),  # of this process
    ]
    for name in (
        "a.tmp",
        ".compiled-nn.tmp",
        "net.12-abcdef01.tmp",
        ".compiled-nn-0-0-1-0-0.tmp",
        gone[0].name + "x",
    ):
        kept.append(tmp_path / name)
        kept[-1].write_bytes(b"of the user")
    places.write(tmp_path / "net", [b"new"])
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


@posix
def test_what_is_being_written_is_kept(tmp_path, environment):
    """By another process, and by another thread of this one, while a third writes the same file."""
    code = """
import sys
from compiled_nn.files import places
def pieces():
    yield b"first"
    print("ready", flush=True)
    sys.stdin.read()
    yield b" and last"
places.write(sys.argv[1], pieces())
"""
    path = tmp_path / "net"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"ready\n"
        assert len(temporary(tmp_path)) == 1

        def from_inside():
            places.write(path, [b"inner"])
            assert len(temporary(tmp_path)) == 2

        during_write(path, from_inside, b"outer")
        assert path.read_bytes() == b"outer"
        assert len(temporary(tmp_path)) == 1
        child.communicate(b"")
    assert child.returncode == 0
    assert path.read_bytes() == b"first and last"
    assert names(tmp_path) == ["net"]


@posix
def test_a_planted_name_is_not_followed(tmp_path):
    """A link, a named pipe and a folder with the name of a temporary file that a dead process left."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"kept")
    here = replacing._process()
    planted = [tmp_path / f".compiled-nn-{here[0]}-{here[1]}-1-0-0000000{i}.tmp" for i in range(3)]
    planted[0].symlink_to(victim)
    os.mkfifo(planted[1])
    planted[2].mkdir()
    places.write(tmp_path / "net", [b"new"])
    assert victim.read_bytes() == b"kept"
    assert all(path.is_symlink() or path.exists() for path in planted)


@as_root
def test_files_of_other_users_are_kept(shared):
    path = left(shared)
    path.chmod(0o666)
    shared.chmod(0o1777)
    assert as_user(lambda: places.write(shared / "net", [b"new"])) == "done"
    assert path.exists()


@posix
def test_a_temporary_file_that_is_taken_for_a_left_one_is_made_anew(tmp_path, monkeypatch):
    """Another process locks and removes it between its creation and its lock."""
    lock, calls = replacing._lock, []

    def too_late(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            temporary(tmp_path)[0].unlink()
        return False if len(calls) == 2 else lock(descriptor)

    monkeypatch.setattr(replacing, "_lock", too_late)
    places.write(tmp_path / "net", [b"new"])
    assert len(calls) == 3
    monkeypatch.undo()
    assert (tmp_path / "net").read_bytes() == b"new"
    places.write(tmp_path / "net", [b"new"])
    assert len(temporary(tmp_path)) == 1, (
        "the one that this process could not lock is left to other processes"
    )


def test_systems_without_locks(tmp_path, monkeypatch):
    """As on Windows: a temporary file is removed when it is a day old."""
    monkeypatch.setattr(replacing, "fcntl", None)
    new, old = left(tmp_path), left(tmp_path, started="1")
    os.utime(old, (time.time() - 90_000,) * 2)
    places.write(tmp_path / "net", [b"new"])
    assert new.exists()
    assert not old.exists()
    assert (tmp_path / "net").read_bytes() == b"new"


@posix
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_file_systems_without_locks_and_syncs(number, tmp_path, monkeypatch):
    def fails(*arguments):
        raise OSError(number, "not here")

    monkeypatch.setattr(replacing.fcntl, "flock", fails)
    kept = left(tmp_path)
    places.write(tmp_path / "net", [b"new"])
    assert kept.exists(), "without locks nobody can tell"
    if number == errno.ENOTSUP:
        monkeypatch.setattr(os, "fsync", fails)
        places.write(tmp_path / "net", [b"newer"])
        assert (tmp_path / "net").read_bytes() == b"newer"


@posix
def test_an_error_of_the_disk_is_raised(tmp_path, monkeypatch):
    path = tmp_path / "net"
    path.write_bytes(b"old")

    def fails(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match=re.escape(str(path))):
        places.write(path, [b"new"])
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["net"]


def test_an_interrupt_leaves_nothing(tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"old")

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        during_write(path, interrupted)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["net"]


@posix
def test_two_writers_of_one_path(tmp_path):
    """Eight threads: every read finds the whole content of one of them."""
    path, contents = tmp_path / "net", [bytes([i]) * 100_000 for i in range(8)]
    path.write_bytes(contents[0])

    def write(content):
        for _ in range(10):
            places.write(path, [content[:50_000], content[50_000:]])

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    assert names(tmp_path) == ["net"]


# ---- other entrances


def test_the_command_line_replaces_files_as_a_whole(tmp_path, monkeypatch, net):
    from compiled_nn import cli

    monkeypatch.chdir(tmp_path)
    net.save("net.safetensors")
    np.savetxt("data.csv", X, delimiter=",", header="a,b,c,d", comments="")
    for output in ("out.csv", "out.npy"):
        Path(output).write_bytes(b"old")
        Path(output).chmod(0o600)
        os.link(output, f"{output}.link")
        assert cli.main(["predict", "net.safetensors", "data.csv", "-o", output]) == 0
        assert stat.S_IMODE(Path(output).stat().st_mode) == (0o600 if os.name == "posix" else 0o666)
        assert Path(f"{output}.link").read_bytes() == b"old", "the old file was not written to"
    assert len(np.load("out.npy")) == len(X)

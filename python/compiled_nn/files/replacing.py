"""Files that are replaced as a whole: readers find the old file or the new one, also if the writer is killed.

The new file is written under a temporary name in the same folder, put on the disk, and renamed. The name has the host,
the run of the operating system, the process and its start time: ``.compiled-nn-HOST-BOOT-PID-START-RANDOM.tmp``. While
the temporary file is written, it is locked with `flock`; such a lock ends with its process, whatever ends that. Before
a file is written, temporary files in the folder that are not locked are removed, unless another host wrote them, whose
locks may not be visible here.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import BinaryIO, TypeAlias

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Piece: TypeAlias = "bytes | memoryview"

TOGETHER = 1 << 22  # bytes that are read, copied or written in one call, which Ctrl-C does not interrupt
_TEMPORARY = re.compile(r"\.compiled-nn-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-([0-9a-f]+)-[0-9a-f]{8}\.tmp")
_OLD = (
    24 * 3600
)  # seconds after which a temporary file is removed on systems without flock, if it is not open
_STARTED = time.time_ns()
_NO_BOOT = "0" * 8
_WITHOUT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # errors of file systems that cannot do it
_ACL = "system.posix_acl_access"


def write(path: str | os.PathLike[str], content: Iterable[Piece]) -> None:
    """Write pieces to a file, which is replaced when the new one is complete, or to a device or a pipe.

    Raises
    ------
    OSError
        If the file cannot be written; an existing file is then unchanged.
    """
    path, status = os.fsdecode(path), None
    with suppress(FileNotFoundError):
        status = os.stat(path)
    target = os.path.realpath(path)  # the file that a symbolic link refers to
    if status is not None and not _can_be_replaced(target, status):
        with open(path, "wb") as file:
            _write(file, content)
        return
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "There is no such folder to write the file to", folder)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "This is a folder; pass the path of a file in it", target)
    _remove_left(folder)
    try:
        _replace(target, status, content)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, target) from error
    _sync_folder(folder)


def _can_be_replaced(target: str, status: os.stat_result) -> bool:
    """Return whether a place that exists is a file with a name (or a folder); not a device, a pipe or an open file."""
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return os.path.exists(target)  # false for /proc/self/fd/3 if the name of that file was removed
    return False


def _write(file: BinaryIO, content: Iterable[Piece]) -> None:
    for piece in content:
        for start in range(0, len(piece), TOGETHER):
            file.write(piece[start : start + TOGETHER])


def _replace(target: str, old: os.stat_result | None, content: Iterable[Piece]) -> None:
    while not _try_to_replace(target, old, content):
        pass  # another process took the temporary file for one that was left, before it was locked


def _try_to_replace(target: str, old: os.stat_result | None, content: Iterable[Piece]) -> bool:
    """Write the new file and rename it; return False, and leave nothing, if it could not be locked."""
    name = f".compiled-nn-{'-'.join(_process())}-{os.urandom(4).hex()}.tmp"
    temporary = os.path.join(os.path.dirname(target), name)
    create = partial(os.open, mode=0o666 if old is None else 0o600)
    try:
        with open(temporary, "xb", opener=create) as file:
            descriptor = file.fileno()
            if _lock(descriptor) is False or not os.fstat(descriptor).st_nlink:
                return False
            _write(file, content)
            file.flush()
            if old is not None and os.name == "posix":
                _take_over(descriptor, target, old)
            _sync(descriptor)
            if fcntl is not None:  # the lock ends when the file is closed
                os.replace(temporary, target)
        if fcntl is None:  # Windows does not rename an open file
            os.replace(temporary, target)
    except FileExistsError:  # the temporary file is not this one
        raise
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(temporary)
        raise
    return True


def _lock(descriptor: int) -> bool | None:
    """Lock a file until it is closed; return False if it is locked already, None if the system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _take_over(descriptor: int, target: str, old: os.stat_result) -> None:
    """Give the new file owner, group, mode and access list of the old one.

    If the process cannot set all of them, nobody has more rights than before: without the old group, the group has the
    rights of others; without the access list, none.
    """
    mode = stat.S_IMODE(old.st_mode)
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            mode &= 0o777
            try:
                os.fchown(descriptor, -1, old.st_gid)
            except OSError:
                mode &= 0o707 | (mode & 0o007) << 3
    if not _take_over_access(descriptor, target):
        mode &= 0o707
    os.fchmod(descriptor, mode)


def _take_over_access(descriptor: int, target: str) -> bool:
    """Copy the access control list; return False if the file has one that cannot be copied."""
    if not hasattr(os, "listxattr"):
        return True
    try:
        names = os.listxattr(target)
    except OSError:
        return True  # the file system has no extended attributes
    if _ACL in names:
        try:
            os.setxattr(descriptor, _ACL, os.getxattr(target, _ACL))
        except OSError:
            return False
    else:
        with suppress(OSError):  # one by default of the folder
            os.removexattr(descriptor, _ACL)
    return True


# ---- what was left


def _process() -> tuple[str, str, str, str]:
    """Return host, run of the operating system, process and its start time, as they are in a temporary name."""
    host = f"{_host()}\n{_text('/etc/machine-id')}"
    boot = _text("/proc/sys/kernel/random/boot_id")[:8]
    after_name = _text("/proc/self/stat").rpartition(")")[2].split()
    started = int(after_name[19]) if len(after_name) > 19 else _STARTED
    return f"{zlib.crc32(host.encode()):08x}", boot or _NO_BOOT, str(os.getpid()), f"{started:x}"


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def _text(path: str) -> str:
    """Return the text of a short file of the system, "" if there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _remove_left(folder: str) -> None:
    """Remove the temporary files in a folder that killed processes left."""
    here = _process()
    try:
        with os.scandir(folder) as entries:
            found = [match for entry in entries if (match := _TEMPORARY.fullmatch(entry.name))]
    except OSError:  # a folder whose names cannot be read
        return
    for match in found:
        host, boot, *process = match.groups()
        of_this_host = host == here[0] or (boot == here[1] != _NO_BOOT)
        if of_this_host and not (boot == here[1] and tuple(process) == here[2:]):
            with suppress(OSError):  # it was renamed or removed meanwhile, or belongs to another user
                _remove_if_left(os.path.join(folder, match[0]))


def _remove_if_left(path: str) -> None:
    """Remove a temporary file unless a process is writing it."""
    if fcntl is None:
        if time.time() - os.stat(path).st_mtime > _OLD:
            os.remove(path)  # fails if it is open
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if is_own and _lock(descriptor):
            os.remove(path)
    finally:
        os.close(descriptor)


# ---- the disk


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _WITHOUT_SYNC:
            raise


def _sync_folder(folder: str) -> None:
    """Write the new name to the disk, on systems where a folder can be opened (not on Windows)."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder in which files may be created, but whose names cannot be read
        return
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)

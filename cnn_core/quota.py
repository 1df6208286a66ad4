"""Quota of processors of the control groups of this process, on Linux."""

from __future__ import annotations

import os

_VERSION_1 = ("cpu,cpuacct", "cpu")  # names of the folder of its processor controller


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _groups(path: str) -> list[str]:
    """Return a control group and all its parents up to the root, as folders."""
    parts = [part for part in path.split("/") if part]
    if ".." in parts:  # outside of the mounted part of the tree
        parts = []
    return ["/".join(parts[:n]) for n in range(len(parts), -1, -1)]


def _processors(limit: str, period: str) -> int | None:
    """Return the whole processors that a limit of microseconds in each period allows; None for no limit."""
    if not (limit.isdigit() and period.isdigit() and int(limit) > 0 and int(period) > 0):
        return None  # "max", -1, or no such file
    return max(1, int(limit) // int(period))


def quota(root: str = "/") -> int | None:
    """Return the number of processors that the control groups of this process allow, or None.

    The smallest quota of its group and of all parents counts, for both versions of control groups.

    Parameters
    ----------
    root : str
        Folder that contains "proc" and "sys".
    """
    found: list[int | None] = []
    base = os.path.join(root, "sys", "fs", "cgroup")
    lines = _read(os.path.join(root, "proc", "self", "cgroup")).splitlines() or ["0::/", "0:cpu:/"]
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for group in _groups(path):
            if not controllers:
                for tree in (base, os.path.join(base, "unified")):
                    limits = _read(os.path.join(tree, group, "cpu.max")).split()
                    found.append(_processors(*limits) if len(limits) == 2 else None)
            elif "cpu" in controllers.split(","):
                for name in _VERSION_1:
                    folder = os.path.join(base, name, group)
                    limit, period = (
                        _read(os.path.join(folder, f"cpu.cfs_{end}_us")) for end in ("quota", "period")
                    )
                    found.append(_processors(limit, period))
    allowed = [count for count in found if count is not None]
    return min(allowed) if allowed else None

"""Quota of processors of control groups, from folders that look like those of Linux."""

import os

import pytest

from cnn_core.quota import quota

CASES = {
    "version 2, root": ("0::/", {"cpu.max": "100000 100000"}, 1),
    "version 2, own group": ("0::/a.slice/b.service", {"a.slice/b.service/cpu.max": "300000 100000"}, 3),
    "version 2, a parent": (
        "0::/a/b/c",
        {"a/b/c/cpu.max": "max 100000", "a/b/cpu.max": "800000 100000", "a/cpu.max": "200000 100000"},
        2,
    ),
    "version 2, another group": ("0::/a", {"b/cpu.max": "100000 100000"}, None),
    "version 2, no limit": ("0::/a", {"a/cpu.max": "max 100000", "cpu.max": "max 100000"}, None),
    "version 2, part of a processor": ("0::/a", {"a/cpu.max": "50000 100000"}, 1),
    "version 2, one and a half": ("0::/a", {"a/cpu.max": "150000 100000"}, 1),
    "path of the host in a container": ("0::/docker/0123", {"cpu.max": "200000 100000"}, 2),
    "path outside of the namespace": ("0::/../../b", {"cpu.max": "200000 100000"}, 2),
    "version 1": (
        "5:memory:/m\n4:cpu,cpuacct:/a/b\n",
        {"cpu,cpuacct/a/cpu.cfs_quota_us": "400000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
        4,
    ),
    "version 1, short name": (
        "4:cpu:/a",
        {"cpu/a/cpu.cfs_quota_us": "150000", "cpu/a/cpu.cfs_period_us": "50000"},
        3,
    ),
    "version 1, no limit": (
        "4:cpu:/",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        None,
    ),
    "version 1, sets of processors": ("4:cpuset:/a", {"cpu/a/cpu.cfs_quota_us": "100000"}, None),
    "both versions": (
        "4:cpu,cpuacct:/a\n0::/a",
        {
            "cpu,cpuacct/a/cpu.cfs_quota_us": "500000",
            "cpu,cpuacct/a/cpu.cfs_period_us": "100000",
            "unified/a/cpu.max": "max 100000",
        },
        5,
    ),
    "nothing to read": (None, {}, None),
    "no list of groups": (None, {"cpu.max": "300000 100000"}, 3),
    "not understood": ("nonsense", {"cpu.max": "1"}, None),
    "empty": ("0::/a", {"a/cpu.max": ""}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_quota(name, tmp_path):
    groups, files, expected = CASES[name]
    if groups is not None:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for file, text in files.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert quota(os.fspath(tmp_path)) == expected


def test_of_this_process():
    found = quota()
    assert found is None or found >= 1

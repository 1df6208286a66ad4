"""Adds a built site to the folder of all published versions: `python .ci/versions.py SITE FOLDER NAME`.

NAME is the name of the version and of its folder: "main", or "1.2.0". FOLDER gets `switcher.json`, which the menu of
versions reads, and pages that lead to the newest release, or to "main" while there is none. All addresses are relative.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

START = """<!doctype html><meta charset="utf-8"><title>compiled-nn</title>
<meta http-equiv="refresh" content="0; url=%(name)s/"><p><a href="%(name)s/">Documentation of compiled-nn</a></p>
"""
# A server shows this page at any address below the folder; the script finds the version in the address.
ABSENT = """<!doctype html><meta charset="utf-8"><title>Page not found</title>
<p>This page does not exist. <a id="start" href="/">Documentation of compiled-nn</a></p><script>
const found = location.pathname.match(/^(.*?[/])(%(names)s)[/]/);
if (found) location.replace(found[1] + found[2] + "/404.html");
</script>
"""


def order(name: str) -> tuple[bool, list[int], str]:
    """Return the key by which versions are sorted: "main" first, then the newest release."""
    return name == "main", [int(number) for number in re.findall(r"\d+", name)], name


def list_versions(folder: Path) -> list[dict[str, object]]:
    """Return the entries of `switcher.json`."""
    names = sorted((path.parent.name for path in folder.glob("*/objects.inv")), key=order, reverse=True)
    newest = next((name for name in names if name != "main"), "main")
    return [
        {
            "name": f"{name} (stable)" if name == newest != "main" else name,
            "version": name,
            "url": f"../{name}/",
            "preferred": name == newest,
        }
        for name in names
    ]


def add_version(site: Path, folder: Path, name: str) -> None:
    """Replace the folder of a version, and rewrite what depends on the versions."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(site, folder / name, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo*"))
    versions = list_versions(folder)
    (newest,) = (version["version"] for version in versions if version["preferred"])
    names = "|".join(re.escape(str(version["version"])) for version in versions)
    (folder / "switcher.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")
    (folder / "index.html").write_text(START % {"name": newest}, encoding="utf-8")
    (folder / "404.html").write_text(ABSENT % {"names": names}, encoding="utf-8")
    (folder / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with "_"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Add a built site to the folder of all versions.")
    parser.add_argument("site", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    add_version(**vars(parser.parse_args()))

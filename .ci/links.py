"""Check of the links of a built site: `python .ci/links.py FOLDER`.

Every address in a page, relative to the page, must be a file of the site, and its part after "#" the id of
an element there. Addresses on other servers are not checked. Prints one line for each wrong address; status 1 if any.
"""

import argparse
import html.parser
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

ATTRIBUTES = ("href", "src", "srcset", "data", "poster")


class Page(html.parser.HTMLParser):
    """Ids and addresses of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value or "")
            elif name in ATTRIBUTES and value:
                places = value.split(",") if name == "srcset" and not value.startswith("data:") else [value]
                self.addresses += [place.split()[0] for place in places]


def find_wrong(site: Path) -> list[str]:
    """Return lines that describe the wrong addresses of all pages."""
    files = (
        path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts
    )  # templates of the theme
    pages = {path: Page(path) for path in files}
    wrong = []
    for path, page in pages.items():
        for address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            fragment = unquote(parts.fragment)
            if not target.exists():
                wrong.append(f"{path.relative_to(site)}: {address}: no such file")
            elif fragment and target in pages and fragment not in pages[target].ids:
                wrong.append(f"{path.relative_to(site)}: {address}: no such anchor")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the links of a built site.")
    parser.add_argument("site", type=Path)
    site = parser.parse_args().site.resolve()
    wrong = find_wrong(site)
    print(*wrong, f"{len(list(site.rglob('*.html')))} pages, {len(wrong)} wrong addresses", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

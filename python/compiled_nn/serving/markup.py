"""Frame of the pages of a service: style, script, and the policy by which a browser loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib import resources

from ..common.text import printable


def text(value: object) -> str:
    """Return a value as text of a page, with escapes for what is not printable and for HTML."""
    return escape(printable(str(value)))


def html(title: str, *parts: str, script: bool = False) -> str:
    """Return a whole page, at the end of which the script of the form is run if `script` is true."""
    end = f"<script>{_asset('page.js')}</script>" if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_asset('page.css')}</style></head><body><main><h1>{text(title)}</h1>{''.join(parts)}</main>"
        f"{end}</body></html>"
    )


@cache
def headers() -> dict[str, str]:
    """Return the headers of a page: only its own style and script, and requests to the same address, are allowed."""
    rules = (
        "default-src 'none'",
        f"script-src {_hash('page.js')}",
        f"style-src {_hash('page.css')}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
    return {
        "content-security-policy": "; ".join(rules),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }


@cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

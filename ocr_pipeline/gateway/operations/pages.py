"""HTML of the status page: rendered here, without script, its one style known to the content policy by its hash."""

from __future__ import annotations

import base64
import hashlib

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ocr_pipeline.gateway.operations.view import View

REFRESH_SECONDS = 5

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_NOTHING = "\N{EN DASH}"


class Pages:
    """The pages, compiled once."""

    def __init__(self) -> None:
        loader = PackageLoader("ocr_pipeline.gateway.operations")
        self._templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters.update(age=age, many=many, words=words)
        style, _, _ = loader.get_source(self._templates, "style.css")
        # The browser hashes what stands between the tags, to the letter.
        self._style = Markup(style)  # noqa: S704 - our own file
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    def status(self, view: View, actor: str) -> HTMLResponse:
        """The status page."""
        return self._page("status.html.j2", 200, view=view, actor=actor, refresh=REFRESH_SECONDS)

    def enter(self, token: str) -> HTMLResponse:
        """Where a link leads: one button, so that programs that look at links in advance do not use them up."""
        return self._page("enter.html.j2", 200, token=token)

    def closed(self, status: int, title: str, text: str, *, refresh: int | None = None) -> HTMLResponse:
        """Why there is nothing to see, and what to do about it."""
        return self._page("closed.html.j2", status, title=title, text=text, refresh=refresh)

    def _page(self, name: str, status: int, **content: object) -> HTMLResponse:
        html = self._templates.get_template(name).render(style=self._style, **content)
        headers = {"Content-Security-Policy": self._policy, "Cache-Control": "no-store"}
        return HTMLResponse(html, status, headers)


def age(seconds: float | None) -> str:
    """`42 s`, `5 min`, `3 h 20 min`, `2 d 4 h`; a dash for nothing."""
    if seconds is None:
        return _NOTHING
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def many(number: float | None) -> str:
    """A number with thin spaces between thousands; a dash for none."""
    return _NOTHING if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def words(name: str) -> str:
    """`needs_review` as people write it."""
    return name.replace("_", " ")

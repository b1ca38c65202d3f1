"""The page that shows the OpenAPI document in a browser; all of it comes from here, as a network may be closed."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

_SCRIPT, _STYLE = "swagger-ui-bundle.js", "swagger-ui.css"
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def show() -> HTMLResponse:
    """The operations to read, not to try: no browser signs requests."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="OCR pipeline",
        swagger_js_url=f"/docs/{_SCRIPT}",
        swagger_css_url=f"/docs/{_STYLE}",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"supportedSubmitMethods": []},
    )
    # The browser hashes what stands between the tags, to the letter.
    hashes = (hashlib.sha256(script).digest() for script in _INLINE.findall(bytes(page.body)))
    own = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {own}; style-src 'self' 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page


@router.get(f"/docs/{_SCRIPT}")
async def script() -> FileResponse:
    """The viewer."""
    return _part(_SCRIPT, "text/javascript")


@router.get(f"/docs/{_STYLE}")
async def style() -> FileResponse:
    """How the viewer looks."""
    return _part(_STYLE, "text/css")


def _part(name: str, media_type: str) -> FileResponse:
    part = Path(str(files("fastapi_offline") / "static" / name))
    return FileResponse(part, media_type=media_type, headers={"Cache-Control": "max-age=86400"})

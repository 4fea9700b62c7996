"""`/docs` and `/openapi.json`: the API's description and the page that shows it, from this package alone."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

_SCALAR = Path(__file__).parent / "static" / "scalar.js"
# The browser may load nothing from elsewhere and connect to us only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <title>Malipo API</title>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
</head>
<body>
  <script id="api-reference" data-url="/openapi.json"
    data-configuration='{"withDefaultFonts": false, "telemetry": false, "hideClientButton": true, "agent": {"disabled": true}}'></script>
  <script src="/docs/scalar.js"></script>
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The OpenAPI document, made when it is first asked for: in a thread, for that takes a tenth of a second."""
    return Response(request.app.state.openapi(), media_type="application/json")


@router.get("/docs")
async def docs() -> Response:
    """The page that shows it."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/scalar.js")
async def scalar() -> Response:
    """The page's script (MIT, see its licence beside it)."""
    return FileResponse(_SCALAR, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})

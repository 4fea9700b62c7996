"""Draws docs/operations/pictures: dashboards with the data of a local stack under load. Needs Chromium, and Prometheus or Go.

`python docs/pictures.py` takes some six minutes; `--seconds` and `--only` make it less.
"""
# ruff: noqa: INP001, T201 - a command, no package: it prints

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from watching import drawing, load

from malipo import clock
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/operations/pictures"
DASHBOARDS = ROOT / "deploy/observability/grafana/dashboards"
SHOWN = ("promise", "service-gateway", "provider-stripe")
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_ROW_PIXELS, _HEAD_PIXELS, _WIDE_PIXELS = 245, 75, 1520
_MOST_BYTES = 300_000


def main() -> int:
    """Start the stack, let it work, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=240, help="how long customers pay")
    parser.add_argument("--only", default=",".join(SHOWN), help="which dashboards, by the names of their files")
    given = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if chromium is None:
        print("There is no Chromium: install the package `chromium`.", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Stack(observe=True, progress=True) as stack, DemoMerchant.open(stack) as merchant:
        load.prepare(merchant)
        began = clock.unix_seconds()
        load.run(merchant, given.seconds, print)
        with httpx.Client(base_url=stack.url("prometheus"), timeout=60) as prometheus:
            for name in given.only.split(","):
                dashboard = json.loads((DASHBOARDS / f"{name}.json").read_text("utf-8"))
                _photograph(
                    chromium,
                    drawing.page(dashboard, prometheus, began, clock.unix_seconds()),
                    name,
                    len(dashboard["panels"]),
                )
    return 0


def _photograph(chromium: str, page: str, name: str, panels: int) -> None:
    """Raises RuntimeError for a picture that is too large for a repository."""
    picture, rows = PICTURES / f"{name}.png", -(-panels // 3)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page, "utf-8")
        size = f"--window-size={_WIDE_PIXELS},{_HEAD_PIXELS + rows * _ROW_PIXELS}"
        quiet = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        )
        subprocess.run(  # noqa: S603 - what is installed here
            [chromium, *quiet, size, f"--screenshot={picture}", file.as_uri()],
            check=True,
            capture_output=True,
            timeout=180,
        )
    if (taken := picture.stat().st_size) > _MOST_BYTES:
        message = f"{picture.name} has {taken} bytes, more than {_MOST_BYTES}"
        raise RuntimeError(message)
    print(f"{picture.relative_to(ROOT)}: {taken // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())

"""A dashboard as a page of its own: what its queries find at Prometheus, drawn as lines."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import httpx

STEP_SECONDS = 5
_EACH = 4 * STEP_SECONDS  # what Grafana takes as `$__rate_interval` where it scrapes so often
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 470, 150, 52, 18, 8
_COLORS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#5794f2", "#ba43a9", "#b877d9", "#508642", "#cca300")
_MOST_LEGENDS = 8
_STYLE = """
body { margin: 0; padding: 14px; width: 1492px; background: #111217; color: #ccccdc; font: 12px sans-serif }
h1 { font-size: 19px; margin: 0 0 2px } p { margin: 0 0 10px; color: #9d9fa6 }
main { display: grid; grid-template-columns: repeat(3, 490px); gap: 10px }
section { background: #181b1f; border: 1px solid #2a2d33; padding: 8px 9px 6px; min-height: 210px }
h2 { font-size: 13px; margin: 0 0 4px; color: #e3e4ea } text { fill: #9d9fa6; font: 10px sans-serif }
ul { list-style: none; margin: 3px 0 0; padding: 0 } li { display: inline-block; margin-right: 10px; font-size: 11px }
i { display: inline-block; width: 12px; height: 3px; margin-right: 4px; vertical-align: middle }
"""
_UNITS = {
    "s": (1, " s"),
    "ops": (1, "/s"),
    "reqps": (1, "/s"),
    "d": (1, " d"),
    "bytes": (1e-6, " MB"),
    "percentunit": (100, " %"),
}
_LONG = ((172_800, 1 / 86_400, " d"), (7200, 1 / 3600, " h"), (300, 1 / 60, " min"))
"""From how many seconds on they are shown in a longer unit."""

type Line = tuple[str, Sequence[tuple[float, float]]]
"""A legend, and its points: time and value."""


def page(dashboard: Mapping[str, Any], prometheus: httpx.Client, start: float, end: float) -> str:
    """The dashboard's page, as HTML. Raises `httpx.HTTPError` for a query that Prometheus refuses."""
    panels = "".join(
        _section(panel, _lines(panel, prometheus, start, end), start, end) for panel in dashboard["panels"]
    )
    minutes = round((end - start) / 60)
    caption = f"{minutes} minutes of a local stack under load and faults. Drawn from the dashboard's queries by docs/pictures.py, not by Grafana."
    title = html.escape(dashboard["title"])
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>{caption}</p><main>{panels}</main>"
    )


def _lines(panel: Mapping[str, Any], prometheus: httpx.Client, start: float, end: float) -> Iterator[Line]:
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", f"{_EACH}s").replace("$__range", f"{end - start:.0f}s")
        asked = {"query": query, "start": start, "end": end, "step": STEP_SECONDS}
        found = prometheus.get("/api/v1/query_range", params=asked).raise_for_status().json()["data"]["result"]
        for series in found:
            points = [(at, float(value)) for at, value in series["values"]]
            yield (
                _legend(target["legendFormat"], series["metric"]),
                [(at, value) for at, value in points if not isnan(value)],
            )


def _legend(form: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


def _section(panel: Mapping[str, Any], lines: Iterable[Line], start: float, end: float) -> str:
    shown = sorted(lines, key=lambda line: -max((value for _, value in line[1]), default=0))
    highest = max((value for _, points in shown for _, value in points), default=0) or 1
    scale, unit = _scale(panel["fieldConfig"]["defaults"]["unit"], highest)
    curves = "".join(
        _curve(points, _COLORS[index % len(_COLORS)], start, end, highest) for index, (_, points) in enumerate(shown)
    )
    legends = "".join(
        f'<li><i style="background:{_COLORS[index % len(_COLORS)]}"></i>{html.escape(name)}</li>'
        for index, (name, _) in enumerate(shown[:_MOST_LEGENDS])
    )
    more = f"<li>and {len(shown) - _MOST_LEGENDS} more</li>" if len(shown) > _MOST_LEGENDS else ""
    return (
        f"<section><h2>{html.escape(panel['title'])}</h2><svg width={_WIDTH} height={_HEIGHT}>"
        f"{_grid(highest * scale, unit, end - start)}{curves}</svg><ul>{legends}{more}</ul></section>"
    )


def _scale(unit: str, highest: float) -> tuple[float, str]:
    """What a value is multiplied with to be read, and what is written behind it."""
    longer = ((factor, name) for least, factor, name in _LONG if unit == "s" and highest >= least)
    return next(longer, _UNITS.get(unit, (1, "")))


def _curve(points: Sequence[tuple[float, float]], color: str, start: float, end: float, highest: float) -> str:
    wide, high = _WIDTH - _LEFT - 4, _HEIGHT - _BOTTOM - _TOP
    places = " ".join(
        f"{_LEFT + (at - start) / (end - start) * wide:.0f},{_TOP + high - max(value, 0) / highest * high:.1f}"
        for at, value in points
    )
    return f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.4"/>'


def _grid(highest: float, unit: str, seconds: float) -> str:
    high = _HEIGHT - _BOTTOM - _TOP
    drawn = ""
    for part in (0, 0.5, 1):
        y = _TOP + high - part * high
        drawn += f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.0f}" y2="{y:.0f}" stroke="#2a2d33"/>'
        drawn += f'<text x="{_LEFT - 5}" y="{y + 3:.0f}" text-anchor="end">{highest * part:.3g}{unit}</text>'
    drawn += f'<text x="{_LEFT}" y="{_HEIGHT - 4}">-{seconds / 60:.0f} min</text>'
    return drawn + f'<text x="{_WIDTH - 4}" y="{_HEIGHT - 4}" text-anchor="end">now</text>'

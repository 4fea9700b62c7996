"""Programs that judge the chart, as deploy/helm/tools pins them."""

from functools import cache
from pathlib import Path

from malipo_local.go_tools import GoTool

ROOT = Path(__file__).parents[2]


@cache
def tool(name: str) -> Path:
    """The program, built if it is not there. Raises `NoGo`."""
    return GoTool(name, ROOT / "deploy/helm/tools" / name).built()

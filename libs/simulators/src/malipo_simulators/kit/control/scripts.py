"""Control routes for scripts: all but the one that adds them, whose body is the simulator's own."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from malipo_simulators.kit.scripts import Script, Scripts
from malipo_simulators.kit.shapes import Json


def script_routes[M: BaseModel, F](
    scripts: Callable[[], Scripts[M, F]], show_fate: Callable[[F], Json], tag: str
) -> APIRouter:
    """`scripts` gives those of the world as it is: a reset makes others."""
    router = APIRouter(prefix="/_sim/scripts", tags=[tag])

    @router.get("", summary="The scripts that are still to be played")
    async def show() -> list[Json]:
        return [script_view(script, show_fate) for script in scripts().all()]

    @router.delete("", status_code=204, summary="Remove all scripts")
    async def clear() -> None:
        scripts().clear()

    @router.delete("/{script_id}", status_code=204, summary="Remove one script")
    async def remove(script_id: str) -> None:
        if not scripts().remove(script_id):
            raise HTTPException(404, f"No script {script_id}.")

    return router


def add_script[M: BaseModel, F](scripts: Scripts[M, F], match: M, fate: F, times: int | None) -> Script[M, F]:
    """Raise `HTTPException` at the limit."""
    try:
        return scripts.add(match, fate, times)
    except OverflowError as error:
        raise HTTPException(409, f"At most {error} scripts: delete some.") from error


def script_view[M: BaseModel, F](script: Script[M, F], show_fate: Callable[[F], Json]) -> Json:
    return {
        "id": script.id,
        "match": script.match.model_dump(),
        **show_fate(script.fate),
        "times": script.times,
        "played": script.played,
    }

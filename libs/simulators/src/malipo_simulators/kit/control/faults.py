"""Control routes for fault rules."""

from enum import StrEnum

from fastapi import APIRouter, HTTPException
from pydantic import create_model

from malipo_simulators.kit.faults.rules import NewRule, RuleView
from malipo_simulators.kit.world import AnyWorld


def fault_routes(world: AnyWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/faults", tags=["Faults"])

    async def add(rule: NewRule) -> RuleView:
        """The first rule (oldest first) that strikes decides. A request header `X-Sim-Fault: name[:seconds]` goes first."""
        try:
            return world.faults.add(rule)
        except OverflowError as error:
            raise HTTPException(409, f"At most {error} rules: delete some.") from error

    # FastAPI reads the body by this: which faults there are is known here only.
    add.__annotations__["rule"] = rule_naming(world.faults.names)
    router.post("", status_code=201, summary="Add a rule")(add)

    @router.get("", summary="All rules, with how often each matched and struck")
    async def show() -> list[RuleView]:
        return world.faults.views()

    @router.delete("", status_code=204, summary="Remove all rules")
    async def clear() -> None:
        world.faults.clear()

    @router.delete("/{rule_id}", status_code=204, summary="Remove one rule")
    async def remove(rule_id: str) -> None:
        if not world.faults.remove(rule_id):
            raise HTTPException(404, f"No rule {rule_id}.")

    return router


def rule_naming(faults: type[StrEnum]) -> type[NewRule]:
    """NewRule whose `fault` is one of these: /docs lists them, and any other is refused with 422."""
    return create_model("NewRule", __base__=NewRule, __doc__=NewRule.__doc__, fault=(faults, ...))

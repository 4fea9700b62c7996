"""Control routes for fault rules."""

from fastapi import APIRouter, HTTPException

from malipo_simulators.stripe.fault_rules import NewRule, RuleView
from malipo_simulators.stripe.world import World


def fault_routes(world: World) -> APIRouter:
    router = APIRouter(prefix="/_sim/faults", tags=["Faults"])

    @router.post("", status_code=201, summary="Add a rule")
    async def add(rule: NewRule) -> RuleView:
        """The first rule (oldest first) that strikes decides. A request header `X-Sim-Fault: name[:seconds]` goes first."""
        try:
            return world.faults.add(rule)
        except OverflowError as error:
            raise HTTPException(409, f"At most {error} rules: delete some.") from error

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

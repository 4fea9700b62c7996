"""Control routes for prompts: script what the next customers do, and see what became of prompts."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.faults.rules import MAX_DELAY_SECONDS
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.state.prompts import Prompt
from malipo_simulators.mpesa.state.scripts import Fate, PromptMatch, Script
from malipo_simulators.mpesa.state.world import MpesaWorld

type Seconds = Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS)]


class NewScript(BaseModel):
    """How matching prompts end by themselves. Left out, `after_seconds` is that of the simulator's settings."""

    model_config = ConfigDict(extra="forbid")

    match: PromptMatch = Field(default_factory=PromptMatch)
    ending: Ending
    after_seconds: Seconds | None = None
    silent: bool = Field(default=False, description="No callback.")
    paid_after_seconds: Seconds | None = Field(default=None, description="Paid after all, so long after it ended.")
    told: bool = Field(default=False, description="A payment after all has a callback of its own, and the query tells.")
    times: Annotated[int, Field(ge=1)] | None = Field(default=1, description="null: always.")


def prompt_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Customers"])

    @router.post("/scripts", status_code=201, summary="Script what the next customers do")
    async def add(new: NewScript) -> Json:
        after = world.settings.answer_seconds if new.after_seconds is None else new.after_seconds
        fate = Fate(new.ending, after, new.silent, new.paid_after_seconds, new.told)
        try:
            return script_view(world.scripts.add(new.match, fate, new.times))
        except OverflowError as error:
            raise HTTPException(409, f"At most {error} scripts: delete some.") from error

    @router.get("/scripts", summary="The scripts that are still to be played")
    async def show() -> list[Json]:
        return [script_view(script) for script in world.scripts.all()]

    @router.delete("/scripts", status_code=204, summary="Remove all scripts")
    async def clear() -> None:
        world.scripts.clear()

    @router.delete("/scripts/{script_id}", status_code=204, summary="Remove one script")
    async def remove(script_id: str) -> None:
        if not world.scripts.remove(script_id):
            raise HTTPException(404, f"No script {script_id}.")

    @router.get("/prompts", summary="Prompts, the newest first")
    async def prompts(
        phone: str | None = None,
        account_reference: str | None = None,
        *,
        open_only: Annotated[bool, Query(alias="open")] = False,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[Json]:
        match = PromptMatch(phone=phone, account_reference=account_reference)
        found = (
            one
            for one in world.prompts.newest_first()
            if match.takes(one.push) and (one.ending is None or not open_only)
        )
        return [prompt_view(prompt) for prompt in islice(found, limit)]

    return router


def script_view(script: Script) -> Json:
    return {
        "id": script.id,
        "match": script.match.model_dump(),
        **asdict(script.fate),
        "times": script.times,
        "played": script.played,
    }


def prompt_view(prompt: Prompt) -> Json:
    push = prompt.push
    return {
        "checkout_request_id": prompt.checkout_request_id,
        "merchant_request_id": prompt.merchant_request_id,
        "phone": push.phone,
        "amount": push.amount,
        "shortcode": push.shortcode,
        "account_reference": push.reference,
        "description": push.description,
        "callback_url": push.callback_url,
        "status": prompt.payment.status,
        "receipt": prompt.receipt,
        "created": prompt.created,
    }

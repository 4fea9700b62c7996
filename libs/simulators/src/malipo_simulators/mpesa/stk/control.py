"""Control routes for prompts: script what the next customers do, and see what became of prompts."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.control.scripts import add_script, script_routes, script_view
from malipo_simulators.kit.faults.rules import MAX_DELAY_SECONDS
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.state.prompts import Prompt
from malipo_simulators.mpesa.state.scripts import Fate, PromptMatch
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


def prompt_script_routes(world: MpesaWorld) -> APIRouter:
    router = script_routes(lambda: world.scripts, asdict, "Customers")

    @router.post("", status_code=201, summary="Script what the next customers do")
    async def add(new: NewScript) -> Json:
        after = world.settings.answer_seconds if new.after_seconds is None else new.after_seconds
        fate = Fate(new.ending, after, new.silent, new.paid_after_seconds, new.told)
        return script_view(add_script(world.scripts, new.match, fate, new.times), asdict)

    return router


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

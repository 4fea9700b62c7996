"""Puts the merchant's webhook receiver and its control routes into one ASGI app."""

from fastapi import APIRouter, FastAPI, HTTPException, Response
from starlette.routing import Route

from malipo_simulators.merchant.hooks import Hook
from malipo_simulators.merchant.receivers import Behaviour, Received, Receiver, Receivers, Secrets


def create_merchant_app() -> FastAPI:
    receivers = Receivers()
    app = FastAPI(title="Merchant simulator: control routes", version="0.1.0")
    app.state.receivers = receivers
    app.include_router(receiver_routes(receivers))
    app.include_router(mailbox_routes(receivers))
    app.router.routes.append(Route("/hooks/{name}", Hook(receivers), methods=["POST"]))
    return app


def receiver_routes(receivers: Receivers) -> APIRouter:
    router = APIRouter(prefix="/_sim/receivers", tags=["Receivers"])

    @router.put("/{name}", summary="Set the secret (or secrets) that /hooks/{name} verifies with")
    async def configure(name: str, secrets: Secrets) -> dict[str, object]:
        receiver = existing_or_new(receivers, name)
        receiver.secrets = secrets.all()
        return {"name": name, "secrets": len(receiver.secrets), "behaviour": receiver.behaviour}

    @router.put("/{name}/behaviour", summary="Have a receiver fail, hang, redirect, be gone, throttle or be slow")
    async def behave(name: str, behaviour: Behaviour) -> Behaviour:
        """Whatever the response, the request is remembered. `hang` sends none, and drops the connection in the end."""
        receiver = existing_or_new(receivers, name)
        receiver.behaviour = behaviour
        return behaviour

    return router


def existing_or_new(receivers: Receivers, name: str) -> Receiver:
    try:
        return receivers.named(name)
    except OverflowError as error:
        raise HTTPException(409, f"At most {error} receivers.") from error


def mailbox_routes(receivers: Receivers) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What came"])

    @router.get("/received", summary="Everything that came, in order of arrival")
    async def received(response: Response, name: str | None = None, payment_id: str | None = None) -> list[Received]:
        """Header X-Sim-Dropped counts older requests that had to be forgotten."""
        response.headers["X-Sim-Dropped"] = str(receivers.mailbox.dropped)
        return receivers.mailbox.find(name, payment_id)

    @router.get("/health", summary="Alive, with counters")
    async def health() -> dict[str, object]:
        mailbox = receivers.mailbox
        return {"status": "ok", "receivers": len(receivers), "received": mailbox.count, "dropped": mailbox.dropped}

    @router.post("/reset", status_code=204, summary="Forget everything")
    async def reset() -> None:
        receivers.reset()

    return router

"""The list of everything the simulated API can do, each call at its path; any other path or method is refused."""

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI

from malipo_simulators.bank import spec
from malipo_simulators.bank.aliases import operations as aliases
from malipo_simulators.bank.errors import BankError, method_not_allowed, not_found
from malipo_simulators.bank.http.call import Call
from malipo_simulators.bank.http.dialect import BankDialect, RefusingDialect
from malipo_simulators.bank.http.request import BankRequest
from malipo_simulators.bank.notifications.key_set import PATH as KEY_SET_PATH
from malipo_simulators.bank.notifications.key_set import KeySetDialect
from malipo_simulators.bank.oauth.operations import PATH as TOKEN_PATH
from malipo_simulators.bank.oauth.operations import TokenDialect
from malipo_simulators.bank.payments import operations as payments
from malipo_simulators.bank.payments.operations import PAYMENTS
from malipo_simulators.bank.payments.parameters import AskBack, Listing, NewPayment
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.bank.statements import operations as statements
from malipo_simulators.bank.statements.operations import WantedStatement
from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.api.dialect import Operation
from malipo_simulators.kit.api.endpoint import add_operation

DOCUMENT = "/openapi.json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
CALLS = (
    Call("POST", PAYMENTS, payments.create, NewPayment, key="needed"),
    Call("GET", PAYMENTS, payments.listing, query=Listing),
    Call("GET", f"{PAYMENTS}/{{id}}", payments.retrieve),
    Call("POST", f"{PAYMENTS}/{{id}}/cancel", payments.cancel, key="needed"),
    Call("POST", f"{PAYMENTS}/{{id}}/return-request", payments.ask_back, AskBack, key="taken"),
    Call("GET", "/v1/statements", statements.retrieve, query=WantedStatement),
    Call("GET", "/v1/aliases/{id}", aliases.retrieve),
)


def add_api(app: FastAPI, world: BankWorld) -> None:
    """Of the routes, the first that takes a method at a path wins: so what is refused comes last."""
    app.router.routes.append(spec.route(DOCUMENT))
    tokens, key_set = TokenDialect(world), KeySetDialect(world)
    add_operation(app, world, tokens, tokens.operation)
    add_operation(app, world, key_set, key_set.operation)
    for call in CALLS:
        dialect = BankDialect(world, call)
        add_operation(app, world, dialect, dialect.operation)
    for path, methods in allowed().items():
        refuse(app, world, path, partial(method_not_allowed, methods))
    refuse(app, world, "/v1/{rest:path}", partial(not_found, "path"))


def allowed() -> dict[str, list[str]]:
    """The methods of each path."""
    methods = {TOKEN_PATH: ["POST"], KEY_SET_PATH: ["GET"]}
    for call in CALLS:
        methods.setdefault(call.path, []).append(call.method)
    return methods


def refuse(app: FastAPI, world: BankWorld, path: str, error: Callable[[], BankError]) -> None:
    """Whatever comes there by whichever method."""
    add_operation(app, world, RefusingDialect(world, error), Operation(METHODS, path, nothing))


def nothing(_: BankRequest) -> Answer:
    """Never run: the dialect refuses before."""
    return Answer(404, b"")

"""The list of everything the simulated API can do, each operation at its path; any other path or method is refused."""

from collections.abc import Callable

from fastapi import FastAPI

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.api.dialect import Operation, answering
from malipo_simulators.kit.api.endpoint import add_operation
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.account_balance import operations as account_balance
from malipo_simulators.mpesa.b2c import operations as b2c
from malipo_simulators.mpesa.c2b import operations as c2b
from malipo_simulators.mpesa.errors import method_not_allowed, not_found
from malipo_simulators.mpesa.http.dialect import MpesaDialect, RefusingDialect, TokenDialect
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.oauth import operations as oauth
from malipo_simulators.mpesa.pull import operations as pull
from malipo_simulators.mpesa.reversals import operations as reversals
from malipo_simulators.mpesa.state.world import MpesaWorld
from malipo_simulators.mpesa.stk import operations as stk
from malipo_simulators.mpesa.transaction_status import operations as transaction_status

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PRODUCTS = ("oauth", "mpesa", "pulltransactions")


def post(path: str, run: Callable[[MpesaRequest], Json]) -> Operation[MpesaRequest]:
    return answering(run, "POST", path=path)


TOKEN = answering(oauth.generate, "GET", path="/oauth/v1/generate")
OPERATIONS: tuple[Operation[MpesaRequest], ...] = (
    post("/mpesa/c2b/v1/registerurl", c2b.registering(version=1)),
    post("/mpesa/c2b/v2/registerurl", c2b.registering(version=2)),
    post("/mpesa/c2b/v1/simulate", c2b.simulate),
    post("/mpesa/c2b/v2/simulate", c2b.simulate),
    post("/mpesa/b2c/v1/paymentrequest", b2c.pay_out_v1),
    post("/mpesa/b2c/v3/paymentrequest", b2c.pay_out),
    post("/mpesa/transactionstatus/v1/query", transaction_status.query),
    post("/mpesa/accountbalance/v1/query", account_balance.query),
    post("/mpesa/reversal/v1/request", reversals.request_reversal),
    post("/pulltransactions/v1/register", pull.register),
    answering(pull.query, "POST", "GET", path="/pulltransactions/v1/query"),
    post("/mpesa/stkpush/v1/processrequest", stk.push),
    post("/mpesa/stkpushquery/v1/query", stk.query),
)


def add_api(app: FastAPI, world: MpesaWorld) -> None:
    """Of the routes, the first that takes a method at a path wins: so what is refused comes last."""
    add_operation(app, world, TokenDialect(world), TOKEN)
    for operation in OPERATIONS:
        add_operation(app, world, MpesaDialect(world), operation)
    wrong_method = RefusingDialect(world, method_not_allowed)
    for operation in (TOKEN, *OPERATIONS):
        add_operation(app, world, wrong_method, Operation(METHODS, operation.path, nothing))
    wrong_path = RefusingDialect(world, lambda _: not_found())
    for product in PRODUCTS:
        add_operation(app, world, wrong_path, Operation(METHODS, f"/{product}/{{rest:path}}", nothing))


def nothing(_: MpesaRequest) -> Answer:
    """Never run: its dialect refuses every request."""
    raise not_found()

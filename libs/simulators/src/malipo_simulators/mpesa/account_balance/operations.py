"""POST /mpesa/accountbalance/v1/query: accepted at once; the balances follow, all in one text."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.money import as_account
from malipo_simulators.mpesa.result_codes import DONE
from malipo_simulators.mpesa.results.accepting import answer_later
from malipo_simulators.mpesa.results.posting import Outcome
from malipo_simulators.mpesa.results.request import IDENTIFIER_SHORTCODE, Ask, Product, read_ask
from malipo_simulators.mpesa.state.initiators import Role
from malipo_simulators.mpesa.times import stamp

BALANCE = Product(Role.BALANCE, ("AccountBalance",), party="PartyA")


def query(request: MpesaRequest) -> Json:
    """Everything that a shortcode has is in its utility account: settling to the others is not modelled."""
    ask = read_ask(request, BALANCE)
    request.fields.choice("IdentifierType", (IDENTIFIER_SHORTCODE,))
    return answer_later(ask, None, lambda: report(ask))


def report(ask: Ask) -> Outcome:
    world = ask.request.world
    accounts = {
        "Working Account": 0,
        "Float Account": 0,
        "Utility Account": world.balance_of(ask.shortcode),
        "Charges Paid Account": 0,
        "Organization Settlement Account": 0,
    }
    written = "&".join(as_account(name, amount) for name, amount in accounts.items())
    now = stamp(world.clock.now())
    return Outcome(DONE, parameters=(("AccountBalance", written), ("BOCompletedTime", now)))

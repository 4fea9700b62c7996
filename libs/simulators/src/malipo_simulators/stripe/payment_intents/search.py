"""GET /v1/payment_intents/search, as far as a search for one's own reference needs it."""

import re

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.http.params import MAX_PAGE
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.render import render_payment_intent

CLAUSE = re.compile(r"""metadata\[(["'])(?P<key>[^"']+)\1\]\s*:\s*(["'])(?P<value>[^"']*)\3""")
BETWEEN_CLAUSES = re.compile(r"\s+AND\s+")
URL = "/v1/payment_intents/search"


def search(request: StripeRequest) -> Json:
    """`query=metadata['order']:'7' AND ...`: exact matches only.

    The real index lags by up to a minute; this one does not.
    """
    params = request.params()
    pairs = read_query(params.required_text("query"))
    limit = params.positive("limit") or 10
    expand = read_expand(params.strings("expand"), listing=True)
    params.finish()
    if limit > MAX_PAGE:
        raise invalid(f"Must be at most {MAX_PAGE}.", code="parameter_invalid_integer", param="limit")
    named = request.world.book.with_metadata(pairs)
    found = [intent for one in reversed(named) if (intent := request.account.intents.find(one))]
    data = [render_payment_intent(intent, expand) for intent in found[:limit]]
    more = len(found) > limit
    return {"object": "search_result", "data": data, "has_more": more, "next_page": None, "url": URL}


def read_query(query: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for clause in BETWEEN_CLAUSES.split(query.strip()):
        match = CLAUSE.fullmatch(clause)
        if match is None:
            raise invalid("Only metadata['key']:'value' clauses joined by AND are simulated.", param="query")
        pairs[match["key"]] = match["value"]
    return pairs

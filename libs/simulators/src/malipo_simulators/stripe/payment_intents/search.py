"""GET /v1/payment_intents/search, as far as a search for one's own reference needs it."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.render import render

CLAUSE = re.compile(r"""metadata\[(["'])(?P<key>[^"']+)\1\]\s*:\s*(["'])(?P<value>[^"']*)\3""")
BETWEEN_CLAUSES = re.compile(r"\s+AND\s+")
URL = "/v1/payment_intents/search"


def search(request: StripeRequest) -> Json:
    """`query=metadata['order']:'7' AND ...`: exact matches only, newest first, in pages that `next_page` leads to.

    The real index lags by up to a minute; this one does not.
    """
    params = request.params()
    pairs = read_query(params.required_text("query"))
    limit, after = params.limit(), read_token(params.text("page"))
    expand = read_expand(params.strings("expand"), listing=True)
    params.finish()
    named = request.world.book.with_metadata(pairs)[::-1]
    found = [intent for one in rest_of(named, after) if (intent := request.account.intents.find(one))]
    page, more = found[:limit], len(found) > limit
    return {
        "object": "search_result",
        "data": [render(intent, expand) for intent in page],
        "has_more": more,
        "next_page": token_of(page[-1].id) if more else None,
        "url": URL,
    }


def rest_of(named: list[str], after: str | None) -> list[str]:
    """What comes behind the last one of the page before, which stays where it is when others are added."""
    if after is None:
        return named
    if after not in named:
        raise invalid("Invalid page: it is of another query.", param="page")
    return named[named.index(after) + 1 :]


def token_of(last_id: str) -> str:
    """Not to be understood by anybody else."""
    return urlsafe_b64encode(last_id.encode()).decode()


def read_token(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        return urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise invalid(f"Invalid page: {token}", param="page") from None


def read_query(query: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for clause in BETWEEN_CLAUSES.split(query.strip()):
        match = CLAUSE.fullmatch(clause)
        if match is None:
            raise invalid("Only metadata['key']:'value' clauses joined by AND are simulated.", param="query")
        pairs[match["key"]] = match["value"]
    return pairs

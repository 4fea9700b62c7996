"""Everything that a query may have wrong has its own code, and nothing is read as another thing than was sent."""

import pytest

from gateway.edge.problems import Problem
from gateway.edge.validation import require_text


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "limit_invalid"),
        ("limit=101", "limit_invalid"),
        ("limit=ten", "limit_invalid"),
        ("limit=", "limit_invalid"),
        ("limit=01", "limit_invalid"),
        ("limit=%31%ff", "limit_invalid"),
        ("cursor=made-up", "cursor_invalid"),
        ("cursor=", "cursor_invalid"),
        ("cursor=" + "x" * 200, "cursor_invalid"),
        ("cursor=ZXZ0XzAwMDFrYnc0eDVhMWIyYzNkNGU1ZjZnN2g4", "cursor_invalid"),
        ("status=lost", "parameter_invalid"),
        ("provider=acme", "parameter_invalid"),
        ("currency=usd", "parameter_invalid"),
        ("amount_min=-1", "parameter_invalid"),
        ("amount_min=007", "parameter_invalid"),
        ("amount_max=99999999999999999999", "parameter_invalid"),
        ("amount_min=1.5", "parameter_invalid"),
        ("created_after=yesterday", "parameter_invalid"),
        ("created_after=2026-01-01T00:00:00", "parameter_invalid"),
        ("created_before=0001-01-01T00:00:00Z", "parameter_invalid"),
        ("client_ref=%00", "parameter_invalid"),
        ("client_ref=%ff", "parameter_invalid"),
        ("client_ref=no%ebl", "parameter_invalid"),
        ("client_ref=%ed%a0%80", "parameter_invalid"),
        ("client_ref=50%", "parameter_invalid"),
        ("client_ref=%4g", "parameter_invalid"),
        ("client_ref=a&cursor=%ff", "cursor_invalid"),
        ("%ff=1", "parameter_unknown"),
        ("client_ref=" + "x" * 101, "parameter_invalid"),
        ("amount_min=2&amount_max=1", "parameter_invalid"),
        ("created_after=2026-02-01T00:00:00Z&created_before=2026-01-01T00:00:00Z", "parameter_invalid"),
        ("created_after=2026-01-01T00:00:00Z&created_before=2026-01-01T01:00:00%2B02:00", "parameter_invalid"),
        ("page=2", "parameter_unknown"),
        ("limit=1&limit=2", "parameter_repeated"),
    ],
)
async def test_each_bad_parameter_has_a_code(merchant, query, code):
    response = await merchant.get(f"/v1/payments?{query}")
    assert (response.status_code, response.json()["code"]) == (400, code), response.text


async def test_a_parameter_that_is_no_text_is_named(merchant):
    problem = (await merchant.get("/v1/payments?client_ref=no%ebl")).json()
    assert problem["errors"][0] == {
        "field": "client_ref",
        "code": "parameter_invalid",
        "detail": "must be UTF-8, percent-encoded, e.g. no%C3%ABl",
    }
    assert (await merchant.get("/v1/payments?client_ref=no%C3%ABl")).status_code == 200
    with pytest.raises(Problem, match="parameter_invalid"):
        require_text("client_ref=no\u00ebl".encode())  # not escaped


@pytest.mark.parametrize("path", ["/v1/payments/x", "/v1/provider-credentials", "/v1/webhook-endpoints"])
async def test_routes_without_parameters_refuse_them(merchant, path):
    assert (await merchant.get(f"{path}?limit=1")).json()["code"] == "parameter_unknown"


async def test_an_unknown_parameter_is_answered_with_those_there_are(merchant):
    listed = (await merchant.get("/v1/events?foo=1")).json()["detail"]
    assert listed == "There is no parameter 'foo' here; there are: limit, cursor, payment_id, type, after."
    none = (await merchant.get("/v1/webhook-endpoints?foo=1")).json()["detail"]
    assert none == "There is no parameter 'foo' here; this route takes none."


async def test_a_bad_part_of_a_path_is_called_no_query_parameter(merchant):
    problem = (await merchant.get("/v1/provider-credentials/stripe/accounts/Bad%20Label")).json()
    assert (problem["title"], problem["errors"][0]["field"]) == ("Invalid parameter", "label")


async def test_an_unknown_event_is_answered_with_where_to_begin(merchant):
    assert "after=start" in (await merchant.get("/v1/events?after=evt_nope")).json()["detail"]


async def test_an_unknown_currency_is_answered_with_where_they_are_listed(merchant):
    assert "GET /v1/providers" in (await merchant.get("/v1/payments?currency=RUB")).json()["detail"]


async def test_a_time_without_an_offset_is_shown_one_that_has_it(merchant):
    problem = (await merchant.get("/v1/payments?created_after=2026-01-01T00:00:00")).json()
    assert problem["errors"][0] == {
        "field": "created_after",
        "code": "parameter_invalid",
        "detail": "give an offset, e.g. 2026-11-21T09:30:00Z",
    }

"""The /pulltransactions operations: registering a shortcode, and asking what it was paid."""

import re
from itertools import islice

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import DarajaError
from malipo_simulators.mpesa.faults import MpesaFault, PullQuirk
from malipo_simulators.mpesa.http.fields import MOST_DIGITS, Fields
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.pull.rows import rows_between, write_row
from malipo_simulators.mpesa.pull.window import read_time
from malipo_simulators.mpesa.state.ledger import Transaction
from malipo_simulators.mpesa.state.registrations import PullUse

PAGE = 100
NOMINATED = re.compile(r"(254|0)?[71][0-9]{8}")


def register(request: MpesaRequest) -> Json:
    """POST /pulltransactions/v1/register: once for a shortcode; 1001 says that it was registered before."""
    fields = request.fields
    code = read_shortcode(request)
    fields.choice("RequestType", ("Pull",))
    number = fields.text("NominatedNumber", shape=NOMINATED)
    use = PullUse(request.app.id, number, request.url("CallBackURL"))
    is_new = request.world.registrations.pull.setdefault(code, use) is use
    answer: Json = {
        "ResponseRefID": request.world.new_request_id(),
        "ResponseStatus": "1000" if is_new else "1001",
        "ShortCode": code,
        "ResponseDescription": "Shortcode Registered Successfully" if is_new else "ShortCode already Registered",
    }
    return {spaced(key): value for key, value in answer.items()} if PullQuirk.SPACED_KEYS in quirks(request) else answer


def query(request: MpesaRequest) -> Json:
    """POST (or GET with a body) /pulltransactions/v1/query: the page of a window that begins at a row."""
    fields = request.fields
    code = read_shortcode(request)
    if code not in request.world.registrations.pull:
        raise invalid_shortcode()
    start, end = read_bound(fields, "StartDate"), read_bound(fields, "EndDate")
    if end < start:
        raise fields.refused("EndDate")
    offset = read_offset(fields)
    rows = rows_between(request.world, code, start, end, missing_seconds(request))
    return write_page(request, list(islice(rows, offset, offset + PAGE)))


def write_page(request: MpesaRequest, rows: list[Transaction]) -> Json:
    """Rows are in a list within a list. An empty page has text in their place, or looks like an outage."""
    how = quirks(request)
    answer: Json = {"ResponseRefID": request.world.new_request_id()}
    if not rows:
        if PullQuirk.EMPTY_AS_ERROR in how:
            raise nothing_available()
        return answer | {"ResponseCode": "1001", "ResponseMessage": "No transactions available", "Transaction": "[[]]"}
    written = [write_row(row, in_utc=PullQuirk.UTC in how) for row in rows]
    shown = written if PullQuirk.FLAT in how else [written]
    return answer | {"ResponseCode": "1000", "ResponseMessage": "Success", "Response": shown}


def quirks(request: MpesaRequest) -> set[str]:
    """The simulator's own ways, and that of this request alone."""
    fault = request.cause.fault
    return {*request.world.settings.pull_quirks, *([fault.fault] if fault else ())}


def missing_seconds(request: MpesaRequest) -> float:
    fault = request.cause.fault
    return fault.delay_seconds if fault and fault.fault == MpesaFault.PULL_ROW_MISSING_FOR else 0


def read_shortcode(request: MpesaRequest) -> str:
    try:
        return request.shortcode()
    except DarajaError as error:
        raise invalid_shortcode() from error


def read_bound(fields: Fields, name: str) -> int:
    at = read_time(fields.text(name))
    if at is None:
        raise fields.refused(name)
    return at


def read_offset(fields: Fields) -> int:
    """How many rows to leave out."""
    text = fields.text("OffSetValue", longest=MOST_DIGITS)
    if not (text.isascii() and text.isdigit()):
        raise fields.refused("OffSetValue")
    return int(text)


def invalid_shortcode() -> DarajaError:
    """Also of one that was not registered for Pull."""
    return DarajaError("400.001", "Invalid ShortCode")


def nothing_available() -> DarajaError:
    """An empty page that looks like an outage."""
    text = "Failed to retrieve transactions. The short code does not have any available transactions."
    return DarajaError("500", text)


def spaced(key: str) -> str:
    """As in the live sandbox: `Response Status`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key) if key in ("ResponseStatus", "ResponseDescription") else key

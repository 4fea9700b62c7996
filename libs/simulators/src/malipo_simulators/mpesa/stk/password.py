"""The password of a request about a shortcode: base64 of shortcode, passkey and the request's own Timestamp."""

import base64
import hmac

from malipo_simulators.kit.clock import unix_seconds
from malipo_simulators.mpesa.errors import invalid, refused
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.state.shortcodes import Shortcode
from malipo_simulators.mpesa.times import read_stamp


def read_merchant(request: MpesaRequest) -> Shortcode:
    """BusinessShortCode, Password and Timestamp, which belong together. Raise what Daraja says of each."""
    fields = request.fields
    code = fields.shortcode("BusinessShortCode")
    timestamp = read_timestamp(request)
    shortcode = request.world.shortcode(code)
    if not shortcode.usable_by(request.app.id):
        raise refused("Merchant does not exist")
    wanted = base64.b64encode(f"{code}{shortcode.passkey}{timestamp}".encode()).decode()
    given = request.given.get("Password")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise refused("Wrong credentials")
    return shortcode


def read_timestamp(request: MpesaRequest) -> str:
    """In East Africa Time, and now, by the real clock or by ours: no client's clock moves with a test's."""
    timestamp = request.fields.text("Timestamp")
    at = read_stamp(timestamp)
    tolerance = request.world.settings.timestamp_tolerance_seconds
    if at is None or all(abs(at - now) > tolerance for now in (unix_seconds(), request.world.clock.now())):
        raise invalid("Timestamp")
    return timestamp

"""PayPal as data: what is shown of who pays."""

import pytest

from malipo.contracts.providers.paypal import masked


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("jane.doe@example.com", "j***@e***.com"),
        ("j@x.co.uk", "j***@x***.uk"),
        ('"a@b"@mail.example', '"***@m***.example'),
        ("no address", "***"),
        ("jane@localhost", "***"),
        ("@example.com", "***"),
        ("jane@example.c<m", "***"),
        ("", "***"),
    ],
)
def test_of_a_payers_address_only_a_mask_is_shown(email, shown):
    assert masked(email) == shown

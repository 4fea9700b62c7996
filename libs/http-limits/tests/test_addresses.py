"""Which addresses and URLs a client may have us call."""

from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_limits.addresses import AddressRefused, check_address, check_url, host_names

BLOCKED = """
0.0.0.0 0.1.2.3 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.0 100.64.0.1 100.100.100.200 100.127.255.255
127.0.0.0 127.0.0.1 127.0.0.53 127.255.255.255 169.254.0.1 169.254.169.254 169.254.170.2 169.254.255.255
172.16.0.0 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192 192.0.0.255 192.0.2.1
192.88.99.1 192.88.99.2 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255 168.63.129.16
:: ::1 ::2 ::127.0.0.1 ::169.254.169.254 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254
::ffff:100.64.0.1 ::ffff:a9fe:a9fe ::ffff:192.168.1.1 ::ffff:168.63.129.16
::ffff:0:127.0.0.1 ::ffff:0:169.254.169.254 ::ffff:0:8.8.8.8 ::fffe:8.8.8.8
64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 64:ff9b:2::1 64:ff9c::1
100::1 100:0:0:1::1 200::1 400::1 1000::1 1fff:ffff::1
2001::1 2001:0:ffff:ffff:ffff:ffff:ffff:ffff 2001:1:: 2001:1::1 2001:1::3 2001:2::1 2001:2:0:ffff::1 2001:3::1 2001:4:112::1
2001:10::1 2001:1f:ffff::1 2001:20::1 2001:2f:ffff::1 2001:30::1 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1
2002:: 2002:a9fe:a9fe::1 2002:7f00:1::1 2002:808:808::1
3fff::1 3fff:fff:ffff:: 4000::1 5eff::1 5f00::1 5f01::1 6000::1 8000::1 c000::1 e000::1 f000::1 f800::1
fc00::1 fd00:ec2::254 fd20:ce::254 fdff:ffff::1 fe00::1 fe80::1 febf::1 fec0::1 feff::1 ff00::1 ff02::1 ff0e::1
fe80::1%eth0 2606:4700::1111%1
""".split()  # noqa: SIM905 - a table to read

ALLOWED = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
168.63.129.15 168.63.129.17 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.31.196.1 192.52.193.1 192.88.98.255
192.88.100.0 192.167.255.255 192.169.0.0 192.175.48.1 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0
203.0.112.255 203.0.114.0 223.255.255.255
::ffff:8.8.8.8 ::ffff:1.1.1.1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2400::1 2606:4700::1111
2620:4f:8000::1 2a00:1450:4001::1 2c0f::1 3ffe::1 3fff:1000::1
""".split()  # noqa: SIM905 - a table to read

UNREADABLE = [
    "",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "1.2.3.4.",
    "1.2.3",
    "example.com",
    "\u0661.\u0661.\u0661.\u0661",
    "::g",
]


@pytest.mark.parametrize("address", BLOCKED + UNREADABLE)
def test_refused(address):
    with pytest.raises(AddressRefused):
        check_address(address, allow_loopback=False)


@pytest.mark.parametrize("address", ALLOWED)
def test_let_through(address):
    check_address(address, allow_loopback=False)


def test_the_flags_of_the_standard_library_would_let_some_of_these_through():
    addresses = [ip_address(text) for text in BLOCKED]
    called_global = {str(address) for address in addresses if address.is_global}
    assert {"168.63.129.16", "64:ff9b::a9fe:a9fe", "::ffff:0:a9fe:a9fe", "4000::1"} <= called_global
    not_called_private = {str(address) for address in addresses if not address.is_private}
    assert {"168.63.129.16", "100.64.0.1", "100.100.100.200", "64:ff9b::a9fe:a9fe"} <= not_called_private


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("169.254.169.254", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("fd00:ec2::254", "cloud metadata"),
        ("169.254.1.1", "link-local (RFC 3927)"),
        ("::ffff:10.1.2.3", "private use (RFC 1918)"),
        ("64:ff9b::8.8.8.8", "NAT64, which wraps IPv4 (RFC 6052)"),
        ("::ffff:0:8.8.8.8", "IPv4-translated (RFC 2765)"),
        ("5f00::1", "outside of 2000::/3, IPv6's global unicast (RFC 4291)"),
    ],
)
def test_the_refusal_names_the_rule_and_not_the_address(address, rule):
    with pytest.raises(AddressRefused) as refused:
        check_address(address, allow_loopback=False)
    assert str(refused.value) == f"the address is not a public one: {rule}"
    assert address not in str(refused.value)
    assert refused.value.code == "url_not_public"


def test_the_table_is_a_table():
    assert len(BLOCKED) + len(ALLOWED) > 100
    assert not set(BLOCKED) & set(ALLOWED)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_loopback_passes_where_a_setting_says_so(address):
    check_address(address, allow_loopback=True)


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::", "64:ff9b::7f00:1", "::127.0.0.1", "0.0.0.0"])
def test_the_setting_lets_nothing_else_through(address):
    with pytest.raises(AddressRefused):
        check_address(address, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hooks?a=b",
        "https://example.com:443/hooks",
        "https://EXAMPLE.com/",
        "https://a_b.example.com/",
        "https://xn--bcher-kva.example/",
        "https://127.0.0.1.nip.io/",
        "https://localhost.example.com/",
        "https://internal.example.com/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://bücher.example/",
    ],
)
def test_urls_that_may_be_called(url):
    check_url(url, allow_loopback=False)


REFUSED = {
    "url_not_https": [
        "http://example.com/",
        "https://example.com:8443/",
        "https://example.com:80/",
        "http://example.com:443/",
    ],
    "url_invalid": [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com:443/",
        "https:///hooks",
        "https://",
        "example.com",
        "",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://:pass@example.com/",
        "https://example.com:99999/",
        "https://example.com./",
        "https://localhost./",
        "https://127.0.0.1./",
        "https://a..example.com/",
        "https://.example.com/",
        "https://-a.example.com/",
        "https://a-.example.com/",
        "https://exa mple.com/",
        "https://ex%61mple.com/",
        "https://%31%32%37.0.0.1.example.com/",
        "https://" + "a" * 64 + ".example.com/",
        "https://" + "a." * 130 + "example.com/",
        "https://127.1/",
        "https://1.2.3/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://example.0x/",
        "https://\u2488.com/",  # a digit and a dot in one character
    ],
    "url_not_public": [
        "https://127.0.0.1/",
        "https://10.0.0.1:443/",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1%25eth0]/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://localhost/",
        "https://LOCALHOST/",
        "https://a.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://a\u3002internal/",
        "https://router.home.arpa/",
        "https://a.onion/",
        "https://a.test/",
        "https://a.invalid/",
        "https://a.alt/",
        "https://intranet/",
        "https://gateway/",
        "https://com/",
    ],
}


@pytest.mark.parametrize(("code", "url"), [(code, url) for code, urls in REFUSED.items() for url in urls])
def test_urls_that_may_not(code, url):
    with pytest.raises(AddressRefused) as refused:
        check_url(url, allow_loopback=False)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "https://localhost:9443/", "http://[::1]:1/", "http://a.example/"]
)
def test_with_loopback_allowed_any_port_and_plain_http_are_too(url):
    check_url(url, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://127.1/",
        "file:///etc/passwd",
        "http://gateway:8000/",
        "http://db.internal/",
        "http://a@localhost/",
    ],
)
def test_with_loopback_allowed_the_rest_stays_refused(url):
    with pytest.raises(AddressRefused):
        check_url(url, allow_loopback=True)


@pytest.mark.parametrize("url", ["http://merchant:8080/hooks", "https://MERCHANT/", "http://db.internal:5432/"])
def test_a_name_that_a_setting_lists_may_be_called_by_any_port_and_over_plain_http(url):
    check_url(url, allow_loopback=False, allow_hosts=host_names("merchant, db.Internal"))


@pytest.mark.parametrize(
    "url",
    ["http://merchant.example/", "http://a.merchant/", "http://user@merchant/", "ftp://merchant/", "http://10.0.0.1/"],
)
def test_a_list_of_names_lets_nothing_else_through(url):
    with pytest.raises(AddressRefused):
        check_url(url, allow_loopback=False, allow_hosts=host_names("merchant"))


@pytest.mark.parametrize(
    "text", ["10.0.0.1", "::1", "[::1]", "127.1", "0x7f000001", "a..b", "a b", "http://a", "*", "*.a", "a:80"]
)
def test_only_names_can_be_listed(text):
    with pytest.raises(ValueError, match="is no host name"):
        host_names(f"merchant, {text}")


@given(
    st.one_of(st.text(), st.builds("https://{}".format, st.text()), st.builds("https://{}/".format, st.ip_addresses()))
)
def test_a_url_is_refused_or_passes_and_nothing_else(url):
    with suppress(AddressRefused):
        check_url(url, allow_loopback=False)


@given(st.one_of(st.text(), st.ip_addresses().map(str)))
def test_an_address_is_refused_or_passes_and_nothing_else(text):
    with suppress(AddressRefused):
        check_address(text, allow_loopback=False)


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_passes_only_where_the_plain_one_does(address):
    def passes(text):
        try:
            check_address(text, allow_loopback=False)
        except AddressRefused:
            return False
        return True

    assert passes(f"::ffff:{address}") == passes(str(address))
    assert not passes(f"64:ff9b::{address}")
    assert not passes(f"::{address}")

"""host:port and URLs as people type them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netcheck.core.hostport import EndpointError, Url, parse_endpoint, parse_host, parse_url
from netcheck.core.model import Kind, Target

GOOD_ENDPOINTS = [
    ("b-1.example:9094", ("b-1.example", 9094)),
    ("  B-1.Example:9094 ", ("b-1.example", 9094)),
    ("b-1.example.:9094", ("b-1.example.", 9094)),
    ("10.0.0.1:1", ("10.0.0.1", 1)),
    ("[::1]:65535", ("::1", 65535)),
    ("[2001:DB8:0::1]:9094", ("2001:db8::1", 9094)),
    ("_kafka._tcp.example:9094", ("_kafka._tcp.example", 9094)),
    ("xn--mnchen-3ya.example:443", ("xn--mnchen-3ya.example", 443)),
]

BAD_ENDPOINTS = [
    ("", "write host:port"),
    ("b-1.example", "write host:port"),
    (":9094", "not a host name"),
    ("b-1.example:", "is not a port"),
    ("b-1.example:0", "ports are 1 to 65535"),
    ("b-1.example:70000", "ports are 1 to 65535"),
    ("b-1.example:abc", "'abc' is not a port"),
    ("b-1.example:-1", "is not a port"),
    ("b-1.example:９０９４", "is not a port"),
    ("b-1.example:" + "9" * 5000, "is not a port"),
    ("https://b-1.example:9094", "leave out the scheme https://, write 'b-1.example:9094'"),
    ("::1:9094", "an IPv6 address in brackets"),
    ("[::1:9094", "not a host name"),
    ("[:::1]:9094", "not a host name"),
    ("[b-1.example]:9094x", "is not a port"),
    ("b 1.example:9094", "not a host name"),
    ("b-1..example:9094", "not a host name"),
    ("-b.example:9094", "not a host name"),
    ("a" * 64 + ".example:9094", "not a host name"),
    ("a." * 130 + "example:9094", "not a host name"),
    ("münchen.example:9094", "xn-- form"),
    ("b-1.example/x:9094", "not a host name"),
    ("256.1.1.1:9094", "looks like an IPv4 address"),
    ("10.0.0:9094", "looks like an IPv4 address"),
    ("b-1\x1b[31m:9094", "not a host name"),
    ("b-1\n.example:9094", "not a host name"),
    ("[fe80::1%lo]:9094", "leave out the zone"),
    ("[::1%x]:9094", "leave out the zone"),
    ("[::1%\x1b[31m]:9094", "leave out the zone"),
]


@pytest.mark.parametrize(("text", "expected"), GOOD_ENDPOINTS)
def test_endpoints(text: str, expected: tuple[str, int]) -> None:
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize(("text", "words"), BAD_ENDPOINTS)
def test_endpoints_that_will_not_do(text: str, words: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_endpoint(text)
    assert words in str(caught.value)
    assert str(caught.value).isprintable(), "one line, and nothing that a terminal would act on"
    assert len(str(caught.value)) < 250


GOOD_URLS = [
    ("https://ch.example", Url(True, "ch.example", 8443, None, None)),
    ("http://ch.example", Url(False, "ch.example", 8123, None, None)),
    ("HTTPS://CH.example:443/", Url(True, "ch.example", 443, None, None)),
    ("https://sink@ch.example:8443/events", Url(True, "ch.example", 8443, "sink", "events")),
    ("https://a%40b@ch.example/d%20b", Url(True, "ch.example", 8443, "a@b", "d b")),
    ("https://[2001:db8::1]:8443", Url(True, "2001:db8::1", 8443, None, None)),
    ("ch.example:8443", Url(True, "ch.example", 8443, None, None)),
    ("ch.example:8123", Url(False, "ch.example", 8123, None, None)),
]

BAD_URLS = [
    ("jdbc:clickhouse://ch.example:8443", "write https://"),
    ("ftp://ch.example", "write https://"),
    ("https://ch.example:0", "not a port"),
    ("https://ch.example:70000", "port from 1 to 65535"),
    ("https://ch.example:abc", "port from 1 to 65535"),
    ("https://", "not a host name"),
    ("https://[::1", "not a URL"),
    ("https://ch.example/a/b", "one /database"),
    ("https://ch.example/?user=x", "one /database"),
    ("https://ch.example/db#x", "one /database"),
    ("https://mün.example", "xn-- form"),
    ("ch.example", "write host:port"),
]


@pytest.mark.parametrize(("text", "expected"), GOOD_URLS)
def test_urls(text: str, expected: Url) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(("text", "words"), BAD_URLS)
def test_urls_that_will_not_do(text: str, words: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_url(text)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


CANARY = "Kanarie-7f3a"
PASSWORDS = [
    *(CANARY + sign + "x" for sign in ("", "/", "//", "@", "#", "?", ":", "%2", "\\", " ", "ü")),
    *("1" + sign + CANARY for sign in ("/", "//", "@", "#", "?", ":", "\n", "[")),
]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "template",
    [
        "https://sink:{}@ch.example:8443",
        "https://sink:{}@ch.example:8443/db",
        "http://:{}@ch.example",
        "https://{}@ch.example:0",
        "sink:{}@ch.example:8443",
        "ftp://sink:{}@ch.example:21",
    ],
)
def test_a_password_in_an_url_is_refused_and_not_shown(template: str, password: str) -> None:
    text = template.format(password)
    for parse in (parse_url, parse_endpoint):
        with pytest.raises(EndpointError) as caught:
            parse(text)
        assert CANARY not in str(caught.value)
        assert CANARY not in repr(caught.value)


@pytest.mark.parametrize("sign", ["?", ";", "#", "/db?x=1&", "/db;", "/", "/db/"])
@pytest.mark.parametrize("name", ["password", "passwd", "pass", "Password"])
def test_a_password_among_the_parameters_is_refused_and_not_shown(sign: str, name: str) -> None:
    for parse in (parse_url, parse_endpoint, parse_host):
        with pytest.raises(EndpointError) as caught:
            parse(f"https://ch.example:8443{sign}{name}={CANARY}")
        assert CANARY not in str(caught.value)


NEARLY = st.text(alphabet="ab1.-_:/[]@%#?é\x00\n ", max_size=40)


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.text(max_size=60), NEARLY, NEARLY.map(lambda rest: "https://" + rest)))
@example("https://[" + "1" * 5000)
@example("//")
@example("https://a:b:c")
@example("http://[::1]]:1")
@example("https://xn--.example:1")
@example("https://℀.example")
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    for parse in (parse_endpoint, parse_host, parse_url):
        try:
            parse(text)
        except EndpointError as error:
            assert str(error)


LABELS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20).filter(
    lambda label: label[0] != "-" and label[-1] != "-"
)
NAMES = (
    st.lists(LABELS, min_size=1, max_size=5).map(".".join).filter(lambda n: not n.split(".")[-1].isdigit())
)
HOSTS = st.one_of(NAMES, st.ip_addresses().map(str))


@settings(max_examples=500, deadline=None)
@given(HOSTS, st.integers(1, 65535))
def test_what_a_target_shows_can_be_typed_again(host: str, port: int) -> None:
    target = Target(Kind.KAFKA, host, port)
    assert parse_endpoint(target.endpoint) == (host, port)
    assert parse_url(f"https://{target.endpoint}") == Url(True, host, port, None, None)


@given(st.integers(max_value=0) | st.integers(min_value=65536))
def test_no_port_outside_the_range(port: int) -> None:
    with pytest.raises(EndpointError):
        parse_endpoint(f"b-1.example:{port}")


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_has_one_spelling(address: ipaddress.IPv6Address) -> None:
    assert parse_host(address.exploded.upper()) == parse_host(f"[{address}]") == str(address)

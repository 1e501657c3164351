"""Recognises the protocol of a peer by the first bytes that it sent."""

from __future__ import annotations

_HTTP_METHODS = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ")
_CLICKHOUSE_HELLO = 0
_CLICKHOUSE_EXCEPTION = 2
_MAX_KAFKA_FRAME = 100 << 20

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
"""Alert numbers and names of RFC 8446 (section 6) and RFC 5246."""


def recognise(first_bytes: bytes) -> str | None:
    """The protocol: "HTTP", "SSH", "TLS", "TLS alert 40 (handshake_failure)", "SMTP/FTP banner", "Kafka",
    "ClickHouse native"; None when none matches or nothing was received.

    A readable name for a message; a guess by format, never a verdict.
    """
    data = first_bytes
    if data.startswith((b"HTTP/", *_HTTP_METHODS)) or data.lower().startswith((b"<html", b"<!doctype")):
        return "HTTP"
    if data.startswith(b"SSH-"):
        return "SSH"
    if data[:4] in (b"220 ", b"220-", b"421 ", b"554 "):
        return "SMTP/FTP banner"
    if is_tls_record(data):
        return f"TLS alert {alert_name(data[6])}" if data[0] == 0x15 and len(data) >= 7 else "TLS"
    if _is_clickhouse(data):
        return "ClickHouse native"
    if len(data) >= 8 and 4 <= int.from_bytes(data[:4], "big") <= _MAX_KAFKA_FRAME:
        return "Kafka"
    return None


def is_tls_record(data: bytes) -> bool:
    """Whether this is the start of a TLS record: handshake or alert, version 3.0 to 3.4."""
    return data[:1] in (b"\x15", b"\x16") and data[1:2] in (b"", b"\x03") and data[2:3] <= b"\x04"


def alert_name(number: int) -> str:
    """`40 (handshake_failure)`; only the number for an alert that is not in ALERTS."""
    return f"{number} ({ALERTS[number]})" if number in ALERTS else str(number)


def _is_clickhouse(data: bytes) -> bool:
    """Whether this is a server's Hello (0, then its name) or Exception (2, a code, then `DB::...`)."""
    if len(data) < 3:
        return False
    if data[0] == _CLICKHOUSE_HELLO:
        return data[2 : 2 + data[1]].startswith(b"ClickHouse")
    return data[0] == _CLICKHOUSE_EXCEPTION and b"DB::" in data[:20]

"""Secrets never reach a record, and nothing changes its length."""

from __future__ import annotations

import itertools
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.trace.redact import MAX_BLOCKS_KEPT, MAX_TRANSFERS_KEPT, Redactor, redact_http, redact_sip, redact_text

PIN = b"90817"
CLIENT, SERVER = ("127.1.100.7", 40001), ("127.1.0.10", 52001)

secrets = st.text(string.ascii_letters + string.digits + "!$()-_.~", min_size=6, max_size=40).map(lambda s: f"q9{s}z")
any_secrets = st.text(st.characters(min_codepoint=33, max_codepoint=0x3FF), min_size=6, max_size=20).map(
    lambda s: f"q9{s}z"
)


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: 192.0.2.10:8080\r\nCookie: JSESSIONID=0A1B\r\n\r\n".encode()


def post(body: str, content_type: str = "application/x-www-form-urlencoded") -> bytes:
    head = f"POST /emservice/EMServiceServlet HTTP/1.1\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@given(any_secrets, st.sampled_from(["seq", "oldpin", "newpin", "confirmnewpin", "Password"]))
def test_hides_secret_parameters_of_a_url(secret: str, name: str) -> None:
    message = get(f"/emapp/EMAppServlet?device=SEP001122334455&{name}={quote(secret)}&EMCC=true")
    hidden = redact_http(message)
    assert quote(secret).encode() not in hidden
    assert len(hidden) == len(message)
    assert b"?device=SEP001122334455&" in hidden
    assert b"&EMCC=true HTTP/1.1" in hidden


@given(any_secrets, st.integers(1, 3))
def test_hides_secrets_of_a_url_inside_another_value(secret: str, depth: int) -> None:
    inner = f"http://192.0.2.10/emapp/EMAppServlet?device=SEP1&seq={quote(secret, safe='')}&doLogout=true"
    for _ in range(depth):
        inner = quote(inner, safe="")
    message = post(f"xml=%3CemURI%3E{inner}%3C%2FemURI%3E")
    hidden = redact_http(message)
    encoded = quote(secret, safe="")
    for _ in range(depth):
        encoded = quote(encoded, safe="")
    assert encoded.encode() not in hidden
    assert len(hidden) == len(message)
    assert b"doLogout" in hidden


@given(any_secrets, st.sampled_from(["credential", "appCertificate", "appEncryptedCertificate", "phonePassword"]))
def test_hides_xml_credentials_in_a_percent_encoded_form(secret: str, element: str) -> None:
    text = secret.replace("&", "&amp;").replace("<", "&lt;")
    form = quote_plus(f"<request><{element}>{text}</{element}><userID>bsato</userID></request>")
    message = post(f"xml={form}")
    hidden = redact_http(message)
    assert quote_plus(text).encode() not in hidden
    assert len(hidden) == len(message)
    assert b"%3CuserID%3Ebsato%3C%2FuserID%3E" in hidden


@given(any_secrets, st.sampled_from(["credential", "authPassword", "sshPassword", "em:credential"]))
def test_hides_xml_credentials_in_plain_xml(secret: str, element: str) -> None:
    text = secret.replace("&", "&amp;").replace("<", "&lt;")
    message = post(f"<a><{element} type='x'>{text}</{element}><userID>bsato</userID></a>", "text/xml")
    hidden = redact_http(message)
    assert text.encode() not in hidden
    assert len(hidden) == len(message)
    assert b"</" + element.encode() + b"><userID>bsato</userID></a>" in hidden


def test_hides_a_value_whose_end_never_comes() -> None:
    assert redact_text(b"<a><credential>90817") == b"<a><credential>*****"


def test_hides_the_value_before_a_closing_tag_that_comes_first() -> None:
    assert redact_text(b"0817</phonePassword><x>1</x>") == b"****</phonePassword><x>1</x>"


def test_leaves_an_empty_element_and_its_neighbours_alone() -> None:
    document = b"<phonePassword /><deviceName>SEP1</deviceName><passwordPersistent>x</passwordPersistent>"
    assert redact_text(document) == document


def test_sees_through_letters_that_are_percent_encoded() -> None:
    message = get("/emapp/EMAppServlet?s%65q=9%308%317&device=SEP1")
    hidden = redact_http(message)
    assert b"s%65q=*********&device=SEP1" in hidden
    assert len(hidden) == len(message)


def test_hides_a_form_field_that_stands_first() -> None:
    assert redact_http(post("seq=90817&userid=bsato")).endswith(b"seq=*****&userid=bsato")


@pytest.mark.parametrize(
    "target",
    ["/emapp/EMAppServlet?device=SEP1&changePin=true", "/x?sequence=12345", "/x?subseq=12345&shopping=yes"],
)
def test_leaves_other_parameters_alone(target: str) -> None:
    assert redact_http(get(target)) == get(target)


def test_keeps_session_cookies() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=0A1B; Path=/emapp\r\nContent-Length: 0\r\n\r\n"
    assert redact_http(answer) == answer


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "Proxy-Authorization"])
@pytest.mark.parametrize("scheme", ["Basic cTk6cGFzc3dvcmQ=", "Bearer abc.def-ghi"])
def test_hides_basic_and_bearer_credentials(name: str, scheme: str) -> None:
    message = f"GET /CGI/Execute HTTP/1.1\r\n{name}: {scheme}\r\nAccept: */*\r\n\r\n".encode()
    hidden = redact_http(message)
    kind, _, credentials = scheme.partition(" ")
    assert credentials.encode() not in hidden
    assert f"{name}: {kind} ***".encode() in hidden
    assert b"*\r\nAccept: */*" in hidden
    assert len(hidden) == len(message)


def test_hides_an_authorization_without_scheme() -> None:
    assert redact_http(b"GET / HTTP/1.1\r\nAuthorization: abcdef\r\n\r\n").endswith(b"ion: ******\r\n\r\n")


@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.booleans(), st.sampled_from([", ", ",\r\n ", ","]))
def test_hides_digest_answers_of_sip(answer: str, is_quoted: bool, separator: str) -> None:
    response = f'response="{answer}"' if is_quoted else f"Response = {answer}"
    value = separator.join(['Digest username="u"', 'nonce="abc"', response, 'uri="sip:a"'])
    message = f"REGISTER sip:a SIP/2.0\r\nauthorization : {value}\r\nCSeq: 1 REGISTER\r\n\r\n".encode()
    hidden = redact_sip(message)
    assert answer.encode() not in hidden
    assert len(hidden) == len(message)
    assert b'nonce="abc"' in hidden
    assert b'uri="sip:a"' in hidden
    assert b"*" * 32 in hidden


def test_hides_rspauth_and_passwords_in_sip_bodies() -> None:
    message = b'SIP/2.0 200 OK\r\nAuthentication-Info: rspauth="0123abcd"\r\n\r\n<x><password>90817</password></x>'
    hidden = redact_sip(message)
    assert hidden.endswith(b'rspauth="********"\r\n\r\n<x><password>*****</password></x>')


def test_returns_the_very_same_bytes_where_nothing_is_secret() -> None:
    options = b"OPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"
    assert redact_sip(options) is options


@given(st.binary(max_size=300))
def test_never_changes_the_length_of_anything(payload: bytes) -> None:
    for redact in (redact_sip, redact_http, redact_text):
        assert len(redact(payload)) == len(payload)


def rrq(name: bytes) -> bytes:
    return b"\0\1" + name + b"\0octet\0"


def blocks_of(content: bytes, size_bytes: int) -> list[bytes]:
    parts = [content[start : start + size_bytes] for start in range(0, len(content) + 1, size_bytes)]
    return [b"\0\3" + number.to_bytes(2, "big") + part for number, part in enumerate(parts, start=1)]


@given(secrets, st.integers(8, 64), st.data())
def test_hides_passwords_that_tftp_blocks_cut_in_two(secret: str, size_bytes: int, data: st.DataObject) -> None:
    padding = "x" * data.draw(st.integers(0, 70))
    content = f"<device><a>{padding}</a><phonePassword>{secret}</phonePassword><b>{padding}</b></device>".encode()
    redactor = Redactor()
    redactor.redact("tftp", CLIENT, ("127.1.0.10", 6969), rrq(b"SEP001122334455.cnf.xml.sgn"))
    blocks = blocks_of(content, size_bytes)
    seen = []
    for block in blocks:
        first = redactor.redact("tftp", SERVER, CLIENT, block)
        assert redactor.redact("tftp", SERVER, CLIENT, block) == first  # a retransmission reads the same
        assert first[:4] == block[:4]
        seen.append(first[4:])
    whole = b"".join(seen)
    assert whole == content.replace(secret.encode(), b"*" * len(secret))


def test_two_transfers_at_once_do_not_mix() -> None:
    redactor = Redactor()
    other = ("127.1.100.8", 40001)
    for client in (CLIENT, other):
        redactor.redact("tftp", client, ("127.1.0.10", 69), rrq(b"SEP001122334455.cnf.xml"))
    blocks = blocks_of(b"<phonePassword>9081</phonePassword>", 17)
    for block, client in itertools.product(blocks, (CLIENT, other)):
        assert b"9081" not in redactor.redact("tftp", SERVER, client, block)
    assert redactor.redact("tftp", SERVER, CLIENT, b"\0\3\0\1harmless text") == b"\0\3\0\1harmless text"


def test_a_block_of_an_unknown_transfer_is_still_searched() -> None:
    block = b"\0\3\0\1<authPassword>90817</authPassword>"
    assert PIN not in Redactor().redact("tftp", SERVER, CLIENT, block)


def test_other_tftp_packets_and_files_pass_unchanged() -> None:
    redactor = Redactor()
    for packet in (rrq(b"CTLFile.tlv"), b"\0\4\0\1", b"\0\6blksize\x00512\0", b"\0\5\0\1no\0", b"\0\3\0\1\xff\xfe"):
        assert redactor.redact("tftp", CLIENT, SERVER, packet) == packet


def test_what_is_remembered_is_bounded() -> None:
    redactor = Redactor()
    for number in range(MAX_TRANSFERS_KEPT + 3):
        redactor.redact("tftp", (f"c{number}", 1), SERVER, rrq(b"SEP001122334455.cnf.xml"))
    for number in range(MAX_BLOCKS_KEPT + 3):
        block = b"\0\3" + number.to_bytes(2, "big") + b"<a>"
        assert redactor.redact("tftp", SERVER, (f"c{MAX_TRANSFERS_KEPT}", 1), block) == block
    assert len(redactor._transfers) == MAX_TRANSFERS_KEPT
    assert len(redactor._transfers[f"c{MAX_TRANSFERS_KEPT}", 1] or ()) == MAX_BLOCKS_KEPT

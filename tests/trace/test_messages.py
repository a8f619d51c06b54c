"""What a record says: labels and keys, for every kind of message, and no exception for any bytes."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.trace.meaning import Meaning
from emcc_emu.trace.messages import read_message
from emcc_emu.trace.record import Protocol, Record


def read(protocol: Protocol, payload: bytes | str) -> Meaning:
    raw = payload.encode() if isinstance(payload, str) else payload
    return read_message(Record(0, protocol, "udp", ("192.0.2.1", 1), ("192.0.2.2", 2), raw)).meaning


def sip(start: str, *lines: str, body: str = "") -> Meaning:
    return read("sip", "\r\n".join([start, *lines, "", body]))


@pytest.mark.parametrize(
    ("payload", "label"),
    [
        (b"\0\1SEP001122334455.cnf.xml\0octet\0", "RRQ SEP001122334455.cnf.xml"),
        (b"\0\2x\0octet\0", "WRQ x"),
        (b"\0\3\0\7abc", "DATA 7 (3 bytes)"),
        (b"\0\4\0\7", "ACK 7"),
        (b"\0\5\0\1File not found\0", "ERROR 1 File not found"),
        (b"\0\6blksize\x001428\0tsize\x009\0", "OACK blksize=1428 tsize=9"),
    ],
)
def test_tftp_labels(payload: bytes, label: str) -> None:
    assert read("tftp", payload).label == label


@pytest.mark.parametrize("name", ["CTLSEP001122334455.tlv", "ITLSEP001122334455.tlv", "SEP001122334455.cnf.xml.sgn"])
def test_a_file_name_tells_the_device(name: str) -> None:
    assert read("tftp", b"\0\1" + name.encode() + b"\0octet\0").device_names == ("SEP001122334455",)


TO = "To: <sip:2001@192.0.2.2>"


@pytest.mark.parametrize(
    ("start", "lines", "body", "label"),
    [
        ("REGISTER sip:a SIP/2.0", (TO, "CSeq: 1 REGISTER"), "", "REGISTER 2001"),
        ("REGISTER sip:a SIP/2.0", (TO, "Expires: 0"), "", "REGISTER 2001 (off)"),
        ("REGISTER sip:a SIP/2.0", (TO, "m: <sip:x@y>;expires=0"), "", "REGISTER 2001 (off)"),
        ("INVITE sip:911@a SIP/2.0", (), "", "INVITE 911"),
        ("INVITE tel:+81312345678 SIP/2.0", (), "", "INVITE +81312345678"),
        ("INVITE sip:a SIP/2.0", (), "", "INVITE sip:a"),
        ("BYE sip:a SIP/2.0", (), "", "BYE"),
        ("NOTIFY sip:a SIP/2.0", ("o: service-control",), "action=restart\n", "NOTIFY service-control restart"),
        ("NOTIFY sip:a SIP/2.0", ("Event: kpml;id=1",), "", "NOTIFY kpml"),
        ("REFER sip:a SIP/2.0", ("Refer-To: <sip:3000@b>",), "", "REFER 3000"),
        ("REFER sip:a SIP/2.0", (), '<x-cisco-alarm v="1">', "REFER alarm"),
        (
            "REFER sip:a SIP/2.0",
            ("Content-Type: application/x-cisco-remotecc-request+xml",),
            "<x/>",
            "REFER remotecc",
        ),
        ("SIP/2.0 100 Trying", ("CSeq: 1 REGISTER",), "", "100 Trying"),
        ("SIP/2.0 180 Ringing", ("CSeq: 1 INVITE",), "", "180 Ringing"),
        ("SIP/2.0 401 Unauthorized", ("CSeq: 1 REGISTER",), "", "401 Unauthorized (REGISTER)"),
    ],
)
def test_sip_labels(start: str, lines: tuple[str, ...], body: str, label: str) -> None:
    assert sip(start, *lines, body=body).label == label


def test_sip_keys_are_found_in_any_spelling() -> None:
    meaning = sip(
        "SIP/2.0 200 OK",
        "i: abc@a",
        "cseq: 7  INVITE",
        "f: <sip:81000@a>;tag=1",
        "t: <sip:911@a>",
        "Session-ID: " + "a" * 32,
        " ;remote=" + "b" * 32,
        "X-CID: other@a",
    )
    assert (meaning.call_id, meaning.sequence, meaning.method, meaning.status) == ("abc@a", 7, "INVITE", 200)
    assert (meaning.calling, meaning.called, meaning.linked_call_id) == ("81000", "911", "other@a")
    assert meaning.session_ids == ("a" * 32, "b" * 32)


@pytest.mark.parametrize(
    ("lines", "devices"),
    [
        (('Contact: <sip:a>;+u.sip!devicename.ccm.cisco.com="SEP001122334455"',), ("SEP001122334455",)),
        (('m: <sip:a>;+u.sip!devicename.ccm.features.cisco.com="CSFbsato"',), ("CSFbsato",)),
        (('Reason: SIP;cause=200;text="cisco-alarm:25 Name=SEP001122334455 Last=initialized"',), ("SEP001122334455",)),
        (('Reason: SIP;cause=200;text="Name=SEP001122334455"',), ()),
    ],
)
def test_a_phone_says_its_name_in_several_places(lines: tuple[str, ...], devices: tuple[str, ...]) -> None:
    assert sip("REGISTER sip:a SIP/2.0", *lines).device_names == devices


@pytest.mark.parametrize(
    ("lines", "body", "is_refresh"),
    [
        (("Expires: 3600",), "", True),
        (("Contact: <sip:a>;expires=0;cisco-keep-alive",), "", True),
        (("Expires: 3600", "Reason: SIP;cause=200"), "", False),
        (("Expires: 3600",), "--uniqueBoundary", False),
        (("Expires: 0",), "", False),
    ],
)
def test_a_refresh_is_a_register_that_brings_no_news(lines: tuple[str, ...], body: str, is_refresh: bool) -> None:
    assert sip("REGISTER sip:a SIP/2.0", *lines, body=body).is_refresh is is_refresh


def test_line_breaks_are_a_keepalive() -> None:
    assert read("sip", b"\r\n\r\n").label.startswith("keepalive")


def post(body: str, content_type: str = "application/x-www-form-urlencoded") -> Meaning:
    return read("http", f"POST /emservice/EMServiceServlet HTTP/1.1\r\nContent-Type: {content_type}\r\n\r\n{body}")


@pytest.mark.parametrize(
    ("target", "label"),
    [
        ("/emapp/EMAppServlet?device=SEP1&EMCC=true", "GET emapp"),
        ("/emapp/EMAppServlet?device=SEP1&userid=bsato&seq=*****", "GET emapp userid=bsato"),
        ("http://192.0.2.10:8080/emapp/EMAppServlet?device=SEP1&doLogout=true", "GET emapp doLogout"),
        ("/changecredential/ChangeCredentialServlet?changePin=true&device=SEP1", "GET changecredential changePin"),
        ("/SEP001122334455.cnf.xml", "GET SEP001122334455.cnf.xml"),
        ("/", "GET /"),
        ("/emservice/EMServiceServlet?xml=%3Cquery%3E%3CcheckUser/%3E%3C/query%3E", "GET em query checkUser"),
    ],
)
def test_http_request_labels(target: str, label: str) -> None:
    assert read("http", f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").label == label


def test_em_documents_are_named_and_searched() -> None:
    meaning = post(
        "xml=%3Crequest%3E%3CappInfo%2F%3E%3Clogin%3E%3CdeviceName%3ESEP1%3C%2FdeviceName%3E"
        "%3CuserID%3Ebsato%3C%2FuserID%3E%3C%2Flogin%3E%3C%2Frequest%3E"
    )
    assert meaning.label == "POST em login"
    assert meaning.device_names == ("SEP1",)
    assert meaning.user_ids == ("bsato",)


@pytest.mark.parametrize("body", ["xml=%3Cbroken", "xml=", "other=1", "<broken", ""])
def test_a_form_without_document_keeps_the_servlets_name(body: str) -> None:
    assert post(body).label == "POST emservice"


@pytest.mark.parametrize(
    ("start", "body", "label"),
    [
        ("200 OK", "<CiscoIPPhoneText><Title>EM</Title></CiscoIPPhoneText>", "200 CiscoIPPhoneText “EM”"),
        ("200 OK", "<CiscoIPPhoneMenu/>", "200 CiscoIPPhoneMenu"),
        ("200 OK", "<response><success/></response>", "200 em success"),
        ("200 OK", '<emccResponse><failure><error code="33">x</error></failure></emccResponse>', "200 emcc failure 33"),
        (
            "200 OK",
            "<emccResponse><checkUser><doesNotExist/></checkUser></emccResponse>",
            "200 emcc checkUser doesNotExist",
        ),
        ("200 OK", "<device/>", "200 device"),
        ("200 OK", "plain", "200 (5 bytes)"),
        ("200 OK", "", "200 OK"),
        ("503 Service Unavailable", "", "503 Service Unavailable"),
    ],
)
def test_http_answer_labels(start: str, body: str, label: str) -> None:
    assert read("http", f"HTTP/1.1 {start}\r\n\r\n{body}").label == label


def test_long_texts_of_a_page_are_cut() -> None:
    label = read("http", f"HTTP/1.1 200 OK\r\n\r\n<CiscoIPPhoneText><Text>{'x' * 200}</Text></CiscoIPPhoneText>").label
    assert label.endswith("…”")
    assert len(label) < 90


STARTS = st.sampled_from(
    [
        b"",
        b"GET http://[::1?x=%",
        b"GET //[ HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<",
        b"INVITE sip:a SIP/2.0\r\n",
        b"\0\1",
        b"\0\6",
    ]
)


@given(st.sampled_from(get_args(Protocol)), STARTS, st.binary(max_size=200))
def test_no_bytes_are_too_broken(protocol: Protocol, start: bytes, rest: bytes) -> None:
    assert read(protocol, start + rest).kind

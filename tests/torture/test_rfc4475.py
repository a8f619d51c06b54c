"""The 49 messages of RFC 4475, each accepted, dropped or given the answer that the RFC asks for.

The fixtures are the RFC's own messages, byte for byte. `validate_request` is one half of an answer; where the other
half belongs to a transaction, a registrar or a call (401, 404, 481, 482), the note says so.
"""

from __future__ import annotations

import pathlib

import pytest

from emcc_emu.errors import SipInvalid, SipUnparsable
from emcc_emu.wire import mime, sdp, sip

FOLDER = pathlib.Path(__file__).parents[2] / "fixtures" / "sip" / "rfc4475"

ACCEPT = "accept"
DROP = "drop"

EXPECTED: dict[str, int | str] = {
    # 3.1.1 valid messages
    "wsinv": ACCEPT,
    "intmeth": 501,
    "esc01": ACCEPT,
    "escnull": ACCEPT,
    "esc02": 501,
    "lwsdisp": ACCEPT,
    "longreq": ACCEPT,
    "dblreq": ACCEPT,
    "semiuri": ACCEPT,
    "transports": ACCEPT,
    "mpart01": 405,  # well-formed; Unified CM does not allow MESSAGE
    "unreason": ACCEPT,
    "noreason": ACCEPT,
    # 3.1.2 invalid messages
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": DROP,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "baddate": ACCEPT,  # the bad Date is ignored
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 400,
    "bigcode": DROP,
    # 3.2 transaction layer semantics
    "badbranch": 400,
    # 3.3 application layer semantics
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": ACCEPT,  # the registrar answers 404: no such address of record
    "bext01": 420,
    "invut": 415,
    "regaut01": ACCEPT,  # the registrar answers 401: an unknown scheme is no credentials
    "multi01": 400,
    "mcl01": 400,
    "bcast": DROP,
    "zeromf": ACCEPT,  # addressed to us; a proxy would answer 483
    "cparam01": ACCEPT,
    "cparam02": ACCEPT,
    "regescrt": ACCEPT,
    "sdp01": 406,
    # 3.4 backward compatibility
    "inv2543": ACCEPT,
}


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def request_of(name: str) -> sip.SipRequest:
    message = sip.parse_message(read(name))
    assert isinstance(message, sip.SipRequest)
    return message


def answer_to(data: bytes, *, stream: bool = False) -> int | str:
    try:
        message = sip.parse_message(data)
        if isinstance(message, sip.SipRequest):
            sip.validate_request(message, stream=stream)
        else:
            sip.validate_response(message)
    except SipInvalid as error:
        return error.status
    except SipUnparsable:
        return DROP
    return ACCEPT


def test_every_message_of_the_rfc_is_there():
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(EXPECTED)
    assert len(EXPECTED) == 49


@pytest.mark.parametrize("name", EXPECTED)
def test_message_gets_the_answer_of_the_rfc(name):
    assert answer_to(read(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name, answer in EXPECTED.items() if isinstance(answer, int)])
def test_refused_request_can_be_answered(name):
    request = request_of(name)
    with pytest.raises(SipInvalid) as refused:
        sip.validate_request(request)

    response = sip.parse_message(sip.build_error_response(request, refused.value, to_tag="777").encode())

    assert isinstance(response, sip.SipResponse)
    assert response.status == EXPECTED[name]
    assert response.via.branch == request.via.branch


@pytest.mark.parametrize("name", [name for name, answer in EXPECTED.items() if answer == ACCEPT])
def test_accepted_message_survives_a_round_trip(name):
    once = sip.parse_message(read(name)).encode()
    assert sip.parse_message(once).encode() == once


@pytest.mark.parametrize(
    "name", [name for name in EXPECTED if name not in ("baddn", "clerr", "ncl", "mcl01", "inv2543")]
)
def test_whole_and_byte_by_byte_give_the_same_messages_on_a_stream(name):
    whole, bytewise = sip.StreamFramer(), sip.StreamFramer()
    expected = collect(whole, [read(name)])
    data = read(name)
    assert collect(bytewise, [data[i : i + 1] for i in range(len(data))]) == expected
    assert whole.pings == bytewise.pings
    assert answer_to(expected[0], stream=True) == EXPECTED[name]


def collect(framer: sip.StreamFramer, chunks: list[bytes]) -> list[bytes]:
    messages: list[bytes] = []
    for chunk in chunks:
        try:
            messages += framer.feed(chunk)
        except SipUnparsable:
            break
    return messages


def test_wsinv_means_the_same_without_its_strange_form():
    request = request_of("wsinv")
    assert [str(via) for via in request.vias] == [
        "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
        "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
        "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
    ]
    assert (request.cseq.number, request.max_forwards, request.to.tag) == (9, 68, "1918181833n")
    assert request.from_.display == 'J Rosenberg \\"'
    assert request.contacts[0].params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert request.get("Subject") == ""
    assert request.get_all("UnknownHeaderWithUnusualValue") == [";;,,;;,;"]
    assert len(sdp.parse_sdp(request.body).media) == 2


def test_intmeth_keeps_every_unusual_character():
    request = request_of("intmeth")
    assert request.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert request.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_.params["fromparam''~+*_!.-%"] == "работающий"
    assert request.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"
    assert sip.parse_uri(request.uri).password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.encode().replace(b"~: \xef", b"~:\xef") == read("intmeth")


def test_esc01_decodes_escapes_once():
    request = request_of("esc01")
    assert sip.parse_uri(request.uri).user == "sips:user@example.com"
    assert sip.parse_uri(request.to.uri).user == "user"
    contact = sip.parse_uri(request.contacts[0].uri)
    assert (contact.user, contact.params) == ("caller", {"lr": None, "name": "value%41"})


def test_escnull_keeps_its_two_different_contacts():
    users = [sip.parse_uri(contact.uri).user for contact in request_of("escnull").contacts]
    assert users == ["\x00", "\x00\x00"]


def test_esc02_does_not_take_an_escaped_name_for_contact():
    assert len(request_of("esc02").contacts) == 2


def test_longreq_has_34_vias_in_all_spellings():
    assert len(request_of("longreq").vias) == 34


def test_dblreq_ends_at_its_content_length():
    request = request_of("dblreq")
    assert (request.method, request.body) == ("REGISTER", b"")


def test_dblreq_is_two_requests_on_a_stream():
    messages = sip.StreamFramer().feed(read("dblreq"))
    assert [sip.parse_message(message).cseq.method for message in messages] == ["REGISTER", "INVITE"]


def test_semiuri_has_its_parameter_in_the_user_part():
    uri = sip.parse_uri(request_of("semiuri").uri)
    assert (uri.user, uri.params) == ("user;par=u@example.net", {})


def test_transports_are_all_kept():
    assert [via.transport for via in request_of("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01_has_a_binary_part():
    request = request_of("mpart01")
    parts = mime.parse_multipart(request.get("Content-Type") or "", request.body)
    assert [part.media_type for part in parts] == ["text/plain", "application/octet-stream"]
    assert parts[0].content == b"Hello"
    assert len(parts[1].content) == 0x152 + 4


def test_mpart01_is_accepted_where_messages_are_allowed():
    policy = sip.RequestPolicy(frozenset(("MESSAGE",)), "MESSAGE", frozenset(), frozenset(("multipart/mixed",)))
    sip.validate_request(request_of("mpart01"), policy=policy)


def test_unreason_and_noreason_keep_their_reason_phrases():
    unreason, noreason = (sip.parse_message(read(name)) for name in ("unreason", "noreason"))
    assert isinstance(unreason, sip.SipResponse) and isinstance(noreason, sip.SipResponse)
    assert unreason.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert (noreason.status, noreason.reason) == (100, "")


def test_baddn_is_refused_for_its_display_name_too():
    with pytest.raises(SipInvalid, match="display name"):
        sip.validate_request(sip.parse_message(read("baddn") + b"\r\n"))  # type: ignore[arg-type]


def test_bext01_lists_what_is_unsupported():
    with pytest.raises(SipInvalid) as refused:
        sip.validate_request(request_of("bext01"))
    assert refused.value.headers[0][0] == "Unsupported"
    assert "nothingSupportsThis, nothingSupportsThisEither" in refused.value.headers[0][1]


def test_invut_says_what_is_accepted():
    with pytest.raises(SipInvalid) as refused:
        sip.validate_request(request_of("invut"))
    assert refused.value.headers == (("Accept", "application/sdp, multipart/mixed"),)


def test_regescrt_route_stays_inside_the_contact():
    contact = request_of("regescrt").contacts[0]
    assert sip.parse_uri(contact.uri).headers == {"route": "<sip:sip.example.com>"}
    assert contact.params == {}


def test_cparam01_parameter_belongs_to_the_header_and_cparam02_to_the_uri():
    first, second = (request_of(name).contacts[0] for name in ("cparam01", "cparam02"))
    assert (first.params, second.params) == ({"unknownparam": None}, {})


def test_clerr_waits_for_more_on_a_stream():
    framer = sip.StreamFramer()
    assert framer.feed(read("clerr")) == []
    assert framer.has_partial_message


@pytest.mark.parametrize("name", ["ncl", "mcl01"])
def test_unknown_length_on_a_stream_is_answered_and_ends_it(name):
    framer = sip.StreamFramer()
    (message,) = framer.feed(read(name))
    assert answer_to(message, stream=True) == 400
    with pytest.raises(SipUnparsable):
        framer.feed(b"\r\n")


def test_inv2543_without_content_length_is_refused_on_a_stream():
    (message,) = sip.StreamFramer().feed(read("inv2543").partition(b"v=0")[0])
    assert answer_to(message, stream=True) == 400

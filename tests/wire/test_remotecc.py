"""Remote call control bodies, pinned to the lengths of published messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire import remotecc
from emcc_emu.wire.mime import Part, build_multipart, multipart_type

ANSWER = b"""<x-cisco-remotecc-response>
<response>
<code>200</code>
<optionsind>
<combine max="6">
<remotecc><status/></remotecc>
<service-control/>
</combine>
<dialog usage="hook status"><unot/></dialog>
<dialog usage="shared line"><unot/></dialog>
<presence usage="blf speed dial"><unot/></presence>
<joinreq></joinreq>
<ix/>
<bfcp/>
</optionsind>
</response>
</x-cisco-remotecc-response>
\r
"""


def test_register_body_has_the_length_of_a_real_phones():
    content_type, body = remotecc.build_register_body()
    assert content_type == "multipart/mixed; boundary=uniqueBoundary"
    assert len(body) == 1313
    assert body.startswith(
        b"--uniqueBoundary\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n"
        b"Content-Disposition: session;handling=optional\r\n\r\n"
        b'<?xml version="1.0" encoding="UTF-8"?>\n<x-cisco-remotecc-request>\n<bulkregisterreq>\n<contact all="true">\n'
        b"<register></register>\n</contact>\n</bulkregisterreq>\n</x-cisco-remotecc-request>\n\r\n--uniqueBoundary\r\n"
    )
    assert body.endswith(b"  </optionsind>\n</x-cisco-remotecc-request>\r\n--uniqueBoundary--\r\n")


def test_register_body_is_read():
    read = remotecc.read_register_body(*remotecc.build_register_body())
    assert read == remotecc.RegisterBody(True, remotecc.OptionsInd())


def test_answer_has_the_bytes_of_unified_cm():
    assert remotecc.build_optionsind_answer(remotecc.OptionsInd()) == ANSWER
    assert len(ANSWER) == 381
    assert len(remotecc.build_optionsind_answer(remotecc.OptionsInd(), is_sharing_supported=False)) == 367


def test_answer_is_read():
    assert remotecc.parse_optionsind_answer(ANSWER) == remotecc.OptionsInd(("joinreq", "ix", "bfcp"))
    assert remotecc.parse_response_code(ANSWER) == 200
    assert remotecc.parse_optionsind_answer(remotecc.build_response_body(603)) is None
    assert remotecc.parse_response_code(remotecc.build_response_body(603)) == 603


def test_only_what_was_announced_is_echoed():
    told = remotecc.OptionsInd(("coaching",), combine_max=None, has_subscriptions=False)
    content_type, body = remotecc.build_register_body(told)
    assert remotecc.read_register_body(content_type, body).options == told
    assert b"<optionsind>\n</optionsind>" in remotecc.build_optionsind_answer(told)


@pytest.mark.parametrize("body", [b"", b"<x/>"])
def test_other_bodies_ask_for_nothing(body):
    assert remotecc.read_register_body("application/xml", body) == remotecc.RegisterBody()


def test_one_line_of_several_is_not_bulk():
    body = (
        b'<x-cisco-remotecc-request><bulkregisterreq><contact line="1"/></bulkregisterreq></x-cisco-remotecc-request>'
    )
    assert remotecc.read_register_body(remotecc.REQUEST_TYPE, body) == remotecc.RegisterBody()


@pytest.mark.parametrize(
    "body",
    [b"junk", b"<wrong/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x-cisco-remotecc-request>&a;</x-cisco-remotecc-request>"],
)
def test_malformed_documents(body):
    with pytest.raises(SipInvalid) as refused:
        remotecc.read_register_body(remotecc.REQUEST_TYPE, body)
    assert refused.value.status == 400


@pytest.mark.parametrize("code", [b"", b"<code>20</code>", b"<code>abc</code>"])
def test_response_without_code(code):
    body = b"<x-cisco-remotecc-response><response>%b</response></x-cisco-remotecc-response>" % code
    with pytest.raises(SipInvalid):
        remotecc.parse_response_code(body)


def test_strange_combine_counts_as_none():
    body = b'<x-cisco-remotecc-request><optionsind><combine max="99"/></optionsind></x-cisco-remotecc-request>'
    options = remotecc.read_register_body(remotecc.REQUEST_TYPE, body).options
    assert options == remotecc.OptionsInd((), None, False)


def test_settings_refer_round_trip():
    lines = (remotecc.LineSettings(1, True, "95551000", False), remotecc.LineSettings(2, False, None, True))
    content_type, body = remotecc.build_settings_refer(
        lines, is_dnd=True, dnd_option="callreject", is_hunt_logged_in=False
    )
    assert content_type == "multipart/mixed;boundary=uniqueBoundary"
    assert remotecc.parse_settings_refer(content_type, body) == remotecc.PhoneSettings(lines, True, "callreject", False)


def test_settings_refer_parts():
    _, body = remotecc.build_settings_refer([remotecc.LineSettings(1)])
    assert b"<dndupdate>\n<state>disable</state>\n<option>ringeroff</option>\n</dndupdate>\n" in body
    assert b"<hlogupdate>\n<status>on</status>\n</hlogupdate>\n" in body
    assert b'<bulkupdate>\n<contact line="1">\n<mwi>no</mwi>\n<cfwdallupdate>\n<fwdaddress></fwdaddress>\n' in body


def test_settings_that_are_missing_keep_their_defaults():
    parts = [Part("text/plain", b"action=check-version"), Part(remotecc.REQUEST_TYPE, b"<x-cisco-remotecc-request/>")]
    assert remotecc.parse_settings_refer(multipart_type(), build_multipart(parts)) == remotecc.PhoneSettings(())


def test_settings_without_line_number():
    body = b"<x-cisco-remotecc-request><bulkupdate><contact/></bulkupdate></x-cisco-remotecc-request>"
    with pytest.raises(SipInvalid):
        remotecc.parse_settings_refer(remotecc.REQUEST_TYPE, body)


@given(st.binary(max_size=100))
def test_any_document_is_read_or_our_error(body):
    try:
        remotecc.read_register_body(remotecc.REQUEST_TYPE, body)
    except SipInvalid:
        pass

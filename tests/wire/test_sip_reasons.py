"""Reason phrases."""

from emcc_emu.wire.sip_reasons import reason_phrase


def test_usual_phrase_or_that_of_the_class():
    assert reason_phrase(200) == "OK"
    assert reason_phrase(481) == "Call/Transaction Does Not Exist"
    assert reason_phrase(499) == "Bad Request"
    assert reason_phrase(799) == ""

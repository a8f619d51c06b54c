"""Digest: published and self-made vectors, both sides, nonces, and what is refused."""

import dataclasses

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_digest import (
    LINE_REALM,
    Challenge,
    NonceIssuer,
    NonceState,
    Verdict,
    authorization,
    digest_response,
    parse_challenge,
    parse_credentials,
    verify,
)

NONCE = "kq3Zt0mYb1vW5uRr8cXe2LhJpQ7sAoNd"
KEY = b"0123456789abcdef"
USER = {"username": "emuphone1", "password": "12345"}


def test_the_line_side_form_without_qop():
    response = digest_response(realm=LINE_REALM, nonce=NONCE, method="REGISTER", uri="sip:198.51.100.10", **USER)
    assert response == "d8c67d027269a234be40a95a545f5a8d"


def test_the_example_of_rfc_2617_with_qop():
    response = digest_response(
        username="Mufasa",
        realm="testrealm@host.com",
        password="Circle Of Life",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        method="GET",
        uri="/dir/index.html",
        qop="auth",
        cnonce="0a4f113b",
        nc="00000001",
    )
    assert response == "6629fae49393a05397450978507c4ef1"


def test_the_sha_256_example_of_rfc_7616():
    response = digest_response(
        username="Mufasa",
        realm="http-auth@example.org",
        password="Circle of Life",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        method="GET",
        uri="/dir/index.html",
        algorithm="SHA-256",
        qop="auth",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        nc="00000001",
    )
    assert response == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_the_challenge_reads_as_unified_cm_writes_it():
    challenge = Challenge(LINE_REALM, NONCE)
    assert str(challenge) == f'Digest realm="ccmsipline", nonce="{NONCE}", algorithm=MD5'
    assert parse_challenge(str(challenge)) == challenge


def test_a_full_challenge_survives_the_wire():
    challenge = Challenge('a "quoted" realm', NONCE, "SHA-256", qop="auth,auth-int", opaque="xyz", stale=True)
    assert parse_challenge(str(challenge)) == challenge


@pytest.mark.parametrize("qop", [None, "auth", "auth-int,auth"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "md5"])
def test_an_answer_to_our_challenge_is_accepted(qop, algorithm):
    nonces = NonceIssuer(KEY)
    challenge = Challenge(LINE_REALM, nonces.issue(100.0), algorithm, qop=qop, opaque="o")
    sent = authorization(challenge, method="REGISTER", uri="sip:198.51.100.10", cnonce="abc", count=2, **USER)
    received = parse_credentials(str(sent))
    assert received == sent
    assert received.nc == ("00000002" if qop else None)
    assert _verify(received, nonces) is Verdict.ACCEPTED
    assert _verify(received, nonces, uri="sip:198.51.100.10") is Verdict.ACCEPTED


def _verify(credentials, nonces, *, password="12345", realm=LINE_REALM, method="REGISTER", now=101.0, uri=None):
    return verify(credentials, password=password, realm=realm, method=method, nonces=nonces, now=now, uri=uri)


def _credentials(nonces):
    challenge = Challenge(LINE_REALM, nonces.issue(100.0))
    return authorization(challenge, method="REGISTER", uri="sip:198.51.100.10", **USER)


@pytest.mark.parametrize(
    "difference",
    [{"password": "54321"}, {"password": None}, {"realm": "other"}, {"method": "INVITE"}, {"uri": "sip:192.0.2.1"}],
    ids=["password", "unknown user", "realm", "method", "uri"],
)
def test_credentials_for_something_else_are_refused(difference):
    nonces = NonceIssuer(KEY)
    assert _verify(_credentials(nonces), nonces, **difference) is Verdict.REFUSED


def test_credentials_on_a_nonce_that_is_not_ours_are_refused():
    assert _verify(_credentials(NonceIssuer(b"another key 0123")), NonceIssuer(KEY)) is Verdict.REFUSED


def test_credentials_on_an_old_nonce_are_stale():
    nonces = NonceIssuer(KEY, lifetime_s=30.0)
    assert _verify(_credentials(nonces), nonces, now=130.0) is Verdict.ACCEPTED
    assert _verify(_credentials(nonces), nonces, now=131.0) is Verdict.STALE


def test_a_response_in_upper_case_counts():
    nonces = NonceIssuer(KEY)
    credentials = _credentials(nonces)
    assert _verify(dataclasses.replace(credentials, response=credentials.response.upper()), nonces) is Verdict.ACCEPTED


@pytest.mark.parametrize("change", [{"algorithm": "ROT13"}, {"qop": "auth-int"}])
def test_credentials_with_an_unknown_method_are_refused(change):
    nonces = NonceIssuer(KEY)
    assert _verify(dataclasses.replace(_credentials(nonces), **change), nonces) is Verdict.REFUSED


def test_a_challenge_with_an_unknown_quality_cannot_be_answered():
    with pytest.raises(SipInvalid, match="auth-int"):
        authorization(Challenge("r", "n", qop="auth-int"), method="INVITE", uri="sip:a", **USER)


def test_a_nonce_has_32_base64_characters():
    nonce = NonceIssuer(KEY).issue(12345.678)
    assert len(nonce) == 32
    assert NonceIssuer(KEY).check(nonce, 12345.678) is NonceState.FRESH


@pytest.mark.parametrize("nonce", ["", "not base64!", "AAAA", NONCE, "é"])
def test_a_nonce_made_up_is_forged(nonce):
    assert NonceIssuer(KEY).check(nonce, 1.0) is NonceState.FORGED


def test_a_short_key_is_a_mistake():
    with pytest.raises(ValueError, match="16 bytes"):
        NonceIssuer(b"short")


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="x"',
        'Digest nonce="n"',
        'Digest realm="r"',
        'Digest realm="r", realm="r", nonce="n"',
        "Digest realm",
        "Digest " + ",".join(f"a{i}=1" for i in range(40)),
        "",
    ],
)
def test_a_broken_challenge_is_invalid(value):
    with pytest.raises(SipInvalid):
        parse_challenge(value)


@pytest.mark.parametrize("missing", ["username", "realm", "nonce", "uri", "response"])
def test_credentials_must_be_complete(missing):
    names = [name for name in ("username", "realm", "nonce", "uri", "response") if name != missing]
    with pytest.raises(SipInvalid, match=missing):
        parse_credentials("Digest " + ", ".join(f'{name}="x"' for name in names))


def test_an_answer_reads_as_a_phone_writes_it():
    sent = authorization(Challenge(LINE_REALM, NONCE), method="REGISTER", uri="sip:198.51.100.10", **USER)
    assert str(sent) == (
        'Digest username="emuphone1",realm="ccmsipline",uri="sip:198.51.100.10",'
        f'response="d8c67d027269a234be40a95a545f5a8d",nonce="{NONCE}",algorithm=MD5'
    )


def test_the_response_stays_out_of_logs():
    assert "d8c67d" not in repr(_credentials(NonceIssuer(KEY))).replace("response", "")
    assert "response" not in repr(_credentials(NonceIssuer(KEY)))

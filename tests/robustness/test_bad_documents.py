"""Documents that EMService cannot or will not take: each has its code, soon, and the next request is served."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from code_lab import APPLICATION, CodeLab, code_lab

from emcc_emu.host.certificates import CertificateStore, NodeNames
from emcc_emu.net.http_client import HttpClient, HttpTransportError
from emcc_emu.wire.em_form import FORM_CONTENT_TYPE, encode_form

DESK = "SEP02EE00000003"
AT_ONCE_S = 2.0

LOGIN = f"<login><deviceName>{DESK}</deviceName><userID>bmiller</userID></login>"
QUERY = f"<query>{APPLICATION}<deviceUserQuery><deviceName>{DESK}</deviceName></deviceUserQuery></query>"


@pytest.fixture(scope="module")
def running() -> Iterator[CodeLab]:
    with code_lab() as lab:
        yield lab


@pytest.fixture
def lab(running: CodeLab) -> Iterator[CodeLab]:
    """The lab; whatever it was told, it answers the next query, and nobody is logged in."""
    yield running
    answer = running.post(encode_form(QUERY), timeout_s=AT_ONCE_S)
    assert "<none/>\n<none/>" in answer or "<none/>\n<lastlogin>" in answer


def form(document: str) -> bytes:
    return f"xml={quote_plus(document)}".encode()


def request(action: str) -> str:
    return f"<request>{APPLICATION}{action}</request>"


UNKNOWN = [
    request(LOGIN.replace("</login>", "<priority>1</priority></login>")),
    request(LOGIN.replace("userID", "userId")),
    request(f"{LOGIN}<logoutAll/>"),
    request("<reboot/>"),
    f"<request>{LOGIN}</request>",
    f"<request>{APPLICATION}text{LOGIN}</request>",
    request(f"<login><deviceName><b>{DESK}</b></deviceName><userID>bmiller</userID></login>"),
    "<emccRequest><reboot/></emccRequest>",
    "<html><body/></html>",
]
NAMESPACES = [
    f'<request xmlns="urn:example">{APPLICATION}{LOGIN}</request>',
    f'<e:request xmlns:e="urn:example">{APPLICATION}{LOGIN}</e:request>',
    f"<e:request>{APPLICATION}{LOGIN}</e:request>",
    request(LOGIN.replace("<login>", '<login xmlns="urn:example">')),
]


@pytest.mark.parametrize("document", UNKNOWN, ids=range(len(UNKNOWN)))
def test_elements_that_the_dtd_does_not_know_are_code_1(lab: CodeLab, document: str) -> None:
    assert '<error code="1">' in lab.post(form(document), timeout_s=AT_ONCE_S)


@pytest.mark.parametrize("document", NAMESPACES, ids=["default", "prefix", "undeclared", "inside"])
def test_elements_of_a_namespace_are_others_and_code_1(lab: CodeLab, document: str) -> None:
    assert '<error code="1">' in lab.post(form(document), timeout_s=AT_ONCE_S)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"xml=",
        b"document=" + form(QUERY)[4:],
        form(QUERY) + b"&" + form(QUERY),
        b"xml=&" + form(QUERY),
        form(QUERY).replace(b"bmiller", b"%FF").replace(DESK.encode(), b"%C3%28"),
        form(request(LOGIN)).replace(b"bmiller", b"bm%E9ller"),
        form('<?xml version="1.0" encoding="utf-16"?>' + QUERY),
        form(QUERY.replace(DESK, "\0")),
        form(QUERY.replace(DESK, "&#0;")),
    ],
    ids=["nothing", "empty", "another", "two", "two, one empty", "UTF-8", "Latin-1", "UTF-16", "NUL", "NUL reference"],
)
def test_a_form_without_one_readable_document_is_code_1(lab: CodeLab, body: bytes) -> None:
    assert '<error code="1">' in lab.post(body, timeout_s=AT_ONCE_S)


def test_character_data_sections_are_text(lab: CodeLab) -> None:
    document = QUERY.replace(f"<deviceName>{DESK}", f"<deviceName><![CDATA[{DESK}]]>")
    assert f'<device name="{DESK}">\n<none/>' in lab.post(form(document), timeout_s=AT_ONCE_S)
    hidden = QUERY.replace(DESK, f"<![CDATA[</deviceName><deviceName>{DESK}]]>")
    answer = lab.post(form(hidden), timeout_s=AT_ONCE_S)
    assert "<doesNotExist/>" in answer and answer.count("<device ") == 1 and "&lt;/deviceName&gt;" in answer


def test_comments_and_instructions_are_passed_over(lab: CodeLab) -> None:
    document = "<!-- one --><?two?>" + QUERY.replace("<deviceUserQuery>", "<!-- three --><deviceUserQuery>")
    assert f'<device name="{DESK}">' in lab.post(form(document), timeout_s=AT_ONCE_S)


@pytest.mark.parametrize(("query", "name"), [("userDevicesQuery", "userID"), ("deviceUserQuery", "deviceName")])
def test_ten_thousand_names_are_code_1_and_a_hundred_are_answered(lab: CodeLab, query: str, name: str) -> None:
    def names(count: int) -> str:
        leaves = "".join(f"<{name}>N{number}</{name}>" for number in range(count))
        return f"<query>{APPLICATION}<{query}>{leaves}</{query}></query>"

    assert '<error code="1">' in lab.post(form(names(10_000)), timeout_s=AT_ONCE_S)
    assert '<error code="1">' in lab.post(form(names(101)), timeout_s=AT_ONCE_S)
    assert lab.post(form(names(100)), timeout_s=AT_ONCE_S).count("<doesNotExist/>") == 100


# ---------------------------------------------------------------------- between clusters


def home_login(cluster_id: str, **changes: str) -> str:
    values = {"version": "12.5", "mode": "0", "product": "508"} | changes
    return (
        f"<emccRequest><emccInfo><clusterID>{cluster_id}</clusterID><clusterVersion>{values['version']}</clusterVersion>"
        f"<securityMode>{values['mode']}</securityMode><requestID>1</requestID></emccInfo><homeLogin><userID>ayamada</userID>"
        f"<credential>13579</credential><deviceProfile>UDP-ayamada</deviceProfile><deviceInfo><deviceName>{DESK}</deviceName>"
        f"<product>{values['product']}</product><model>621</model><protocol>11</protocol>"
        "<deviceSecurityMode>1</deviceSecurityMode><ipAddress>192.0.2.51</ipAddress></deviceInfo>"
        "<emURI>http%3A%2F%2F192.0.2.10%3A8080%2Femapp</emURI></homeLogin></emccRequest>"
    )


def between_clusters(lab: CodeLab, document: str, context: ssl.SSLContext) -> str:
    """What tokyo answers to a document of another cluster."""
    url = f"{lab.lab.url_of('tokyo')}/emservice/EMServiceServlet"

    async def ask() -> str:
        async with HttpClient(ssl_context=context, timeout_s=AT_ONCE_S) as client:
            headers = [("Content-Type", FORM_CONTENT_TYPE)]
            return (await client.request("POST", url, headers=headers, body=encode_form(document))).body.decode()

    return lab.lab.call(ask())


def sanjose_context(lab: CodeLab) -> ssl.SSLContext:
    return CertificateStore(Path(lab.lab.ready.state) / "certificates").client_context("sanjose")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (home_login("osaka"), 35),
        (home_login(""), 35),
        (home_login("sanjose", version="twelve"), 1),
        (home_login("sanjose", mode="mixed"), 1),
        (home_login("sanjose", product="9" * 40), 1),
        (home_login("sanjose").replace("<ipAddress>192.0.2.51</ipAddress>", ""), 1),
        (home_login("sanjose").replace("13579", "99999"), 2),
        (home_login("sanjose").replace("UDP-ayamada", "UDP-ksato"), 12),
    ],
    ids=["unknown cluster", "no cluster", "version", "mode", "product", "element missing", "PIN", "profile"],
)
def test_a_home_login_that_cannot_be_granted_has_its_code(lab: CodeLab, document: str, code: int) -> None:
    assert f'<error code="{code}">' in between_clusters(lab, document, sanjose_context(lab))
    assert not lab.lab.status("tokyo")["base_devices"]["in_use"]


def test_a_cluster_with_a_certificate_that_is_not_trusted_is_not_even_heard(lab: CodeLab, tmp_path: Path) -> None:
    strangers = CertificateStore(tmp_path)
    strangers.make([NodeNames("osaka", "osaka-pub", "192.0.2.10")], {})
    context = strangers.client_context("osaka")
    context.load_verify_locations(lab.lab.ca_file)
    with pytest.raises(HttpTransportError) as refused:
        between_clusters(lab, home_login("sanjose"), context)
    assert refused.value.kind == "tls"
    assert not lab.lab.status("tokyo")["base_devices"]["in_use"]

"""Who may ask EMService, and how strictly: callers, their addresses and proxies, other clusters' certificates."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from emcc_emu.host.certificates import CertificateStore
from emcc_emu.net.http_client import HttpClient
from emcc_emu.wire.em_form import encode_form

PHONE = "SEP02AA00000001"
APP = "<appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
LOGIN = f"<login><deviceName>{PHONE}</deviceName><userID>bmiller</userID></login>"
BACKWARDS = f"<login><userID>bmiller</userID><deviceName>{PHONE}</deviceName></login>"
SUCCESS = '<?xml version="1.0"?>\n<response>\n<success/>\n</response>\n'
EMAPP = (
    "<appInfo><appID>CCMSysUser</appID><appEncryptedCertificate>secret of the cluster</appEncryptedCertificate>"
    "</appInfo>"
)

INFO = (
    "<emccInfo><clusterID>sanjose</clusterID><clusterVersion>12.5.1.14900-11</clusterVersion>"
    "<securityMode>0</securityMode><requestID>3</requestID></emccInfo>"
)
CHECK = (
    f"<emccRequest>{INFO}<checkUser><userID>ayamada</userID><credential>13579</credential>"
    f"<deviceName>{PHONE}</deviceName></checkUser></emccRequest>"
)
HOME_LOGIN = (
    f"<emccRequest>{INFO}<homeLogin><userID>ayamada</userID><credential>13579</credential>"
    f"<deviceProfile>UDP-ayamada</deviceProfile><deviceInfo><deviceName>{PHONE}</deviceName><product>508</product>"
    "<model>621</model><protocol>11</protocol><deviceSecurityMode>1</deviceSecurityMode>"
    "<ipAddress>192.0.2.51</ipAddress></deviceInfo>"
    "<emURI>http%3A%2F%2F192.0.2.10%3A8080%2Femapp</emURI></homeLogin></emccRequest>"
)
UNPROVEN = (
    '<emccResponse><failure><error code="35">Visiting Cluster Information is not present in Home Cluster</error>'
    "</failure></emccResponse>"
)


async def post_plain(cluster: Any, document: str, client: HttpClient, *, via: bool = False) -> str:
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    headers += [("Via", "1.1 proxy.example.test")] if via else []
    url = f"{cluster.base_url}/emservice/EMServiceServlet"
    reply = await client.request("POST", url, headers=headers, body=encode_form(document))
    assert reply.status == 200
    return reply.body.decode()


def request(action: str, app: str = APP) -> str:
    return f"<request>{app}{action}</request>"


def asked_from(address: str, via: str = "") -> str:
    """A login as EMApp sends it, which names the phone's address and whether a proxy was between."""
    rest = f"<remoteIPAddr>{address}</remoteIPAddr>" + (f"<isViaHeaderSet>{via}</isViaHeaderSet>" if via else "")
    return request(LOGIN.replace("</login>", f"{rest}</login>"), EMAPP)


# ---------------------------------------------------------------------- the DTD


async def test_elements_in_another_order_are_code_1_unless_the_service_is_lenient(start: Any, edit: Any) -> None:
    strict = await start(edit("sanjose"), "sanjose")
    assert '<error code="1">' in await strict.request(BACKWARDS)
    await strict.em.close()
    lenient = await start(edit("sanjose", em_service__lenient_order=True), "sanjose")
    assert await lenient.request(BACKWARDS) == SUCCESS


async def test_a_failed_query_can_carry_the_dtds_error_message(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", em_service__error_message_in_failed_queries=True), "sanjose")
    answer = await cluster.query("<checkUser><userID>nobody</userID></checkUser>")
    assert answer == "<response>\n<failure>\n<errorMessage>User not found</errorMessage>\n</failure>\n</response>\n"
    assert '<error code="19">' in await cluster.request(f"<logout><deviceName>{PHONE}</deviceName></logout>")


# ---------------------------------------------------------------------- addresses and proxies


@pytest.fixture
async def checking(start: Any, edit: Any) -> Any:
    """A cluster that validates addresses, with one registered phone that is not the test's client."""
    cluster = await start(edit("sanjose", service_parameters__validate_ip_address=True), "sanjose")
    cluster.control.registered[PHONE] = "192.0.2.51"
    return cluster


@pytest.fixture
async def own_client(checking: Any) -> Any:
    """A client at the cluster's own node, where its EMApp asks from."""
    async with HttpClient(local_ip=checking.address) as client:
        yield client


async def test_an_own_node_is_believed_whose_address_a_request_is_from(checking: Any, own_client: HttpClient) -> None:
    document = asked_from("192.0.2.99", "false")
    assert '<error code="28">' in await post_plain(checking, document, own_client)
    assert await post_plain(checking, asked_from("192.0.2.51", "false"), own_client) == SUCCESS


async def test_anyone_else_is_taken_for_the_address_he_asks_from(checking: Any) -> None:
    document = request(LOGIN.replace("</login>", "<remoteIPAddr>192.0.2.51</remoteIPAddr></login>"))
    assert '<error code="28">' in await checking.ask(document)


async def test_an_own_node_is_believed_that_a_proxy_was_between(checking: Any, own_client: HttpClient) -> None:
    document = asked_from("192.0.2.51", "true")
    assert '<error code="30">' in await post_plain(checking, document, own_client)


async def test_anyone_elses_proxy_is_seen_by_its_header(checking: Any) -> None:
    checking.control.registered[PHONE] = checking.config.phones[0].address
    denied = request(LOGIN.replace("</login>", "<isViaHeaderSet>false</isViaHeaderSet></login>"))
    answer = await post_plain(checking, denied, checking.client, via=True)
    assert '<error code="30">Proxy not allowed</error>' in answer


async def test_a_proxy_is_let_in_where_the_parameter_says_so(start: Any, edit: Any) -> None:
    edit("sanjose", service_parameters__validate_ip_address=True)
    cluster = await start(edit("sanjose", service_parameters__allow_proxy=True), "sanjose")
    cluster.control.registered[PHONE] = cluster.config.phones[0].address
    assert await post_plain(cluster, request(LOGIN), cluster.client, via=True) == SUCCESS


async def test_nothing_is_looked_at_while_addresses_are_not_validated(sanjose: Any) -> None:
    assert await post_plain(sanjose, request(LOGIN), sanjose.client, via=True) == SUCCESS


async def test_a_phone_behind_a_proxy_sees_code_30(checking: Any) -> None:
    checking.control.registered[PHONE] = checking.config.phones[0].address
    page = await checking.page(f"device={PHONE}&userid=bmiller&seq=86420", Via="1.1 proxy.example.test")
    assert page.text == "Login is unavailable (30)"


async def test_emcc_logins_have_a_proxy_parameter_of_their_own(edit: Any, start_two: Any) -> None:
    query = f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579"
    edit("sanjose", service_parameters__validate_ip_address=True, service_parameters__allow_proxy=True)
    both = await start_two(edit("tokyo"))
    both.visiting.control.registered[PHONE] = both.visiting.config.phones[0].address
    page = await both.visiting.page(query, Via="1.1 proxy.example.test")
    assert page.text == "Login is unavailable (30)"
    await both.visiting.em.close()
    await both.home.em.close()
    both = await start_two(edit("sanjose", service_parameters__emcc_allow_proxy=True))
    both.visiting.control.registered[PHONE] = both.visiting.config.phones[0].address
    assert b"Init:CallHistory" in (await both.visiting.get(f"/emapp/EMAppServlet?{query}", Via="1.1 p")).body


async def test_a_trusted_name_may_ask_once_it_is_resolved(start: Any, edit: Any) -> None:
    edit("sanjose", service_parameters__validate_ip_address=True)
    names = ("no-such-host.invalid", "localhost")
    cluster = await start(edit("sanjose", service_parameters__trusted_ips=names), "sanjose")
    async with HttpClient(local_ip="127.0.0.1") as client, asyncio.timeout(10):
        while (answer := await post_plain(cluster, request(LOGIN), client)) != SUCCESS:
            assert '<error code="28">' in answer  # the resolver has not answered yet


async def test_a_trusted_address_may_ask(start: Any, edit: Any, lab: Any) -> None:
    edit("sanjose", service_parameters__validate_ip_address=True)
    address = lab.by_name["sanjose"].phones[0].address
    cluster = await start(edit("sanjose", service_parameters__trusted_ips=("192.0.2.1", address)), "sanjose")
    assert await cluster.request(LOGIN) == SUCCESS


# ---------------------------------------------------------------------- applications and end users


async def test_emapps_secret_is_good_at_an_own_node_only(sanjose: Any) -> None:
    async with HttpClient(local_ip=sanjose.address) as own:
        assert await post_plain(sanjose, request(LOGIN, EMAPP), own) == SUCCESS
    assert "<error code=\"3\">Could not authenticate 'CCMSysUser'" in await sanjose.ask(request(LOGIN, EMAPP))


async def test_only_emapp_may_ask_for_an_emcc_login(both: Any) -> None:
    login = (
        f"<emccLogin><deviceName>{PHONE}</deviceName><userID>ayamada</userID><credential>13579</credential>"
        "<emURI>x</emURI><remoteIPAddr>192.0.2.51</remoteIPAddr><isViaHeaderSet>false</isViaHeaderSet></emccLogin>"
    )
    assert 'code="10"' in await both.visiting.ask(f"<emccRequest>{APP}{login}</emccRequest>")


async def test_an_end_user_asks_about_himself_and_about_devices(sanjose: Any) -> None:
    own = "<appInfo><appID>bmiller</appID><appCertificate>bm-1357</appCertificate></appInfo>"
    profiles = "<deviceProfileQuery><userID>{}</userID></deviceProfileQuery>"
    devices = f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>"
    assert "UDP-bmiller" in await sanjose.ask(f"<query>{own}{profiles.format('bmiller')}</query>")
    assert 'code="10"' in await sanjose.ask(f"<query>{own}{profiles.format('somebody')}</query>")
    assert "<none/>" in await sanjose.ask(f"<query>{own}{devices}</query>")
    assert await sanjose.ask(request(LOGIN, own)) == SUCCESS
    assert await sanjose.ask(request(f"<logout><deviceName>{PHONE}</deviceName></logout>", own)) == SUCCESS
    by_pin = own.replace("bm-1357", "86420")
    assert 'code="3"' in await sanjose.ask(f"<query>{by_pin}{devices}</query>")


# ---------------------------------------------------------------------- other clusters


def believe(visiting: Any, home: Any) -> None:
    """Have the visiting cluster take the home cluster for active, as after an update that is out of date."""
    status = visiting.state.remote_clusters["tokyo"]
    services = {
        name: msgspec.structs.replace(service, is_remote_activated=True, addresses=(home.address,))
        for name, service in status.services.items()
    }
    visiting.state.remote_clusters["tokyo"] = msgspec.structs.replace(status, services=services)


@pytest.mark.parametrize("document", [CHECK, HOME_LOGIN], ids=["checkUser", "homeLogin"])
async def test_a_stranger_cannot_speak_for_a_cluster(both: Any, document: str) -> None:
    assert await both.home.ask(document) == UNPROVEN
    assert both.home.state.home_session(PHONE) is None


async def test_the_published_answer_to_a_known_clusters_check(both: Any, certificate_directory: Any) -> None:
    context = CertificateStore(certificate_directory).client_context("sanjose")
    host, port = next(iter(both.home.em.nodes.values())).https.address
    async with HttpClient(local_ip=both.visiting.address, ssl_context=context) as client:
        reply = await client.request(
            "POST",
            f"https://{host}:{port}/emservice/EMServiceServlet",
            headers=[("Content-Type", "application/x-www-form-urlencoded")],
            body=encode_form(CHECK),
        )
    assert reply.body == (
        b'<emccResponse><checkUser><user id="ayamada"><numProfiles>1</numProfiles><exists/>'
        b"<deviceProfile1>UDP-ayamada</deviceProfile1></user></checkUser></emccResponse>"
    )


async def test_a_replayed_request_is_let_in_where_the_option_says_so(start: Any, edit: Any) -> None:
    cluster = await start(edit("tokyo", em_service__require_peer_certificate=False), "tokyo")
    assert "<exists/>" in await cluster.ask(CHECK)


async def test_a_cluster_that_home_does_not_trust_gets_no_login_and_its_phone_code_208(start: Any, lab: Any) -> None:
    visiting = await start(lab, "sanjose")
    home = await start(lab, "tokyo", trusts=())
    await visiting.em.update_remote_clusters()
    assert visiting.state.remote_cluster("tokyo").error_code == 208
    believe(visiting, home)
    page = await visiting.page(f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579")
    assert page.text == "Login is unavailable (208)"
    assert home.state.home_session(PHONE) is None

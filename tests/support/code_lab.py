"""A small lab in which every error code can be met: changed by a few lines, looked at through phones and the EM API."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import yaml

from emcc_emu.cluster.cluster import Cluster
from emcc_emu.lab.load import parse_lab
from emcc_emu.lab.model import Lab
from emcc_emu.net.http_client import HttpClient
from emcc_emu.pytest_plugin import EmccLab, EmccPhone
from emcc_emu.trace.record import Record
from emcc_emu.wire.em_form import FORM_CONTENT_TYPE, encode_form
from emcc_emu.wire.phone_xml import parse_phone_object
from phones.screen import page_text

__all__ = ["APPLICATION", "CodeLab", "Language", "build_lab", "code_lab"]

Language = Literal["en", "ja"]

APPLICATION = "<appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"

BASE = """
name: codes
clusters:
  sanjose:
    nodes: {sanjose-pub: 127.21.0.10}
    service_times: {remote_answer_timeout: 1 s}
    credential_policy: {failed_logons: 0}
    phone_services:
      Extension Mobility: {}
      By extension: {login_type: DN}
      Without EMCC: {with_emcc: no}
    phones:
      SEP02EE00000001: &phone
        {address: 127.21.100.1, lines: [2001], services: [Extension Mobility, By extension, Without EMCC]}
      SEP02EE00000002: {<<: *phone, address: 127.21.100.2, user_locale: Japanese_Japan}
      SEP02EE00000003: {address: 127.21.100.3, lines: [2003]}
      SEP02EE00000004: {address: 127.21.100.4, lines: [2004]}
      SEP02EE00000005: {address: 127.21.100.5, lines: [2005], enable_extension_mobility: no}
      SEP02EE00000006: {address: 127.21.100.6, lines: [2006], model: "7960"}
      SEP02EE00000007: {address: 127.21.100.7, lines: [2007]}
    device_profiles:
      UDP-bmiller: {lines: [2101]}
      UDP-cmoreau: {lines: [2102]}
    users:
      bmiller: {pin: "11111", password: bm-1357, profiles: [UDP-bmiller]}
      cmoreau: {pin: "22222", profiles: [UDP-cmoreau]}
      expired: {pin: "33333", password: ex-1357, password_must_change: yes, profiles: [UDP-bmiller]}
      must-change: {pin: "44444", pin_must_change: yes, profiles: [UDP-bmiller]}
      no-profile: {pin: "55555", primary_extension: "2155"}
      twin-one: {pin: "66666", primary_extension: "2199", profiles: [UDP-bmiller]}
      twin-two: {pin: "66666", primary_extension: "2199", profiles: [UDP-cmoreau]}
    application_users:
      emproxy: {password: emproxy-2580}
      no-rights: {password: nr-1357, em_proxy_rights: no}
  tokyo:
    nodes: {tokyo-pub: 127.22.0.10}
    service_times: {remote_answer_timeout: 1 s}
    credential_policy: {failed_logons: 0}
    phones:
      SEP02EE00000007: {address: 127.22.100.7, lines: [3007]}
    device_profiles:
      UDP-ayamada: {lines: [3101]}
      UDP-ksato: {lines: [3102]}
    users:
      ayamada: {pin: "13579", profiles: [UDP-ayamada]}
      ksato: {pin: "24680", profiles: [UDP-ksato]}
      no-emcc: {pin: "12121", enable_emcc: no, profiles: [UDP-ksato]}
      no-home-profile: {pin: "23232", primary_extension: "3155"}
      must-change-at-home: {pin: "34343", pin_must_change: yes, profiles: [UDP-ksato]}
      home-twin-one: {pin: "45454", primary_extension: "3199", profiles: [UDP-ayamada]}
      home-twin-two: {pin: "45454", primary_extension: "3199", profiles: [UDP-ksato]}
"""

PHONES: dict[Language, str] = {"en": "SEP02EE00000001", "ja": "SEP02EE00000002"}
"""The phones that are looked at, by the language of their user locale."""

_CODE = re.compile(rb'<error code="(\d+)">([^<]*)')


def build_lab(changes: str = "") -> Lab:
    """The lab, with YAML laid over it: mappings are merged, everything else is replaced."""
    return parse_lab(yaml.safe_dump(_merged(yaml.safe_load(BASE), yaml.safe_load(changes) or {}), sort_keys=False))


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        is_both = isinstance(value, dict) and isinstance(merged.get(key), dict) and value
        merged[key] = _merged(merged[key], value) if is_both else value
    return merged


class CodeLab:
    """A running lab, and what phones and applications see of it."""

    def __init__(self, lab: EmccLab) -> None:
        self.lab = lab
        self._seen = 0

    def cluster(self, name: str) -> Cluster:
        """A cluster, to be touched in the lab's loop only."""
        return self.lab.clusters[name]

    def ping_trunk(self, cluster: str) -> str:
        """Have a cluster ping its EMCC trunk's peers anew; the trunk's status then."""
        manager = self.cluster(cluster).call_manager

        async def ping() -> str:
            manager.trunks["emcc"].reset()
            await manager.wait_trunks_pinged()
            return str(manager.trunks["emcc"].status.value)

        return self.lab.call(ping())

    def phone(self, language: Language) -> EmccPhone:
        """The registered phone whose user reads this language."""
        return self.lab.phone(PHONES[language])

    def log_in(self, language: Language, user: str, pin: str, service: str = "Extension Mobility") -> str:
        """Log in by a service's own pages on the phone of this language; what its screen says then."""
        phone = self.phone(language).phone

        async def log_in() -> str:
            await phone.press("Services")
            await phone.browser.select(service)
            form = phone.browser.last_page
            fields = [item.query_string_param for item in getattr(form, "items", ())]
            if fields == ["userid", "seq"]:
                phone.browser.type({"userid": user, "seq": pin})
                await phone.browser.press("Submit")
            return page_text(phone.browser.last_page)

        return self.lab.call(log_in())

    def page(self, language: Language, query: str, *, device: str = PHONES["en"], via: str = "") -> str:
        """What a phone shows that asks EMApp of the first cluster this by a URL of its own."""
        headers = [("Accept-Language", language), ("Accept-Charset", "utf-8")]
        headers += [("Via", via)] if via else []
        url = f"{self.lab.url_of('sanjose', secure=False)}/emapp/EMAppServlet?{query}"

        async def fetch() -> str:
            async with HttpClient(local_ip=self._address_of(device)) as client:
                reply = await client.get(url, headers=headers)
            return page_text(parse_phone_object(reply.body)) if reply.status == 200 else f"HTTP Error[{reply.status}]"

        return self.lab.call(fetch())

    def _address_of(self, device: str) -> str:
        return next(phone.address for phone in self.lab.ready.phones if phone.name == device)

    def fetch(self, path: str, cluster: str = "tokyo") -> str:
        """What a cluster's web server answers."""

        async def fetch() -> str:
            async with HttpClient() as client:
                return (await client.get(self.lab.url_of(cluster, secure=False) + path)).body.decode()

        return self.lab.call(fetch())

    def ask(self, document: str, cluster: str = "sanjose") -> str:
        """EMService's answer to an application's document."""
        return self.post(encode_form(document), cluster)

    def post(self, form: bytes, cluster: str = "sanjose", *, timeout_s: float = 5.0) -> str:
        """EMService's answer to a body, over HTTPS."""
        context = ssl.create_default_context(cafile=self.lab.ca_file)

        async def ask() -> str:
            async with HttpClient(ssl_context=context) as client:
                reply = await client.request(
                    "POST",
                    f"{self.lab.url_of(cluster)}/emservice/EMServiceServlet",
                    headers=[("Content-Type", FORM_CONTENT_TYPE)],
                    body=form,
                    timeout_s=timeout_s,
                )
            assert reply.status == 200
            return reply.body.decode()

        return self.lab.call(ask())

    def request(self, action: str, app: str = APPLICATION, cluster: str = "sanjose") -> str:
        """The answer to a login or logout."""
        return self.ask(f"<request>{app}{action}</request>", cluster)

    def query(self, action: str, app: str = APPLICATION) -> str:
        """The answer to a query."""
        return self.ask(f"<query>{app}{action}</query>")

    @contextlib.contextmanager
    def occupied(self, device: str, user: str) -> Iterator[None]:
        """Somebody is logged in on a phone."""
        answer = self.request(f"<login><deviceName>{device}</deviceName><userID>{user}</userID></login>")
        assert "<success/>" in answer
        yield
        self.request(f"<logout><deviceName>{device}</deviceName></logout>")

    @contextlib.contextmanager
    def busy(self, device: str, user: str) -> Iterator[None]:
        """A login takes its time, and one of the places for requests in progress."""
        login = f"<login><deviceName>{device}</deviceName><userID>{user}</userID></login>"
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.request, login)
            while not self.lab.status("sanjose")["nodes"][0]["counters"]["requests_in_progress"]:
                assert not answer.done()
            yield
            assert "<success/>" in answer.result()
        self.request(f"<logout><deviceName>{device}</deviceName></logout>")

    def packets(self) -> list[Record]:
        """The packets since this was asked the last time."""
        packets = self.lab.packets()
        new, self._seen = packets[self._seen :], len(packets)
        return new

    def codes_on_the_wire(self) -> set[int]:
        """The codes of all answers since the packets were looked at the last time."""
        return {int(found[1]) for packet in self.packets() for found in _CODE.finditer(packet.payload)}


@contextlib.contextmanager
def code_lab(changes: str = "") -> Iterator[CodeLab]:
    """The lab with changes, running."""
    with EmccLab(build_lab(changes)) as lab:
        yield CodeLab(lab)

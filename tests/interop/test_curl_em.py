"""curl at the services of a running lab: EMApp's pages as a phone would ask for them, EMService's API over TLS."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from running_lab import RunningLab, finished, needs, running_lab

pytestmark = needs("curl")

PHONE = "SEP02AA00000001"
UNTRUSTED = 60
"""Exit status by which curl says that it does not trust the server's certificate."""


@dataclass(frozen=True)
class Answer:
    """What a server answered to curl."""

    status: int
    content_type: str
    body: str

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body.encode())


class Curl:
    """curl on its way to a lab; `address` is where it asks from, as the phone that stands there would."""

    def __init__(self, lab: RunningLab, folder: Path, address: str) -> None:
        self.lab = lab
        self._folder = folder
        self._address = address

    async def run(self, *arguments: str) -> tuple[int, str]:
        common = ("curl", "-sS", "--max-time", "8", "--interface", self._address)
        done = await finished(*common, *arguments, folder=self._folder)
        return done.status, done.output

    async def ask(self, *arguments: str) -> Answer:
        status, output = await self.run("-w", "\n%{http_code} %{content_type}", *arguments)
        assert status == 0, output
        body, _, numbers = output.rpartition("\n")
        code, _, content_type = numbers.partition(" ")
        return Answer(int(code), content_type, body)

    async def page(self, url: str, *fields: str) -> ElementTree.Element:
        """A page for phones; the fields are added to the URL's query."""
        answer = await self.ask("-G", *(part for field in fields for part in ("--data-urlencode", field)), url)
        assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")
        return answer.xml

    async def open_service(self, device: str = PHONE) -> ElementTree.Element:
        """What a phone at sanjose is shown when its user chooses Extension Mobility."""
        url = f"http://{self.lab.node('sanjose')}:8080/emapp/EMAppServlet"
        return await self.page(url, f"device={device}", "EMCC=true")

    async def log_in(self, user: str, pin: str) -> ElementTree.Element:
        """Fill in the form by its own field names and submit it to its own URL."""
        form = await self.open_service()
        fields = [text_of(item, "QueryStringParam") for item in form.findall("InputItem")]
        return await self.page(text_of(form, "URL"), f"{fields[0]}={user}", f"{fields[1]}={pin}")

    async def api(self, cluster: str, document: str, *, trusts: bool = True) -> Answer:
        """Post a document to EMService over TLS."""
        url = f"https://{self.lab.node(cluster)}:8443/emservice/EMServiceServlet"
        trust = ("--cacert", str(self.lab.certificates.ca_file)) if trusts else ()
        return await self.ask(*trust, "--data-urlencode", f"xml={document}", url)

    async def request(self, cluster: str, action: str, password: str = "emproxy-2580") -> ElementTree.Element:
        """An action by the application user, answered 200 with a document."""
        app = f"<appInfo><appID>emproxy</appID><appCertificate>{password}</appCertificate></appInfo>"
        kind = "query" if "Query" in action else "request"
        answer = await self.api(cluster, f"<{kind}>{app}{action}</{kind}>")
        assert (answer.status, answer.content_type) == (200, "text/xml;charset=UTF-8")
        return answer.xml

    async def who(self, cluster: str) -> tuple[str | None, str | None]:
        """The user on the phone and the last one before, as deviceUserQuery says."""
        found = await self.request(cluster, f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>")
        return found.findtext(".//userID"), found.findtext(".//lastlogin")


def text_of(element: ElementTree.Element, name: str) -> str:
    text = element.findtext(name)
    assert text is not None, ElementTree.tostring(element)
    return text


def error_code(answer: ElementTree.Element) -> str | None:
    error = answer.find(".//error")
    return None if error is None else error.get("code")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[RunningLab]:
    async with running_lab(tmp_path) as running:
        yield running


@pytest.fixture
def curl(lab: RunningLab, tmp_path: Path) -> Curl:
    return Curl(lab, tmp_path, lab.address_of(PHONE))


async def test_a_local_user_logs_in_and_out_by_the_pages(lab: RunningLab, curl: Curl) -> None:
    phone = await lab.phone(PHONE)
    page = await curl.log_in("bmiller", "86420")
    assert page.tag == "CiscoIPPhoneExecute" or "successful" in text_of(page, "Text")
    await phone.wait_registered(after=1)
    assert phone.directory_numbers == ("2101",)

    question = await curl.open_service()
    assert text_of(question, "Text").startswith("bmiller ")
    yes = next(key for key in question.findall("SoftKeyItem") if key.findtext("Name") == "Yes")
    await curl.page(text_of(yes, "URL"))
    await phone.wait_registered(after=2)
    assert phone.directory_numbers == ("2001",)


async def test_a_user_of_the_other_cluster_logs_in_by_the_pages(lab: RunningLab, curl: Curl) -> None:
    phone = await lab.phone(PHONE)
    assert (await curl.log_in("ayamada", "13579")).tag == "CiscoIPPhoneExecute"
    await phone.wait_registered(after=1)
    assert phone.registered_at == lab.sip("tokyo")
    assert phone.directory_numbers == ("3101",)
    assert await curl.who("tokyo") == ("ayamada", None)


@pytest.mark.parametrize(
    ("user", "pin", "prompt"),
    [
        ("bmiller", "00000", "(201)"),  # a local user's PIN is checked by EMApp
        ("bmiller", "", "(202)"),
        ("ayamada", "00000", "(2)"),  # that of a remote one by his home cluster
        ("nobody", "00000", "(23)"),
    ],
)
async def test_a_refused_login_shows_its_code(curl: Curl, user: str, pin: str, prompt: str) -> None:
    page = await curl.log_in(user, pin)
    assert text_of(page, "Prompt" if page.tag == "CiscoIPPhoneInput" else "Text").endswith(prompt)


@pytest.mark.parametrize(("query", "code"), [("device=SEP02FFFFFFFFFF", "(11)"), ("EMCC=true", "(207)")])
async def test_a_page_without_a_known_device_shows_its_code(curl: Curl, query: str, code: str) -> None:
    page = await curl.page(f"http://{curl.lab.node('sanjose')}:8080/emapp/EMAppServlet", query)
    assert text_of(page, "Text").endswith(code)


async def test_an_application_queries_logs_in_and_logs_out(lab: RunningLab, curl: Curl) -> None:
    phone = await lab.phone(PHONE)
    assert await curl.who("sanjose") == (None, None)
    login = f"<login><deviceName>{PHONE}</deviceName><userID>bmiller</userID></login>"
    assert (await curl.request("sanjose", login)).find("success") is not None
    await phone.wait_registered(after=1)
    assert await curl.who("sanjose") == ("bmiller", None)
    assert error_code(await curl.request("sanjose", login)) == "18"
    logout = f"<logout><deviceName>{PHONE}</deviceName></logout>"
    assert (await curl.request("sanjose", logout)).find("success") is not None
    await phone.wait_registered(after=2)
    assert await curl.who("sanjose") == (None, "bmiller")


async def test_a_wrong_application_password_is_code_3(curl: Curl) -> None:
    login = f"<login><deviceName>{PHONE}</deviceName><userID>bmiller</userID></login>"
    assert error_code(await curl.request("sanjose", login, password="guess")) == "3"


@pytest.mark.parametrize("document", ["<request><login>", "no markup", "", "<request/>"])
async def test_a_broken_document_is_code_1(curl: Curl, document: str) -> None:
    answer = await curl.api("sanjose", document)
    assert (answer.status, error_code(answer.xml)) == (200, "1")


async def test_the_service_is_trusted_by_the_labs_ca_file_only(curl: Curl) -> None:
    url = f"https://{curl.lab.node('tokyo')}:8443/emservice/EMServiceServlet"
    assert (await curl.run(url))[0] == UNTRUSTED
    assert (await curl.ask("--cacert", str(curl.lab.certificates.ca_file), url)).status == 200


async def test_twenty_clients_at_once_are_answered(curl: Curl) -> None:
    assert await asyncio.gather(*(curl.who("tokyo") for _ in range(20))) == [(None, None)] * 20

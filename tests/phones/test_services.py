"""The Services button: menus, forms, softkeys, Execute pages, cookies, and pages that come too late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from emcc_emu.wire.device_config import PhoneService, ServiceUrls
from emcc_emu.wire.phone_files import EmccMiniConfig, build_mini_config
from emcc_emu.wire.phone_objects import PhoneInput, PhoneMenu, PhoneText
from phones.phone import Phone
from phones.services import Browser, NoSuchKey, displayed_code

Node = Any  # tests/phones/conftest.py

EM = "/emapp/EMAppServlet"


def text(words: str, keys: str = "") -> str:
    return f"<CiscoIPPhoneText><Title>EM</Title><Text>{words}</Text>{keys}</CiscoIPPhoneText>"


def key(name: str, url: str, position: int = 1) -> str:
    return f"<SoftKeyItem><Name>{name}</Name><URL>{url}</URL><Position>{position}</Position></SoftKeyItem>"


def form(url: str, method: str = "") -> str:
    return (
        f"<CiscoIPPhoneInput{method}><Title>EM</Title><Prompt>Please sign on</Prompt><URL>{url}</URL>"
        "<InputItem><DisplayName>User ID</DisplayName><QueryStringParam>userid</QueryStringParam>"
        "<InputFlags>A</InputFlags><DefaultValue></DefaultValue></InputItem>"
        "<InputItem><DisplayName>PIN</DisplayName><QueryStringParam>seq</QueryStringParam>"
        "<InputFlags>NP</InputFlags><DefaultValue></DefaultValue></InputItem></CiscoIPPhoneInput>"
    )


def menu(*items: tuple[str, str], keys: str = "") -> str:
    entries = "".join(f"<MenuItem><Name>{name}</Name><URL>{url}</URL></MenuItem>" for name, url in items)
    return f"<CiscoIPPhoneMenu><Title>M</Title>{entries}{keys}</CiscoIPPhoneMenu>"


def execute(*urls: str) -> str:
    items = "".join(f'<ExecuteItem Priority="0" URL="{url}"/>' for url in urls)
    return f"<CiscoIPPhoneExecute>{items}</CiscoIPPhoneExecute>"


@pytest.fixture
async def registered(phone: Phone) -> Phone:
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    return phone


@pytest.fixture
def base(visiting: Node) -> str:
    return f"http://{visiting.address}:{visiting.http_port}"


@pytest.fixture
async def browser(registered: Phone) -> Browser:
    """The phone's browser on the Services menu."""
    await registered.press("Services")
    return registered.browser


def gets(node: Node) -> list[str]:
    return [line.removeprefix("GET ") for line in node.log if line.startswith("GET ")]


async def test_builds_the_menu_from_its_own_file_and_fills_in_the_tokens(browser: Browser, base: str) -> None:
    assert isinstance(browser.page, PhoneMenu)
    (item,) = browser.page.items
    assert (item.name, item.url) == ("Extension Mobility", f"{base}{EM}?device=SEP02AA00000001&EMCC=true")


@pytest.mark.parametrize(("provisioning", "names"), [(1, ["Weather"]), (2, ["Extension Mobility", "Weather"])])
async def test_asks_the_server_for_the_menu_when_its_file_says_so(
    phone: Phone, visiting: Node, base: str, provisioning: int, names: list[str]
) -> None:
    visiting.serve_page("/menu.jsp", menu(("Weather", f"{base}/weather?d=#DEVICENAME#")))
    visiting.serve_phone("2001", service_provisioning=provisioning, urls=ServiceUrls(services=f"{base}/menu.jsp"))
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    await phone.press("services")
    assert isinstance(phone.browser.page, PhoneMenu)
    assert [item.name for item in phone.browser.page.items] == names
    assert gets(visiting) == ["/menu.jsp?locale=United_States&name=SEP02AA00000001"]
    assert phone.browser.page.items[-1].url == f"{base}/weather?d=SEP02AA00000001"


async def test_says_when_there_are_no_services(phone: Phone, visiting: Node) -> None:
    visiting.serve_phone("2001", phone_services=(PhoneService("Missed", "Application:Cisco/MissedCalls", type=1),))
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    await phone.press("Services")
    assert phone.page_text == "No services configured"


async def test_tells_the_server_who_it_is(browser: Browser, visiting: Node, base: str) -> None:
    seen: dict[str, str] = {}

    async def page(request: web.BaseRequest) -> web.Response:
        seen.update(request.headers)
        return web.Response(text=text("hello"), content_type="text/xml")

    visiting.pages[EM] = page
    await browser.select("extension mobility")
    assert seen["x-CiscoIPPhoneModelName"] == "CP-7821"
    assert seen["x-CiscoIPPhoneDisplay"] == "384,106,1,G"
    assert seen["Accept-Language"] == "en"
    assert seen["Accept-Charset"].startswith("utf-8")


async def test_submits_a_form_by_its_own_fields_and_url(browser: Browser, visiting: Node, base: str) -> None:
    visiting.serve_page(EM, form(f"{base}/there?device=X&amp;EMCC=true"))
    visiting.serve_page("/there", text("ok"))
    await browser.select(1)
    assert isinstance(browser.page, PhoneInput)
    browser.type({"userid": "jürgen", "seq": "12&3"})
    await browser.press("Submit")
    assert gets(visiting)[-1] == "/there?device=X&EMCC=true&userid=j%C3%BCrgen&seq=12%263"


async def test_posts_a_form_that_wants_it(browser: Browser, visiting: Node, base: str) -> None:
    bodies = []

    async def page(request: web.BaseRequest) -> web.Response:
        bodies.append((request.method, await request.text()))
        return web.Response(text=text("ok"), content_type="text/xml")

    visiting.pages["/there"] = page
    visiting.serve_page(EM, form(f"{base}/there", ' method="post"'))
    await browser.select(1)
    browser.type({"userid": "a b"})
    await browser.press("submit")
    assert bodies == [("POST", "userid=a+b&seq=")]


async def test_keys_entries_and_fields_that_are_not_there_are_refused(browser: Browser) -> None:
    with pytest.raises(NoSuchKey, match="there are Select, Exit"):
        await browser.press("Submit")
    with pytest.raises(NoSuchKey, match="there are Extension Mobility"):
        await browser.select("Weather")
    with pytest.raises(NoSuchKey, match="there are none"):
        browser.type({"userid": "x"})
    browser.leave()
    with pytest.raises(NoSuchKey, match="there are none"):
        await browser.press("Exit")


async def test_goes_back_but_not_to_pages_that_had_expired(browser: Browser, visiting: Node, base: str) -> None:
    visiting.serve_page("/a", text("A", key("On", f"{base}/b")))
    visiting.serve_page(
        "/b", text("B", key("On", f"{base}/c") + key("Back", "SoftKey:Exit", 2)), headers={"Expires": "-1"}
    )
    visiting.serve_page(
        "/c", text("C", key("Back", "SoftKey:Exit")), headers={"Expires": "Thu, 01 Jan 1970 00:00:01 GMT"}
    )
    await browser.open(f"{base}/a")
    await browser.press("On")
    await browser.press("On")
    assert isinstance(browser.page, PhoneText) and browser.page.text == "C"
    await browser.press("Back")
    assert isinstance(browser.page, PhoneText) and browser.page.text == "A"


async def test_an_expiry_in_the_future_does_not_matter(browser: Browser, visiting: Node, base: str) -> None:
    visiting.serve_page("/a", text("A", key("On", f"{base}/b")), headers={"Expires": "Fri, 01 Jan 2100 00:00:00 GMT"})
    visiting.serve_page("/b", text("B"))
    await browser.open(f"{base}/a")
    await browser.press("On")
    await browser.press("Exit")
    assert isinstance(browser.page, PhoneText) and browser.page.text == "A"


async def test_keeps_cookies_by_host_and_a_bounded_number(browser: Browser, visiting: Node, base: str) -> None:
    sent: list[str | None] = []

    async def page(request: web.BaseRequest) -> web.Response:
        sent.append(request.headers.get("Cookie"))
        response = web.Response(text=text("x"), content_type="text/xml")
        for name in "abcde":
            response.headers.add("Set-Cookie", f"{name}={name * 3}; Path=/emapp")
        response.headers.add("Set-Cookie", f"long={'x' * 300}")
        return response

    visiting.pages["/cookies"] = page
    await browser.open(f"{base}/cookies")
    await browser.open(f"{base}/cookies")
    assert sent == [None, "a=aaa; b=bbb; c=ccc; d=ddd"]


async def test_runs_an_execute_page(phone: Phone, registered: Phone, visiting: Node, base: str) -> None:
    visiting.serve_page("/go", execute("Init:CallHistory", f"{base}/done"))
    visiting.serve_page("/done", text("done"))
    await registered.press("Services")
    await registered.browser.open(f"{base}/go")
    assert registered.page_text == "done"


async def test_an_execute_page_that_names_itself_ends(browser: Browser, visiting: Node, base: str) -> None:
    visiting.serve_page("/go", execute(f"{base}/go"))
    await browser.open(f"{base}/go")
    assert gets(visiting).count("/go") <= 6
    assert isinstance(browser.page, PhoneText) and browser.page.text == "XML Error[5]: unsupported"


async def test_dials_what_a_page_tells_it_to(registered: Phone, visiting: Node, base: str) -> None:
    visiting.serve_page("/go", execute("Dial:3333"))
    await registered.press("Services")
    await registered.browser.open(f"{base}/go")
    assert [call.number for call in registered.calls.all] == ["3333"]


async def test_a_query_string_key_opens_the_highlighted_entry(browser: Browser, visiting: Node, base: str) -> None:
    visiting.serve_page("/list", menu(("One", f"{base}/x?n=1"), keys=key("Delete", "QueryStringParam:action=delete")))
    visiting.serve_page("/x", text("deleted"))
    await browser.open(f"{base}/list")
    await browser.press("Delete")
    assert gets(visiting)[-1] == "/x?n=1&action=delete"


async def test_select_and_update_are_done_by_the_phone(browser: Browser, visiting: Node, base: str) -> None:
    visiting.serve_page(EM, text("first"), text("second"))
    await browser.press("Select")
    await browser.press("Update")
    assert isinstance(browser.page, PhoneText) and browser.page.text == "second"


async def test_follows_redirects_but_not_in_circles(browser: Browser, visiting: Node, base: str) -> None:
    async def away(request: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "/there"})

    async def circle(request: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "/circle"})

    visiting.pages.update({"/away": away, "/circle": circle})
    visiting.serve_page("/there", text("there"))
    await browser.open(f"{base}/away")
    assert isinstance(browser.page, PhoneText) and browser.page.text == "there"
    await browser.open(f"{base}/circle")
    assert isinstance(browser.last_page, PhoneText) and browser.last_page.text == "HTTP Error[8]"


@pytest.mark.parametrize(
    ("status", "content_type", "body", "shown"),
    [
        (404, "text/xml", "", "File Not Found"),
        (500, "text/xml", "", "HTTP Error[500]"),
        (200, "text/xml", "<nonsense", "XML Error[4]: XML parser error"),
        (200, "text/xml", "<html/>", "XML Error[4]: XML parser error"),
        (200, "text/plain", "just words", "just words"),
    ],
)
async def test_shows_what_went_wrong(
    browser: Browser, visiting: Node, base: str, status: int, content_type: str, body: str, shown: str
) -> None:
    async def page(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    visiting.pages["/page"] = page
    await browser.open(f"{base}/page")
    assert isinstance(browser.page, PhoneText) and browser.page.text == shown


async def test_a_server_that_is_not_there_is_an_error_page(browser: Browser) -> None:
    await browser.open("http://127.81.0.99:1/")
    assert isinstance(browser.page, PhoneText) and browser.page.text == "HTTP Error[10]"


def test_finds_the_number_that_a_page_shows() -> None:
    assert displayed_code(PhoneText(text="Login is unavailable (208)")) == 208
    assert displayed_code(PhoneText(text="Login successful")) is None
    assert displayed_code(PhoneInput(url="u", prompt="Please try to login again (201)")) == 201
    assert displayed_code(None) is None


# Logging in.


async def test_logs_in_by_the_pages_alone(registered: Phone, visiting: Node, base: str) -> None:
    visiting.serve_page(EM, form(f"{base}/next?device=D"))
    visiting.serve_page("/next", text("Login successful"))
    page = await registered.login("ayamada", "13579")
    assert isinstance(page, PhoneText) and page.text == registered.page_text == "Login successful"
    assert gets(visiting)[-1] == "/next?device=D&userid=ayamada&seq=13579"


async def test_presses_keys_whose_labels_are_in_another_language(registered: Phone, visiting: Node, base: str) -> None:
    page = form(f"{base}/next").replace("</CiscoIPPhoneInput>", key("送信", "SoftKey:Submit") + "</CiscoIPPhoneInput>")
    visiting.serve_page(EM, page)
    visiting.serve_page("/next", text("ログインしました"))
    await registered.login("ayamada", "13579")
    assert registered.page_text == "ログインしました"
    visiting.serve_page(EM, text("?", key("はい", f"{base}/bye") + key("いいえ", "SoftKey:Exit", 2)))
    visiting.serve_page("/bye", text("ログアウトしました"))
    await registered.logout()
    assert registered.page_text == "ログアウトしました"


@pytest.mark.parametrize(("profile", "chosen"), [("", "/a"), ("Office", "/b")])
async def test_chooses_a_profile_when_it_is_asked(
    registered: Phone, visiting: Node, base: str, profile: str, chosen: str
) -> None:
    visiting.serve_page(EM, form(f"{base}/next"))
    visiting.serve_page("/next", menu(("Desk", f"{base}/a"), ("Office", f"{base}/b")))
    visiting.serve_page("/a", text("Login successful"))
    visiting.serve_page("/b", text("Login successful"))
    await registered.login("ksato", "24680", profile)
    assert gets(visiting)[-1] == chosen


async def test_a_login_where_somebody_is_logged_in_shows_that_page(registered: Phone, visiting: Node) -> None:
    visiting.serve_page(EM, text("ayamada is logged in", key("Yes", "SoftKey:Exit")))
    page = await registered.login("bmiller", "86420")
    assert isinstance(page, PhoneText) and page.text == "ayamada is logged in"


async def test_logs_out_by_the_page_that_asks(registered: Phone, visiting: Node, base: str) -> None:
    visiting.serve_page(EM, text("Log out?", key("Yes", f"{base}/bye?doLogout=true") + key("No", "SoftKey:Exit", 2)))
    visiting.serve_page("/bye", text("Logout successful"))
    page = await registered.logout()
    assert isinstance(page, PhoneText) and page.text == "Logout successful"
    assert gets(visiting)[-1] == "/bye?doLogout=true"


async def test_logging_out_where_nobody_is_changes_nothing(registered: Phone, visiting: Node, base: str) -> None:
    visiting.serve_page(EM, form(f"{base}/next"))
    assert isinstance(await registered.logout(), PhoneInput)
    assert len(gets(visiting)) == 1


async def test_the_order_to_restart_may_come_before_the_page_that_says_so(
    registered: Phone, visiting: Node, base: str
) -> None:
    async def page(request: web.BaseRequest) -> web.Response:
        visiting.order("restart")
        await visiting.until(lambda: visiting.count("REGISTER 3600") == 2)
        return web.Response(text=execute("Init:CallHistory", f"{base}/done"), content_type="text/xml")

    visiting.serve_page(EM, form(f"{base}/next"))
    visiting.pages["/next"] = page
    visiting.serve_page("/done", text("Login successful"))
    shown = await registered.login("ayamada", "13579")
    assert isinstance(shown, PhoneText) and shown.text == "Login successful"
    assert registered.page_text == "Login successful"
    await registered.wait_registered(after=1, timeout_s=5)
    assert registered.browser.page is None, "the phone has left services"


async def test_a_page_that_is_cut_by_the_restart_breaks_nothing(registered: Phone, visiting: Node, base: str) -> None:
    async def page(request: web.BaseRequest) -> web.Response:
        visiting.order("restart")
        await visiting.until(lambda: visiting.count("REGISTER 3600") == 2)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    visiting.serve_page(EM, form(f"{base}/next"))
    visiting.pages["/next"] = page
    await registered.login("ayamada", "13579")
    await registered.wait_registered(after=1, timeout_s=5)
    assert registered.browser.page is None
    assert displayed_code(registered.browser.last_page) is None


async def test_switching_off_while_a_page_is_fetched_breaks_nothing(registered: Phone, visiting: Node) -> None:
    never = asyncio.Event()

    async def page(request: web.BaseRequest) -> web.Response:
        visiting.note("asked")
        await never.wait()
        return web.Response()

    visiting.pages[EM] = page
    login = asyncio.create_task(registered.login("ayamada", "13579"))
    await visiting.until(lambda: "asked" in visiting.log)
    await registered.power_off()
    await login
    never.set()
    assert registered.browser.page is None


async def test_in_emcc_mode_the_service_is_asked_of_the_cluster_where_the_phone_stands(
    phone: Phone, visiting: Node, home: Node, base: str
) -> None:
    mini = EmccMiniConfig(
        visiting_em_address=visiting.address,
        visiting_em_port=visiting.http_port,
        tftp_servers=(home.address,),
        version_stamp="1-x",
    )
    visiting.files["SEP02AA00000001.cnf.xml"] = build_mini_config(mini)
    visiting.serve_page(EM, text("Log out?"))
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    await phone.open_extension_mobility()
    assert gets(visiting) == [f"{EM}?device=SEP02AA00000001&EMCC=true"]
    assert gets(home) == []

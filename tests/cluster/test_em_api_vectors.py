"""Every shape of EMService's answers, octet for octet: one row a vector, sent as an application sends it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest

PHONE, OTHER, UNKNOWN = "SEP02AA00000001", "SEP02AA00000002", "SEPFFFFFFFFFFFF"

PROXY = "<appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
NOBODY = "<appInfo><appID>stranger</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
CLERK = "<appInfo><appID>clerk</appID><appCertificate>clerk-1590</appCertificate></appInfo>"

SUCCESS = '<?xml version="1.0"?>\n<response>\n<success/>\n</response>\n'
NOBODY_EVER = '<device name="SEP02AA00000001">\n<none/>\n<none/>\n<emccDevice>no</emccDevice>\n</device>\n'


def request(action: str, app: str = PROXY) -> str:
    return f"<request>{app}{action}</request>"


def query(action: str, app: str = PROXY) -> str:
    return f"<query>{app}{action}</query>"


def login(user: str = "bmiller", device: str = PHONE, rest: str = "") -> str:
    return f"<login><deviceName>{device}</deviceName><userID>{user}</userID>{rest}</login>"


def logout(device: str = PHONE) -> str:
    return f"<logout><deviceName>{device}</deviceName></logout>"


def who(*devices: str) -> str:
    names = "".join(f"<deviceName>{device}</deviceName>" for device in devices)
    return query(f"<deviceUserQuery>{names}</deviceUserQuery>")


def where(*users: str) -> str:
    return query(f"<userDevicesQuery>{ids(*users)}</userDevicesQuery>")


def ids(*users: str) -> str:
    return "".join(f"<userID>{user}</userID>" for user in users)


def refused(code: int, text: str) -> str:
    return (
        f'<?xml version="1.0"?>\n<response>\n<failure>\n<error code="{code}">{text}</error>\n</failure>\n</response>\n'
    )


def failed(code: int, text: str) -> str:
    """A refused query: no XML declaration."""
    return refused(code, text).partition("\n")[2]


def results(name: str, items: str) -> str:
    return f"<response>\n<{name}>\n{items}</{name}>\n</response>\n"


def on(user: str, last: str, device: str = PHONE) -> str:
    inner = f"{user}\n{last}\n<emccDevice>no</emccDevice>\n"
    return results("deviceUserResults", f'<device name="{device}">\n{inner}</device>\n')


PROFILES_OF_BOTH = results(
    "deviceProfileResults",
    '<user id="em%40example.test">\n'
    "<deviceProfile>\n<deviceProfileName>UDP-bmiller</deviceProfileName>\n"
    "<isDefaultDeviceProfile>t</isDefaultDeviceProfile>\n</deviceProfile>\n"
    "<deviceProfile>\n<deviceProfileName>UDP-second</deviceProfileName>\n"
    "<isDefaultDeviceProfile>f</isDefaultDeviceProfile>\n</deviceProfile>\n</user>\n"
    '<user id="bare">\n<none/>\n</user>\n<user id="nobody">\n<doesNotExist/>\n</user>\n',
)


class Vector(NamedTuple):
    """What is sent after what, and the whole answer."""

    name: str
    sent: str
    answer: str
    before: tuple[str, ...] = ()


IN = request(login())
OUT = request(logout())

VECTORS = (
    Vector("V1 a device on which nobody ever was", who(PHONE), results("deviceUserResults", NOBODY_EVER)),
    Vector("V2 logout", OUT, SUCCESS, (IN,)),
    Vector("V2 logout where nobody is on", OUT, refused(19, "No user logged in")),
    Vector("V3 unknown application", request(login(), NOBODY), refused(3, "Could not authenticate 'stranger'")),
    Vector("V3 the same in a query", query("<checkUser><userID>bmiller</userID></checkUser>", NOBODY),
           failed(3, "Could not authenticate 'stranger'")),
    Vector("V4 unknown query", query("<fooQuery><deviceName>X</deviceName></fooQuery>"),
           failed(8, "Query type undetermined")),
    Vector("V5 wrong order",
           request(f"<login><userID>bmiller</userID><deviceName>{PHONE}</deviceName></login>"),
           refused(1, "Error on Parsing")),
    Vector("V6 capitals", request(f"<LOGIN><deviceName>{PHONE}</deviceName><userID>bmiller</userID></LOGIN>"),
           refused(1, "Error on Parsing")),
    Vector("V7 one of two devices unknown", who(UNKNOWN, PHONE),
           results("deviceUserResults", f'<device name="{UNKNOWN}">\n<doesNotExist/>\n</device>\n' + NOBODY_EVER)),
    Vector("V8 a user ID as it is", where("em@example.test"),
           results("userDevicesResults", '<user id="em%40example.test">\n<none/>\n</user>\n')),
    Vector("V8 a user ID percent-encoded", where("em%40example.test"),
           results("userDevicesResults", '<user id="em%40example.test">\n<none/>\n</user>\n')),
    Vector("V9 userDeviceProfileQuery",
           query(f"<userDeviceProfileQuery>{ids('em@example.test', 'bare', 'nobody')}</userDeviceProfileQuery>"),
           PROFILES_OF_BOTH),
    Vector("V9 deviceProfileQuery",
           query(f"<deviceProfileQuery>{ids('em@example.test', 'bare', 'nobody')}</deviceProfileQuery>"),
           PROFILES_OF_BOTH),
    Vector("V20 a user of another cluster", request(login("ayamada")), refused(23, "User not found")),
    Vector("login", IN, SUCCESS),
    Vector("login by an encoded user ID", request(login("em%40example.test", rest="<deviceProfile>UDP-second"
           "</deviceProfile>")), SUCCESS),
    Vector("login for an hour",
           request(login(rest="<exclusiveDuration><time>60</time></exclusiveDuration>")), SUCCESS),
    Vector("login without end, as clients write it",
           request(login(rest="<exclusiveDuration><indefinite></indefinite></exclusiveDuration>")), SUCCESS),
    Vector("login with everything", request(login(rest=(
        "<deviceProfile>UDP-bmiller</deviceProfile><exclusiveDuration><indefinite/></exclusiveDuration>"
        "<remoteIPAddr>192.0.2.51</remoteIPAddr><isViaHeaderSet>false</isViaHeaderSet>"))), SUCCESS),
    Vector("login with a declaration and a doctype",
           f'<?xml version="1.0"?><!DOCTYPE request SYSTEM "http://192.0.2.10:8080/LoginRequest.dtd">{IN}', SUCCESS),
    Vector("no time", request(login(rest="<exclusiveDuration><time>0</time></exclusiveDuration>")),
           refused(1, "Error on Parsing")),
    Vector("unknown device", request(login(device=UNKNOWN)), refused(11, "Device does not exist")),
    Vector("another user's profile", request(login(rest="<deviceProfile>UDP-other</deviceProfile>")),
           refused(12, "Dev. Profile not found")),
    Vector("a user without profile", request(login("bare")), refused(12, "Dev. Profile not found")),
    Vector("an occupied phone", request(login("em@example.test")), refused(18, "Another user logged in"), (IN,)),
    Vector("the same user again", IN, refused(18, "Another user logged in"), (IN,)),
    Vector("a user who is elsewhere", request(login(device=OTHER)), refused(25, "User logged in elsewhere"), (IN,)),
    Vector("an application without proxy rights", request(login(), CLERK),
           refused(10, "User lacks app proxy rights")),
    Vector("its query about a user", query("<userDevicesQuery><userID>bmiller</userID></userDevicesQuery>", CLERK),
           failed(10, "User lacks app proxy rights")),
    Vector("its logout of a user", request(logout(), CLERK), refused(10, "User lacks app proxy rights"), (IN,)),
    Vector("its logoutAll", request("<logoutAll/>", CLERK), refused(10, "User lacks app proxy rights")),
    Vector("its query about a device",
           query(f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>", CLERK),
           results("deviceUserResults", NOBODY_EVER)),
    Vector("logoutAll, empty element", request("<logoutAll/>"), SUCCESS),
    Vector("logoutAll, two tags", request("<logoutAll></logoutAll>"), SUCCESS, (IN,)),
    Vector("first login ever", who(PHONE), on("<userID>bmiller</userID>", "<none/>"), (IN,)),
    Vector("nobody after somebody", who(PHONE), on("<none/>", "<lastlogin>bmiller</lastlogin>"), (IN, OUT)),
    Vector("somebody after somebody: encoded and plain", who(PHONE),
           on("<userID>bmiller</userID>", "<lastlogin>em@example.test</lastlogin>"),
           (request(login("em@example.test")), OUT, IN)),
    Vector("the user's ID is encoded", who(PHONE), on("<userID>em%40example.test</userID>", "<none/>"),
           (request(login("em@example.test")),)),
    Vector("devices of several users", where("bmiller", "bare", "nobody"),
           results("userDevicesResults",
                   f'<user id="bmiller">\n<deviceName>{PHONE}</deviceName>\n</user>\n'
                   '<user id="bare">\n<none/>\n</user>\n<user id="nobody">\n<doesNotExist/>\n</user>\n'), (IN,)),
    Vector("local users", query(f"<checkUser>{ids('bmiller', 'em%40example.test')}</checkUser>"),
           results("checkUserResults",
                   '<user id="bmiller">\n<exists>bmiller</exists>\n</user>\n'
                   '<user id="em%40example.test">\n<exists>em@example.test</exists>\n</user>\n')),
    Vector("a local user by extension",
           query("<checkUser><userID>2101</userID><loginType>DN</loginType></checkUser>"),
           results("checkUserResults", '<user id="2101">\n<exists>bmiller</exists>\n</user>\n')),
    Vector("a user who is not local", query("<checkUser><userID>ayamada</userID></checkUser>"),
           failed(23, "User not found")),
    Vector("a hundred names", where(*["nobody"] * 100),
           results("userDevicesResults", '<user id="nobody">\n<doesNotExist/>\n</user>\n' * 100)),
    Vector("a hundred and one", where(*["nobody"] * 101), failed(1, "Error on Parsing")),
    Vector("a root of another kind", "<login/>", refused(1, "Error on Parsing")),
    Vector("not well-formed", "<request>", refused(1, "Error on Parsing")),
)  # fmt: skip


@pytest.fixture
async def cluster(start: Any, edit: Any, lab: Any) -> Any:
    """The visiting cluster with users whose IDs, profiles and rights the vectors need."""
    config = lab.by_name["sanjose"]
    (bmiller,), (profile,) = config.users, config.device_profiles
    change = msgspec.structs.replace
    users = (
        bmiller,
        change(bmiller, user_id="em@example.test", profiles=("UDP-bmiller", "UDP-second"), primary_extension=""),
        change(bmiller, user_id="bare", profiles=(), default_profile="", primary_extension=""),
    )
    clerk = change(config.application_users[0], name="clerk", password="clerk-1590", em_proxy_rights=False)
    edit("sanjose", device_profiles=(profile, change(profile, name="UDP-second"), change(profile, name="UDP-other")))
    edited = edit("sanjose", users=users, application_users=(*config.application_users, clerk))
    return await start(edited, "sanjose")


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.name for vector in VECTORS])
async def test_an_answer_is_octet_for_octet(cluster: Any, vector: Vector) -> None:
    for document in vector.before:
        assert await cluster.ask(document) == SUCCESS
    assert await cluster.ask(vector.sent) == vector.answer


async def test_the_published_login_answer_counts_56_octets(cluster: Any) -> None:
    reply = await cluster.post(IN)
    assert (len(reply.body), reply.get("Content-Type")) == (56, "text/xml;charset=UTF-8")


@pytest.mark.parametrize(
    "body",
    [
        b"xml=%3Cquery%3E%3CappInfo%3E%3CappID%3Eemproxy%3C%2FappID%3E%3CappCertificate%3Eemproxy-2580%3C%2FappCertificate"
        b"%3E%3C%2FappInfo%3E%3CdeviceUserQuery%3E%3CdeviceName%3ESEP02AA00000001%3C%2FdeviceName%3E"
        b"%3C%2FdeviceUserQuery%3E%3C%2Fquery%3E",
        b"xml=%3cquery%3e%3cappInfo%3e%3cappID%3eemproxy%3c%2fappID%3e%3cappCertificate%3eemproxy-2580%3c%2fappCertificate"
        b"%3e%3c%2fappInfo%3e+%3cdeviceUserQuery%3e%3cdeviceName%3eSEP02AA00000001%3c%2fdeviceName%3e"
        b"%3c%2fdeviceUserQuery%3e%3c%2fquery%3e",
    ],
    ids=["upper-case digits", "lower-case digits and a plus"],
)
async def test_a_form_is_read_however_it_was_encoded(cluster: Any, body: bytes) -> None:
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    url = f"{cluster.base_url}/emservice/EMServiceServlet"
    reply = await cluster.client.request("POST", url, headers=headers, body=body)
    assert reply.body.decode() == results("deviceUserResults", NOBODY_EVER)
    assert (await cluster.client.get(f"{url}?{body.decode()}")).body == reply.body

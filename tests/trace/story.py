"""An EMCC login with a call to 911, as records: small, but with everything that a trace has."""

from __future__ import annotations

from urllib.parse import quote_plus

from emcc_emu.trace.record import Address, NodeLabel, Protocol, Record, Transport

DEVICE = "SEP001122334455"
PIN = "90817"
START_NS = 1_767_225_600_000_000_000

PHONE = "127.1.100.7"
VISITING = "127.1.0.10"
HOME = "127.2.0.10"
GATEWAY = "127.1.0.50"

NODES = (
    NodeLabel(VISITING, "sanjose-pub", "sanjose"),
    NodeLabel(HOME, "tokyo-pub", "tokyo"),
    NodeLabel(GATEWAY, "sanjose-gw", "sanjose", "gateway"),
)


class Tape:
    """Collects records, each a little later than the one before."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._now_ns = START_NS

    def wait(self, seconds: float) -> None:
        self._now_ns += int(seconds * 1e9)

    def add(
        self,
        protocol: Protocol,
        transport: Transport,
        source: Address,
        destination: Address,
        payload: bytes,
        connection: str = "",
        fault: str = "",
    ) -> None:
        self.wait(0.004)
        self.records.append(
            Record(self._now_ns, protocol, transport, source, destination, payload, connection, "lab", fault)
        )


def http_request(target: str, form: str = "", method: str = "") -> bytes:
    body = f"xml={quote_plus(form, safe='*')}" if form else ""
    head = f"{method or ('POST' if form else 'GET')} {target} HTTP/1.1\r\nHost: {VISITING}:8080\r\n"
    if form:
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


def http_answer(body: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{head}\r\n{body}".encode()


def sip(
    start: str, *fields: str, call_id: str, sequence: str, body: str = "", body_type: str = "application/sdp"
) -> bytes:
    transport, number = "TCP", sequence.split()[0]
    lines = [
        start,
        f"Via: SIP/2.0/{transport} {PHONE}:51000;branch=z9hG4bK{call_id}{number}",
        f"Call-ID: {call_id}",
        f"CSeq: {sequence}",
    ]
    if body:
        lines.append(f"Content-Type: {body_type}")
    return ("\r\n".join([*lines, *fields, f"Content-Length: {len(body)}"]) + f"\r\n\r\n{body}").encode()


def contact(device: str = DEVICE) -> str:
    return f'Contact: <sip:u@{PHONE}:51000;transport=tcp>;+u.sip!devicename.ccm.cisco.com="{device}"'


def record_story() -> list[Record]:
    """Boot at the visiting cluster, EMCC login, boot from home, a call to 911."""
    tape = Tape()
    _boot(tape, VISITING, "2001")
    tape.wait(2.5)
    _login(tape)
    _boot(tape, HOME, "81000")
    _ping(tape)
    _call(tape)
    return tape.records


def _boot(tape: Tape, server: str, number: str) -> None:
    first, second = (PHONE, 40001 + len(tape.records)), (PHONE, 40002 + len(tape.records))
    request = b"\0\1CTL" + DEVICE.encode() + b".tlv\0octet\0"
    tape.add("tftp", "udp", first, (server, 6969), request)
    tape.add("tftp", "udp", first, (server, 6969), request)
    tape.add("tftp", "udp", (server, 52001), first, b"\0\5\0\1File not found\0")
    tape.add("tftp", "udp", second, (server, 6969), b"\0\1" + DEVICE.encode() + b".cnf.xml\0octet\0blksize\x00512\0")
    tape.add("tftp", "udp", (server, 52002), second, b"\0\6blksize\x00512\0")
    tape.add("tftp", "udp", second, (server, 52002), b"\0\4\0\0")
    for block, content in ((1, b"<device>" + b"x" * 504), (2, b"y" * 512), (3, b"</device>")):
        tape.add("tftp", "udp", (server, 52002), second, b"\0\3\0" + bytes([block]) + content)
        tape.add("tftp", "udp", second, (server, 52002), b"\0\4\0" + bytes([block]))
    phone, node, call_id = (PHONE, 51000), (server, 5060), f"reg-{server}"
    fields = (f"From: <sip:{number}@{server}>;tag=1", f"To: <sip:{number}@{server}>", contact(), "Expires: 3600")
    for sequence, reason in ((101, ("Reason: SIP;cause=200",)), (102, ())):
        start = f"REGISTER sip:{server} SIP/2.0"
        cseq = f"{sequence} REGISTER"
        link = f"{server}-tcp"
        tape.add("sip", "tcp", phone, node, sip(start, *fields, *reason, call_id=call_id, sequence=cseq), link)
        tape.add("sip", "tcp", node, phone, sip("SIP/2.0 100 Trying", *fields, call_id=call_id, sequence=cseq), link)
        tape.add("sip", "tcp", node, phone, sip("SIP/2.0 200 OK", *fields, call_id=call_id, sequence=cseq), link)


def _login(tape: Tape) -> None:
    phone, emapp = (PHONE, 45000), (VISITING, 8080)
    service, own = (VISITING, 8443), (VISITING, 46000)
    asker, asked = (VISITING, 46100), (HOME, 8443)
    base = f"/emapp/EMAppServlet?device={DEVICE}&EMCC=true"
    form = "<CiscoIPPhoneInput><Title>Extension Mobility</Title><Prompt>Please sign on</Prompt></CiscoIPPhoneInput>"
    servlet = "/emservice/EMServiceServlet"
    check = (
        "<emccRequest><emccInfo><clusterID>A</clusterID></emccInfo><checkUser><userID>ayamada</userID>"
        f"<credential>*****</credential><deviceName>{DEVICE}</deviceName></checkUser></emccRequest>"
    )
    login = (
        "<emccRequest><emccInfo><clusterID>A</clusterID></emccInfo><homeLogin><userID>ayamada</userID>"
        f"<deviceInfo><deviceName>{DEVICE}</deviceName></deviceInfo></homeLogin></emccRequest>"
    )
    query = "<query><appInfo><appID>a</appID></appInfo><checkUser><userID>ayamada</userID></checkUser></query>"
    done = "<CiscoIPPhoneText><Title>Extension Mobility</Title><Text>Login successful</Text></CiscoIPPhoneText>"
    tape.add("http", "tcp", phone, emapp, http_request(base), "p1")
    tape.add("http", "tcp", emapp, phone, http_answer(form), "p1")
    tape.wait(6)
    tape.add("http", "tcp", phone, emapp, http_request(f"{base}&userid=ayamada&seq=*****"), "p1")
    tape.add("http", "tls", own, service, http_request(servlet, query), "s1")
    answer = "<response><failure><error code='23'>User does not exist</error></failure></response>"
    tape.add("http", "tls", service, own, http_answer(answer), "s1")
    tape.add("http", "tls", asker, asked, http_request(servlet, check), "h1")
    exists = "<emccResponse><checkUser><user id='ayamada'><exists/></user></checkUser></emccResponse>"
    tape.add("http", "tls", asked, asker, http_answer(exists), "h1")
    tape.add("http", "tls", asker, asked, http_request(servlet, login), "h1")
    answer = "<emccResponse><homeLogin><clusterID>B</clusterID></homeLogin></emccResponse>"
    tape.add("http", "tls", asked, asker, http_answer(answer), "h1")
    tape.add("http", "tcp", emapp, phone, http_answer(done), "p1")
    fields = (f"From: <sip:{VISITING}>;tag=2", f"To: <sip:2001@{PHONE}>", "Event: service-control")
    notify = sip(
        f"NOTIFY sip:2001@{PHONE} SIP/2.0",
        *fields,
        call_id="n1",
        sequence="1 NOTIFY",
        body="action=restart\n",
        body_type="text/plain",
    )
    tape.add("sip", "tcp", (VISITING, 5060), (PHONE, 51000), notify, f"{VISITING}-tcp")
    ok = sip("SIP/2.0 200 OK", *fields[:2], call_id="n1", sequence="1 NOTIFY")
    tape.add("sip", "tcp", (PHONE, 51000), (VISITING, 5060), ok, f"{VISITING}-tcp")


def _ping(tape: Tape) -> None:
    here, there = (VISITING, 5060), (HOME, 5060)
    fields = (f"From: <sip:{VISITING}>;tag=9", f"To: <sip:{HOME}>")
    tape.add("sip", "udp", here, there, sip(f"OPTIONS sip:{HOME} SIP/2.0", *fields, call_id="o", sequence="1 OPTIONS"))
    tape.add("sip", "udp", there, here, sip("SIP/2.0 200 OK", *fields, call_id="o", sequence="1 OPTIONS"))


def _call(tape: Tape) -> None:
    numbers = (f"From: <sip:81000@{HOME}>;tag=5", f"To: <sip:911@{HOME}>")
    legs: list[tuple[Address, Address, str, Transport, str]] = [
        ((PHONE, 51000), (HOME, 5060), "c1", "tcp", f"{HOME}-tcp"),
        ((HOME, 47000), (VISITING, 5060), "c2", "tcp", "trunk"),
        ((VISITING, 5060), (GATEWAY, 5060), "c3", "udp", ""),
    ]
    for source, destination, call_id, transport, link in legs:
        invite = sip(
            f"INVITE sip:911@{destination[0]} SIP/2.0", *numbers, call_id=call_id, sequence="1 INVITE", body="v=0\r\n"
        )
        tape.add("sip", transport, source, destination, invite, link)
    for source, destination, call_id, transport, link in reversed(legs):
        ok = sip("SIP/2.0 200 OK", *numbers, call_id=call_id, sequence="1 INVITE", body="v=0\r\n")
        tape.add("sip", transport, destination, source, ok, link)

"""The EMCC story in seven steps: what the phone does in each, and what the packets must then have said."""

from __future__ import annotations

import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from emcc_emu.cli.lab_phones import make_phone
from emcc_emu.errors import EmccEmuError
from emcc_emu.host.lab_host import LabHost
from emcc_emu.host.ready import ReadyExample, ReadyFile
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.http_client import HttpClient
from emcc_emu.trace.meaning import Message
from emcc_emu.wire import em_xml
from phones.calls import Call, CallState
from phones.phone import Phone

__all__ = ["CLIENT_ADDRESS", "STEPS", "Evidence", "Step", "StepFailed", "Story"]

STEP_TIMEOUT_S = 10.0

CLIENT_ADDRESS = "127.0.0.1"
"""Where the demo asks the EM API from, as an API client would."""


class StepFailed(EmccEmuError):
    """A step of the story did not go as it has to."""


class Evidence:
    """The packets of one step, to be asked what they said."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages

    def find(
        self,
        label: str,
        *,
        to: str = "",
        sender: str = "",
        method: str = "",
        status: int = 0,
        target: str = "",
        holds: str = "",
        protocol: str = "",
    ) -> Message:
        """The first packet that fits.

        Args:
            label: What we look for, in words, for the failure.
            to: Address it went to.
            sender: Address it came from.
            method: SIP or HTTP method; of a SIP response that of its CSeq.
            status: SIP or HTTP status; 0 finds requests and responses.
            target: Part of the request URI, path or file name.
            holds: Text that the payload holds.
            protocol: `sip`, `http` or `tftp`.

        Raises:
            StepFailed: there is none.
        """
        for message in self.messages:
            record, meaning = message.record, message.meaning
            if (
                (not to or record.destination[0] == to)
                and (not sender or record.source[0] == sender)
                and (not method or meaning.method == method)
                and (not status or meaning.status == status)
                and (not target or target in meaning.target)
                and (not holds or holds.encode() in record.payload)
                and (not protocol or record.protocol == protocol)
            ):
                return message
        raise StepFailed(f"no packet says: {label}")

    def none(self, label: str, **conditions: str) -> None:
        """Check that no packet fits.

        Raises:
            StepFailed: one does.
        """
        try:
            self.find(label, **conditions)  # type: ignore[arg-type]
        except StepFailed:
            return
        raise StepFailed(f"a packet says: {label}")


@dataclass(slots=True)
class Story:
    """One run of the story: the lab, the phones in it, and what they found out."""

    lab: Lab
    host: LabHost
    ready: ReadyFile
    phone: Phone = field(init=False)
    callee: Phone = field(init=False)
    example: ReadyExample = field(init=False)
    visiting: ClusterConfig = field(init=False)
    home: ClusterConfig = field(init=False)
    calls: dict[str, Call] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    """What the EM API answered, by the cluster asked."""

    def __post_init__(self) -> None:
        if self.ready.example is None:
            raise StepFailed("the lab has no example to run; add an `example` to the lab file")
        self.example = self.ready.example
        visiting = self.lab.cluster_of_phone(self.example.visiting_phone)
        home = next((cluster for cluster in self.lab.clusters if self.example.home_user in cluster.users_by_id), None)
        if visiting is None or home is None or visiting is home:
            raise StepFailed("the lab's example has to name a phone of one cluster and a user of another")
        self.visiting, self.home = visiting, home
        self.phone = make_phone(self.ready, self.example.visiting_phone, self._rng())
        callee = next(
            phone.name
            for phone in home.phones
            if not phone.is_third_party and any(line.directory_number == self.example.extension for line in phone.lines)
        )
        self.callee = make_phone(self.ready, callee, self._rng())

    def _rng(self) -> random.Random:
        return random.Random(self.lab.seed)

    @property
    def visiting_node(self) -> str:
        """Address of the visiting cluster's first node."""
        return self.visiting.publisher.address

    @property
    def home_node(self) -> str:
        """Address of the home cluster's first node."""
        return self.home.publisher.address

    @property
    def gateway(self) -> str:
        """Address of the visiting cluster's gateway."""
        return self.visiting.gateways[0].address

    @property
    def home_lines(self) -> tuple[str, ...]:
        """Directory numbers of the home user's default profile."""
        user = self.home.users_by_id[self.example.home_user]
        profile = self.home.device_profiles_by_name[user.default_profile or user.profiles[0]]
        return tuple(line.directory_number for line in profile.lines)

    async def power_off(self) -> None:
        """Switch both phones off."""
        await self.phone.power_off()
        await self.callee.power_off()

    async def ask_who_is_on(self, cluster: ClusterConfig) -> str:
        """Ask a cluster's EM API who is on the visiting phone, and note the answer."""
        example = self.example
        client = HttpClient(
            local_ip=CLIENT_ADDRESS,
            recorder=None,
            ssl_context=ssl.create_default_context(cafile=self.ready.ca_file),
        )
        document = (
            f"<query><appInfo><appID>{example.api_user}</appID><appCertificate>{example.api_password}</appCertificate>"
            f"</appInfo><deviceUserQuery><deviceName>{self.phone.identity.name}</deviceName></deviceUserQuery></query>"
        )
        node = cluster.publisher
        try:
            reply = await client.request(
                "POST",
                f"https://{node.address}:{node.ports.https}/emservice/EMServiceServlet",
                headers=[("Content-Type", "application/x-www-form-urlencoded")],
                body=em_xml.encode_form(document),
            )
        finally:
            await client.close()
        self.answers[cluster.name] = reply.body.decode()
        return self.answers[cluster.name]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story."""

    title: str
    act: Callable[[Story], Awaitable[str]]
    """Does it and says in a few words what came of it."""
    check: Callable[[Story, Evidence], None]
    """Looks at the step's packets; raises `StepFailed`."""
    since: int = 0
    """Index of the step whose packets count too: a login is one stream of packets over three steps."""


async def start_clusters(story: Story) -> str:
    """The lab is running when we come here: say what is there."""
    status = await story.host.status()
    trunks = [trunk for cluster in status.values() for trunk in cluster["call_processing"]["trunks"]]
    down = [trunk["name"] for trunk in trunks if trunk["status"] != "Full Service"]
    if down:
        raise StepFailed(f"trunk {down[0]} is not in service")
    return f"{' and '.join(status)} are up, {len(trunks)} trunks in full service"


def check_clusters(story: Story, evidence: Evidence) -> None:
    for asker, asked in ((story.visiting, story.home), (story.home, story.visiting)):
        there = asked.publisher.address
        evidence.find(f"{asker.name} pings {asked.name}", to=there, method="OPTIONS", sender=asker.publisher.address)
        evidence.find(f"{asked.name} answers the ping", sender=there, method="OPTIONS", status=200)
        evidence.find(f"{asker.name} asks {asked.name} for its services", to=there, target="getClusterInfo")


async def boot(story: Story) -> str:
    story.callee.power_on()
    story.phone.power_on()
    await story.callee.wait_registered(timeout_s=STEP_TIMEOUT_S)
    await story.phone.wait_registered(timeout_s=STEP_TIMEOUT_S)
    return f"{story.phone.identity.name} has {', '.join(story.phone.directory_numbers)} at {story.visiting.name}"


def check_boot(story: Story, evidence: Evidence) -> None:
    name, node, phone = story.phone.identity.name, story.visiting_node, story.phone.identity.address
    evidence.find("a missing trust list is refused over HTTP", sender=node, to=phone, status=503, protocol="http")
    evidence.find("and asked for by TFTP", sender=phone, target=f"CTL{name}.tlv", protocol="tftp")
    evidence.find("the configuration is fetched", sender=phone, to=node, target=f"{name}.cnf.xml", protocol="http")
    evidence.find("an alarm comes before the registration", sender=phone, method="REFER", holds="x-cisco-alarm")
    evidence.find("the alarm is accepted", to=phone, method="REFER", status=202)
    evidence.find("the phone registers all its lines", sender=phone, method="REGISTER", holds="<bulkregisterreq>")
    evidence.find("the node is trying", to=phone, method="REGISTER", status=100)
    evidence.find(
        "the node grants its keepalive interval", to=phone, method="REGISTER", status=200, holds="Expires: 120"
    )
    evidence.find("and says what it can do", to=phone, method="REGISTER", status=200, holds="<optionsind>")


async def log_in(story: Story) -> str:
    await story.phone.login(story.example.home_user, story.example.pin)
    return "the phone shows: " + story.phone.page_text


def check_pages(story: Story, evidence: Evidence) -> None:
    name, phone = story.phone.identity.name, story.phone.identity.address
    evidence.find("the service URL names the phone and says EMCC", sender=phone, target=f"device={name}&EMCC=true")
    evidence.find("a form is served", to=phone, status=200, holds="<CiscoIPPhoneInput>")
    submitted = evidence.find("the form is submitted", sender=phone, target=f"userid={story.example.home_user}")
    if story.example.pin.encode() in submitted.record.payload:
        raise StepFailed("the PIN stands in the trace")


async def find_home(story: Story) -> str:
    """What the two clusters recorded, as their EM APIs say it."""
    at_home = await story.ask_who_is_on(story.home)
    if "<emccDevice>yes</emccDevice>" not in at_home:
        raise StepFailed(f"{story.home.name} knows of no EMCC session: {at_home}")
    return f"{story.home.name} authenticated {story.example.home_user} and lent an EMCC base device"


def check_home(story: Story, evidence: Evidence) -> None:
    visiting, home = story.visiting_node, story.home_node
    evidence.find("the visiting cluster looks for the user", sender=visiting, to=home, holds="checkUser")
    evidence.find("the home cluster knows the user", sender=home, holds="<exists/>")
    evidence.find("the visiting cluster logs in at home", sender=visiting, to=home, holds="homeLogin")
    answer = evidence.find("home consumes an EMCC base device", sender=home, holds="<emccDevice>EMCC")
    if b"<roamingDevicePool></roamingDevicePool>" in answer.record.payload:
        raise StepFailed("home chose no roaming device pool")


async def move_home(story: Story) -> str:
    await story.phone.wait_until(
        lambda: story.phone.registered_at is not None and story.phone.registered_at[0] == story.home_node,
        timeout_s=STEP_TIMEOUT_S,
    )
    status = await story.host.status()
    left = [entry["device"] for entry in status[story.visiting.name]["call_processing"]["registrations"]]
    if story.phone.identity.name in left:
        raise StepFailed(f"the phone is still registered at {story.visiting.name}")
    return f"{story.phone.identity.name} has {', '.join(story.phone.directory_numbers)} at {story.home.name}"


def check_move(story: Story, evidence: Evidence) -> None:
    name, phone = story.phone.identity.name, story.phone.identity.address
    visiting, home = story.visiting_node, story.home_node
    evidence.find(
        "the visiting cluster orders a restart", sender=visiting, to=phone, method="NOTIFY", holds="action=restart"
    )
    evidence.find("the phone leaves", sender=phone, to=visiting, method="REGISTER", holds="Expires: 0")
    evidence.find("the phone asks where it belongs", sender=phone, to=visiting, target=f"{name}.cnf.xml")
    evidence.find("it is pointed to home's TFTP", sender=visiting, to=phone, holds="<emccMode>")
    evidence.find("it fetches its file from home", sender=phone, to=home, target=f"{name}.cnf.xml")
    line = story.home_lines[0]
    evidence.find(f"it registers {line} at home", sender=phone, to=home, method="REGISTER", holds=f"<sip:{line}@")
    evidence.find("home accepts", sender=home, to=phone, method="REGISTER", status=200)


def _is_settled(call: Call) -> bool:
    return call.state in (CallState.CONNECTED, CallState.ENDED)


async def place_calls(story: Story) -> str:
    example = story.example
    done = []
    story.callee.calls.is_auto_answer = True
    for number in (example.extension, example.pstn_number, example.emergency_number):
        call = await story.phone.dial(number)
        await story.phone.wait_until(partial(_is_settled, call), STEP_TIMEOUT_S)
        if call.state is not CallState.CONNECTED:
            raise StepFailed(f"the call to {number} failed: {call.end_reason}")
        await story.phone.calls.hang_up(call)
        done.append(number)
    for cluster in (story.home, story.visiting):
        records = await story.host.ask(cluster.name, "call_records")
        if not any(example.emergency_number in record["original_called_number"] for record in records):
            raise StepFailed(f"{cluster.name} has no record of the emergency call")
    return f"called {', '.join(done)}; call records at both clusters"


def check_calls(story: Story, evidence: Evidence) -> None:
    visiting, home, gateway, example = story.visiting_node, story.home_node, story.gateway, story.example
    callee = story.callee.identity.address
    evidence.find("the extension rings", sender=home, to=callee, method="INVITE")
    for number in (example.pstn_number, example.emergency_number):
        evidence.find(
            f"{number} goes to the visiting cluster", sender=home, to=visiting, method="INVITE", target=number
        )
    evidence.find("with the phone's location", sender=home, to=visiting, method="INVITE", holds="application/pidf+xml")
    evidence.find(
        "the PSTN call leaves by the local gateway",
        sender=visiting,
        to=gateway,
        method="INVITE",
        target=example.pstn_number[-10:],
    )
    evidence.find(
        "so does the emergency call",
        sender=visiting,
        to=gateway,
        method="INVITE",
        target=f"sip:{example.emergency_number}@",
    )
    evidence.none("a call left by home's gateway", to=story.home.gateways[0].address, method="INVITE")


async def log_out(story: Story) -> str:
    before = story.phone.registrations
    await story.phone.logout()
    await story.phone.wait_registered(after=before, timeout_s=STEP_TIMEOUT_S)
    for cluster in (story.visiting, story.home):
        answer = await story.ask_who_is_on(cluster)
        if "<userID>" in answer or "<emccDevice>yes" in answer:
            raise StepFailed(f"{cluster.name} still has a login: {answer}")
    return f"{story.phone.identity.name} has {', '.join(story.phone.directory_numbers)} at {story.visiting.name} again"


def check_logout(story: Story, evidence: Evidence) -> None:
    phone, visiting, home = story.phone.identity.address, story.visiting_node, story.home_node
    evidence.find("the user confirms", sender=phone, target="doLogout=true")
    evidence.find("the visiting cluster logs out at home", sender=visiting, to=home, holds="homeLogout")
    evidence.find("home orders a restart", sender=home, to=phone, method="NOTIFY", holds="action=restart")
    evidence.find("the phone is back", sender=visiting, to=phone, method="REGISTER", status=200)


STEPS: tuple[Step, ...] = (
    Step("Two clusters start and see each other", start_clusters, check_clusters),
    Step("A phone boots and registers where it stands", boot, check_boot),
    Step("A user of the other cluster logs in at its Services button", log_in, check_pages),
    Step("The home cluster is found, authenticates and lends a device", find_home, check_home, since=2),
    Step("The phone restarts and registers at home", move_home, check_move, since=2),
    Step("It calls an extension, the PSTN and an emergency number", place_calls, check_calls),
    Step("It logs out and comes back", log_out, check_logout),
)

"""Every error code from its real cause, through the services of a running lab, as it is seen on a phone's screen.

The tables say what was changed in the lab file or which fault was set. The texts are those of the guide's tables, in
English and in Japanese, with a space before the number.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from code_lab import CodeLab, Language, code_lab

from emcc_emu.rules.codes import CODES, displays, message_of

DESK = "SEP02EE00000003"
OTHER_DESK = "SEP02EE00000004"
EM_DISABLED = "SEP02EE00000005"
WITHOUT_EMCC = "SEP02EE00000006"
IN_BOTH_CLUSTERS = "SEP02EE00000007"

Look = Callable[[CodeLab, Language], str]
"""What a person does, and then reads on the screen."""


def logging_in(user: str, pin: str, service: str = "Extension Mobility") -> Look:
    """By the service's own pages, on a registered phone of that language."""
    return lambda lab, language: lab.log_in(language, user, pin, service)


def asking(query: str, *, from_phone: str = DESK, via: str = "") -> Look:
    """By one URL, as a phone at that address."""
    return lambda lab, language: lab.page(language, query, device=from_phone, via=via)


def one_request(device: str, user: str, pin: str) -> str:
    return f"device={device}&EMCC=true&userid={user}&seq={pin}"


def while_occupied(device: str, user: str, look: Look) -> Look:
    def occupied(lab: CodeLab, language: Language) -> str:
        with lab.occupied(device, user):
            return look(lab, language)

    return occupied


def while_busy(device: str, user: str, look: Look) -> Look:
    def busy(lab: CodeLab, language: Language) -> str:
        with lab.busy(device, user):
            return look(lab, language)

    return busy


AYAMADA = logging_in("ayamada", "13579")
"""A user of the other cluster."""
BMILLER = logging_in("bmiller", "11111")
"""A user of the phone's own cluster."""

UNAVAILABLE = ("Login is unavailable ({})", "ログインできません ({})")
NO_LOGOUT = ("Logout is unavailable ({})", "ログアウトできません ({})")
AGAIN = ("Please try to login again ({})", "再度ログインしてください ({})")
UNSUCCESSFUL = ("Login is unsuccessful ({})", "ログインに失敗しました ({})")
SEVERAL = ("DN has multiple users ({})", "DN に複数のユーザが存在します ({})")


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to a code."""

    code: int
    look: Look
    texts: tuple[str, str] = UNAVAILABLE
    shown: int | None = None
    """Number on the screen where it is another one than the code."""
    changes: str = ""
    """YAML laid over the lab file."""
    fault: dict[str, Any] | None = None
    """Set while the code is met."""

    @property
    def is_raised_by_emapp(self) -> bool:
        return self.code > 200

    def text(self, language: Language) -> str:
        return self.texts[language == "ja"].format(self.code if self.shown is None else self.shown)


def database(operation: str, cluster: str = "sanjose") -> dict[str, Any]:
    return {"kind": "database_error", "cluster": cluster, "operation": operation}


def down(service: str, cluster: str = "sanjose") -> dict[str, Any]:
    return {"kind": "service_down", "cluster": cluster, "service": service}


def link(kind: str) -> dict[str, Any]:
    return {"kind": kind, "link": ["sanjose", "tokyo"]}


def sanjose(text: str) -> str:
    return f"clusters: {{sanjose: {{{text}}}}}"


def tokyo(text: str) -> str:
    return f"clusters: {{tokyo: {{{text}}}}}"


MIXED = f"security_mode: mixed, phones: {{{DESK}: {{device_security_mode: encrypted}}}}"
LIMIT = "service_parameters: {maximum_concurrent_requests: 1}, service_times: {login: 500 ms}"
VALIDATES = "service_parameters: {validate_ip_address: yes}"
REFUSED_BY_LINK = asking(one_request(DESK, "ayamada", "13579"))

CASES = [
    Case(0, AYAMADA, fault={"kind": "service_error", "cluster": "sanjose", "service": "em_service"}),
    Case(2, logging_in("ayamada", "99999")),
    Case(4, BMILLER, fault=database("policy")),
    Case(4, AYAMADA, fault=database("any", "tokyo")),
    Case(5, asking(f"device={EM_DISABLED}&doLogout=true"), NO_LOGOUT),
    Case(6, BMILLER, fault=database("login")),
    Case(6, AYAMADA, fault=database("write", "tokyo")),
    Case(9, AYAMADA, fault=down("directory", "tokyo")),
    Case(11, asking(one_request("SEP0000000000FF", "bmiller", "11111"))),
    Case(12, logging_in("no-home-profile", "23232")),
    Case(18, while_occupied(DESK, "bmiller", asking(one_request(DESK, "cmoreau", "22222")))),
    Case(19, asking(f"device={DESK}&doLogout=true"), NO_LOGOUT),
    Case(20, asking(one_request(DESK, "bmiller", "11111")), fault=database("device")),
    Case(21, BMILLER, fault=database("login_status")),
    Case(22, asking(one_request(EM_DISABLED, "bmiller", "11111"))),
    Case(23, logging_in("nobody", "1")),
    Case(
        25,
        while_occupied(DESK, "bmiller", BMILLER),
        ("Multi-Login Not Allowed ({})", "マルチログインは許可されていません ({})"),
    ),
    Case(31, logging_in("no-emcc", "12121")),
    Case(32, asking(one_request(WITHOUT_EMCC, "ayamada", "13579"))),
    Case(37, asking(one_request(IN_BOTH_CLUSTERS, "ayamada", "13579"))),
    Case(40, AYAMADA, AGAIN, shown=23, fault=link("link_cut")),
    Case(41, logging_in("must-change-at-home", "34343"), ("PIN change is required", "PIN 変更が必要です")),
    Case(47, logging_in("3199", "45454", "By extension"), SEVERAL),
    Case(201, logging_in("bmiller", "99999"), AGAIN),
    Case(202, logging_in("bmiller", ""), AGAIN),
    Case(204, BMILLER, fault=down("directory")),
    Case(205, logging_in("no-profile", "55555")),
    Case(205, BMILLER, fault=database("user_profile")),
    Case(207, asking("EMCC=true")),
    Case(208, BMILLER, fault=down("em_service")),
    Case(208, asking(f"device={DESK}&doLogout=true"), NO_LOGOUT, fault=down("em_service")),
    Case(208, AYAMADA, fault=link("link_refused")),
    Case(213, logging_in("ayamada", "13579", "Without EMCC")),
    Case(215, asking(f"device={DESK}&loginType=XX"), ("LoginType invalid ({})", "loginType が無効です ({})")),
    Case(216, logging_in("2199", "66666", "By extension"), SEVERAL),
    Case(1, logging_in("3101", "13579", "By extension"), changes=tokyo("version: '11.5'")),
    Case(25, while_occupied(DESK, "bmiller", BMILLER), changes=sanjose("version: '12.0'")),
    Case(26, while_busy(DESK, "bmiller", logging_in("cmoreau", "22222")), changes=sanjose(LIMIT)),
    Case(28, asking(f"device={DESK}"), changes=sanjose(VALIDATES)),
    Case(29, asking(f"device={DESK}"), changes=sanjose(VALIDATES), fault=down("ris")),
    Case(30, asking(one_request(DESK, "bmiller", "11111"), via="1.1 proxy.example.test"), changes=sanjose(VALIDATES)),
    Case(33, AYAMADA, changes=tokyo("base_devices: 0")),
    Case(35, AYAMADA, changes=tokyo("remote_clusters: {}")),
    Case(36, AYAMADA, changes=sanjose("remote_clusters: {}")),
    Case(38, AYAMADA, changes=tokyo("remote_clusters: {sanjose: {emcc: no}}")),
    Case(39, AYAMADA, AGAIN, 201, tokyo("emcc: {default_tftp_server: none, backup_tftp_server: none}")),
    Case(42, AYAMADA, changes=sanjose("remote_clusters: {osaka: {fully_qualified_name: 127.22.0.10}}")),
    Case(43, AYAMADA, changes=tokyo("base_devices: {device_security_mode: encrypted}")),
    Case(44, AYAMADA, AGAIN, 201, tokyo("cluster_id: StandAloneCluster")),
    Case(
        45,
        asking(one_request(DESK, "ayamada", "13579")),
        UNSUCCESSFUL,
        changes=f"clusters: {{sanjose: {{{MIXED}}}, tokyo: {{version: '8.6'}}}}",
    ),
    Case(46, asking(one_request(DESK, "ayamada", "13579")), UNSUCCESSFUL, changes=sanjose(MIXED)),
    Case(201, AYAMADA, AGAIN, changes=sanjose("intercluster_service_profile: {emcc_active: no}")),
    Case(208, AYAMADA, changes=sanjose("remote_clusters: {tokyo: {certificates_imported: no}}")),
    Case(208, AYAMADA, changes=tokyo("remote_clusters: {sanjose: {certificates_imported: no}}")),
    Case(
        210,
        asking(f"device={DESK}"),
        changes="faults: {no-database: {kind: database_error, cluster: sanjose, operation: start}}",
    ),
    Case(211, AYAMADA, changes=sanjose("intercluster_service_profile: {pstn_access_active: no}")),
]


class Labs:
    """One running lab at a time: the one with the changes that were asked for last."""

    def __init__(self) -> None:
        self._changes = ""
        self._lab: CodeLab | None = None
        self._running = contextlib.ExitStack()

    def with_changes(self, changes: str) -> CodeLab:
        if self._lab is None or changes != self._changes:
            self.close()
            self._lab, self._changes = self._running.enter_context(code_lab(changes)), changes
        return self._lab

    def close(self) -> None:
        self._lab = None
        self._running.close()


@pytest.fixture(scope="module")
def labs() -> Iterator[Labs]:
    with contextlib.closing(Labs()) as shared:
        yield shared


@pytest.fixture
def lab(labs: Labs) -> CodeLab:
    """The lab as it is without changes."""
    return labs.with_changes("")


@pytest.mark.parametrize(
    ("case", "language"),
    [(case, language) for case in CASES for language in ("en", "ja")],
    ids=[f"{case.code}-{number}-{language}" for number, case in enumerate(CASES) for language in ("en", "ja")],
)
def test_the_phone_shows_the_code(labs: Labs, case: Case, language: Language) -> None:
    lab = labs.with_changes(case.changes)
    lab.phone(language)
    lab.packets()
    with lab.lab.fault(**case.fault) if case.fault else contextlib.nullcontext():
        assert case.look(lab, language) == case.text(language)
    if case.code != 208:  # raised by either
        assert (case.code in lab.codes_on_the_wire()) is not case.is_raised_by_emapp
    assert not lab.lab.status("tokyo")["base_devices"]["in_use"]
    assert not lab.lab.status("sanjose")["visiting_sessions"]["count"]


LOGIN = f"<login><deviceName>{DESK}</deviceName><userID>bmiller</userID></login>"
TIMED = LOGIN.replace("</login>", "<exclusiveDuration><time>5</time></exclusiveDuration></login>")


def app(name: str, password: str) -> str:
    return f"<appInfo><appID>{name}</appID><appCertificate>{password}</appCertificate></appInfo>"


BY_API: list[tuple[int, Callable[[CodeLab], str], dict[str, Any] | None]] = [
    (1, lambda lab: lab.request("<login><userID>bmiller</userID><deviceName>D</deviceName></login>"), None),
    (3, lambda lab: lab.request(LOGIN, app("emproxy", "guess")), None),
    (4, lambda lab: lab.request(LOGIN), database("policy")),
    (5, lambda lab: lab.request(f"<logout><deviceName>{EM_DISABLED}</deviceName></logout>"), None),
    (6, lambda lab: lab.request(LOGIN), database("login")),
    (
        6,
        lambda lab: lab.query(f"<deviceUserQuery><deviceName>{DESK}</deviceName></deviceUserQuery>"),
        database("query"),
    ),
    (7, lambda lab: lab.request(TIMED), database("automatic_logout")),
    (8, lambda lab: lab.query("<fooQuery/>"), None),
    (9, lambda lab: lab.request(LOGIN, app("no-rights", "nr-1357")), database("user")),
    (9, lambda lab: lab.request(LOGIN, app("no-rights", "nr-1357")), down("directory")),
    (10, lambda lab: lab.request(LOGIN, app("no-rights", "nr-1357")), None),
    (10, lambda lab: lab.request(LOGIN.replace("bmiller", "cmoreau"), app("bmiller", "bm-1357")), None),
    (12, lambda lab: lab.request(LOGIN.replace("</login>", "<deviceProfile>no</deviceProfile></login>")), None),
    (19, lambda lab: lab.request(f"<logout><deviceName>{DESK}</deviceName></logout>"), None),
    (22, lambda lab: lab.request(LOGIN.replace(DESK, EM_DISABLED)), None),
    (23, lambda lab: lab.request(LOGIN.replace("bmiller", "ayamada")), None),
    (27, lambda lab: lab.request(LOGIN, app("expired", "ex-1357")), None),
]


@pytest.mark.parametrize(
    ("code", "ask", "fault"), BY_API, ids=[f"{row[0]}-{number}" for number, row in enumerate(BY_API)]
)
def test_an_application_gets_the_code(
    lab: CodeLab, code: int, ask: Callable[[CodeLab], str], fault: dict[str, Any] | None
) -> None:
    with lab.lab.fault(**fault) if fault else contextlib.nullcontext():
        answer = ask(lab)
    text = "Could not authenticate &apos;emproxy&apos;" if code == 3 else message_of(code)
    assert f'<error code="{code}">{text}</error>'.replace("&apos;", "'") in answer
    assert not lab.lab.status("sanjose")["logins"]["count"]


def test_a_cluster_that_is_asked_under_a_wrong_id_answers_212(lab: CodeLab) -> None:
    lab.packets()
    assert lab.fetch("/emapp/EMAppServlet?getClusterInfo=true&clusterId=osaka").endswith(
        '<error code="212">Cluster ID is invalid</error></failure></emccResponse>'
    )
    assert 212 in lab.codes_on_the_wire()


def test_a_logout_while_home_is_cut_off_is_208_and_works_when_the_link_is_back(lab: CodeLab) -> None:
    assert lab.page("en", one_request(OTHER_DESK, "ksato", "24680"), device=OTHER_DESK) == ""
    with lab.lab.fault(**link("link_refused")):
        text = lab.page("ja", f"device={OTHER_DESK}&doLogout=true", device=OTHER_DESK)
    assert text == "ログアウトできません (208)"
    assert lab.lab.status("sanjose")["visiting_sessions"]["count"] == 1
    lab.page("en", f"device={OTHER_DESK}&doLogout=true", device=OTHER_DESK)
    assert not lab.lab.status("tokyo")["base_devices"]["in_use"]


def test_an_automatic_logout_that_cannot_be_removed_is_7_and_nothing_changes(lab: CodeLab) -> None:
    assert "<success/>" in lab.request(TIMED)
    with lab.lab.fault(**database("automatic_logout")):
        assert 'code="7"' in lab.request(f"<logout><deviceName>{DESK}</deviceName></logout>")
    assert lab.lab.status("sanjose")["logins"]["count"] == 1
    assert "<success/>" in lab.request(f"<logout><deviceName>{DESK}</deviceName></logout>")


def test_an_emapp_that_could_not_start_starts_anew_when_its_service_does(labs: Labs) -> None:
    lab = labs.with_changes(next(case.changes for case in CASES if case.code == 210))
    lab.lab.clear_faults("no-database")
    assert lab.page("en", f"device={DESK}") == "Login is unavailable (210)"
    with lab.lab.fault(**down("em_app")):
        assert lab.page("en", f"device={DESK}") == "HTTP Error[503]"
    assert lab.page("en", f"device={DESK}") == "Please sign on"


def test_every_code_is_met_here() -> None:
    met = {case.code for case in CASES} | {row[0] for row in BY_API} | {212}
    assert met == set(CODES)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_table_of_codes_promises_what_the_phones_show(language: Language) -> None:
    for case in CASES:
        if "12.0" not in case.changes:
            assert case.text(language) in displays(CODES[case.code], language).split(" / ")
    shown = {case.code for case in CASES}
    assert {code for code in CODES if displays(CODES[code], language)} - shown == {3, 8, 10, 212}


def leaf_keys(tree: dict[str, Any]) -> set[str]:
    """The settings that a change sets, without the groups and names above them."""
    keys: set[str] = set()
    for key, value in tree.items():
        keys |= leaf_keys(value) if isinstance(value, dict) and value else {key}
    return keys


@pytest.mark.parametrize("case", CASES, ids=[str(case.code) for case in CASES])
def test_the_table_of_codes_names_the_setting_or_the_fault_that_was_used_here(case: Case) -> None:
    told = CODES[case.code].provoke
    if case.fault is not None and case.fault.get("operation") not in ("any", "write"):
        assert f"kind: {case.fault['kind']}" in told
        for field in ("operation", "service"):
            assert field not in case.fault or f"{field}: {case.fault[field]}" in told
    if "12.0" not in case.changes:
        for key in leaf_keys(yaml.safe_load(case.changes) or {}) - {"cluster"}:
            assert key in told

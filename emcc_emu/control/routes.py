"""Every route of the control API, declared once: the server, its OpenAPI document and the command line follow this."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from emcc_emu.control.sections import SECTIONS, PublicSection
from emcc_emu.lab.faults import Fault
from emcc_emu.settings.declaration import Duration, Settings

__all__ = ["EVERY_CLUSTER", "ROUTES", "Route"]

EVERY_CLUSTER = "*"
"""In the place of a cluster's name: the same change at every cluster that runs here."""

MAX_LISTED = 100_000

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class ListQuery(Settings, frozen=True, kw_only=True):
    """Which entries of a list to give."""

    match: str = ""
    """Only entries whose name contains this, in any case."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LISTED)] = 1000
    """At most so many."""


class SessionQuery(Settings, frozen=True, kw_only=True):
    """Which sessions to give."""

    user: str = ""
    """Only this user's."""

    device: str = ""
    """Only the one on this device."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LISTED)] = 1000
    """At most so many."""


class PhoneOrder(Settings, frozen=True, kw_only=True):
    """What a phone is told to do."""

    order: Literal["restart", "reset"] = "restart"
    """`restart` reads its configuration again; `reset` starts it anew."""


class JobRun(Settings, frozen=True, kw_only=True):
    """Which periodic job to run now."""

    job: str
    """Its name as the list of jobs shows it."""


class BulkJob(Settings, frozen=True, kw_only=True):
    """A job with EMCC base devices."""

    action: Literal["insert", "update", "delete"]
    """What to do with them."""

    count: Annotated[int, Meta(ge=0, le=30000)] = 0
    """How many to insert or delete."""

    reset: bool = False
    """Whether an update resets the phones that stand on them."""

    delay_s: Duration = 0
    """How long to wait on the calendar clock; nothing is Run Immediately."""


class ClockAdvance(Settings, frozen=True, kw_only=True):
    """How far to move calendar time."""

    by_s: Duration
    """Forward, as `10:00`, `30 min` or `1 d`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: Method
    path: str
    operation: str
    """Unique name of the operation."""

    summary: str

    question: str
    """What is asked of the cluster in the path; a path without cluster is answered by the host."""

    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Parameters that every such question has."""

    query: type[Settings] | None = None
    """What may stand behind the question mark."""

    body: type[Settings] | None = None
    """What the body holds, as JSON, spelt as in a lab file."""

    is_partial: bool = False
    """Whether the body may leave out any field, and null puts one back to its default."""

    answer: PublicSection | None = None
    """Section whose entry is the answer; None for any other object."""

    is_list: bool = False
    """Whether the answer is `{"count": …, "entries": […]}`."""

    @property
    def changes(self) -> bool:
        """Whether it changes the configuration of a cluster."""
        return self.question == "change_entry"

    @property
    def path_names(self) -> tuple[str, ...]:
        """The names in braces in the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


def _section_routes(public: PublicSection) -> Iterator[Route]:
    name, title = public.name, public.title
    base = f"/clusters/{{cluster}}/{name}"
    entry = f"{base}/{{name}}" if public.section.is_keyed else base
    word = name.replace("-", "_")
    here: dict[str, Any] = {"section": name}
    body = public.section.settings_class
    if public.section.is_keyed:
        yield Route(
            "GET", base, f"list_{word}", f"List: {title}.", "list_entries", here, ListQuery, answer=public, is_list=True
        )
    yield Route("GET", entry, f"get_{word}", f"Show {title}.", "get_entry", here, answer=public)
    if public.is_read_only:
        return
    change = {**here, "action": "change"}
    yield Route(
        "PATCH",
        entry,
        f"change_{word}",
        f"Change {title}.",
        "change_entry",
        change,
        body=body,
        is_partial=True,
        answer=public,
    )
    if public.section.is_keyed and not public.has_fixed_entries:
        add, remove = {**here, "action": "add"}, {**here, "action": "remove"}
        yield Route(
            "PUT", entry, f"add_{word}", f"Add {title}.", "change_entry", add, body=body, is_partial=True, answer=public
        )
        yield Route("DELETE", entry, f"remove_{word}", f"Remove {title}.", "change_entry", remove)


def _other_routes() -> Iterator[Route]:
    cluster = "/clusters/{cluster}"
    yield Route("GET", "/lab", "lab", "Name of the lab, its clusters, where its traces and databases are.", "")
    yield Route("GET", "/status", "status", "Status of every cluster, null for one whose process has died.", "")
    yield Route("GET", "/clock", "clock", "Calendar time of every cluster.", "")
    yield Route(
        "POST",
        "/clock/advance",
        "advance_clock",
        "Move calendar time, run what is due on the way.",
        "",
        body=ClockAdvance,
    )
    yield Route("GET", "/faults", "faults", "What goes wrong on purpose, by name.", "")
    yield Route("PUT", "/faults/{name}", "set_fault", "Put a fault in force.", "", body=Fault, is_partial=True)
    yield Route("DELETE", "/faults/{name}", "clear_fault", "End a fault.", "")
    yield Route("DELETE", "/faults", "clear_faults", "End all faults.", "")
    yield Route("GET", f"{cluster}/status", "cluster_status", "Status of one cluster.", "status")
    yield Route("GET", f"{cluster}/counters", "counters", "Counters as the performance monitor names them.", "counters")
    yield Route(
        "GET", f"{cluster}/sessions", "sessions", "Who is logged in.", "sessions", query=SessionQuery, is_list=True
    )
    yield Route(
        "DELETE", f"{cluster}/sessions/{{device}}", "end_session", "Log out whoever is on a device.", "end_session"
    )
    yield Route(
        "POST",
        f"{cluster}/phones/{{name}}/order",
        "order_phone",
        "Restart or reset a phone.",
        "order_phone",
        body=PhoneOrder,
    )
    yield Route("GET", f"{cluster}/jobs", "jobs", "The job scheduler.", "jobs")
    yield Route("POST", f"{cluster}/jobs/run", "run_job", "Run a periodic job now.", "run_job", body=JobRun)
    yield Route(
        "POST",
        f"{cluster}/jobs/bulk",
        "submit_bulk_job",
        "Insert, update or delete EMCC base devices.",
        "submit_bulk_job",
        body=BulkJob,
    )
    yield Route(
        "POST",
        f"{cluster}/remote-clusters/{{name}}/update",
        "update_remote_cluster",
        "Update Remote Cluster Now.",
        "update_remote_cluster",
    )
    yield Route(
        "GET",
        f"{cluster}/intercluster-service-profile/validation",
        "validate_service_profile",
        "Validate the intercluster service profile.",
        "validate_service_profile",
    )
    yield Route(
        "GET", f"{cluster}/phone-feature-list", "phone_feature_list", "Which models support EMCC.", "phone_feature_list"
    )
    yield Route("GET", f"{cluster}/call-records", "call_records", "The newest call records.", "call_records")


ROUTES: tuple[Route, ...] = (
    *_other_routes(),
    *(route for public in SECTIONS.values() for route in _section_routes(public)),
)
"""All of them; `/openapi.json`, which describes them, is apart."""

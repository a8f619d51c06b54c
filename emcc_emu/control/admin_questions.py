"""What an administrator may ask of a running cluster, and tell it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from emcc_emu.cluster.administration import phone_feature_list, remote_cluster_entry, service_profile_report
from emcc_emu.cluster.cluster import Cluster
from emcc_emu.cluster.records import JobRecord
from emcc_emu.control.counters import CLUSTER_COUNTERS, NODE_COUNTERS
from emcc_emu.control.sections import PublicSection, find_section
from emcc_emu.errors import EmError, InputError, LabError
from emcc_emu.lab.changes import Change
from emcc_emu.lab.model import DeviceProfile, PhoneConfig, RemoteCluster, User
from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.mistakes import nearest_word, show_value
from emcc_emu.settings.writing import plain_settings

__all__ = ["admin_questions"]

Params = dict[str, Any]

CODE_NO_USER = 19


def admin_questions(cluster: Cluster) -> dict[str, Callable[[Params], Awaitable[Any]]]:
    """The questions by name; each takes its parameters and gives something JSON can say."""
    desk = _AdminDesk(cluster)
    return {
        "list_entries": desk.list_entries,
        "get_entry": desk.get_entry,
        "change_entry": desk.change_entry,
        "order_phone": desk.order_phone,
        "sessions": desk.sessions,
        "end_session": desk.end_session,
        "counters": desk.counters,
        "jobs": desk.jobs,
        "run_job": desk.run_job,
        "submit_bulk_job": desk.submit_bulk_job,
        "update_remote_cluster": desk.update_remote_cluster,
        "validate_service_profile": desk.validate_service_profile,
        "phone_feature_list": desk.phone_feature_list,
        "clock": desk.clock,
        "move_clock": desk.move_clock,
    }


class _AdminDesk:
    """Answers for one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._state = cluster.state

    # ------------------------------------------------------------------ configuration

    async def list_entries(self, params: Params) -> dict[str, Any]:
        """The entries of a section whose name contains `match`, at most `limit` of them."""
        public = find_section(params["section"])
        match, limit = params["match"].casefold(), params["limit"]
        entries = getattr(self._cluster.config, public.section.field)
        found = [entry for entry in entries if match in str(getattr(entry, public.section.key_field)).casefold()]
        return {"count": len(found), "entries": [self._view(public, entry) for entry in found[:limit]]}

    async def get_entry(self, params: Params) -> dict[str, Any]:
        """One entry."""
        public = find_section(params["section"])
        return self._view(public, self._cluster.em.administration.entry(public.section.field, params.get("name", "")))

    async def change_entry(self, params: Params) -> dict[str, Any] | None:
        """Change, add or remove an entry; answers with the entry as it is then."""
        public, name, action = find_section(params["section"]), params.get("name", ""), params["action"]
        change = Change(section=public.section.field, name=name, action=action, values=params.get("values", {}))
        await self._cluster.em.administration.make(change)
        return None if action == "remove" else await self.get_entry(params)

    def _view(self, public: PublicSection, entry: Settings) -> dict[str, Any]:
        view = plain_settings(entry, without=(*public.secrets, "count"))
        if public.name == "base-devices":
            view["count"] = len(self._state.base_devices)
            view["in_use"] = self._state.base_devices.in_use_count
        return view | self._live(entry)

    def _live(self, entry: Settings) -> dict[str, Any]:
        """What is not configured but so at this moment."""
        state = self._state
        match entry:
            case User():
                return {
                    "pin_must_change": state.must_change_pin(entry.user_id),
                    "devices": state.devices_of_user(entry.user_id),
                }
            case PhoneConfig():
                visiting = state.visiting_session(entry.name)
                return {
                    "registered": self._cluster.call_manager.is_registered(entry.name),
                    "user": state.user_on(entry.name),
                    "logged_in_to": visiting.home_cluster_id if visiting is not None else None,
                }
            case DeviceProfile():
                return {"devices": sorted(state.devices_with_profile(entry.name))}
            case RemoteCluster():
                status = state.remote_cluster(entry.cluster_id)
                return {} if status is None else msgspec.to_builtins(status)
            case _:
                return {}

    # ------------------------------------------------------------------ phones and sessions

    async def order_phone(self, params: Params) -> dict[str, Any]:
        """Reset or restart a phone; `sent` is false when it is not registered here."""
        name = params["name"].upper()
        if self._state.device(name) is None:
            raise self._no_such_phone(name)
        return {"device": name, "sent": self._cluster.call_manager.reset_device(name, params["order"])}

    async def sessions(self, params: Params) -> dict[str, Any]:
        """Who is logged in: inside the cluster, our users at other clusters, users of other clusters on our phones."""
        wanted = {name: params[name] for name in ("user", "device") if params[name]}
        found = [
            entry for entry in self._sessions() if all(entry[name].lower() == wanted[name].lower() for name in wanted)
        ]
        return {"count": len(found), "entries": found[: params["limit"]]}

    def _sessions(self) -> Iterator[dict[str, Any]]:
        state = self._state
        for login in state.logins():
            yield {
                "kind": "login",
                "device": login.device_name,
                "user": login.user_id,
                "profile": login.profile,
                "since_s": login.login_time_s,
                "duration_s": login.login_duration_s,
            }
        for home in state.home_sessions():
            yield {
                "kind": "home",
                "device": home.device_name,
                "user": home.user_id,
                "profile": home.profile,
                "since_s": home.login_time_s,
                "duration_s": home.login_duration_s,
                "emcc_device": home.emcc_device,
                "cluster_id": home.visiting_cluster_id,
                "roaming_device_pool": home.roaming_device_pool,
                "registered": self._cluster.call_manager.is_registered(home.device_name),
            }
        for visiting in state.remote_logins():
            yield {
                "kind": "visiting",
                "device": visiting.device_name,
                "user": visiting.user_id,
                "since_s": visiting.login_time_s,
                "emcc_device": visiting.emcc_device,
                "cluster_id": visiting.home_cluster_id,
            }

    async def end_session(self, params: Params) -> dict[str, Any]:
        """Log out whoever is on a device, as the administration page's Log Out button does.

        At the visiting cluster that only cleans its database: the phone stays at home until it is reset or logged out
        there.
        """
        device, desk, state = params["device"].upper(), self._cluster.em.desk, self._state
        try:
            if state.home_session(device) is not None:
                kind, user = "home", (await desk.close_home_session(device, "admin")).user_id
            elif state.visiting_session(device) is not None:
                kind, user = "visiting", (await desk.close_visiting_session(device, "admin")).user_id or ""
            else:
                kind, user = "login", (await desk.log_out(device, "admin")).user_id or ""
        except EmError as error:
            if error.code == CODE_NO_USER:
                raise InputError(f"nobody is logged in on {show_value(device)}") from None
            raise LabError(f"the logout failed with code {error.code}") from error
        return {"device": device, "kind": kind, "user": user}

    def _no_such_phone(self, name: str) -> InputError:
        nearest = nearest_word(name, self._cluster.config.phones_by_name)
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        return InputError(f"{self._cluster.name} has no phone {show_value(name)}{hint}")

    # ------------------------------------------------------------------ reports

    async def counters(self, _: Params) -> dict[str, Any]:
        """The counters by the performance monitor's names, of each node and of the cluster."""
        nodes = {
            name: {title: read(services.em_service.counters) for title, read in NODE_COUNTERS.items()}
            for name, services in self._cluster.nodes.items()
        }
        return {"nodes": nodes, "cluster": {title: read(self._state) for title, read in CLUSTER_COUNTERS.items()}}

    async def validate_service_profile(self, _: Params) -> dict[str, Any]:
        """What Validate says of the intercluster service profile."""
        lines = service_profile_report(self._cluster.config)
        return {"ok": all(line["ok"] for line in lines), "checks": lines}

    async def phone_feature_list(self, _: Params) -> list[dict[str, Any]]:
        """Which phone models support EMCC."""
        return phone_feature_list(self._cluster.config)

    # ------------------------------------------------------------------ jobs

    async def jobs(self, _: Params) -> dict[str, Any]:
        """The job scheduler: jobs that have run or wait, the newest last, and when the periodic ones run next."""
        return {"jobs": [_job(job) for job in self._state.jobs], "next_runs": self._cluster.em.jobs.next_runs()}

    async def run_job(self, params: Params) -> dict[str, Any]:
        """Run a periodic job now."""
        names = self._cluster.em.jobs.next_runs()
        name = params["job"]
        if name not in names:
            nearest = nearest_word(name, names)
            hint = f"did you mean {nearest!r}?" if nearest else f"there are {', '.join(names)}"
            raise InputError(f"{show_value(name)} is no job; {hint}")
        return {"job": name, "result": await self._cluster.em.jobs.run(name)}

    async def submit_bulk_job(self, params: Params) -> dict[str, Any]:
        """Insert, update or delete EMCC base devices, now or later."""
        job = await self._cluster.em.bulk_jobs.submit(
            params["action"], count=params["count"], resets=params["reset"], delay_s=params["delay_s"]
        )
        return _job(job)

    async def update_remote_cluster(self, params: Params) -> dict[str, Any]:
        """Update Remote Cluster Now."""
        cluster_id = remote_cluster_entry(self._cluster.config, params["name"]).cluster_id
        try:
            status = await self._cluster.em.updates.update(cluster_id)
        except EmError as error:
            raise LabError(f"the update failed with code {error.code}") from error
        return dict(msgspec.to_builtins(status))

    # ------------------------------------------------------------------ clock

    async def clock(self, _: Params) -> dict[str, Any]:
        """Calendar time, its offset from wall time, and when the next work is due."""
        clock = self._cluster.clock
        due_s = clock.next_due_s()
        return {
            "time_s": clock.time(),
            "offset_s": clock.offset_s,
            "next_due_s": due_s if math.isfinite(due_s) else None,
        }

    async def move_clock(self, params: Params) -> list[dict[str, Any]]:
        """Make the calendar's offset exactly `offset_s`, and wait for the work that is due then."""
        ran = await self._cluster.clock.move_offset(params["offset_s"], params.get("since_s"))
        return [{"work": work.name, "due_s": work.due_s} for work in ran]


def _job(job: JobRecord) -> dict[str, Any]:
    return {**msgspec.to_builtins(job), "status": job.status}

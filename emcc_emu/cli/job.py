"""`emcc-emu job`: the job scheduler of a running lab, and what an administration page has buttons for."""

from __future__ import annotations

from typing import Any

import click

from emcc_emu.cli.control_client import ControlClient, control_options, draw_entries, draw_entry, print_json
from emcc_emu.errors import InputError, LabError

__all__ = ["command"]

JOB_COLUMNS = ("cluster", "id", "name", "status", "result")


@click.group("job")
def command() -> None:
    """Run jobs of a running lab: periodic ones, bulk jobs, logouts, resets.

    \b
    Examples:
      emcc-emu job list --against ready.json
      emcc-emu job run "remote cluster update" --cluster tokyo
      emcc-emu job insert-emcc-devices 27 --cluster tokyo
      emcc-emu job insert-emcc-devices 27 --cluster tokyo --in 2:00
      emcc-emu job logout SEP02AA00000001 --cluster tokyo
    """


@command.command("list")
@control_options
def list_jobs(client: ControlClient, as_json: bool) -> None:
    """List jobs that have run or wait.

    \b
    Example:
      emcc-emu job list --against ready.json
    """
    answers = {cluster: client.ask("GET", "clusters", cluster, "jobs") for cluster in client.clusters}
    if as_json:
        print_json(answers)
        return
    draw_entries([{"cluster": name, **job} for name, each in answers.items() for job in each["jobs"]], JOB_COLUMNS)


@command.command("run")
@click.argument("name", metavar="JOB")
@control_options
def run_job(client: ControlClient, name: str, as_json: bool) -> None:
    """Run the periodic JOB now, at every cluster or at one.

    \b
    Example:
      emcc-emu job run "expired EMCC device maintenance" --cluster tokyo
    """
    answers = {
        cluster: client.ask("POST", "clusters", cluster, "jobs", "run", body={"job": name})
        for cluster in client.clusters
    }
    if as_json:
        print_json(answers)
        return
    for cluster, answer in answers.items():
        click.echo(f"{cluster}: {answer['result']}")


def _submit(client: ControlClient, as_json: bool, **body: Any) -> None:
    """Submit a bulk job; one that failed at once exits with 1."""
    cluster = client.one_cluster()
    job = client.ask("POST", "clusters", cluster, "jobs", "bulk", body=body)
    if as_json:
        print_json(job)
    elif job["status"] == "pending":
        click.echo(f"{cluster}: job {job['id']} waits; emcc-emu job list shows it")
    elif job["status"] == "completed":
        click.echo(f"{cluster}: job {job['id']}: {job['result']}")
    if job["status"] == "failed":
        raise LabError(f"{cluster}: job {job['id']} {job['result']}")


@command.command("insert-emcc-devices")
@click.argument("count", type=click.IntRange(1, 30000))
@click.option("--in", "delay", default="0", metavar="DURATION", help="Run later, on the calendar clock: 2:00, 1 d.")
@control_options
def insert(client: ControlClient, count: int, delay: str, as_json: bool) -> None:
    """Insert COUNT EMCC base devices; numbers go on from the highest one used.

    \b
    Example:
      emcc-emu job insert-emcc-devices 27 --cluster tokyo
    """
    _submit(client, as_json, action="insert", count=count, delay=delay)


@command.command("delete-emcc-devices")
@click.argument("count", type=click.IntRange(1, 30000))
@click.option("--in", "delay", default="0", metavar="DURATION", help="Run later, on the calendar clock: 2:00, 1 d.")
@control_options
def delete(client: ControlClient, count: int, delay: str, as_json: bool) -> None:
    """Delete COUNT EMCC base devices that are free, the highest numbers first.

    \b
    Example:
      emcc-emu job delete-emcc-devices 10 --cluster tokyo
    """
    _submit(client, as_json, action="delete", count=count, delay=delay)


@command.command("update-emcc-devices")
@click.option("--reset", is_flag=True, help="Reset the phones that stand on them.")
@click.option("--in", "delay", default="0", metavar="DURATION", help="Run later, on the calendar clock: 2:00, 1 d.")
@control_options
def update(client: ControlClient, reset: bool, delay: str, as_json: bool) -> None:
    """Update the EMCC base devices from the default EMCC template.

    \b
    Example:
      emcc-emu job update-emcc-devices --reset --cluster tokyo
    """
    _submit(client, as_json, action="update", reset=reset, delay=delay)


@command.command("update-remote-cluster")
@click.argument("cluster_id", metavar="CLUSTER_ID")
@control_options
def update_remote_cluster(client: ControlClient, cluster_id: str, as_json: bool) -> None:
    """Update Remote Cluster Now: ask CLUSTER_ID for its version and services.

    \b
    Example:
      emcc-emu job update-remote-cluster tokyo --cluster sanjose
    """
    cluster = client.cluster_of("remote-clusters", cluster_id)
    answer = client.ask("POST", "clusters", cluster, "remote-clusters", cluster_id, "update")
    print_json(answer) if as_json else draw_entry(answer, f"{cluster}: {cluster_id}")


@command.command("logout")
@click.argument("device", metavar="DEVICE")
@control_options
def logout(client: ControlClient, device: str, as_json: bool) -> None:
    """Log out whoever is on DEVICE.

    At the visiting cluster this only cleans its database: the phone stays registered at home until it is reset or
    logged out there.

    \b
    Example:
      emcc-emu job logout SEP02AA00000001 --cluster tokyo
    """
    cluster = _cluster_with_session(client, device)
    answer = client.ask("DELETE", "clusters", cluster, "sessions", device)
    print_json(answer) if as_json else click.echo(f"{cluster}: {answer['user']} is logged out of {answer['device']}")


def _cluster_with_session(client: ControlClient, device: str) -> str:
    """The chosen cluster, or the only one with a session on the device.

    Raises:
        InputError: None has one, or home and visiting cluster both do.
    """
    clusters = client.clusters
    if len(clusters) == 1:
        return clusters[0]
    found = [name for name in clusters if client.ask("GET", "clusters", name, "sessions", device=device)["count"]]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{device} has a session at several clusters: --cluster {' or --cluster '.join(found)}")
    raise InputError(f"nobody is logged in on {device}")


@command.command("restart")
@click.argument("phone", metavar="PHONE")
@click.option("--reset", is_flag=True, help="Start the phone anew, instead of having it read its configuration again.")
@control_options
def restart(client: ControlClient, phone: str, reset: bool, as_json: bool) -> None:
    """Restart or reset a registered PHONE.

    \b
    Example:
      emcc-emu job restart SEP02AA00000002 --reset
    """
    cluster = client.cluster_of("phones", phone)
    order = "reset" if reset else "restart"
    answer = client.ask("POST", "clusters", cluster, "phones", phone, "order", body={"order": order})
    if as_json:
        print_json(answer)
    elif answer["sent"]:
        click.echo(f"{cluster}: {phone} was told to {order}")
    if not answer["sent"]:
        raise LabError(f"{cluster}: {phone} is not registered there")

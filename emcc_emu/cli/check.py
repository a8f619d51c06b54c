"""`emcc-emu check`: is this lab file right, and what is in it?"""

from __future__ import annotations

from pathlib import Path

import click

from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.lab.reference import lab_reference
from emcc_emu.lab.schema import lab_schema_text

__all__ = ["command"]


@click.command("check")
@click.argument("lab_file", metavar="LAB", required=False, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of lab files, for editors, and do nothing else.")
@click.option("--reference", is_flag=True, help="Print every setting with its default, as Markdown, and nothing else.")
def command(lab_file: Path | None, schema: bool, reference: bool) -> None:
    """Say what is in a lab file, or everything that is wrong with it.

    Each mistake is one line: file, line, field, value, the rule it breaks and the nearest valid word.
    Nothing is started. Ends with 0 if the file is right, with 2 if not.

    \b
    Example:
      emcc-emu check fixtures/labs/two-clusters.yaml
      emcc-emu check --schema > lab.schema.json
    """
    if schema:
        click.echo(lab_schema_text(), nl=False)
    elif reference:
        click.echo(lab_reference(), nl=False)
    elif lab_file is None:
        raise click.UsageError("Give a lab file, --schema or --reference.")
    else:
        click.echo(_summary(load_lab(lab_file)))


def _summary(lab: Lab) -> str:
    return "\n".join([f"{lab.name}: OK", *(_cluster_line(cluster) for cluster in lab.clusters)])


def _cluster_line(cluster: ClusterConfig) -> str:
    addresses = ", ".join(f"{node.name} {node.address}" for node in cluster.nodes)
    remote_ids = ", ".join(remote.cluster_id for remote in cluster.remote_clusters) or "none"
    counts = (
        f"{len(cluster.phones)} phones, {len(cluster.users)} users, {len(cluster.device_profiles)} device profiles, "
        f"{cluster.base_devices.count} EMCC base devices"
    )
    kind = f"release {cluster.version}, {cluster.security_mode.replace('_', '-')}"
    return f"  {cluster.name} (Cluster ID {cluster.cluster_id}, {kind}): {addresses}; {counts}; knows {remote_ids}"

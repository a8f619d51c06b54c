"""`emcc-emu certificates`: make the keys and trust stores of a lab, to be carried to the machines that run it."""

from __future__ import annotations

from pathlib import Path

import click

from emcc_emu.host.certificates import CertificateStore
from emcc_emu.host.lab_host import imported_clusters, lab_nodes
from emcc_emu.lab.load import load_lab

__all__ = ["command"]


@click.command("certificates")
@click.argument("lab_file", metavar="LAB", type=click.Path(path_type=Path))
@click.option("--state", type=click.Path(path_type=Path), required=True, help="State directory of `emcc-emu up`.")
def command(lab_file: Path, state: Path) -> None:
    """Make the certificates of every node of LAB and the trust store of every cluster.

    `emcc-emu up` makes them itself; this is for labs that run on several machines, which need the same ones.

    \b
    Example:
      emcc-emu certificates lab.yaml --state ./state
      scp -r ./state/certificates other-host:state/
    """
    lab = load_lab(lab_file)
    store = CertificateStore(state / "certificates")
    store.make(lab_nodes(lab), imported_clusters(lab))
    click.echo(f"certificates are in {store.directory}; API clients trust {store.ca_file}")

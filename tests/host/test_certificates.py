"""The lab's certificates: made once, right for their address, trusted only where they were imported."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import pytest

from emcc_emu.errors import InputError
from emcc_emu.host.certificates import CertificateStore, NodeNames

NODES = (NodeNames("sanjose", "sj-pub", "127.0.0.1"), NodeNames("tokyo", "tk-pub", "127.0.0.1"))


def made(directory: Path, imports: dict[str, list[str]]) -> CertificateStore:
    store = CertificateStore(directory)
    store.make(NODES, imports)
    return store


async def handshake(store: CertificateStore, client_cluster: str) -> None:
    """Connect a client of one cluster to tokyo's node."""
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=store.server_context("tokyo", "tk-pub")
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=store.client_context(client_cluster))
        writer.close()
        await writer.wait_closed()


async def test_a_cluster_trusts_the_clusters_whose_certificates_it_imported(tmp_path: Path) -> None:
    await handshake(made(tmp_path, {"sanjose": ["tokyo"], "tokyo": ["sanjose"]}), "sanjose")


async def test_a_cluster_refuses_a_caller_whose_certificates_it_did_not_import(tmp_path: Path) -> None:
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await handshake(made(tmp_path, {"sanjose": ["tokyo"]}), "sanjose")


def without_own_certificates(directory: Path) -> CertificateStore:
    """A store in which sanjose trusts tokyo and has nothing to show."""
    store = made(directory, {})
    store.node_file("sanjose", "sj-pub").unlink()
    store.trust_file("sanjose").write_bytes(store.trust_file("tokyo").read_bytes())
    return store


async def test_a_client_without_certificate_is_served(tmp_path: Path) -> None:
    await handshake(without_own_certificates(tmp_path), "sanjose")


async def test_a_cluster_that_imported_nothing_refuses_the_other(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(made(tmp_path, {}), "sanjose")


def test_making_again_keeps_certificates_that_still_fit(tmp_path: Path) -> None:
    store = made(tmp_path, {})
    before = store.node_file("tokyo", "tk-pub").read_bytes()
    store.make(NODES, {})
    assert store.node_file("tokyo", "tk-pub").read_bytes() == before


def test_a_node_that_moved_gets_a_new_certificate(tmp_path: Path) -> None:
    store = made(tmp_path, {})
    before = store.node_file("tokyo", "tk-pub").read_bytes()
    store.make([NodeNames("tokyo", "tk-pub", "127.0.0.2")], {})
    assert store.node_file("tokyo", "tk-pub").read_bytes() != before


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    store = made(tmp_path, {})
    assert stat.S_IMODE(store.node_file("tokyo", "tk-pub").stat().st_mode) == 0o600


def test_a_missing_certificate_names_the_command_that_makes_it(tmp_path: Path) -> None:
    store = CertificateStore(tmp_path / "certificates")
    with pytest.raises(InputError, match=r"emcc-emu certificates lab\.yaml --state"):
        store.require(NODES, "lab.yaml")

"""Foreign TFTP clients fetch from our server: tftp-hpa, atftp and curl, with and without options."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emcc_emu.net.tftp_server import TftpServer

CONTENT = bytes(range(256)) * 40
FILES = {
    "SEP001122334455.cnf.xml": CONTENT,
    "whole-blocks": bytes(1024),
    "empty": b"",
    "english/sp-sip.jar": b"jar",
    "text": b"one\ntwo\n",
}

CURL_NOT_FOUND, CURL_ACCESS_VIOLATION = 68, 69
"""Exit statuses by which curl tells ERROR 1 and 2 (curl's manual, "EXIT CODES")."""


@pytest.fixture
async def server() -> AsyncIterator[TftpServer]:
    async with TftpServer(("127.0.0.1", 0), lambda name, peer: FILES.get(name)) as running:
        yield running


async def run(program: str, *arguments: str, folder: Path) -> tuple[int, str]:
    """Run a foreign program and return its exit status and everything that it said."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    process = await asyncio.create_subprocess_exec(
        path, *arguments, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace")


async def fetch_with_tftp(server: TftpServer, name: str, folder: Path, mode: str = "octet") -> tuple[bytes | None, str]:
    host, port = server.address
    _, said = await run("tftp", host, str(port), "-m", mode, "-c", "get", name, "got", folder=folder)
    return _read(folder), said


async def fetch_with_atftp(server: TftpServer, name: str, folder: Path, *options: str) -> tuple[bytes | None, str]:
    host, port = server.address
    arguments = [part for option in options for part in ("--option", option)]
    _, said = await run("atftp", *arguments, "-g", "-r", name, "-l", "got", host, str(port), folder=folder)
    return _read(folder), said


async def fetch_with_curl(server: TftpServer, name: str, folder: Path, *options: str) -> tuple[bytes | None, int]:
    host, port = server.address
    url = f"tftp://{host}:{port}/{name}"
    status, _ = await run("curl", "-sS", "--path-as-is", *options, "-o", "got", url, folder=folder)
    return (_read(folder) if status == 0 else None), status


def _read(folder: Path) -> bytes | None:
    got = folder / "got"
    return got.read_bytes() if got.exists() else None


@pytest.mark.parametrize("name", list(FILES))
async def test_tftp_hpa_fetches_every_kind_of_file(server: TftpServer, tmp_path: Path, name: str) -> None:
    assert (await fetch_with_tftp(server, name, tmp_path))[0] == FILES[name]


async def test_tftp_hpa_fetches_in_netascii(server: TftpServer, tmp_path: Path) -> None:
    assert (await fetch_with_tftp(server, "text", tmp_path, "netascii"))[0] == b"one\ntwo\n"


@pytest.mark.parametrize("name", ["SEP001122334455.cnf.xml", "whole-blocks", "empty"])
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("blksize 1428",),
        ("blksize 1428", "tsize 0", "timeout 2"),
        ("blksize 512", "windowsize 4"),
        ("windowsize 3", "tsize 0"),
    ],
)
async def test_atftp_fetches_with_every_option(
    server: TftpServer, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    assert (await fetch_with_atftp(server, name, tmp_path, *options))[0] == FILES[name]


@pytest.mark.parametrize("name", ["SEP001122334455.cnf.xml", "whole-blocks", "english/sp-sip.jar"])
@pytest.mark.parametrize("options", [(), ("--tftp-blksize", "1428"), ("--tftp-no-options",)])
async def test_curl_fetches_with_and_without_options(
    server: TftpServer, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    assert (await fetch_with_curl(server, name, tmp_path, *options))[0] == FILES[name]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "dir/../../etc/passwd"])
async def test_names_that_climb_out_are_refused_to_all_clients(server: TftpServer, tmp_path: Path, name: str) -> None:
    got, said = await fetch_with_tftp(server, name, tmp_path)
    assert not got and "Access violation" in said
    assert await fetch_with_curl(server, name, tmp_path) == (None, CURL_ACCESS_VIOLATION)
    got, said = await fetch_with_atftp(server, name, tmp_path)
    assert not got and "Access violation" in said


async def test_a_missing_file_is_reported_as_missing(server: TftpServer, tmp_path: Path) -> None:
    assert "File not found" in (await fetch_with_tftp(server, "missing", tmp_path))[1]
    assert await fetch_with_curl(server, "missing", tmp_path) == (None, CURL_NOT_FOUND)


async def test_uploads_are_refused(server: TftpServer, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"x")
    host, port = server.address
    _, said = await run("tftp", host, str(port), "-m", "octet", "-c", "put", "mine", folder=tmp_path)
    assert "Access violation" in said

"""Keys and trust stores of a lab: one self-signed Tomcat certificate a node, one trust store a cluster.

Unified CM's nodes carry self-signed Tomcat certificates (P-256 here), and clusters trust each other because an
administrator exchanged them by bulk certificate management.  The trust store of a cluster therefore holds its own
nodes' certificates and those of every cluster whose certificates it imported; leave one out and its logins end in
code 208, as they do in the product.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emcc_emu.errors import InputError

__all__ = ["CertificateStore", "NodeNames"]

VALIDITY_DAYS = 5 * 365
"""Unified CM's self-signed certificates last five years."""


@dataclass(frozen=True, slots=True)
class NodeNames:
    """What a node's certificate has to name."""

    cluster: str
    node: str
    address: str
    """IPv4 or IPv6 address of the node, the name by which phones and clusters reach it."""


@dataclass(frozen=True, slots=True)
class CertificateStore:
    """The certificates of one lab in a directory: `CLUSTER/NODE.pem`, `CLUSTER/trust.pem` and `ca.pem`."""

    directory: Path

    @property
    def ca_file(self) -> Path:
        """Every node's certificate in one file: what an API client of any cluster has to trust."""
        return self.directory / "ca.pem"

    def node_file(self, cluster: str, node: str) -> Path:
        """Key and certificate of a node, readable by its owner only."""
        return self.directory / cluster / f"{node}.pem"

    def trust_file(self, cluster: str) -> Path:
        """Certificates that the cluster's services trust."""
        return self.directory / cluster / "trust.pem"

    def make(self, nodes: Iterable[NodeNames], imports: Mapping[str, Iterable[str]]) -> None:
        """Make what is missing or names another address, and write the trust stores anew.

        Args:
            nodes: Every node of the lab.
            imports: For each cluster, the clusters whose certificates it has imported.
        """
        certificates: dict[str, list[bytes]] = {}
        for names in nodes:
            path = self.node_file(names.cluster, names.node)
            pem = _certificate_in(path, names.address)
            if pem is None:
                pem = _write_new(path, names)
            certificates.setdefault(names.cluster, []).append(pem)
        for cluster, own in certificates.items():
            trusted = own + [pem for other in imports.get(cluster, ()) for pem in certificates.get(other, [])]
            self.trust_file(cluster).write_bytes(b"".join(trusted))
        self.ca_file.write_bytes(b"".join(pem for pems in certificates.values() for pem in pems))

    def require(self, nodes: Iterable[NodeNames], lab_file: str) -> None:
        """Check that every certificate is there.

        Raises:
            InputError: one is missing; the text names the command that makes it.
        """
        for names in nodes:
            if _certificate_in(self.node_file(names.cluster, names.node), names.address) is None:
                raise InputError(
                    f"no certificate for node {names.node} ({names.address}) of cluster {names.cluster} in "
                    f"{self.directory}; make it with: emcc-emu certificates {lab_file} --state {self.directory.parent}"
                )

    def server_context(self, cluster: str, node: str) -> ssl.SSLContext:
        """TLS settings with which the node serves HTTPS.

        Phones and API clients show no certificate; a cluster that shows one has to be in the trust store.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.node_file(cluster, node))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.trust_file(cluster))
        return context

    def client_context(self, cluster: str) -> ssl.SSLContext:
        """TLS settings with which the cluster's services call each other and other clusters.

        They show the certificate of one of the cluster's nodes. TLS 1.2, the newest that releases before 15 have, also
        makes a certificate that the other side does not trust fail the handshake and not the first request.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.trust_file(cluster))
        own = self._own_node_file(cluster)
        if own is not None:
            context.load_cert_chain(own)
        return context

    def _own_node_file(self, cluster: str) -> Path | None:
        """Key and certificate of a node of the cluster that its trust store still has."""
        trusted = self.trust_file(cluster).read_bytes()
        for path in sorted(self.directory.joinpath(cluster).glob("*.pem")):
            _, marker, certificate = path.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")
            if path != self.trust_file(cluster) and marker + certificate in trusted:
                return path
        return None


def _certificate_in(path: Path, address: str) -> bytes | None:
    """The certificate in the file as PEM, or None when it is missing, broken, expired or for another address."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return None
    addresses = names.get_values_for_type(x509.IPAddress)
    if ipaddress.ip_address(address) not in addresses:
        return None
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        return None
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_new(path: Path, names: NodeNames) -> bytes:
    """Make a key and a self-signed certificate for the node; returns the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, names.node),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, names.cluster),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "emcc-emu lab"),
        ]
    )
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=VALIDITY_DAYS))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(names.address)), x509.DNSName(f"{names.node}.{names.cluster}")]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key_pem + pem)
    return pem

"""A broker that is particular about who comes: TLS, client certificates, SASL, ACLs, and an advertised address astray.

Each listener is one way of being refused. Certificates are made by openssl for the time of a test session.
"""

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import ensure_jars
from devstack.ports import LOOPBACK, free_port
from tests.support.acls import EVERY_OPERATION, Kind, allow

OPENSSL = shutil.which("openssl") or "openssl"
USER, PASSWORD, PASSPHRASE = "feed", "made-up-secret", "made-up-passphrase"
SCOPE = "feeds"
LISTENERS = ("PLAINTEXT", "SASL", "SECURED", "TLS", "MUTUAL", "EXPIRED", "ELSEWHERE", "ASTRAY")
_PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "SASL": "SASL_PLAINTEXT",
    "SECURED": "SASL_SSL",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
    "ASTRAY": "PLAINTEXT",
}
_CERTIFICATES = {"SECURED": "good", "TLS": "good", "MUTUAL": "good", "EXPIRED": "expired", "ELSEWHERE": "elsewhere"}
_CA_CONFIGURATION = """
[ca]
default_ca = test
[test]
new_certs_dir = .
database = index
serial = serial
default_md = sha256
policy = any
[any]
commonName = supplied
"""
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_MODULES = "org.apache.kafka.common.security"
_SCRAM_LOGIN = f"{_MODULES}.scram.ScramLoginModule required;"
_TOKENS = (
    f'{_MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="{USER}" '
    f'unsecuredValidatorRequiredScope="{SCOPE}";'
)
_LOGIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'


@dataclass(frozen=True, slots=True)
class GuardedBroker:
    """A running broker: a port for each listener, and the folder with certificates."""

    server: KafkaServer
    ports: dict[str, int]
    folder: Path
    advertised_port: int

    def address(self, listener: str) -> str:
        """The bootstrap server of a listener."""
        return f"{LOOPBACK}:{self.ports[listener]}"

    async def hide(self, kind: Kind, name: str) -> None:
        """Have only somebody else see it. What no ACL speaks of, all users see."""
        await allow(self.address("PLAINTEXT"), "other", kind, name, EVERY_OPERATION)

    async def allow(self, kind: Kind, name: str, operation: int) -> None:
        """Allow the user one operation, and all others nothing that they are not allowed."""
        await allow(self.address("PLAINTEXT"), USER, kind, name, operation)


@asynccontextmanager
async def guarded_broker(folder: Path) -> AsyncIterator[GuardedBroker]:
    """A broker for the time of a block."""
    make_certificates(folder)
    ports = {listener: free_port() for listener in LISTENERS}
    advertised_port, controller_port = free_port(), free_port()
    server = KafkaServer(
        folder / "kafka",
        ports["PLAINTEXT"],
        jars=ensure_jars(print),
        controller_port=controller_port,
        settings=_settings(folder, ports, advertised_port, controller_port),
        format_options=[f"--add-scram={mechanism}=[name={USER},password={PASSWORD}]" for mechanism in _SCRAM],
    )
    await server.start()
    try:
        yield GuardedBroker(server, ports, folder, advertised_port)
    finally:
        server.kill()


def _settings(folder: Path, ports: dict[str, int], advertised_port: int, controller_port: int) -> dict[str, str]:
    listeners = [f"{name}://{LOOPBACK}:{port}" for name, port in ports.items()]
    advertised = [line for line in listeners if not line.startswith("ASTRAY")]
    protocols = ",".join(f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items())
    settings = {
        "listeners": ",".join([*listeners, f"CONTROLLER://{LOOPBACK}:{controller_port}"]),
        "advertised.listeners": ",".join([*advertised, f"ASTRAY://{LOOPBACK}:{advertised_port}"]),
        "listener.security.protocol.map": f"{protocols},CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": _LOGIN,
        "listener.name.secured.sasl.enabled.mechanisms": f"PLAIN,OAUTHBEARER,{','.join(_SCRAM)}",
        "listener.name.secured.plain.sasl.jaas.config": _LOGIN,
        "listener.name.secured.oauthbearer.sasl.jaas.config": _TOKENS,
        **{f"listener.name.secured.{one.lower()}.sasl.jaas.config": _SCRAM_LOGIN for one in _SCRAM},
        "listener.name.mutual.ssl.client.auth": "required",
    }
    for listener, certificate in _CERTIFICATES.items():
        prefix = f"listener.name.{listener.lower()}.ssl"
        settings |= {
            f"{prefix}.keystore.type": "PEM",
            f"{prefix}.keystore.location": str(folder / f"{certificate}.pem"),
            f"{prefix}.truststore.type": "PEM",
            f"{prefix}.truststore.location": str(folder / "ca.crt"),
        }
    return settings


def make_certificates(folder: Path) -> None:
    """Make a CA, another that nobody trusts, and certificates of the first: good, expired, for another host.

    The key of the good one is there with a passphrase, too.
    """
    for name in ("ca", "stranger"):
        key = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key")
        _openssl(folder, "req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", "-out", f"{name}.crt")
    (folder / "ca.cnf").write_text(_CA_CONFIGURATION)
    (folder / "index").touch()
    (folder / "serial").write_text("01")
    valid = ("-days", "2")
    long_ago = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    _certificate(folder, "good", f"IP:{LOOPBACK}", *valid)
    _certificate(folder, "elsewhere", "DNS:elsewhere.invalid", *valid)
    _certificate(folder, "expired", f"IP:{LOOPBACK}", *long_ago)
    locked = ("-aes256", "-in", "good.key", "-passout", f"pass:{PASSPHRASE}", "-out", "locked.key")
    _openssl(folder, "rsa", *locked)


def _certificate(folder: Path, name: str, host: str, *period: str) -> None:
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key")
    _openssl(folder, "req", *key, "-subj", f"/CN={name}", "-out", f"{name}.csr")
    (folder / "extensions").write_text(f"subjectAltName={host}\n")
    ca = ("-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key", "-extfile", "extensions")
    _openssl(folder, "ca", "-batch", "-notext", *ca, "-in", f"{name}.csr", "-out", f"{name}.crt", *period)
    (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run([OPENSSL, *arguments], cwd=folder, check=True, capture_output=True)

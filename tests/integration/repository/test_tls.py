"""TLS to PostgreSQL, up to verify-full, with real certificates: right, of another CA, for another host, expired."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from devstack.endpoints import Endpoints
from repository.errors import StoreUnavailable, WrongDatabaseUrl
from repository.pool import open_session
from tests.support.guarded_broker import PASSPHRASE, make_certificates
from tests.support.tls_postgres import tls_postgres

FULL = {"sslmode": "verify-full", "sslrootcert": "ca.crt"}
ACCEPTED = {
    "verify-full": ("good", FULL),
    "verify-ca": ("good", {**FULL, "sslmode": "verify-ca"}),
    "verify-ca, for another host": ("elsewhere", {**FULL, "sslmode": "verify-ca"}),
    "require, whatever it shows": ("stranger", {"sslmode": "require"}),
    "a client certificate": ("good", {**FULL, "sslcert": "good.crt", "sslkey": "good.key"}),
    "a client key with a passphrase": (
        "good",
        {**FULL, "sslcert": "good.crt", "sslkey": "locked.key", "sslpassword": PASSPHRASE},
    ),
}
REFUSED = {
    "another CA": ("stranger", FULL, "the server's certificate is not accepted: self-signed certificate (sslrootcert)"),
    "another CA, verify-ca": ("stranger", {**FULL, "sslmode": "verify-ca"}, "self-signed certificate (sslrootcert)"),
    "another host": ("elsewhere", FULL, "the server's certificate is not accepted: IP address mismatch"),
    "expired": ("expired", FULL, "the server's certificate is not accepted: certificate has expired"),
    "no TLS where it is wanted": ("good", {"sslmode": "disable"}, "no encryption"),
    "a wrong passphrase": (
        "good",
        {**FULL, "sslcert": "good.crt", "sslkey": "locked.key", "sslpassword": "guessed"},
        "sslcert",
    ),
    "an expired client certificate": ("good", {**FULL, "sslcert": "expired.crt", "sslkey": "expired.key"}, "sslcert"),
    "no client certificate": ("good", FULL, "sslcert"),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    return folder


def with_parameters(url: str, parameters: Mapping[str, str], folder: Path) -> str:
    """The URL with these parameters, files being in the folder."""
    files = {"sslrootcert", "sslcert", "sslkey"}
    given = {name: str(folder / value) if name in files else value for name, value in parameters.items()}
    return f"{url}?{urlencode(given, quote_via=quote)}"


@pytest.mark.parametrize("name", ACCEPTED)
async def test_a_connection_that_is_right_is_encrypted(stack: Endpoints, certificates: Path, name: str) -> None:
    certificate, parameters = ACCEPTED[name]
    asks = "sslcert" in parameters
    async with tls_postgres(stack.database_url, certificates, certificate, asks=asks) as url:
        session = await open_session(with_parameters(url, parameters, certificates), application_name="tests")
        assert await session.fetchval("SELECT 1") == 1
        await session.close()


@pytest.mark.parametrize("name", REFUSED)
async def test_one_that_is_wrong_is_told_in_one_line(stack: Endpoints, certificates: Path, name: str) -> None:
    certificate, parameters, said = REFUSED[name]
    asks = "client" in name
    async with tls_postgres(stack.database_url, certificates, certificate, asks=asks) as url:
        with pytest.raises((StoreUnavailable, WrongDatabaseUrl)) as caught:
            await open_session(with_parameters(url, parameters, certificates), application_name="tests")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "guessed" not in str(caught.value)


async def test_a_wrong_password_and_a_server_without_tls_are_told_in_one_line(
    stack: Endpoints, certificates: Path
) -> None:
    async with tls_postgres(stack.database_url, certificates, "good") as url:
        wrong = with_parameters(f"postgresql://postgres:guessed@{url.rpartition('@')[2]}", FULL, certificates)
        with pytest.raises(StoreUnavailable, match="password authentication failed") as caught:
            await open_session(wrong, application_name="tests")
    assert "guessed" not in str(caught.value)
    with pytest.raises(StoreUnavailable, match="rejected SSL upgrade"):
        await open_session(f"{stack.database_url}?sslmode=require", application_name="tests")

"""What a `postgresql://` URL asks for, in the words that asyncpg understands.

asyncpg knows a part of libpq's parameters and takes the others for settings of the server, which refuses them at
every connection. Here each is honoured, or refused by its name before anything is connected. What is left can be
a setting of the server (`search_path`, `statement_timeout`) and is passed on.

Source: libpq's "Parameter Key Words", PostgreSQL 18.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

Access = Literal["any", "primary", "read-write", "read-only", "standby", "prefer-standby"]

DEFAULT_CONNECT_TIMEOUT_S = 10.0
SHORTEST_CONNECT_TIMEOUT_S = 2.0  # as libpq has it

_HOST_PORT = r"\s*(\[[\da-fA-F:.]+\]|[^\s,:\[\]]+)(:\d{1,5})?\s*"
HOSTS = re.compile(f"{_HOST_PORT}(,{_HOST_PORT})*")
_PORT = re.compile(r":(\d+)\s*(?:,|$)")
LAST_PORT = 65_535

WITHOUT_END_S = 86_400.0

SCHEMES = ("postgresql", "postgres")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ACCESSES: tuple[Access, ...] = ("any", "primary", "read-write", "read-only", "standby", "prefer-standby")

# Read by asyncpg itself.
PASSED_ON = frozenset(
    """
    host port dbname database user password passfile service krbsrvname gsslib sslmode sslcert sslkey sslrootcert
    sslcrl sslpassword sslnegotiation ssl_min_protocol_version ssl_max_protocol_version
    """.split()  # noqa: SIM905 - as a list it takes a page
)
# Honoured here and in `repository.connecting`.
HONOURED = frozenset(
    """
    application_name fallback_application_name hostaddr connect_timeout target_session_attrs tcp_user_timeout tty
    keepalives keepalives_idle keepalives_interval keepalives_count schema currentSchema
    """.split()  # noqa: SIM905
)
# Those values of the others that ask for nothing else than what is done anyway.
HARMLESS: Mapping[str, frozenset[str]] = {
    "channel_binding": frozenset({"disable", "prefer"}),
    "client_encoding": frozenset({"auto", "utf8", "utf-8", "unicode"}),
    "gssdelegation": frozenset({"0"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "load_balance_hosts": frozenset({"disable"}),
    "max_protocol_version": frozenset({"latest", "3.0", "3.2"}),
    "min_protocol_version": frozenset({"3.0"}),
    "replication": frozenset({"false", "off", "no", "0"}),
    "sslcertmode": frozenset({"allow"}),
    "sslcompression": frozenset({"0", "1"}),  # libpq ignores it since PostgreSQL 14
    "sslsni": frozenset({"1"}),
    # of other drivers, in the URLs that hosted databases give
    "pgbouncer": frozenset({"true", "false"}),
    "prepareThreshold": frozenset({"0"}),  # pgjdbc's, SQLAlchemy's and asyncpg's way to say that there is a pooler
    "prepared_statement_cache_size": frozenset({"0"}),
    "sslaccept": frozenset({"strict"}),
    "statement_cache_size": frozenset({"0"}),
    "supa": frozenset({"base-pooler.x"}),
    "uselibpqcompat": frozenset({"true"}),
}
# How large another driver's own pool is and how long it waits for it; ours has DATABASE_POOL_SIZE.
POOL_OF_ANOTHER_DRIVER = frozenset({"connection_limit", "pool_timeout"})
_WITHOUT_STATEMENTS = frozenset({"prepareThreshold", "prepared_statement_cache_size", "statement_cache_size"})
# Those that cannot be honoured, with what to write in their place.
REFUSED: Mapping[str, str] = {
    "requirepeer": "leave it out",
    "require_auth": "leave it out",
    "scram_client_key": "give the password",
    "scram_server_key": "give the password",
    "sslkeylogfile": "set SSLKEYLOGFILE",
    "ssl": "use sslmode",
    "socket_timeout": "leave it out",
    "ssl-mode": "use sslmode",
    "sslidentity": "use sslcert and sslkey",
}


class UnusableUrl(ValueError):
    """A URL of a database that asks for something that cannot be had; the message names it, never a value."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """When the operating system asks whether an idle connection is still there; None leaves it to the system."""

    enabled: bool = True
    idle_s: int | None = None
    interval_s: int | None = None
    count: int | None = None
    user_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL as asyncpg takes it, and what it does not take from there.

    `tls` replaces what `dsn` says of certificates. `verifies_for_channel_binding`: the server's certificate is
    verified in place of a binding, which asyncpg cannot do; it protects from the same.
    """

    dsn: str = field(repr=False)
    server_settings: Mapping[str, str] = field(default_factory=dict)
    connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S
    keep_alive: KeepAlive = KeepAlive()
    access: Access | None = None
    tls: ssl.SSLContext | None = None
    verifies_for_channel_binding: bool = False
    names_pooler: bool = False
    wants_tls: bool = False


def read_database_url(url: str) -> DatabaseUrl:
    """Read what a URL asks for.

    Raises:
        UnusableUrl: it is no `postgresql://` URL, or a parameter asks for what cannot be had.
    """
    parts = _split(url)
    given = _parameters(parts.query)
    _refuse_what_cannot_be_had(given)
    verifies = given.get("channel_binding") == "require"
    if verifies:
        _verify_instead_of_binding(given)
    tls = _system_tls(given) if given.get("sslrootcert") == "system" else None
    if given.get("hostaddr") and not (parts.hostname or given.get("host")):
        given["host"] = given["hostaddr"]
    passed_on = {name: value for name, value in given.items() if name in PASSED_ON}
    return DatabaseUrl(
        dsn=parts._replace(query=urlencode(passed_on)).geturl(),
        server_settings=_server_settings(given),
        connect_timeout_s=_connect_timeout_s(given),
        keep_alive=_keep_alive(given),
        access=_access(given),
        tls=tls,
        verifies_for_channel_binding=verifies,
        names_pooler=given.get("pgbouncer") == "true" or not _WITHOUT_STATEMENTS.isdisjoint(given),
        wants_tls=given.get("sslmode") in {"require", "verify-ca", "verify-full"},
    )


def _split(url: str) -> SplitResult:
    if url[:1] in {'"', "'"}:
        raise UnusableUrl("is in quotation marks, which belong to no URL")
    try:
        parts = urlsplit(url)
    except ValueError:  # its message may quote the password
        parts = SplitResult("postgresql", "[", "", "", "")
    scheme, plus, _ = parts.scheme.partition("+")
    if scheme not in SCHEMES:
        raise UnusableUrl("is not a postgresql:// URL: it begins with something else")
    if plus:
        raise UnusableUrl("names a driver of SQLAlchemy; it must begin with postgresql://")
    hosts = parts.netloc.rpartition("@")[2]
    if any(int(port) > LAST_PORT for port in _PORT.findall(hosts)):
        raise UnusableUrl("has a port over 65535")
    if hosts and not are_hosts(hosts):
        raise UnusableUrl("is not a postgresql:// URL, or its password has a / # ? that is not percent-encoded")
    # a password that begins with digits looks like a port up to the character that ends it
    if parts.fragment or "@" in parts.path or ("@" in parts.query and "@" not in parts.netloc):
        raise UnusableUrl("has a # or an @ behind its host: a / # ? in the password must be percent-encoded")
    return parts


def database_of(url: str) -> str:
    """Return which database a URL names: servers and name, without who logs in and how."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def are_hosts(text: str) -> bool:
    """Return whether it is a list of host or host:port, each port one that there is."""
    return HOSTS.fullmatch(text) is not None and all(int(port) <= LAST_PORT for port in _PORT.findall(text))


def _parameters(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:  # its message quotes the text
        raise UnusableUrl("has a query that is not name=value&name=value") from None


def _refuse_what_cannot_be_had(given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name in REFUSED or name.startswith("oauth_"):
            raise UnusableUrl(f"has the parameter {name}, which is not supported; {REFUSED.get(name, 'leave it out')}")
        bound = (name, value) == ("channel_binding", "require")
        if name in HARMLESS and value.lower() not in HARMLESS[name] and not bound:
            allowed = ", ".join(sorted(HARMLESS[name]))
            raise UnusableUrl(f"has the parameter {name} with a value that is not supported; it may be: {allowed}")
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        if given.get(name, "system") != "system" and not Path(given[name]).is_file():
            raise UnusableUrl(f"has the parameter {name}, which names no file")
    for name in POOL_OF_ANOTHER_DRIVER:
        _whole_number(given, name)
    _one_of(given, "sslmode", SSL_MODES)
    _one_of(given, "sslnegotiation", ("postgres", "direct"))
    if any(int(port) > LAST_PORT for port in given.get("port", "").split(",") if port.isdecimal()):
        raise UnusableUrl("has the parameter port with a number over 65535")
    if "hostaddr" in given and "host" in given:
        raise UnusableUrl("has the parameters host and hostaddr; give one of them")


def _one_of(given: Mapping[str, str], name: str, values: tuple[str, ...]) -> None:
    if name in given and given[name] not in values:
        raise UnusableUrl(f"has the parameter {name} with an unknown value; it may be: {', '.join(values)}")


def _verify_instead_of_binding(given: dict[str, str]) -> None:
    if given.get("sslmode") == "disable":
        raise UnusableUrl("has the parameters channel_binding=require and sslmode=disable, which exclude each other")
    given["sslmode"] = "verify-full"
    given.setdefault("sslrootcert", "system")


def _system_tls(given: Mapping[str, str]) -> ssl.SSLContext:
    """Trust the certificates that the system trusts, for the host's name: what sslrootcert=system means."""
    if given.get("sslmode", "verify-full") != "verify-full":
        raise UnusableUrl("has the parameter sslrootcert=system, which goes with sslmode=verify-full only")
    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    try:
        if "sslcert" in given:
            context.load_cert_chain(given["sslcert"], given.get("sslkey"), given.get("sslpassword", ""))
    except OSError as error:
        raise UnusableUrl(f"has the parameter sslcert or sslkey with an unusable file: {error.strerror}") from error
    for name, attribute in (
        ("ssl_min_protocol_version", "minimum_version"),
        ("ssl_max_protocol_version", "maximum_version"),
    ):
        if name in given:
            setattr(context, attribute, _tls_version(given, name))
    return context


def _tls_version(given: Mapping[str, str], name: str) -> ssl.TLSVersion:
    try:
        return ssl.TLSVersion[given[name].replace(".", "_")]
    except KeyError:
        raise UnusableUrl(f"has the parameter {name} with an unknown value; it may be: TLSv1.2, TLSv1.3") from None


def _server_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Return what only the server can judge."""
    own = PASSED_ON | HARMLESS.keys() | HONOURED | POOL_OF_ANOTHER_DRIVER
    settings = {name: value for name, value in given.items() if name not in own}
    if search_path := _search_path(given):
        settings.setdefault("search_path", search_path)
    if name := given.get("application_name") or given.get("fallback_application_name"):
        settings["application_name"] = name
    return settings


def _search_path(given: Mapping[str, str]) -> str | None:
    """Return the path that other drivers ask for: Prisma's `schema` is one name, pgjdbc's `currentSchema` a path."""
    if schema := given.get("schema"):
        return '"' + schema.replace('"', '""') + '"'
    return given.get("currentSchema")


def _connect_timeout_s(given: Mapping[str, str]) -> float:
    """Return the timeout; for 0, with which libpq waits without end, a day is as good."""
    seconds = _whole_number(given, "connect_timeout")
    if seconds is None:
        return DEFAULT_CONNECT_TIMEOUT_S
    return max(SHORTEST_CONNECT_TIMEOUT_S, float(seconds)) if seconds > 0 else WITHOUT_END_S


def _keep_alive(given: Mapping[str, str]) -> KeepAlive:
    return KeepAlive(
        enabled=_whole_number(given, "keepalives") != 0,
        idle_s=_whole_number(given, "keepalives_idle") or None,
        interval_s=_whole_number(given, "keepalives_interval") or None,
        count=_whole_number(given, "keepalives_count") or None,
        user_timeout_ms=_whole_number(given, "tcp_user_timeout") or None,
    )


def _whole_number(given: Mapping[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        return int(given[name])
    except ValueError:
        raise UnusableUrl(f"has the parameter {name}, which is not a whole number") from None


def _access(given: Mapping[str, str]) -> Access | None:
    name = "target_session_attrs"
    _one_of(given, name, ACCESSES)
    return next((access for access in ACCESSES if access == given.get(name)), None)

"""A database's URL is honoured as libpq would, or the parameter is named before anything is connected."""

import ssl

import pytest

from repository.database_url import DEFAULT_CONNECT_TIMEOUT_S, KeepAlive, UnusableUrl, read_database_url

BASE = "postgresql://feed:se%2Fcret@db.example:6543/feeds"


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require",
        "channel_binding=prefer&gssencmode=disable",
        "gssencmode=prefer&sslsni=1&sslcompression=0",
        "client_encoding=UTF8&load_balance_hosts=disable",
        "pgbouncer=true",
        "pgbouncer=true&connection_limit=1&pool_timeout=15",
        "sslmode=require&supa=base-pooler.x",
        "tty=ignored&replication=off",
        "sslmode=require&sslaccept=strict",
        "statement_cache_size=0",
        "prepared_statement_cache_size=0",
        "prepareThreshold=0",
    ],
)
def test_what_asks_for_nothing_special_leaves_no_setting_for_the_server(query: str) -> None:
    assert read_database_url(f"{BASE}?{query}").server_settings == {}


def test_without_parameters_all_is_as_libpq_has_it() -> None:
    url = read_database_url(BASE)
    assert (url.dsn, url.connect_timeout_s, url.access) == (BASE, DEFAULT_CONNECT_TIMEOUT_S, None)
    assert url.keep_alive == KeepAlive(enabled=True)


def test_what_asyncpg_understands_is_left_to_it() -> None:
    query = "sslmode=verify-ca&passfile=%2Fetc%2Fpgpass&sslnegotiation=direct&service=feeds"
    assert read_database_url(f"{BASE}?{query}").dsn == f"{BASE}?{query}"


def test_timeouts_and_keepalives_are_honoured() -> None:
    query = "connect_timeout=7&keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3"
    url = read_database_url(f"{BASE}?{query}&tcp_user_timeout=9000")
    assert url.connect_timeout_s == 7
    assert url.keep_alive == KeepAlive(enabled=True, idle_s=30, interval_s=10, count=3, user_timeout_ms=9000)
    assert not read_database_url(f"{BASE}?keepalives=0").keep_alive.enabled


@pytest.mark.parametrize(("seconds", "waits_s"), [("1", 2.0), ("0", 86_400.0), ("-1", 86_400.0), ("30", 30.0)])
def test_a_connect_timeout_means_what_it_means_to_libpq(seconds: str, waits_s: float) -> None:
    assert read_database_url(f"{BASE}?connect_timeout={seconds}").connect_timeout_s == waits_s


def test_settings_of_the_server_are_passed_on() -> None:
    url = read_database_url(f"{BASE}?options=-csearch_path%3Dfeeds%2Cpublic&statement_timeout=5s")
    assert url.server_settings == {"options": "-csearch_path=feeds,public", "statement_timeout": "5s"}


@pytest.mark.parametrize("query", ["application_name=feeds", "fallback_application_name=feeds"])
def test_the_application_may_be_named(query: str) -> None:
    assert read_database_url(f"{BASE}?{query}").server_settings == {"application_name": "feeds"}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("schema=public", '"public"'),
        ("schema=Feeds", '"Feeds"'),
        ("currentSchema=feeds,public", "feeds,public"),
        ("schema=feeds&search_path=own", "own"),
    ],
)
def test_the_schema_that_other_drivers_name_is_where_tables_are_looked_for(query: str, path: str) -> None:
    assert read_database_url(f"{BASE}?{query}").server_settings == {"search_path": path}


def test_the_systems_certificates_are_trusted_for_the_hosts_name() -> None:
    tls = read_database_url(f"{BASE}?sslrootcert=system").tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_binding_that_cannot_be_had_is_replaced_by_verifying_the_server() -> None:
    url = read_database_url(f"{BASE}?sslmode=require&channel_binding=require")
    assert url.verifies_for_channel_binding
    assert url.tls is not None
    assert url.tls.check_hostname


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("gssencmode=require", "gssencmode"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("requirepeer=postgres", "requirepeer"),
        ("sslmode=no-verify", "sslmode"),
        ("ssl=true", "ssl"),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system"),
        ("sslrootcert=/not/there.pem", "sslrootcert"),
        ("sslnegotiation=maybe", "sslnegotiation"),
        ("channel_binding=require&sslmode=disable", "channel_binding=require"),
        ("target_session_attrs=leader", "target_session_attrs"),
        ("connect_timeout=soon", "connect_timeout"),
        ("keepalives_idle=30s", "keepalives_idle"),
        ("client_encoding=LATIN1", "client_encoding"),
        ("load_balance_hosts=random", "load_balance_hosts"),
        ("oauth_issuer=https://login.example", "oauth_issuer"),
        ("connection_limit=few", "connection_limit"),
        ("statement_cache_size=100", "statement_cache_size"),
        ("sslaccept=accept_invalid_certs", "sslaccept"),
        ("socket_timeout=3", "socket_timeout"),
        ("ssl-mode=REQUIRED", "use sslmode"),
        ("port=99999", "port"),
        ("host=a&hostaddr=10.0.0.1", "hostaddr"),
        ("nothing", "name=value"),
    ],
)
def test_what_cannot_be_had_is_named_in_one_line_without_the_password(query: str, named: str) -> None:
    with pytest.raises(UnusableUrl) as caught:
        read_database_url(f"{BASE}?{query}")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "se%2Fcret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://feed@db/feeds",
        "postgresql://feed:pass#word@db/feeds",
        "postgresql://feed@[db/feeds",
    ],
)
def test_what_is_no_url_of_postgresql_is_refused(url: str) -> None:
    with pytest.raises(UnusableUrl, match="is not a postgresql:// URL"):
        read_database_url(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql+asyncpg://feed@db/feeds", "names a driver of SQLAlchemy"),
        ("postgresql+psycopg2://feed:se%2Fcret@db/feeds", "names a driver of SQLAlchemy"),
        ("postgresql://feed@db:99999/feeds", "has a port over 65535"),
        ("postgres://feed:se%2Fcret@a:5432,b:70000/feeds", "has a port over 65535"),
        ("'postgresql://feed:se%2Fcret@db/feeds'", "is in quotation marks"),
        ("psql 'postgresql://feed:se%2Fcret@db/feeds'", "begins with something else"),
        ("jdbc:postgresql://db/feeds?user=feed&password=secret", "begins with something else"),
        ("postgresql://feed:se%2Fcret@db/feeds # the main one", "percent-encoded"),
        ("postgresql://feed:12#cret@db/feeds", "percent-encoded"),
        ("postgresql://feed:12/cret@db/feeds", "percent-encoded"),
        ("postgresql://feed:12?cret=@db/feeds", "percent-encoded"),
    ],
)
def test_what_is_nearly_a_url_of_postgresql_is_told_by_its_cause(url: str, told: str) -> None:
    with pytest.raises(UnusableUrl, match=told) as caught:
        read_database_url(url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("parameter", ["pgbouncer=true", "statement_cache_size=0", "prepareThreshold=0"])
def test_a_url_that_does_without_prepared_statements_names_a_pooler(parameter: str) -> None:
    assert read_database_url(f"{BASE}?{parameter}").names_pooler


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///feeds?host=/run/postgresql",
        "postgres://a:1,b:2/feeds",
        "postgresql://u@[::1]:5432/feeds",
        "POSTGRESQL://u@db/feeds?application_name=me@here",
    ],
)
def test_sockets_several_hosts_and_ipv6_are_taken(url: str) -> None:
    read_database_url(url)


def test_a_url_shows_no_password() -> None:
    assert "cret" not in repr(read_database_url(BASE))

"""Settings from an environment made for the test; no `.env` is in its folder."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from consumer.settings import DatabaseSettings, KafkaSettings, LlmSettings, Settings, SettingsError, load

SECRET = "s3cr3t-do-not-print"
GOOD = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker-1:9092,broker-2:9092",
    "DATABASE_URL": "postgresql://feed:password@db/feeds",
    "OPENAI_API_KEY": "sk-test",
}
WRONG = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker-1:kafka",
    "KAFKA_SECURITY_PROTOCOL": "TLS",
    "KAFKA_SASL_MECHANISM": "GSSAPI",
    "KAFKA_OAUTH_TOKEN_URL": "login.example/token",
    "KAFKA_SSL_CAFILE": "/nowhere/ca.pem",
    "KAFKA_SSL_CERTFILE": "/nowhere/cert.pem",
    "KAFKA_SSL_KEYFILE": "/nowhere/key.pem",
    "KAFKA_ENABLE_IDEMPOTENCE": "perhaps",
    "OVERLAY_COMPLETED_TOPIC": "no spaces allowed",
    "FEED_CREATED_TOPIC": "a" * 250,
    "FEED_FAILED_TOPIC": "überlay",
    "DEAD_LETTER_TOPIC": "a/b",
    "MAX_EVENT_BYTES": "1023",
    "SCHEMA_REGISTRY_URL": "registry:8081",
    "SCHEMA_REGISTRY_CAFILE": "/nowhere/ca.pem",
    "DATABASE_URL": "mysql://feed@db/feeds",
    "DATABASE_POOL_SIZE": "1",
    "OPENAI_BASE_URL": "api.openai.com",
    "LLM_TEMPERATURE": "2.5",
    "LLM_MAX_TOKENS": "15",
    "LLM_TIMEOUT_S": "0",
    "MAX_HASHTAGS": "31",
    "FEED_LANGUAGE": "Korean, please",
    "MAX_IN_FLIGHT": "0",
    "MAX_ATTEMPTS": "many",
    "DEAD_LETTER_MAX_RUN": "0",
    "DEAD_LETTER_MAX_RATIO": "1.5",
    "LEASE_S": "nan",
    "RETRY_BASE_S": "inf",
    "RETRY_MAX_S": "86401",
    "REFERENCE_ROWS": "maybe",
    "SHUTDOWN_GRACE_S": "25s",
    "OPS_PORT": "65536",
    "LOG_FORMAT": "xml",
    "LOG_LEVEL": "loud",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    return str(caught.value)


@pytest.mark.parametrize(("variable", "value"), WRONG.items())
def test_a_wrong_variable_is_named_with_what_it_wants(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    wants = Settings.model_fields[variable.lower()].description
    assert wants
    line = complaint()
    assert line.startswith(f"{variable} is ")
    assert line.endswith(f"expected: {wants}")
    assert "\n" not in line


@pytest.mark.parametrize("variable", GOOD)
def test_a_missing_variable_is_named_with_what_it_wants(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv(variable)
    assert complaint().startswith(f"{variable} is missing; expected: ")


def test_a_port_that_cannot_be_is_no_address_of_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker-1:9092,broker-2:99999")
    assert complaint().startswith("KAFKA_BOOTSTRAP_SERVERS is invalid")


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in WRONG.items():
        monkeypatch.setenv(variable, value)
    line = complaint()
    assert [variable for variable in WRONG if f"{variable} is " not in line] == []
    assert "\n" not in line


def test_the_same_variable_is_good_at_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"MAX_HASHTAGS": "30", "OPS_PORT": "65535", "MAX_IN_FLIGHT": "10000", "LLM_TEMPERATURE": "0"}
    for variable, value in bounds.items():
        monkeypatch.setenv(variable, value)
    settings = load(Settings)
    assert (settings.max_hashtags, settings.ops_port, settings.max_in_flight) == (30, 65_535, 10_000)
    assert settings.llm_temperature == 0


@pytest.mark.parametrize("variable", Settings.model_fields)
def test_a_secret_in_any_variable_is_never_repeated(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable.upper(), f"{SECRET} \N{NO ENTRY SIGN}")
    monkeypatch.setenv("MAX_HASHTAGS", SECRET)
    assert SECRET not in complaint()


@pytest.mark.parametrize(
    "variable",
    [
        "DATABASE_URL",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GOOGLE_API_KEY",
        "KAFKA_SASL_PASSWORD",
        "SCHEMA_REGISTRY_PASSWORD",
    ],
)
def test_a_secret_is_kept_but_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    value = f"postgresql://feed:{SECRET}@db/feeds"
    monkeypatch.setenv(variable, value)
    settings = load(Settings)
    assert SECRET not in repr(settings) + str(settings) + str(settings.model_dump())
    kept = getattr(settings, variable.lower())
    assert isinstance(kept, SecretStr)
    assert kept.get_secret_value() == value


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://feed:pw#{SECRET}@db/feeds",
        f"postgresql://feed:pw/{SECRET}@db/feeds",
        f"postgresql://feed:{SECRET}#@db/feeds",
        f"postgresql://feed:{SECRET}@[::1/feeds",
        f"postgresql://feed:{SECRET}@db:notaport/feeds",
        f"postgresql://feed:{SECRET}\u2100@db/feeds",
        f"feed:{SECRET}@db/feeds",
    ],
)
def test_a_database_url_that_cannot_be_read_is_wrong_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    line = complaint()
    assert line.startswith("DATABASE_URL is invalid")
    assert SECRET not in line


@pytest.mark.parametrize(
    "url",
    [
        "postgres://feed@db/feeds",
        "postgresql://feed:p%23ss@db:5432/feeds?sslmode=require",
        "postgresql://feed:p@ss@[::1]:5432/feeds",
        "postgresql://feed:p@db-1:5432,db-2:5433/feeds",
        "postgresql:///feeds?host=/run/postgresql",
    ],
)
def test_every_form_of_database_url_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert load(Settings).database_url.get_secret_value() == url


@pytest.mark.parametrize("servers", ["broker", "broker:9092", "10.0.0.1:9092, 10.0.0.2:9092", "[::1]:9092"])
def test_every_form_of_bootstrap_servers_is_taken(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    assert load(Settings).kafka_bootstrap_servers == servers


@pytest.mark.parametrize("missing", ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_without_user_or_password_is_wrong(monkeypatch: pytest.MonkeyPatch, protocol: str, missing: str) -> None:
    given = {"KAFKA_SECURITY_PROTOCOL": protocol, "KAFKA_SASL_USERNAME": "feed", "KAFKA_SASL_PASSWORD": SECRET}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    load(Settings)
    monkeypatch.delenv(missing)
    assert complaint().startswith(f"{missing} is invalid")


def test_without_any_key_the_one_of_openai_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert complaint().startswith("OPENAI_API_KEY is missing; expected: an API key of OpenAI (or ANTHROPIC_API_KEY")


@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY", "GOOGLE_API_KEY"])
def test_a_key_of_another_provider_will_do(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv(variable, SECRET)
    assert SECRET not in repr(load(Settings))


def test_a_command_needs_only_the_group_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in GOOD:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("DATABASE_URL", GOOD["DATABASE_URL"])
    assert load(DatabaseSettings).database_pool_size == 5
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert load(LlmSettings).llm_model == "gpt-4o-mini"
    with pytest.raises(SettingsError, match="KAFKA_BOOTSTRAP_SERVERS is missing"):
        load(KafkaSettings)


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load(Settings)
    assert (settings.overlay_completed_topic, settings.dead_letter_topic) == (
        "overlay.completed",
        "overlay.completed.dlq",
    )
    assert (settings.feed_created_topic, settings.feed_failed_topic) == (
        "instagram_feed.created",
        "instagram_feed.failed",
    )
    assert (settings.max_event_bytes, settings.max_hashtags, settings.reference_rows) == (256 * 1024, 5, "ensure")
    assert (settings.feed_language, settings.kafka_enable_idempotence) == ("ko", True)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("MAX_ATTEMPTS=3\n".encode("utf-16"), ".env is not UTF-8 text"),
        ("# 가게\nMAX_ATTEMPTS=3\n".encode("cp949"), ".env is not UTF-8 text"),
        (b"MAX_ATTEMPTS=3\nMAX_IN_FLIGHT: 7\n", ".env, line 2, is not NAME=value"),
        (b'MAX_ATTEMPTS=3\n\nMAX_IN_FLIGHT="7\nLLM_MODEL=x\n', ".env, line 3, is not NAME=value"),
    ],
)
def test_a_dotenv_file_that_cannot_be_read_is_told_by_its_line(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert str(caught.value).startswith(told)


def test_a_dotenv_file_may_be_written_as_shells_and_editors_write_it(tmp_path: Path) -> None:
    lines = "\ufeffexport MAX_ATTEMPTS = \"3\"  # tries\r\nLLM_MODEL='gpt-6-luna'\r\n\r\nSOMEBODY_ELSES\r\n"
    (tmp_path / ".env").write_text(lines, encoding="utf-8", newline="")
    settings = load(Settings)
    assert (settings.max_attempts, settings.llm_model) == (3, "gpt-6-luna")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_GROUP_ID", '"feeds"'),
        ("LLM_MODEL", "'gpt-6-luna'"),
        ("MAX_IN_FLIGHT", '"7"'),
        ("KAFKA_BOOTSTRAP_SERVERS", '"broker:9092"'),
        ("BANNED_WORDS", '"최고", "최저가"'),
        ("DATABASE_URL", '"postgresql://feed:password@db/feeds"'),
        ("OPENAI_API_KEY", '"sk-test"'),
    ],
)
def test_quotation_marks_that_a_container_takes_for_a_part_of_the_value_are_told(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is invalid .is in quotation marks"):
        load(Settings)


def test_a_database_url_loses_the_white_space_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f" {GOOD['DATABASE_URL']} \n")
    assert load(DatabaseSettings).database_url.get_secret_value() == GOOD["DATABASE_URL"]


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_IN_FLIGHT=7\nMAX_ATTEMPTS=3\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("MAX_ATTEMPTS", "4")
    settings = load(Settings)
    assert (settings.max_in_flight, settings.max_attempts) == (7, 4)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IN_FLIGHT", "")
    assert load(Settings).max_in_flight == 200


PROVIDER_KEYS = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"]


@pytest.mark.parametrize("variable", PROVIDER_KEYS)
@pytest.mark.parametrize("mounted", ["{}\n", "{}\r\n", " {} ", "\t{}"])
def test_a_key_loses_what_a_mounted_file_has_around_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, mounted: str
) -> None:
    monkeypatch.setenv(variable, mounted.format(SECRET))
    kept = getattr(load(Settings), variable.lower())
    assert kept.get_secret_value() == SECRET


@pytest.mark.parametrize("variable", PROVIDER_KEYS)
@pytest.mark.parametrize(
    "key",
    [
        " ",
        "\n",
        "sk-a\nsk-b",
        "sk-a b",
        "sk-a\x7f",
        "sk-\N{EM DASH}",
        "열쇠",
        '"sk-a"',
        "'sk-a'",
        "OPENAI_API_KEY=sk-a",
    ],
)
def test_a_key_that_no_header_takes_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, key: str
) -> None:
    monkeypatch.setenv(variable, key)
    line = complaint()
    assert line.startswith(f"{variable} is invalid")
    assert "sk-a" not in line


def test_a_password_keeps_all_but_the_line_break_of_a_mounted_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", " a b \r\n")
    kept = load(Settings).kafka_sasl_password
    assert kept is not None
    assert kept.get_secret_value() == " a b "


@pytest.mark.parametrize(
    "url",
    [
        "api.openai.com",
        "http://",
        "http:///v1",
        "ftp://host/v1",
        "http://host:99999/v1",
        "http://ho st/v1",
        "http://host/v1\n/x",
        "http://user:password@host/v1",
        "http://host/v1#part",
        "http://host/v1/chat/completions",
        "http://host/v1/chat/completions/?api-version=1",
    ],
)
def test_a_base_url_that_no_request_can_go_to_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    line = complaint()
    assert line.startswith("OPENAI_BASE_URL is invalid")
    assert "password" not in line


@pytest.mark.parametrize("url", ["http://host/v1?api-version=preview", " http://host/v1/?api-version=preview\n"])
def test_the_query_of_a_base_url_goes_with_every_request(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    endpoint = load(Settings).endpoint("openai", model="m")
    assert (endpoint.base_url, endpoint.query) == ("http://host/v1", {"api-version": "preview"})


def test_a_base_url_may_end_with_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1/")
    assert load(Settings).openai_base_url == "http://localhost:8000/v1"

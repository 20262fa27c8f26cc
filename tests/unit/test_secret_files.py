"""Secrets from files: what is read, what wins, and what is said of a file that cannot be used."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from consumer.settings import Settings, SettingsError, load
from consumer.settings.secret_files import MOST_BYTES, secret_names

SECRET = "s3cr3t-do-not-print"
GOOD = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker-1:9092",
    "DATABASE_URL": "postgresql://feed:password@db/feeds",
    "OPENAI_API_KEY": "sk-test",
}
SECRETS = sorted(secret_names(Settings))
CONTENTS = {"database_url": f"postgresql://feed:{SECRET}@db/feeds"}


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


def test_the_secrets_are_those_whose_values_are_never_printed() -> None:
    assert {"database_url", "openai_api_key", "kafka_sasl_password", "kafka_oauth_client_secret"} < set(SECRETS)
    assert "kafka_sasl_username" not in SECRETS


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_can_be_given_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    content = CONTENTS.get(name, SECRET)
    (tmp_path / "secret").write_text(f"{content}\n")
    monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / "secret"))
    value = getattr(load(Settings), name)
    assert isinstance(value, SecretStr)
    assert value.get_secret_value() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "names no readable file: No such file or directory"),
        (b"", "names a file that is empty"),
        (b"\n", "names a file that is empty"),
        (b"\xff", "names a file that is not UTF-8 text"),
        (b"a" * (MOST_BYTES + 1), "names a file that is larger than 65,536 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line_without_its_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / SECRET
    if content is not None:
        path.write_bytes(content)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(path))
    assert complaint() == f"OPENAI_API_KEY_FILE {said}"


def test_a_directory_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", str(tmp_path))
    assert complaint() == "KAFKA_SASL_PASSWORD_FILE names no readable file: Is a directory"


def test_a_value_and_a_file_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "secret"))
    assert complaint() == "OPENAI_API_KEY and OPENAI_API_KEY_FILE are both set; set one of them"


def test_a_file_in_the_environment_wins_over_a_value_in_dot_env(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-old\n")
    (tmp_path / "secret").write_text("sk-new")
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "secret"))
    key = load(Settings).openai_api_key
    assert key is not None
    assert key.get_secret_value() == "sk-new"


def test_a_wrong_value_in_a_file_is_told_as_any_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mysql://feed:hidden@db/feeds")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "secret"))
    line = complaint()
    assert line.startswith("DATABASE_URL is invalid")
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("mechanism", "missing"),
    [
        ("OAUTHBEARER", "KAFKA_OAUTH_TOKEN_URL"),
        ("OAUTHBEARER", "KAFKA_OAUTH_CLIENT_ID"),
        ("OAUTHBEARER", "KAFKA_OAUTH_CLIENT_SECRET"),
        ("AWS_MSK_IAM", "KAFKA_AWS_REGION"),
    ],
)
def test_what_a_mechanism_needs_is_asked_for(monkeypatch: pytest.MonkeyPatch, mechanism: str, missing: str) -> None:
    given = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_OAUTH_TOKEN_URL": "https://login.example/token",
        "KAFKA_OAUTH_CLIENT_ID": "feed",
        "KAFKA_OAUTH_CLIENT_SECRET": SECRET,
        "KAFKA_AWS_REGION": "ap-northeast-2",
    }
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    load(Settings)
    monkeypatch.delenv(missing)
    assert complaint().startswith(f"{missing} is invalid (KAFKA_SECURITY_PROTOCOL asks for SASL")

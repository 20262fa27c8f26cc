from pathlib import Path

import pytest

from consumer.operations.doctor.doubtful_settings import doubtful_settings, misspelt

KNOWN = {"MAX_IN_FLIGHT", "LEASE_S", "DATABASE_URL"}


@pytest.mark.parametrize(
    ("given", "meant"),
    [("MAX_INFLIGHT", "MAX_IN_FLIGHT"), ("LEASES_S", "LEASE_S"), ("DATABASE_URI", "DATABASE_URL")],
)
def test_a_variable_that_nearly_is_a_setting_is_named_with_what_was_meant(given: str, meant: str) -> None:
    [finding] = misspelt([given], KNOWN)
    assert (finding.status, finding.advice) == ("warning", f"did you mean {meant}?")


@pytest.mark.parametrize("given", ["PATH", "HOME", "LEASE_S", "max_in_flight", "PGDATABASE", "LANG"])
def test_other_variables_are_nobodys_business(given: str) -> None:
    assert list(misspelt([given], KNOWN)) == []


def test_a_variable_beside_the_setting_it_resembles_is_meant() -> None:
    assert list(misspelt(["DATABASE_URI", "DATABASE_URL"], KNOWN)) == []


def test_a_lease_shorter_than_a_call_may_take_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    required = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "DATABASE_URL": "postgresql://127.0.0.1/feeds",
        "OPENAI_API_KEY": "sk-test",
    }
    for name, value in {**required, "LEASE_S": "30", "LLM_TIMEOUT_S": "60"}.items():
        monkeypatch.setenv(name, value)
    assert any("LEASE_S (30) is below LLM_TIMEOUT_S (60)" in finding.detail for finding in doubtful_settings())


def test_a_secret_as_a_file_is_a_setting_and_a_login_in_the_clear_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("sk-test")
    monkeypatch.chdir(tmp_path)
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_OAUTH_TOKEN_URL": "http://login.example/token",
        "KAFKA_OAUTH_CLIENT_ID": "feed",
        "KAFKA_OAUTH_CLIENT_SECRET": "made-up",
        "DATABASE_URL": "postgresql://127.0.0.1/feeds",
        "OPENAI_API_KEY_FILE": str(tmp_path / "key"),
    }
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    details = [finding.detail for finding in doubtful_settings()]
    assert [detail.partition(":")[0] for detail in details] == [
        "KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT",
        "KAFKA_OAUTH_TOKEN_URL is http",
    ]
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    monkeypatch.setenv("KAFKA_OAUTH_TOKEN_URL", "http://localhost/token")
    assert list(doubtful_settings()) == []


def test_a_password_in_quotation_marks_is_warned_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092",
        "KAFKA_SASL_PASSWORD": "'made-up'",
        "DATABASE_URL": "postgresql://127.0.0.1/feeds",
        "OPENAI_API_KEY": "sk-test",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    [finding] = doubtful_settings()
    assert finding.detail == "KAFKA_SASL_PASSWORD is in quotation marks, which are taken for a part of it"


def test_a_dotenv_file_that_cannot_be_read_ends_no_examination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LEASES_S=3\n", encoding="utf-16")
    assert not list(doubtful_settings())


def test_a_spool_that_cannot_be_written_is_warned_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092",
        "DATABASE_URL": "postgresql://127.0.0.1/feeds",
        "OPENAI_API_KEY": "sk-test",
        "SPOOL_DIR": "/proc",  # where root cannot write either
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    [finding] = doubtful_settings()
    assert finding.detail.startswith("SPOOL_DIR (/proc) cannot be written")

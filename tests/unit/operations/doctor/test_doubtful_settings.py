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

"""Where the three servers of a stack are, and the environment that points the application at them."""

from typing import Literal

from pydantic import BaseModel

SIMULATED_API_KEY = "sk-simulated"
LLM_MODEL = "gpt-4o-mini"

ServerName = Literal["kafka", "postgres", "llm"]
Kind = Literal["environment", "container", "embedded", "tansu", "simulated"]
"""What serves: named by the environment, a container, an embedded server, Tansu, the simulated LLM."""


class Endpoints(BaseModel, frozen=True):
    """Addresses with what is needed to log in. `simulated_llm_url` is None when the environment names the LLM."""

    kafka_bootstrap_servers: str
    database_url: str
    openai_base_url: str
    openai_api_key: str
    simulated_llm_url: str | None
    kinds: dict[ServerName, Kind]

    def addresses(self) -> dict[ServerName, str]:
        """Return the address of each server; the database's holds the password."""
        return {
            "kafka": self.kafka_bootstrap_servers,
            "postgres": self.database_url,
            "llm": self.openai_base_url,
        }

    def environment(self) -> dict[str, str]:
        """Return the application's settings for these servers."""
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "DATABASE_URL": self.database_url,
            "OPENAI_BASE_URL": self.openai_base_url,
            "OPENAI_API_KEY": self.openai_api_key,
            "LLM_MODEL": LLM_MODEL,
        }
        if self.kinds["kafka"] == "tansu":
            # Tansu answers no InitProducerId.
            environment |= {"KAFKA_ENABLE_IDEMPOTENCE": "false"}
        return environment

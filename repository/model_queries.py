"""Which models can be chosen."""

from repository.pool import Connection


async def active_model_names(connection: Connection) -> list[str]:
    """The names that LLM_MODEL may have."""
    rows = await connection.fetch(
        "SELECT DISTINCT model_name FROM llm_models WHERE is_active = 'true' ORDER BY model_name"
    )
    return [row["model_name"] for row in rows]

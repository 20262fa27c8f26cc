"""The prompt that LLM_PROMPT names."""

from consumer.operations.cli.errors import EXIT_WRONG_SETTING, CommandError
from consumer.pipeline.prompts import template_of
from consumer.post.prompt import PromptTemplate
from consumer.settings import PostSettings
from repository.pool import Connection
from repository.prompts import UnknownPrompt, find_prompt


async def configured_template(connection: Connection, settings: PostSettings) -> PromptTemplate:
    """Return the template of the prompt that LLM_PROMPT names, for the settings.

    Raises:
        CommandError: there is no such prompt.
    """
    try:
        return template_of(await find_prompt(connection, settings.llm_prompt), settings)
    except UnknownPrompt as error:
        raise CommandError(f"LLM_PROMPT: {error}", exit_code=EXIT_WRONG_SETTING) from None

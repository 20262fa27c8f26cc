"""From a prompt's row to the template for messages."""

from consumer.post.prompt import PromptTemplate, Wording
from consumer.settings import PostSettings
from repository.prompts import Prompt


def template_of(prompt: Prompt, settings: PostSettings) -> PromptTemplate:
    """Build the template of a prompt for the given settings."""
    wording = Wording(prompt.prompt_name, prompt.version, prompt.template)
    return PromptTemplate(wording, language=settings.feed_language, max_hashtags=settings.max_hashtags)

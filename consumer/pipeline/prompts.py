"""From a prompt's row to the template that messages are made with."""

from consumer.post.prompt import PromptTemplate, Wording
from consumer.settings import PostSettings
from repository.prompts import Prompt


def template_of(prompt: Prompt, settings: PostSettings) -> PromptTemplate:
    """Fill a prompt in as the settings say."""
    wording = Wording(prompt.prompt_name, prompt.version, prompt.template)
    return PromptTemplate(wording, language=settings.feed_language, max_hashtags=settings.max_hashtags)

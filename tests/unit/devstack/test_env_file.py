from io import StringIO
from shlex import split

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from devstack.env_file import env_file_text
from devstack.errors import StackError

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="'\\$"), max_size=40)
environments = st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{0,15}", fullmatch=True), printable, max_size=5)


@given(environments)
def test_dotenv_readers_get_back_what_was_written(environment: dict[str, str]) -> None:
    assert dotenv_values(stream=StringIO(env_file_text(environment))) == environment


@given(environments)
def test_a_shell_gets_back_what_was_written(environment: dict[str, str]) -> None:
    lines = env_file_text(environment).splitlines()

    assert dict(split(line)[0].split("=", 1) for line in lines) == environment


@pytest.mark.parametrize("value", ["it's", "two\nlines", "back\\slash", "${HOME}"])
def test_a_value_that_readers_would_take_differently_is_refused(value: str) -> None:
    with pytest.raises(StackError, match="SECRET"):
        env_file_text({"SECRET": value})

from hypothesis import given
from hypothesis import strategies as st

from devstack.postgres import postgres_url
from devstack.status import without_password


@given(st.text(min_size=1, max_size=40), st.integers(1, 65_535))
def test_an_address_is_shown_without_its_password(password: str, port: int) -> None:
    shown = without_password(postgres_url(port, password))

    assert shown == f"postgresql://postgres@127.0.0.1:{port}/instagram_feed"


def test_an_address_without_a_password_is_shown_as_it_is() -> None:
    assert without_password("127.0.0.1:9092") == "127.0.0.1:9092"

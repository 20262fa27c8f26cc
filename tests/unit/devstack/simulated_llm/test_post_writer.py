import json

from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.korean_phrases import VOICES
from devstack.simulated_llm.post_writer import Post, write_post

EVENT = """\
<refined_ad_copy_eng>
Ocean Blue Shirt — Ocean blue cotton shirt with long sleeves.
</refined_ad_copy_eng>

<tone_style>
세련되고 간결한 말투
</tone_style>

<product_description>
Ocean Blue Shirt. Comfortable fit.
</product_description>

<store_information>
오션앤코 성수점 · 서울 성동구 연무장길 12 · 매일 11:00–20:00
</store_information>
"""
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def write(user_text: str, seed: int = 1) -> Post:
    return write_post(seed, f"system\n{user_text}", user_text)


def test_the_post_names_the_product_the_store_and_its_address() -> None:
    post = write(EVENT)
    for part in ("Ocean Blue Shirt", "오션앤코 성수점", "서울 성동구 연무장길 12", "면 소재"):
        assert part in post.caption
    assert post.hashtags.startswith("#OceanBlueShirt #오션앤코 #성수점")


def test_the_tone_asked_for_decides_the_voice() -> None:
    for voice in VOICES:
        caption = write(EVENT.replace("세련되고 간결한", voice.cues[0])).caption
        assert caption.endswith(voice.closings)


def test_the_same_seed_and_request_give_the_same_post() -> None:
    assert write(EVENT) == write(EVENT)


def test_seeds_and_requests_vary_the_post() -> None:
    assert len({write(EVENT, seed).caption for seed in range(30)}) > 5
    assert len({write(EVENT + " " * number).caption for number in range(30)}) > 5


def test_a_prompt_without_fields_still_gets_a_post() -> None:
    assert "저희 매장" in write("ping").caption


def test_the_content_is_the_json_object_the_prompt_asks_for() -> None:
    post = write(EVENT)
    assert json.loads(post.json()) == {"instagram_ad_copy": post.caption, "hashtags": post.hashtags}


@given(product=texts, tone=texts, store=texts, seed=st.integers())
def test_whatever_the_fields_hold_the_post_keeps_within_instagrams_limits(
    product: str, tone: str, store: str, seed: int
) -> None:
    post = write(
        f"<refined_ad_copy_eng>{product}</refined_ad_copy_eng><tone_style>{tone}</tone_style>"
        f"<store_information>{store}</store_information>",
        seed,
    )
    tags = post.hashtags.split(" ")
    assert 3 <= len(tags) <= 5
    assert len({tag.casefold() for tag in tags}) == len(tags)
    assert all(tag[0] == "#" and tag[1:].isalnum() and not tag[1:].isdecimal() for tag in tags)
    assert post.caption.strip()
    assert not {"#", "@"} & set(post.caption)
    assert len(f"{post.caption}\n\n{post.hashtags}".encode("utf-16-le")) // 2 <= 2200

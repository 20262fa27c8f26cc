from schemas.post import INSTAGRAM_POST_JSON_SCHEMA


def test_the_schema_is_strict_about_exactly_the_two_texts() -> None:
    described = INSTAGRAM_POST_JSON_SCHEMA["json_schema"]
    schema = described["schema"]
    assert (INSTAGRAM_POST_JSON_SCHEMA["type"], described["name"], described["strict"]) == (
        "json_schema",
        "instagram_post",
        True,
    )
    assert schema["required"] == list(schema["properties"]) == ["instagram_ad_copy", "hashtags"]
    assert {part["type"] for part in schema["properties"].values()} == {"string"}
    assert schema["additionalProperties"] is False

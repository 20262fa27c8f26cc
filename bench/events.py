"""Events as upstream sends them: 1.5 to 3 kB of JSON, Korean and English, no two alike."""

import json
import random
from collections.abc import Iterator
from uuid import UUID

OVERLAYS_PER_JOB = 3
TENANTS = 200
MOST_DETAILS = 12

_PRODUCTS = (
    "Ocean Blue Shirt", "Salted Butter Roll", "Moon Jar Mug", "Camellia Hand Cream", "Linen Summer Blanket",
    "Cold Brew Concentrate", "Walnut Desk Lamp", "Trail Running Vest", "Yuja Green Tea", "Ceramic Ramen Bowl",
)  # fmt: skip
_CLAIMS = (
    "made in small batches by people who know every step of the work",
    "light enough for long summer days and warm enough for cool evenings",
    "tested for a year in our own workshop before the first piece was sold",
    "wrapped by hand, with a card that tells where each part comes from",
    "a favourite of regulars who come back for it week after week",
    "finished without plastic, so that nothing is left over but the thing itself",
)
_TONES = (
    "따뜻하고 다정한 말투, 이모지 조금, 문장은 짧게 끊어 읽기 쉽게",
    "차분하고 믿음이 가는 말투, 과장 없이 재료와 과정을 보여 주는 느낌",
    "발랄하고 재치 있는 말투, 친구에게 추천하듯 가볍게",
    "세련되고 간결한 말투, 여백이 느껴지도록 형용사는 아껴서",
)
_DETAILS = (
    "매일 아침 여섯 시에 첫 작업을 시작해 그날 만든 것만 그날 내놓습니다.",
    "국내에서 자란 원료만 골라 쓰고, 산지와 수확한 날을 포장에 적어 둡니다.",
    "처음 쓰는 분도 어렵지 않도록 사용법을 한 장의 그림으로 정리했습니다.",
    "세탁기에 그대로 돌려도 모양이 변하지 않고, 오래 쓸수록 결이 부드러워집니다.",
    "선물 상자를 고르시면 손글씨 카드와 마른 꽃을 함께 넣어 보내 드립니다.",
    "한정 수량으로 준비했으며, 품절되면 다음 달 첫째 주에 다시 들어옵니다.",
    "매장에서 직접 만져 보고 고르실 수 있고, 온라인 주문은 이틀 안에 도착합니다.",
    "색은 네 가지이며 사진보다 조금 더 깊은 톤입니다. 화면에 따라 다르게 보일 수 있습니다.",
    "The surface is treated once, by hand, and keeps its colour for years of daily use.",
    "알레르기가 있는 분을 위해 모든 성분과 함께 같은 공간에서 다루는 재료까지 표시합니다.",
    "A refill costs half of the first one, and the box goes back to us free of charge.",
    "디자이너와 장인이 열두 번 다시 만든 끝에 손에 가장 편한 두께와 무게를 찾았습니다.",
)
_STORES = (
    "오션앤코 성수점 · 서울 성동구 연무장길 12 · 매일 11:00–20:00 · 첫 구매 10% 할인",
    "봄날제과 연희점 · 서울 서대문구 연희로 25 · 매일 08:30–20:00 · 오전 방문 시 커피 천 원 할인",
    "흙과손 도예공방 · 경기 이천시 신둔면 도자예술로 62 · 화–일 10:00–18:00 · 선물 포장 무료",
    "초록차방 제주점 · 제주 서귀포시 안덕면 산방로 141 · 수–월 09:30–17:30 · 시음 상시",
)
_INSTRUCTIONS = (
    "",
    "첫 문장은 눈길을 끌게, 마지막 문장은 매장 방문을 권하면서 끝내 주세요.",
    "가격은 쓰지 말고, 만드는 과정을 두 문장 이상 넣어 주세요.",
    "해시태그는 지역 이름을 하나 포함하고, 영어 태그는 쓰지 마세요.",
)


def overlay_events(
    count: int, *, seed: int, tenant_id: str | None = None, more_characters: int = 0
) -> Iterator[tuple[bytes, bytes]]:
    """Build keys and values of `count` records, of one tenant or of many. The same seed gives the same events.

    `more_characters` are added to each of two texts.
    """
    draw = random.Random(seed)
    job_id = _uuid(draw)
    for number in range(count):
        if number % OVERLAYS_PER_JOB == 0:
            job_id = _uuid(draw)
        event = _event(draw, number, job_id)
        if tenant_id is not None:
            event["tenant_id"] = tenant_id
        for text in ("product_description", "store_information"):
            event[text] += ("\n" + " ".join(_DETAILS) * (1 + more_characters // 400))[:more_characters]
        yield event["overlay_id"].encode(), json.dumps(event, ensure_ascii=False).encode()


def _event(draw: random.Random, number: int, job_id: UUID) -> dict[str, str]:
    product, overlay_id = draw.choice(_PRODUCTS), _uuid(draw)
    claims = "; ".join(draw.sample(_CLAIMS, draw.randint(3, len(_CLAIMS))))
    return {
        "event_id": f"evt-{overlay_id}",
        "event_type": "overlay.completed",
        "tenant_id": f"tenant-{draw.randrange(TENANTS):04}",
        "overlay_id": str(overlay_id),
        "job_id": str(job_id),
        "refined_ad_copy_eng": f"{product} no. {number} — {claims}.",
        "tone_style": draw.choice(_TONES),
        "product_description": f"{product}. "
        + " ".join(draw.sample(_DETAILS, draw.randint(MOST_DETAILS // 2, MOST_DETAILS))),
        "store_information": draw.choice(_STORES),
        "gpt_prompt": draw.choice(_INSTRUCTIONS),
    }


def _uuid(draw: random.Random) -> UUID:
    return UUID(int=draw.getrandbits(128), version=4)

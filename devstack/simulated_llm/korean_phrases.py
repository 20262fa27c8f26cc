"""Korean sentences for posts, by tone.

``{product}`` is often English, so no sentence puts a particle behind it whose form depends on the
last sound.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """One manner of speaking: the first sentence, the middle, the last, and hashtags that fit."""

    cues: tuple[str, ...]
    openings: tuple[str, ...]
    bodies: tuple[str, ...]
    closings: tuple[str, ...]
    hashtags: tuple[str, ...]


VOICES = (
    Voice(
        cues=("따뜻", "다정", "포근", "warm", "friendly"),
        openings=(
            "오늘도 수고한 나에게, {product} 하나 선물해 볼까요? 🤍",
            "마음까지 포근해지는 순간, {product} 함께해요 🌿",
            "좋은 건 나누고 싶잖아요. 그래서 소개해요, {product} 💛",
        ),
        bodies=(
            "손이 자주 가는 데에는 다 이유가 있더라고요. 써 볼수록 정이 들 거예요.",
            "소중한 사람에게 건네도, 나를 위해 골라도 참 좋은 선택이에요.",
            "하루 곁에 두면 괜히 기분이 좋아지는, 그런 다정한 물건이에요.",
        ),
        closings=("편하게 들러 주세요. 기다리고 있을게요 😊", "이번 주말, 가볍게 구경 오세요 🌷"),
        hashtags=("#소확행", "#선물추천", "#일상기록"),
    ),
    Voice(
        cues=("발랄", "유쾌", "신나", "재미", "playful", "cheerful"),
        openings=(
            "잠깐! 그냥 지나치면 섭섭한 {product} 등장 🎉",
            "텐션 올려 줄 {product}, 드디어 왔어요! 🙌",
            "요즘 다들 찾는 그거 맞아요, {product} 😎",
        ),
        bodies=(
            "한 번 보면 눈이 가고, 두 번 보면 손이 가요. 세 번째엔 이미 내 것!",
            "밋밋한 하루에 톡 쏘는 포인트가 필요하다면 바로 이거예요.",
            "사진으로 다 못 담은 매력, 실물로 보면 더 반할걸요?",
        ),
        closings=(
            "고민은 배송만 늦출 뿐! 지금 만나러 오세요 🏃",
            "친구 소환해서 같이 구경 오기, 약속 🤙",
        ),
        hashtags=("#득템각", "#신상입고", "#오늘의픽"),
    ),
    Voice(
        cues=("세련", "간결", "모던", "시크", "chic", "minimal"),
        openings=(
            "{product}. 더할 것도 뺄 것도 없이.",
            "군더더기 없는 선택, {product}.",
            "조용히 돋보이는 방법, {product}.",
        ),
        bodies=(
            "선은 단정하게, 디테일은 분명하게. 어떤 자리에도 자연스럽게 어울립니다.",
            "과하지 않아 오래 곁에 두기 좋은 디자인입니다.",
            "하나만으로 분위기가 정돈됩니다.",
        ),
        closings=("지금, 매장에서 확인해 보세요.", "당신의 기준에 맞는지 직접 보세요."),
        hashtags=("#미니멀무드", "#데일리스타일", "#취향저격"),
    ),
    Voice(
        cues=("차분", "믿음", "신뢰", "정중", "calm", "trust"),
        openings=(
            "오래 두고 쓸 물건을 찾고 계셨다면, {product} 권해 드립니다.",
            "기본에 충실한 {product} 소개해 드립니다.",
            "꼼꼼히 고르는 분들께 {product} 먼저 보여 드리고 싶습니다.",
        ),
        bodies=(
            "소재와 마감을 하나하나 살펴 준비했습니다. 안심하고 선택하셔도 좋습니다.",
            "유행보다 쓰임을 먼저 생각했습니다. 시간이 지날수록 진가를 느끼실 거예요.",
            "궁금하신 점은 언제든 편하게 문의해 주세요. 자세히 안내해 드리겠습니다.",
        ),
        closings=("방문해 주시면 정성껏 안내해 드리겠습니다.", "직접 보시고 천천히 결정하세요."),
        hashtags=("#믿고사는", "#오래쓰는물건", "#추천템"),
    ),
    Voice(
        cues=("감성", "에세이", "서정", "시적", "poetic", "emotional"),
        openings=(
            "계절이 바뀌는 소리를 들으며, {product} 곁에 두었습니다.",
            "어떤 날은 작은 물건 하나가 하루를 다 말해 줍니다. {product}처럼.",
            "창가에 빛이 오래 머물던 오후, {product} 이야기를 적어 봅니다.",
        ),
        bodies=(
            "아무 일 없는 하루에도 마음이 머무는 자리가 있지요. 그 자리에 놓아 두고 싶습니다.",
            "손끝에 닿는 결을 따라가다 보면 잊고 있던 장면이 하나둘 떠오릅니다.",
            "서두르지 않아도 괜찮다고, 가만히 말해 주는 것 같았습니다.",
        ),
        closings=("당신의 하루에도 닿기를 바랍니다. 🍂", "천천히 걸어오셔도 좋습니다."),
        hashtags=("#감성글귀", "#오후의기록", "#취향의발견"),
    ),
)

# A word of the product's text, and what can be said of it; the first that is found is used.
FEATURES = (
    ("leather", "가죽 특유의 깊은 질감이라 쓸수록 멋이 더해져요."),
    ("silk", "은은하게 흐르는 실크의 윤기가 살아 있어요."),
    ("wool", "울이 섞여 가볍고도 따뜻해요."),
    ("denim", "탄탄한 데님이라 오래 입기 좋아요."),
    ("cotton", "면 소재라 피부에 닿는 느낌이 편안해요."),
    ("gold", "골드의 은근한 광택이 포인트가 되어 줘요."),
    ("silver", "실버의 맑은 빛이 어느 차림에나 잘 어울려요."),
    ("wood", "나뭇결이 그대로 살아 있어 공간이 한결 따뜻해져요."),
    ("ceramic", "도자기의 담백한 결이 자연스러워요."),
    ("clay", "흙으로 빚은 질감이 자연스러워요."),
    ("copper", "구리의 따스한 색감이 공간에 분위기를 더해요."),
    ("waterproof", "방수가 되어 비 오는 날에도 걱정 없어요."),
    ("vanilla", "달콤한 바닐라 향이 은은하게 퍼져요."),
    ("handmade", "손으로 만들어 하나하나 표정이 달라요."),
    ("homemade", "손으로 만들어 하나하나 표정이 달라요."),
)

GENERAL_HASHTAGS = ("#오늘의추천", "#dailypick", "#신상", "#koreastyle")

"""Ways to a shop that a post names: links, phone numbers, accounts. Only those of the fields are real.

All texts are folded.
"""

import re
from string import digits
from typing import Final

from consumer.post.quality.signs import OTHER_DIGITS, SPACES
from consumer.post.quality.source import Source

_TOP_LEVEL: Final = (
    "com|net|org|kr|io|me|ly|ee|shop|store|app|dev|xyz|link|site|online|info|biz|co|tv|ai|gg|page|blog|cafe|life|club|top|"
    "jp|cn|us|uk|de|fr|eu|in|id|vn|th|tw|hk|sg|to|be|gl|im|la|cc|so|fm|kakao|example|test|invalid|한국|닷컴"
)
_LINK: Final = re.compile(
    r"(?:https?|hxxps?|ftp)\s?:\s?//\s?[^\s<>\"'”’）」\]]+"
    r"|(?<![a-z0-9])www\.[^\s<>\"'”’）」\]]+"
    rf"|(?<![@a-z0-9_])(?<![a-z0-9]\.)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.|\[\.\]|\(\.\)|\s?\(dot\)\s?"
    rf"|\s?\[dot\]\s?))+(?:{_TOP_LEVEL})(?![a-z0-9-])"
    r"(?::\d{2,5})?(?:/[^\s<>\"'”’）」\]가-힣]*)?"
    r"|(?<![@a-z0-9_])(?<![a-z0-9]\.)[가-힣a-z0-9-]{2,}\.(?:com|net|kr|co\.kr|한국|닷컴)(?![a-z0-9])(?:/[^\s<>\"'가-힣]*)?"
    r"|(?<![@a-z0-9_])(?<![a-z0-9]\.)[a-z0-9-]+닷컴"
)
_EMAIL: Final = re.compile(r"[a-z0-9][a-z0-9._%+-]*\s?(?:@|\(at\)|\[at\])\s?[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}")
_SCHEME: Final = re.compile(r"^(?:hxxp|http|ftp)s?\s?:\s?//\s?|^www\.|^mailto:")
_OBFUSCATED_DOT: Final = re.compile(r"\s?[\[(](?:\.|dot)[\])]\s?")
_TAIL: Final = ".,!?~)]}>:;/…·'\"”’"
_LETTER_BEHIND_DOT: Final = re.compile(r"\.[^\W\d_]")
_SURE_SIGNS_OF_LINKS: Final = frozenset(("//", "@", "닷컴", "[.", "(.", "dot", "(at", "[at"))
SIGNS_OF_LINKS: Final = _SURE_SIGNS_OF_LINKS | {"."}
SIGNS_OF_ACCOUNTS: Final = frozenset(("@", ":"))
_SEVEN_DIGITS: Final = re.compile(r"\d(?:[-\s.·)(–—‐‑+]{0,4}\d){6}")
_DIGITS_IN_UTF8: Final = bytes(ord("0") if chr(byte) in digits else ord("x") for byte in range(256))
_BETWEEN_IN_UTF8: Final = f"-.·)(–—‐‑+{''.join(SPACES)}".encode()
_SIGNS_OF_SPELLED_PHONES: Final = frozenset((
    "공일", "공이", "공삼", "공사", "공오", "공육", "공칠", "영일", "영이", "영삼", "영칠",
))  # fmt: skip
SIGNS_OF_PHONES: Final = _SIGNS_OF_SPELLED_PHONES | OTHER_DIGITS
"""Signs of phone numbers in anything but the digits 0 to 9."""
_NAME_BEHIND_COLON: Final = re.compile(r":\s?@?[a-z]")

_DIGIT_NAMES: Final = dict(zip("공영일이삼사오육륙칠팔구", "001234566789", strict=True))
_SPELLED: Final = re.compile(
    r"[공영][공영일이삼사오육륙칠팔구]{1,2}[-\s.·]*[공영일이삼사오육륙칠팔구]{3,4}[-\s.·]*[공영일이삼사오육륙칠팔구]{4}"
)
_BETWEEN: Final = r"[-\s.·)–—‐‑]{0,3}"
_PHONE: Final = re.compile(
    rf"(?<![\d,])(?:\+\s?82{_BETWEEN}\(?0?\)?{_BETWEEN}\d{{1,2}}|\(?0(?:2|1[016789]|[3-6]\d|70|80"
    rf"|50\d)){_BETWEEN}\d{{3,4}}{_BETWEEN}\d{{4}}(?!\d)"
    rf"|(?<![\d,.-])1[5689]\d\d\s?[-–]\s?\d{{4}}(?![\d년]|\s?년)"
    rf"|\+\s?\d{{1,3}}{_BETWEEN}\(?\d{{1,4}}\)?(?:{_BETWEEN}\d{{2,4}}){{2,3}}(?!\d)"
)
_CUED_PHONE: Final = re.compile(
    r"(?:문의|전화|연락|예약|상담|주문|tel\b|t\.|call|hp\b|h\.p|☎|☏|📞|📱|📲)[^\d\n]{0,12}(\d{3,4}[-.\s]\d{4}"
    r"|1\d{3}[-.\s]?\d{4}|\d{7,11})(?!\d)"
)
_NOT_DIGITS: Final = re.compile(r"\D+")

_MENTION: Final = re.compile(r"(?<![a-z0-9._])@\s?([a-z0-9._]+)")
_NAMED_ACCOUNT: Final = re.compile(
    r"(?:인스타(?:그램)?|카톡|카카오톡?|카톡\s?채널|카카오톡?\s?(?:채널|id)|라인|텔레그램|유튜브|틱톡|트위터"
    r"|페이스북|아이디|계정|\bid|\binsta(?:gram)?|\bdm)"
    r"\s?(?:id|아이디|계정|채널|주소)?\s?[:：]\s?@?([a-z][a-z0-9_.]{2,29})"
)


def unknown_links(text: str, source: Source, signs: frozenset[str] = SIGNS_OF_LINKS) -> list[str]:
    """Find links and mail addresses that no field holds; one of the fields' may be cut short, not made longer.

    `signs` are those of `SIGNS_OF_LINKS` that may stand in the text.
    """
    if _SURE_SIGNS_OF_LINKS.isdisjoint(signs) and not _LETTER_BEHIND_DOT.search(text):
        return []
    emails = [found[0] for found in _EMAIL.finditer(text) if "@" in text or "at" in text]
    links = [found[0] for found in _LINK.finditer(_EMAIL.sub(" ", text))]
    if not emails and not links:
        return []
    known_links = {_address(found[0]) for found in _LINK.finditer(source.text)}
    known_emails = {found[0] for found in _EMAIL.finditer(source.text)}
    return [link for link in links if not _is_known(_address(link), known_links)] + [
        email for email in emails if email not in known_emails
    ]


def _address(link: str) -> str:
    return _SCHEME.sub("", _SCHEME.sub("", _OBFUSCATED_DOT.sub(".", link))).rstrip(_TAIL)


def _is_known(address: str, known: set[str]) -> bool:
    return any(other == address or (other.startswith(address) and other[len(address)] in "/?#:") for other in known)


def unknown_phones(text: str, source: Source, signs: frozenset[str] = SIGNS_OF_PHONES) -> list[str]:
    """Find phone numbers that no field holds, however they are parted or spelled.

    `signs` are those of `SIGNS_OF_PHONES` that may stand in the text.
    """
    if _SIGNS_OF_SPELLED_PHONES.isdisjoint(signs) and not _has_seven_digits(text, signs):
        return []
    numbers = [(found[0], found[0]) for found in _PHONE.finditer(text)]
    numbers += [(found[1], found[1]) for found in _CUED_PHONE.finditer(text) if not _PHONE.search(found[0])]
    numbers += [(found[0], _in_digits(found[0])) for found in _SPELLED.finditer(text)]
    return [written.strip() for written, number in numbers if not _has_number(number, source)]


def _has_seven_digits(text: str, signs: frozenset[str]) -> bool:
    """Return whether seven digits stand in a row but for signs between them."""
    # a look at the bytes takes a quarter of the pattern's time
    if OTHER_DIGITS.isdisjoint(signs):
        rows = text.encode(errors="replace").translate(_DIGITS_IN_UTF8, _BETWEEN_IN_UTF8)
        if b"0000000" not in rows:
            return False
    return _SEVEN_DIGITS.search(text) is not None


def _in_digits(spelled: str) -> str:
    return "".join(_DIGIT_NAMES.get(character, "") for character in spelled)


def _has_number(number: str, source: Source) -> bool:
    plain = _NOT_DIGITS.sub("", number)
    if number.lstrip("(").startswith("+") and plain.startswith("82"):
        plain = "0" + plain[2:].lstrip("0")
    return plain in source.digits or any(_in_digits(found[0]) == plain for found in _SPELLED.finditer(source.text))


def unknown_accounts(text: str, source: Source) -> list[str]:
    """Find accounts that no field names, with or without the sign before them."""
    if "@" not in text and not _NAME_BEHIND_COLON.search(text):
        return []
    plain = _EMAIL.sub(" ", text)
    names = [found[1].strip(".") for found in _MENTION.finditer(plain)] if "@" in plain else []
    named = [found[1].strip(".") for found in _NAMED_ACCOUNT.finditer(plain)] if ":" in plain else []
    return [f"@{name}" for name in names if name and not _is_named(name, source)] + [
        name for name in named if not _is_named(name, source)
    ]


def _is_named(name: str, source: Source) -> bool:
    return re.search(rf"(?<![a-z0-9_.]){re.escape(name)}(?![a-z0-9_]|\.[a-z0-9])", source.text) is not None

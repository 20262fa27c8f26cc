"""Charts are read back as XML: what is drawn, where, and that no text can become an element."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from consumer.operations.reports.chart import HEIGHT, TOP, WIDTH, Chart, Series, legend, lines, stacked_columns
from consumer.operations.reports.scale import short

HOSTILE = '"><script>alert(1)</script>'


def chart(*series: Sequence[float | None], name: str = "posts") -> Chart:
    labels = [f"{place + 1:02} Nov" for place in range(len(series[0]))]
    return Chart(
        "Posts", labels, [Series(f"{name} {n}", f"s{n}", values) for n, values in enumerate(series)], short, whole=True
    )


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(markup)  # noqa: S314 - of our own making


def drawn(svg: str, tag: str, css_class: str) -> list[ET.Element]:
    return [element for element in parsed(svg).iter(tag) if css_class in (element.get("class") or "").split()]


def height(element: ET.Element) -> float:
    return float(element.get("height", ""))


def test_columns_are_as_high_as_their_values_and_stand_on_each_other() -> None:
    svg = stacked_columns(chart([10, 20], [30, 20]))

    low, high = drawn(svg, "rect", "s0")
    above, _ = drawn(svg, "rect", "s1")
    assert height(high) == pytest.approx(2 * height(low), abs=0.2)
    assert float(above.get("y", "")) + height(above) <= float(low.get("y", ""))
    assert float(above.get("y", "")) == pytest.approx(TOP, abs=0.2)


def test_a_line_is_broken_where_nothing_is_known_and_a_lone_value_is_a_point() -> None:
    svg = lines(chart([10, 12, None, 11, None, 9, 9]))

    assert len(drawn(svg, "polyline", "s0")) == 2
    assert len(drawn(svg, "circle", "s0")) == 1


@pytest.mark.parametrize("draw", [stacked_columns, lines])
@pytest.mark.parametrize("places", [1, 2, 7, 30, 99])
def test_all_that_is_drawn_is_inside_and_the_labels_are_few(draw: Callable[[Chart], str], places: int) -> None:
    svg = draw(chart([float(place + 1) for place in range(places)]))

    texts = list(parsed(svg).iter("text"))
    assert all(0 < float(text.get("x", "")) < WIDTH and 0 < float(text.get("y", "")) <= HEIGHT for text in texts)
    assert 1 <= len([text for text in texts if "Nov" in (text.text or "")]) <= 7


def test_every_place_tells_its_values_to_the_pointer() -> None:
    svg = stacked_columns(chart([1_500, None]))

    tips = [title.text for title in parsed(svg).iter("title")]
    assert tips == ["01 Nov\nposts 0: 1.5k", "02 Nov"]


def test_names_are_text_and_never_markup() -> None:
    hostile = chart([1], name=HOSTILE)

    markup = stacked_columns(hostile) + lines(hostile) + legend(hostile)
    assert "<script" not in markup
    assert HOSTILE in "".join(parsed(legend(hostile)).itertext())


def test_a_chart_of_nothing_is_empty() -> None:
    assert chart([None, 0], [0, None]).is_empty
    assert not chart([None, 1]).is_empty


def test_three_failures_are_seen_beside_ten_thousand_posts() -> None:
    failed = Series("failed requests", "failure", [3, None], always_seen=True)
    seen = replace(chart([10_000, 10_000]), series=[Series("posts", "s0", [10_000, 10_000]), failed])

    [mark] = drawn(stacked_columns(seen), "rect", "failure")

    assert height(mark) >= 3
    assert float(mark.get("y", "")) >= TOP


@pytest.mark.parametrize("draw", [stacked_columns, lines])
def test_a_day_that_is_not_whole_says_so(draw: Callable[[Chart], str]) -> None:
    whole = chart([10, 20, 30])
    in_part = replace(whole, in_part=frozenset({0}))

    tips = [tip.findtext("title") or "" for tip in drawn(draw(in_part), "rect", "tip")]

    assert [tip.splitlines()[0] for tip in tips] == ["01 Nov, not whole", "02 Nov", "03 Nov"]
    assert "not whole" in legend(in_part)
    assert "not whole" not in legend(whole)


def test_the_column_of_a_day_that_is_not_whole_is_pale() -> None:
    columns = drawn(stacked_columns(replace(chart([10, 20]), in_part=frozenset({0}))), "rect", "s0")

    assert ["part" in (column.get("class") or "") for column in columns] == [True, False]

"""How expressions are rewritten for a run with a real Prometheus."""

from tests.observability.expressions import RULES, asked, faster, rules, told


def test_comparisons_say_yes_or_no_and_selectors_stay() -> None:
    expression = 'sum(a{error_type!="",b=~"c>d"}) > 1 and (up{job="x"} == 0)'
    assert told(expression) == 'sum(a{error_type!="",b=~"c>d"}) > bool 1 and (up{job="x"} == bool 0)'


def test_all_of_rules_and_dashboard_is_asked() -> None:
    asked_for = asked()
    assert sum(name.startswith("alert ") for name in asked_for) == len(rules(RULES.read_text()))
    assert sum(name.startswith("panel ") for name in asked_for) >= 25
    assert not any("$" in expression for expression in asked_for.values())


def test_a_faster_rule_differs_in_its_ranges_and_holds_only() -> None:
    text = "groups: [{name: g, rules: [{alert: A, expr: 'delta(x[15m:1m]) * 3600 > 5', for: 1h}]}]"
    [rule] = rules(faster(text, 5))
    assert rule == {"alert": "A", "expr": "delta(x[180000ms:12000ms]) * 3600 > 5", "for": "720000ms"}

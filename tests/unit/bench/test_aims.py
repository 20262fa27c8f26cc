from bench.scenario import Aim

RATIO = Aim("ours by theirs", lambda medians: medians["ours"]["ms"] / medians["theirs"]["ms"], at_most=0.5)


def test_an_aim_is_met_up_to_its_bound() -> None:
    verdicts = [RATIO.verdict({"ours": {"ms": ours}, "theirs": {"ms": 2}}) for ours in (1, 1.01)]
    assert [verdict.is_met for verdict in verdicts if verdict] == [True, False]


def test_a_lower_bound_is_one_too() -> None:
    rate = Aim("rate", lambda medians: medians["ours"]["rate"], at_least=500)
    verdicts = [rate.verdict({"ours": {"rate": value}}) for value in (499, 500)]
    assert [verdict.is_met for verdict in verdicts if verdict] == [False, True]


def test_without_a_contender_there_is_no_verdict() -> None:
    assert RATIO.verdict({"ours": {"ms": 1}}) is None

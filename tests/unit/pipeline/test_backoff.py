from consumer.pipeline.backoff import LONGEST_S, Backoff


def test_each_failure_in_a_row_waits_twice_as_long_up_to_a_bound() -> None:
    backoff = Backoff()
    assert [backoff.after_failure_s() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_S, LONGEST_S]


def test_after_a_success_the_next_one_waits_briefly_again() -> None:
    Backoff().after_failure_s()
    assert Backoff().after_failure_s() == 0.2

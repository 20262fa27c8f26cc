from consumer.operations.cli.errors import in_one_line


def test_a_few_problems_are_told_in_full_and_of_many_the_first_and_how_many_there_are() -> None:
    assert in_one_line(["a", "b", "c"]) == "a; b; c"
    assert in_one_line([str(number) for number in range(1_000)]) == "0; 1; 2; and 997 more (all with --json)"

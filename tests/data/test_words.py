from data.words import counted


def test_one_has_no_s() -> None:
    assert counted(1, "station") == "1 station"


def test_none_and_several_have_one() -> None:
    assert [counted(number, "user") for number in (0, 2, 1_000)] == ["0 users", "2 users", "1,000 users"]

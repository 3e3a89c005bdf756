import pytest

from offramp.fpga.closing import Attempt, ClosingError, highest_closing

CLOCKS = [80, 90, 95, 100, 105, 110, 120]


def search(reached, first, seeds=(1, 2, 3), clocks=CLOCKS):
    """Search where `reached` gives the clock that a seed reaches when another is asked for."""
    return highest_closing(clocks, seeds, first, reached)


def test_clock_that_fails_is_followed_by_the_highest_that_was_reached():
    best, attempts = search(lambda _clock, seed: {1: 93, 2: 99, 3: 97}[seed], 110)
    # seeds 1 and 2 at 95; at 110 all three
    assert [a.clock_hz for a in attempts] == [110, 110, 110, 95, 95]
    assert [a.seed for a in attempts] == [1, 2, 3, 1, 2]
    assert best == Attempt(95, 2, 99)


def test_first_seed_that_closes_is_enough():
    best, attempts = search(lambda clock, _seed: clock + 1, 100)
    assert [(a.clock_hz, a.seed) for a in attempts] == [(100, 1)]
    assert best.seed == 1


def test_search_goes_up_while_there_is_room():
    best, attempts = search(lambda _clock, _seed: 111, 100)
    assert [a.clock_hz for a in attempts] == [100, 110]
    assert best.clock_hz == 110


def test_search_comes_back_to_what_closed_when_more_does_not():
    # above 100 each seed ends below what is asked for
    best, attempts = search(lambda clock, _seed: 111 if clock <= 100 else 99, 100, seeds=(1, 2))
    assert [a.clock_hz for a in attempts] == [100, 110, 110]
    assert best.clock_hz == 100


def test_search_tries_what_lies_between_before_it_comes_back():
    best, attempts = search(lambda clock, _seed: {100: 115, 110: 107, 105: 106}[clock], 100)
    assert [a.clock_hz for a in attempts] == [100, 110, 110, 110, 105]
    assert best.clock_hz == 105


def test_search_goes_down_more_than_once():
    best, attempts = search(
        lambda clock, _seed: clock - 1 if clock > 90 else clock, 100, seeds=(7,)
    )
    assert [a.clock_hz for a in attempts] == [100, 95, 90]
    assert best == Attempt(90, 7, 90)


def test_search_begins_at_the_lowest_clock_if_all_are_above_the_first():
    best, _ = search(lambda clock, _seed: clock, 10)
    assert best.clock_hz == 80


def test_design_that_closes_nowhere_is_one_line():
    with pytest.raises(ClosingError) as failure:
        search(lambda _clock, seed: 60e6 + seed, 100e6, clocks=[80e6, 100e6])
    assert str(failure.value) == (
        "Clock after routing must be at least 80 MHz, not 60.00 MHz with seeds 1, 2, 3"
    )


def test_slack_is_the_time_left_of_a_cycle():
    assert Attempt(100_000_000, 1, 125e6).slack_ns == pytest.approx(2.0)
    assert Attempt(100_000_000, 1, 80e6).slack_ns == pytest.approx(-2.5)
    assert not Attempt(100_000_000, 1, 80e6).closes

"""A token bucket: a burst at first, a steady flow after that."""

from app.token_bucket import TokenBucket


def test_a_burst_is_taken_at_once_and_then_as_much_as_flows_in():
    now = [0.0]
    bucket = TokenBucket(5, 2, lambda: now[0])
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    now[0] += 1
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_it_holds_no_more_than_its_burst_however_long_nobody_came():
    now = [0.0]
    bucket = TokenBucket(3, 100, lambda: now[0])
    now[0] += 1000
    assert not bucket.take(4)
    assert bucket.take(3)
    assert not bucket.take(0.1)

"""The life of a slot, as a clock sees it."""

import math
from types import SimpleNamespace

import pytest

from app.slot.life import Cause, Life, Rule

RULES = {
    Cause.REPLACED: Rule(at_most_seconds=1000, admit_seconds=30, return_seconds=60),
    Cause.MEMORY: Rule(at_most_seconds=1000, return_seconds=60),
    Cause.STOPPED: Rule(at_most_seconds=10),
}
CONNECTED = SimpleNamespace(connection_count=1, milliseconds_since_last_unsubscribe=math.inf)


def left(seconds: float) -> SimpleNamespace:
    """A session whose only connection was lost that long ago."""
    return SimpleNamespace(connection_count=0, milliseconds_since_last_unsubscribe=seconds * 1000)


class Clock:
    now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def life(clock: Clock) -> Life:
    return Life(RULES, clock)


def test_a_slot_that_serves_admits_and_goes_on(life: Life):
    assert life.cause is None
    assert life.admits
    assert not life.is_over([])


def test_a_replaced_slot_lets_slow_pages_in_before_it_ends(life: Life, clock: Clock):
    life.drain(Cause.REPLACED)
    clock.now += 29
    assert life.admits
    assert not life.is_over([])
    clock.now += 1
    assert not life.admits
    assert life.is_over([])


@pytest.mark.parametrize("cause", [Cause.REPLACED, Cause.MEMORY])
def test_a_drain_waits_for_viewers_and_for_lost_connections(life: Life, clock: Clock, cause):
    life.drain(cause)
    clock.now += 30
    assert not life.is_over([CONNECTED])
    assert not life.is_over([left(59)])
    assert life.is_over([left(60), left(300)])


@pytest.mark.parametrize("cause", [Cause.REPLACED, Cause.MEMORY])
def test_a_drain_asked_for_again_does_not_begin_again(life: Life, clock: Clock, cause):
    life.drain(cause)
    clock.now += 999
    life.drain(cause)
    assert not life.is_over([CONNECTED])
    clock.now += 1
    assert life.is_over([CONNECTED])


def test_a_slot_past_its_budget_admits_nobody_and_ends_at_once(life: Life):
    life.drain(Cause.MEMORY)
    assert not life.admits
    assert life.is_over([])


def test_a_replaced_slot_can_be_taken_back(life: Life, clock: Clock):
    life.drain(Cause.REPLACED)
    life.resume()
    assert life.cause is None
    clock.now += 2000
    assert life.admits
    assert not life.is_over([])
    life.drain(Cause.REPLACED)
    assert life.admits


@pytest.mark.parametrize("cause", [Cause.MEMORY, Cause.STOPPED])
def test_nothing_else_is_taken_back(life: Life, cause: Cause):
    life.drain(Cause.REPLACED)
    life.drain(cause)
    life.resume()
    assert life.cause is cause
    life.drain(Cause.REPLACED)
    assert life.cause is cause
    assert not life.admits


def test_a_stopped_slot_waits_for_connections_and_not_for_lost_ones(life: Life, clock: Clock):
    life.stop()
    assert life.is_over([left(0)])
    assert not life.is_over([CONNECTED])
    clock.now += 10
    assert life.is_over([CONNECTED])


def test_stopping_twice_is_now(life: Life):
    life.stop()
    life.stop()
    assert life.is_over([CONNECTED])


def test_a_stop_shortens_a_drain_and_never_lengthens_it(life: Life, clock: Clock):
    life.drain(Cause.REPLACED)
    clock.now += 995
    life.stop()
    clock.now += 5
    assert life.is_over([CONNECTED])

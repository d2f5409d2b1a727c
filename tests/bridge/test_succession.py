"""When the next session is opened, and when it takes over."""

from __future__ import annotations

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, OpenSession
from gateway.bridge.succession import STEADY_MS, Succession, TakeOver


class Order:
    """A succession with its alarms, and the hands of its clock."""

    def __init__(self, *, limit_ms: float | None = None, within_ms: float = 8000) -> None:
        self.out: list[Command] = []
        self.alarms = Alarms()
        self.succession = Succession(limit_ms=limit_ms, within_ms=within_ms, out=self.out, alarms=self.alarms)
        self.now_ms = 0.0
        self.rang: list[tuple[str, float]] = []

    def until(self, end_ms: float) -> None:
        while (due := self.alarms.next_ms()) is not None and due <= end_ms:
            self.now_ms = due
            for name in self.alarms.ring(due):
                self.rang.append((name, due))
                if name in {"renew", "reconnect"}:
                    self.succession.open()
                elif name == "renew_last":
                    self.succession.force()
        self.now_ms = end_ms

    @property
    def opened(self) -> int:
        return len([command for command in self.out if isinstance(command, OpenSession)])


def test_a_session_without_an_end_is_never_renewed() -> None:
    order = Order()
    order.succession.in_use(0, None)
    order.until(7_200_000)
    assert order.opened == 0


def test_the_next_one_is_opened_at_four_fifths_of_the_time_and_waits_for_a_pause() -> None:
    order = Order()
    order.succession.in_use(0, 3_600_000)
    order.until(2_880_000)
    assert order.opened == 1
    order.succession.opened(order.now_ms, 3_600_000)
    assert order.succession.takes_over(pause=False) is None
    assert order.succession.takes_over(pause=True) is TakeOver.RENEWED


def test_the_shorter_of_the_two_limits_counts() -> None:
    for limit_ms, lasts_ms in ((900_000, 3_600_000), (3_600_000, 900_000)):
        order = Order(limit_ms=limit_ms)
        order.succession.in_use(0, lasts_ms)
        order.until(720_000)
        assert order.opened == 1


def test_an_end_that_is_hardly_later_than_now_is_the_word_of_another_clock() -> None:
    order = Order()
    order.succession.in_use(0, 0.0)
    order.until(3_600_000)
    assert order.opened == 0


def test_without_a_pause_it_takes_over_at_the_last_moment() -> None:
    order = Order(limit_ms=3_600_000)
    order.succession.in_use(0, None)
    order.until(2_880_000)
    order.succession.opened(order.now_ms, None)
    order.until(3_584_000)
    assert order.succession.takes_over(pause=False) is None
    order.until(3_585_000)
    assert order.succession.takes_over(pause=False) is TakeOver.FORCED


def test_the_one_that_took_over_is_renewed_in_its_turn() -> None:
    order = Order(limit_ms=900_000)
    order.succession.in_use(0, None)
    order.until(720_000)
    order.succession.opened(order.now_ms, None)
    assert order.succession.took_over(order.now_ms) == 0
    order.until(720_000 + 720_000)
    assert order.opened == 2


def test_one_that_can_not_be_opened_ahead_is_tried_for_again() -> None:
    order = Order(limit_ms=900_000)
    order.succession.in_use(0, None)
    order.until(720_000)
    assert order.succession.refused(order.now_ms, retryable=False)
    order.until(730_000)
    assert order.opened == 2


def test_a_lost_session_is_replaced_at_once() -> None:
    order = Order()
    order.succession.in_use(0, None)
    assert order.succession.lost(60_000, retryable=True)
    assert order.opened == 1
    order.succession.opened(60_300, None)
    assert order.succession.takes_over(pause=False) is TakeOver.LOST
    assert order.succession.took_over(60_300) == 300
    assert not order.succession.waiting


def test_tries_are_made_with_growing_pauses_until_the_limit() -> None:
    order = Order()
    order.succession.in_use(0, None)
    order.succession.lost(100_000, retryable=True)
    tries = []
    order.now_ms = 100_000
    while order.succession.refused(order.now_ms, retryable=True):
        due = order.alarms.next_ms()
        assert due is not None
        order.until(due)
        if order.rang[-1][0] == "reconnect_limit":
            break
        tries.append(due)
    assert tries == [100_250, 100_750, 101_750, 103_750, 105_750, 107_750]
    assert order.rang[-1] == ("reconnect_limit", 108_000)


def test_a_loss_that_no_other_try_can_mend_is_given_up_at_once() -> None:
    order = Order()
    order.succession.in_use(0, None)
    assert not order.succession.lost(1000, retryable=False)
    assert order.opened == 0


def test_a_refusal_that_no_other_try_can_mend_is_given_up_at_once() -> None:
    order = Order()
    order.succession.lost(1000, retryable=True)
    assert not order.succession.refused(1100, retryable=False)


def test_no_time_to_wait_means_no_try() -> None:
    order = Order(within_ms=0)
    assert not order.succession.lost(1000, retryable=True)


def test_losses_in_quick_succession_share_one_limit() -> None:
    order = Order()
    for lost_ms in (50_000, 52_000, 54_000, 56_000):
        assert order.succession.lost(lost_ms, retryable=True)
        order.until(lost_ms + 1000)
        order.succession.opened(lost_ms + 1500, None)
        assert order.succession.takes_over(pause=False) is TakeOver.LOST
        order.succession.took_over(lost_ms + 1500)
    assert not order.succession.lost(58_000, retryable=True)


def test_a_session_that_lasted_begins_a_new_count() -> None:
    order = Order()
    order.succession.lost(0, retryable=True)
    order.succession.opened(7000, None)
    order.succession.took_over(7000)
    assert order.succession.lost(7000 + STEADY_MS, retryable=True)
    assert order.opened == 2


def test_one_opened_ahead_takes_the_place_of_a_lost_one_at_once() -> None:
    order = Order(limit_ms=900_000)
    order.succession.in_use(0, None)
    order.until(720_000)
    order.succession.opened(order.now_ms, None)
    assert order.succession.lost(721_000, retryable=False)
    assert order.opened == 1
    assert order.succession.takes_over(pause=False) is TakeOver.LOST

"""Transfers are remembered for the carrier's question, and not for ever."""

from __future__ import annotations

import pytest

from gateway.clock import HandClock
from gateway.contracts.leg import TransferTarget
from gateway.legs import pending_transfers
from gateway.legs.pending_transfers import PendingTransfers

TARGET = TransferTarget("tel:+15550003333")


def test_asking_changes_nothing() -> None:
    pending = PendingTransfers(HandClock())
    pending.put("CA90", TARGET)
    assert pending.get("CA90") == pending.get("CA90") == TARGET
    assert pending.get("CA91") is None


def test_a_refused_transfer_is_forgotten() -> None:
    pending = PendingTransfers(HandClock())
    pending.put("CA90", TARGET)
    pending.drop("CA90")
    pending.drop("CA90")
    assert pending.get("CA90") is None


def test_a_transfer_is_forgotten_in_time_and_makes_room() -> None:
    clock = HandClock()
    pending = PendingTransfers(clock)
    pending.put("CA90", TARGET)
    clock.advance(120_001)
    assert pending.get("CA90") is None
    pending.put("CA91", TARGET)
    assert len(pending._targets) == 1


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_transfers, "MOST", 3)
    pending = PendingTransfers(HandClock())
    for index in range(5):
        pending.put(f"CA{index}", TARGET)
    assert [pending.get(f"CA{index}") is not None for index in range(5)] == [False, False, True, True, True]

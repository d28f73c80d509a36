"""Ctrl-C and SIGTERM: the first one is a request, the second one an order."""

import signal

import pytest

from streamdeq.cli.stopping import stop_signals

KINDS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_signal_is_noted_and_interrupts_nothing(kind: signal.Signals) -> None:
    with stop_signals() as caught:
        assert caught == []
        signal.raise_signal(kind)
        assert caught == [kind]


@pytest.mark.parametrize("first", KINDS)
def test_a_ctrl_c_after_the_first_signal_interrupts_at_once(first: signal.Signals) -> None:
    told = []
    with stop_signals(lambda: told.append("stop")) as caught:
        signal.raise_signal(first)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert caught == [first]
    assert told == ["stop"]


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(kind) for kind in KINDS]
    with stop_signals():
        assert [signal.getsignal(kind) for kind in KINDS] != before
    assert [signal.getsignal(kind) for kind in KINDS] == before

    def failing() -> None:
        with stop_signals():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert [signal.getsignal(kind) for kind in KINDS] == before

"""No mutant of a file ends, hangs or starves the program, or makes it miscount; damage is refused in one line."""

import os
from random import Random

import pytest

from fuzz.campaign import GOOD, campaign
from fuzz.kinds import KINDS
from fuzz.mutants import mutated

MUTANTS = int(os.environ.get("STREAMDEQ_MUTANTS", "1000"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_mutant_is_read_or_refused(kind: str, capsys: pytest.CaptureFixture[str]):
    outcome = campaign(kind, range(MUTANTS))
    with capsys.disabled():
        print(f"\n{kind}: {dict(outcome.counts)}, at most {outcome.peak_mb} MB and {outcome.longest_s:.1f} s")
    assert outcome.findings == {}
    assert sum(outcome.counts[good] for good in GOOD) == MUTANTS


def test_a_mutant_follows_from_its_seed_and_differs_from_the_whole_file():
    whole = bytes(range(256)) * 4
    mutants = [mutated(whole, Random(seed)) for seed in range(50)]
    assert mutants == [mutated(whole, Random(seed)) for seed in range(50)]
    assert sum(one != whole for one in mutants) >= 48

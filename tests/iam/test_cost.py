"""The cost of a decision, counted where a clock would only measure the machine: bench/decision.py has the figure."""
from __future__ import annotations

import cProfile
import pstats
import sys
from pathlib import Path

from cloche.iam import decide

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import decision


def calls(statements_asked):
    profile = cProfile.Profile()
    profile.enable()
    for question in statements_asked:
        decide(question)
    profile.disable()
    return pstats.Stats(profile).total_calls / len(statements_asked)


def test_ten_policies_of_twenty_statements_are_decided_without_looking_at_each():
    policies = decision.held()
    assert [decide(one).allowed for one in decision.asked(policies, 1)] == [True, True, False, False]
    for one in decision.asked(policies, 10):               # from then on compiled, indexed and remembered
        decide(one)
    assert calls(decision.asked(policies, 50)) < 60

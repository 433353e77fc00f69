"""CloudTrail Lake's SQL: one SELECT over the events of one store, as far as it goes here; what is beyond it is refused with a sentence, never half done.

    query = parse(text)           # Refused(ValueError) says what is wrong or not built
    names, rows = query.run(events)     # events are the records; rows are lists of texts (None is NULL)

SELECT [DISTINCT] * or expressions [AS name] FROM store [WHERE] [GROUP BY] [HAVING] [ORDER BY ... ASC|DESC] [LIMIT n]. Names find columns and members in any case.
A comparison with NULL is unknown (three-valued logic). Moments are texts (`2026-11-25 14:00:00.000`) and compare as such.
"""
from __future__ import annotations

from .reading import Query, parse
from .values import Refused

__all__ = ["Query", "Refused", "parse"]

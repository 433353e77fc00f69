"""The query language of CloudWatch Logs Insights: `parse` makes a query of a text, `run` answers it from log events. Pure."""
from .parsing import Malformed, Query, parse
from .running import Event, event, run

__all__ = ["Event", "Malformed", "Query", "event", "parse", "run"]

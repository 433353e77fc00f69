"""The policy language of IAM: parse, match, decide, explain. Pure: no clock, no store, no service."""
from .conditions import Context
from .decide import Decision, Question, decide
from .policy import Bundle, MalformedPolicy, Policy, parse
from .principal import ANONYMOUS, Principal, canonical_id, root, service

__all__ = ["ANONYMOUS", "Bundle", "Context", "Decision", "MalformedPolicy", "Policy", "Principal", "Question", "canonical_id", "decide", "parse", "root", "service"]

"""What HTTP APIs share with REST APIs: the door, the way to functions, buckets, and how a request is read."""
from __future__ import annotations

from .access import asked, filled
from .apis import LETTERS, Endpoint, RestApi
from .calling import Said, call_api
from .domains import ZONES, Domain
from .domains import arn_of as domain_arn
from .domains import change as change_domain
from .domains import drop as drop_domain
from .domains import make as make_domain
from .domains import status as domain_status
from .errors import mapping_exists
from .invoke import functions
from .invoke.access_log import put as log_access
from .invoke.authorize import fault_of
from .invoke.aws import ask as service_of
from .invoke.exchange import clf, client_certificate, headers_of, last, query_of, read_json, source_ip
from .invoke.reach import reach
from .invoke.responses import clean, passed
from .invoke.templates import render
from .invoke.throttle import take
from .stages import Stage as RestStage

__all__ = [
    "LETTERS", "ZONES", "Domain", "Endpoint", "RestApi", "RestStage", "Said", "asked", "call_api", "change_domain", "clean", "clf", "client_certificate", "domain_arn", "domain_status", "drop_domain", "fault_of", "filled", "functions", "headers_of", "last",
    "log_access", "make_domain", "mapping_exists", "passed", "query_of", "reach", "read_json", "render", "service_of", "source_ip", "take",
]

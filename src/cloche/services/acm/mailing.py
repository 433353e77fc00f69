"""Validation by mail: a letter to the postmasters of each domain, with a link; who follows it and says yes has proved the domain.

The letters lie in Cloche's letter box; the link is of `certificates.amazon.com`, which is this very cloud.
"""
from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cloche.kernel import Call, Request, Response, mail

from . import errors, issuing, validation
from . import service as acm
from .tags import by_arn, facts

if TYPE_CHECKING:
    from cloche.shapes import acm as t

    from .certificates import Certificate

SENDER = "no-reply@certificates.amazon.com"
SENDER_NAME = "Amazon Certificates"

acm.table("CREATE TABLE IF NOT EXISTS acm_approval (code TEXT PRIMARY KEY, certificate TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")
acm.table("CREATE INDEX IF NOT EXISTS acm_approval_certificate ON acm_approval (certificate)")


def write(call: Call, one: Certificate, names: tuple[str, ...] = ()) -> None:
    """A letter for each name that is not proved."""
    for name in names or [x for x in one.names if x not in one.proved]:
        code = call.secret(24)
        call.sql("INSERT INTO acm_approval VALUES (?,?,?,?,?)", code, one.id, name, call.account, call.region)
        text = (f"Greetings from Amazon Web Services,\n\nWe received a request to issue an SSL/TLS certificate for {name}.\n\nAWS account ID: {call.account}\nAWS Region: {call.region}\n"
                f"Certificate Identifier: {one.id}\n\nTo approve this request, go to https://certificates.amazon.com/approvals?code={code}&context={one.id} and follow the instructions on the page.\n")
        domain = one.domains.get(name, name).removeprefix("*.")
        for who in validation.POSTMASTERS:
            mail.post(call, "EMAIL", f"{who}@{domain}", f"Certificate request for {name}", text, SENDER)


def forget(call: Call, one: Certificate) -> None:
    call.sql("DELETE FROM acm_approval WHERE certificate=?", one.id)


@acm.op(resource=by_arn, context=facts)
def resend_validation_email(call: Call, req: t.ResendValidationEmailRequest) -> None:
    from .certificates import find
    one = find(call, req["CertificateArn"])
    if one.method != "EMAIL" or one.status(call.now) != "PENDING_VALIDATION":
        raise errors.invalid_state("The certificate is not waiting for validation by email.")
    name, above = req["Domain"].lower(), req["ValidationDomain"].lower()
    if name not in one.names or not (name == above or name.endswith("." + above)):
        raise errors.bad_validation_domain(name)
    write(call, call.put(one.but(domains=one.domains | {name: above})), (name,))


@acm.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    """The page behind a letter's link: a look at it, and the button."""
    given = parse_qs(request.query) | (parse_qs((await request.read()).decode("utf-8", "replace")) if request.method == "POST" else {})
    code = (given.get("code") or [""])[0]
    row = call.row("SELECT certificate, name, account, region FROM acm_approval WHERE code=?", code) if request.path == "/approvals" else None
    if row is None:
        return _page(404, "<p>The link is not valid, or the request is no longer there.</p>")
    if request.method != "POST":
        return _page(200, f"<p>Certificate for {html.escape(row[1])}, account {row[2]}, region {row[3]}.</p><form method=post><input type=hidden name=code value='{html.escape(code)}'>"
                          "<button>I Approve</button></form>")
    with call.step():
        said = approve(call.at(row[2], row[3]), row[0], row[1])
    return _page(200, f"<p>{said}</p>")


def approve(call: Call, id_: str, name: str) -> str:
    from .certificates import Certificate
    one = call.get(Certificate, id_)
    if one is None or not (one.status(call.now) == "PENDING_VALIDATION" or issuing.due(call, one)):
        return "The request is no longer there."
    call.put(one.but(proved=tuple(x for x in one.names if x in one.proved or x == name)))
    call.sql("DELETE FROM acm_approval WHERE certificate=? AND name=?", id_, name)
    call.wake(issuing.issue, id_)
    return "Success! You have approved the certificate."


def _page(status: int, body: Any) -> Response:
    return Response(status, [("content-type", "text/html; charset=utf-8")], f"<!doctype html><title>{SENDER_NAME}</title>{body}\n".encode())

"""Who a request is from: digest (RFC 3261 22, RFC 8760), asked before anything else."""

from __future__ import annotations

from collections.abc import Callable

from conferences.policy import Identity
from sipgateway.focus.actions import LoadAccount
from sipgateway.focus.desk import Desk, uri_of
from sipgateway.focus.events import AccountLoaded, Answer
from sipgateway.sip import digest, headers
from sipgateway.sip.digest import Digest, Verdict, claim_of
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.headers import Auth
from sipgateway.sip.message import Request

Then = Callable[[Identity, float], None]


class Authentication:
    """Challenges, loads the account and verifies; nothing reveals whether it exists."""

    def __init__(self, desk: Desk, digest: Digest) -> None:
        self._desk = desk
        self._digest = digest

    def of(self, event: RequestReceived, then: Then, now: float) -> None:
        """Call `then` with whoever sent the request, or answer 401, 400 or 503."""
        try:
            auth = _credentials(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        if auth is None:
            self._challenge(event, now, stale=False)
            return
        credentials = auth

        def loaded(answer: Answer, at: float) -> None:
            if isinstance(answer, AccountLoaded):
                self._verify(event, credentials, answer, then, now=at)
            else:
                self._desk.unavailable(event.transaction, at)

        claim = claim_of(credentials)
        # A hashed name (RFC 7616 3.4.4) was never offered and is nobody's.
        name = "" if claim.hashed_by else claim.name
        self._desk.ask(lambda number: LoadAccount(number, name), loaded)

    def _verify(
        self,
        event: RequestReceived,
        auth: Auth,
        account: AccountLoaded,
        then: Then,
        *,
        now: float,
    ) -> None:
        if not self._desk.endpoint.pending(event.transaction):
            return
        ha1 = account.ha1 if account.identity else self._digest.no_such_user()
        request = event.request
        verdict = self._digest.verify(auth, ha1, method=request.method, now=now, body=request.body)
        if not self._is_for_us(auth.get("uri"), request):
            verdict = Verdict.BAD
        if verdict is Verdict.GOOD and account.identity is not None:
            then(account.identity, now)
            return
        self._challenge(event, now, stale=verdict is Verdict.STALE and bool(account.identity))

    def _is_for_us(self, uri: str, request: Request) -> bool:
        """RFC 7616 3.4.6. SIPp names the server alone, so any URI of this house will do."""
        return uri == request.uri or self._desk.domain.owns(uri_of(uri))

    def _challenge(self, event: RequestReceived, now: float, *, stale: bool) -> None:
        user_agent = event.request.get("user-agent") or ""
        algorithms = digest.algorithms_for(user_agent, web=event.flow.web)
        challenges = self._digest.challenges(now, stale=stale, algorithms=algorithms)
        fields = tuple(
            ("WWW-Authenticate", headers.WWW_AUTHENTICATE.build(auth)) for auth in challenges
        )
        self._desk.endpoint.respond(event.transaction, 401, now, fields=fields)


def _credentials(request: Request) -> Auth | None:
    digests = [a for a in request.every(headers.AUTHORIZATION) if a.scheme == "digest"]
    return digests[0] if digests else None

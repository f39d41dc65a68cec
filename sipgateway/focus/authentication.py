"""Asks who a request is from: digest (RFC 3261 22, RFC 7616), and who was wrong too often.

A request without credentials is challenged and forgotten. One with credentials
is looked at unless its sender has to wait (`guard`); then it gets 503 with
Retry-After, whether the account exists or not. 503 rather than 403, for it is
over by itself and a phone tries again (RFC 3261 21.5.4); 429 is taken in SIP
(RFC 3892). Nonces that are not ours are answered by a new challenge before the
database is asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from conferences import attempts
from conferences.policy import Identity
from sipgateway.focus import proxy
from sipgateway.focus.desk import Desk, uri_of
from sipgateway.focus.events import AccountLoaded, Answer
from sipgateway.focus.guard import Guard, Where
from sipgateway.focus.questions import LoadAccount
from sipgateway.sip import digest, headers
from sipgateway.sip.digest import Claim, Digest, Verdict
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import Auth
from sipgateway.sip.limits import Limits, Meter
from sipgateway.sip.message import Request

MOST_ASKED = 2000
"""Accounts that the database may be asked for at once: two seconds of its work."""

MOST_OF_ONE = 200
"""Those among them that one address and port asks for, so that others need not wait for it."""

Then = Callable[[Identity, float], None]


class Authentication:
    """Challenges, loads the account and verifies; nothing reveals whether it exists."""

    def __init__(self, desk: Desk, digest: Digest, guard: Guard, limits: Limits) -> None:
        self._desk = desk
        self._endpoint = desk.endpoint
        self._digest = digest
        self._guard = guard
        self._asked: Counter[str] = Counter()
        """By place."""
        self._accounts: Meter[str] = Meter(limits.account)
        self._invites: Meter[str] = Meter(limits.invites)

    def is_ours(self, auth: Auth) -> bool:
        """Whether credentials are meant for us."""
        return auth.scheme == "digest" and self._digest.is_ours(auth)

    def of(self, event: RequestReceived, then: Then, now: float) -> None:
        """Call `then` with whoever sent the request, or answer 401 (407), 400 or 503.

        Where several processes are one system, the one that the request came to asks,
        and vouches for the sender to the one that it is for.
        """
        if isinstance(event.vouched, Identity):
            self._proved(event, event.vouched, then, now)
            return
        try:
            auth = self._credentials(event.request)
        except BadMessage as error:
            self._endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        if auth is None:
            self._guard.challenged(where_of(event.flow), _concerned(event.request), now)
            self._challenge(event, now, stale=False)
            return
        claim = digest.claim_of(auth)
        if (wait := self._guard.wait(where_of(event.flow), claim.name, now)) > 0:
            self._hold_off(event, wait)
        elif self._asks_too_much(where_of(event.flow).place):
            self._guard.counters["too many at once"] += 1
            self._hold_off(event, 1)
        else:
            self._ask(event, auth, claim, then)

    def _credentials(self, request: Request) -> Auth | None:
        """Those for us; of others, which a phone behind us may have asked for, we know nothing."""
        said = request.every(headers.AUTHORIZATION) + request.every(headers.PROXY_AUTHORIZATION)
        return next((auth for auth in said if self.is_ours(auth)), None)

    def _asks_too_much(self, place: str) -> bool:
        return self._asked[place] >= MOST_OF_ONE or self._asked.total() >= MOST_ASKED

    def _ask(self, event: RequestReceived, auth: Auth, claim: Claim, then: Then) -> None:
        place = where_of(event.flow).place

        def loaded(answer: Answer, at: float) -> None:
            self._asked[place] -= 1
            if not self._asked[place]:
                del self._asked[place]
            if not isinstance(answer, AccountLoaded):
                self._desk.unavailable(event.transaction, at)
            elif self._endpoint.pending(event.transaction):
                self._verify(event, auth, answer, then, now=at)

        self._asked[place] += 1
        self._desk.ask(lambda number: LoadAccount(number, claim.name, claim.hashed_by), loaded)

    def _verify(
        self, event: RequestReceived, auth: Auth, account: AccountLoaded, then: Then, *, now: float
    ) -> None:
        where, name = where_of(event.flow), account.auth_name or digest.claim_of(auth).name
        # Once more: of many that came together only the first ones may be looked at.
        if (wait := self._guard.wait(where, name, now)) > 0:
            self._hold_off(event, wait)
            return
        request = event.request
        ha1 = account.ha1 if account.identity else self._digest.no_such_user()
        verdict = self._digest.verify(auth, ha1, method=request.method, now=now, body=request.body)
        if not self._is_for_us(auth.get("uri"), request):
            verdict = Verdict.BAD
        if verdict is Verdict.GOOD and account.identity is not None:
            self._guard.succeeded(where, name)
            self._guard.answered(where, _concerned(request))
            self._let_in(event, name, account.identity, then, now=now)
            return
        stale = verdict is Verdict.STALE and account.identity is not None
        if not stale:
            self._guard.failed(where, name, now)
        self._challenge(event, now, stale=stale)

    def _let_in(
        self, event: RequestReceived, name: str, who: Identity, then: Then, *, now: float
    ) -> None:
        """Unless this account asks for too much."""
        meters = {"account asks too much": self._accounts}
        if event.request.method == "INVITE":
            meters["account calls too much"] = self._invites
        for reason, meter in meters.items():
            if not meter.take(name, now):
                self._guard.counters[f"refused: {reason}"] += 1
                fields = (("Retry-After", str(meter.wait(name, now))),)
                self._endpoint.refuse(event.transaction, 503, fields=fields)
                return
        self._proved(event, who, then, now)

    def _proved(self, event: RequestReceived, who: Identity, then: Then, now: float) -> None:
        self._endpoint.proved(event.transaction, who.uri)
        then(who, now)

    def _is_for_us(self, uri: str, request: Request) -> bool:
        """RFC 7616 3.4.6. SIPp names the server alone, so any URI of this house will do."""
        return uri == request.uri or self._desk.domain.owns(uri_of(uri))

    def _challenge(self, event: RequestReceived, now: float, *, stale: bool) -> None:
        user_agent = event.request.get("user-agent") or ""
        algorithms = digest.algorithms_for(user_agent, web=event.flow.web)
        challenges = self._digest.challenges(now, stale=stale, algorithms=algorithms)
        passed = event.dialog is None and proxy.is_merely_passed(event.request)
        status, fields = digest.challenge_fields(challenges, proxy=passed)
        self._guard.counters["challenged"] += 1
        self._endpoint.refuse(event.transaction, status, fields=fields)

    def _hold_off(self, event: RequestReceived, wait: float) -> None:
        self._guard.counters["refused: to wait"] += 1
        fields = (("Retry-After", str(max(1, math.ceil(wait)))),)
        self._endpoint.refuse(event.transaction, 503, fields=fields)


def where_of(flow: Flow) -> Where:
    """Where a request that came by `flow` comes from."""
    source = attempts.source_of(flow.remote_host)
    return Where(source, f"{flow.remote_host}:{flow.remote_port}")


def _concerned(request: Request) -> str:
    """Whom a request is about: who registers, else who is called."""
    if request.method == "REGISTER":
        return headers.sip_uri_of(request.must(headers.TO)).name
    return uri_of(request.uri).name

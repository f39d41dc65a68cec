"""What is booked, what happened, and the rules: look at everything, mend little.

What happened is shown and not written: the history has one author, the gateway.
(`ModelAdmin` is generic for the type checker alone, hence the ignored type-args.)
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conferences import services
from conferences.admin.rows import ReadOnly
from conferences.models import (
    ApiToken,
    Ban,
    Call,
    Conference,
    DialOutRules,
    DialTarget,
    Endpoint,
    Event,
    Factory,
    Guest,
    HeldOff,
    Invitation,
    Lease,
    Ledger,
    Mail,
    Participant,
    Registration,
    Removal,
    SipAccount,
)


@admin.register(Ledger)
class LedgerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """How much can be booked. What is booked already stays, whatever is set here."""

    list_display = ("ports", "overbooked_percent", "bookable")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """There is one."""
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """There is one."""
        return False


class _Invitations(admin.TabularInline):  # type: ignore[type-arg]
    model = Invitation
    fields = ("uri", "email", "user", "role", "dial_out")
    autocomplete_fields = ("user",)
    readonly_fields = ("uri", "email", "user", "role", "dial_out")
    extra = 0
    can_delete = True

    def has_add_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """A list is written by its organizer, who knows whom he calls."""
        return False


class _Bans(admin.TabularInline):  # type: ignore[type-arg]
    model = Ban
    extra = 0
    readonly_fields = ("entity", "by", "at")

    def has_add_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """Bans come from removals; here they are lifted."""
        return False


@admin.register(Conference)
class ConferenceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Bookings. Times, rules and sizes are changed on the booking's own page, which checks them."""

    list_display = ("title", "name", "kind", "organizer", "starts_at", "locked", "cancelled_at")
    list_filter = ("kind", "admission", "waiting_room", "locked")
    list_select_related = ("organizer",)
    search_fields = ("title", "name", "organizer__username")
    date_hierarchy = "created_at"
    # Whoever has to know them is their organizer.
    exclude = ("pin", "moderator_pin")
    readonly_fields = (
        "name",
        "kind",
        "organizer",
        "creator",
        "starts_at",
        "duration_minutes",
        "rrule",
        "timezone",
        "early_minutes",
        "grace_minutes",
        "max_participants",
        "closes_at",
        "roster_version",
        "created_at",
        "cancelled_at",
        "ended_at",
        "end_by",
    )
    inlines = (_Invitations, _Bans)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Booking is what the pages are for."""
        return False


class _Endpoints(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Endpoint
    extra = 0
    can_delete = False


@admin.register(Participant)
class ParticipantAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who was there, and from when to when."""

    list_display = ("display_text", "entity", "conference", "role", "joined_at", "left_at")
    list_filter = ("role", "left_method")
    list_select_related = ("conference",)
    search_fields = ("entity", "display_text", "conference__name", "conference__title")
    inlines = (_Endpoints,)


@admin.register(Event)
class EventAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The history of everything."""

    list_display = ("at", "conference", "kind", "actor", "target", "way")
    list_filter = ("kind", "way")
    list_select_related = ("conference",)
    search_fields = ("actor", "target", "conference__name", "conference__title")
    date_hierarchy = "at"


@admin.register(Removal)
class RemovalAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who was sent away, by whom, and how that went."""

    list_display = ("created_at", "conference", "participant", "actor", "way", "state", "outcome")
    list_filter = ("state", "way")
    list_select_related = ("conference", "participant")


@admin.register(Call)
class CallAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who was called."""

    list_display = ("created_at", "conference", "uri", "by", "way", "state", "status", "reason")
    list_filter = ("state", "way")
    list_select_related = ("conference",)
    search_fields = ("uri", "job")


@admin.register(DialOutRules)
class DialOutRulesAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """How often, how many at once and when people are called."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """There is one set."""
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """There is one set."""
        return False


@admin.register(DialTarget)
class DialTargetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Whom one may have called outside of our domain: the list against toll fraud.

    While it is empty, other domains by all who may add, telephones by those who command.
    """

    list_display = ("pattern", "who", "note")
    list_editable = ("who",)
    search_fields = ("pattern", "note")


@admin.register(Factory)
class FactoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What a call to each of them makes; conferences that it has made stay as they are."""

    list_display = ("name", "mode", "for_organizers", "max_participants", "lasts_minutes", "active")
    list_filter = ("mode", "active")
    search_fields = ("name", "title")


@admin.register(Mail)
class MailAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Invitations by mail, and how far they came."""

    list_display = ("created_at", "conference", "kind", "address", "state", "attempts", "error")
    list_filter = ("state", "kind")
    list_select_related = ("conference",)
    search_fields = ("address", "conference__name", "conference__title")
    exclude = ("invitation",)


@admin.register(Registration)
class RegistrationAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Whose phones are registered, by which process, and until when."""

    list_display = (
        "aor",
        "user_agent",
        "transport",
        "address",
        "since",
        "expires_at",
        "ended_at",
        "gateway",
    )
    list_filter = ("transport", "gateway")
    search_fields = ("aor", "user_agent", "remote_host", "contact")
    date_hierarchy = "since"
    actions = ("end",)

    @admin.action(description=_("End the registrations: calls ring there no more"))
    def end(self, request: HttpRequest, chosen: QuerySet[Registration]) -> None:
        """As the person himself would do it on his page."""
        count = services.end_registrations(chosen.values_list("pk", flat=True))
        self.message_user(request, f"{count} ended.")

    def has_delete_permission(
        self,
        request: HttpRequest,
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """They are ended, for a row that is gone tells its gateway nothing; or go with people."""
        here = request.resolver_match
        return here is not None and "registration" not in (here.url_name or "")


@admin.register(Guest)
class GuestAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """People without an account."""

    list_display = ("display_name", "conference", "created_at", "expires_at")
    list_select_related = ("conference",)


@admin.register(SipAccount)
class SipAccountAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Phones; deleting one takes its credentials away."""

    list_display = ("auth_name", "user", "guest", "expires_at")
    list_select_related = ("user", "guest")
    search_fields = ("auth_name", "user__username")
    exclude = ("ha1_md5", "ha1_sha256")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens of the REST API; deleting one revokes it."""

    list_display = ("user", "created_at")
    list_select_related = ("user",)
    exclude = ("digest",)


@admin.register(Lease)
class LeaseAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Which process serves which conference."""

    list_display = ("conference", "owner", "expires_at")
    list_select_related = ("conference",)


@admin.register(HeldOff)
class HeldOffAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who was wrong about a password, from where, since when, and until when he has to wait."""

    list_display = ("who", "where", "door", "waits", "until", "wrongly", "since")
    list_filter = ("door",)
    search_fields = ("account", "source")
    date_hierarchy = "last_at"
    actions = ("lift",)

    @admin.display(description=_("account"), ordering="account")
    def who(self, row: HeldOff) -> str:
        """The name that was typed."""
        return row.account or "any"

    @admin.display(description=_("source"), ordering="source")
    def where(self, row: HeldOff) -> str:
        """The address."""
        return row.source or "any that never signed in to it"

    @admin.display(description=_("wrong attempts"), ordering="wrong")
    def wrongly(self, row: HeldOff) -> int:
        """Wrong attempts that count, in whole numbers."""
        return round(row.wrong)

    @admin.display(description=_("has to wait"), boolean=True)
    def waits(self, row: HeldOff) -> bool:
        """Whether the next attempt is still refused."""
        return row.until > timezone.now()

    @admin.action(description=_("Let them try again now"), permissions=["delete"])
    def lift(self, request: HttpRequest, rows: QuerySet[HeldOff]) -> None:
        """Forgive what was wrong; phones are let in within seconds."""
        lifted = services.lift_attempts(rows=rows)
        words = ngettext("%(count)s may try again.", "%(count)s may try again.", lifted)
        self.message_user(request, words % {"count": lifted})

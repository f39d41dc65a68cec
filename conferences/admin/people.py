"""People: accounts, groups with their quotas, and how they sign in.

Secrets are shown to nobody: keys of second factors, hashes, links.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conferences import selectors, services
from conferences.admin.rows import ReadOnly
from conferences.models import AccountLink, Delegation, GroupQuota, User

# The provider is set by the environment, and its tokens are not kept.
for model in (Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


@admin.register(User)
class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]
    """People, with what Parley knows of them beside what Django does."""

    list_display = (
        "username",
        "display_name",
        "email",
        "is_organizer",
        "is_staff",
        "is_active",
        "second_factor",
        "last_login",
    )
    list_filter = ("is_organizer", "is_gateway", *UserAdmin.list_filter)
    search_fields = ("username", "display_name", "email")
    readonly_fields = ("last_login", "date_joined", "deleting_since")
    actions = ("make_password_links", "take_second_factor", "download", "delete_people")
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        (
            "Parley",
            {
                "fields": (
                    "display_name",
                    "is_organizer",
                    "is_gateway",
                    "ports_quota",
                    "timezone",
                    "language",
                    "deleting_since",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With whether each has a second factor."""
        keys = Authenticator.objects.filter(user=OuterRef("pk"))
        rows: QuerySet[User] = super().get_queryset(request)
        found: QuerySet[User] = rows.annotate(has_factor=Exists(keys))
        return found

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody makes himself more than he is by way of somebody above him."""
        above = isinstance(obj, User) and obj.is_superuser and not _by(request).is_superuser
        return not above and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Rights are given by those who have them all."""
        fields = super().get_readonly_fields(request, obj)
        if _by(request).is_superuser:
            return fields
        return (*fields, "is_staff", "is_superuser", "groups", "user_permissions")

    @admin.display(description=gettext_lazy("second factor"), boolean=True, ordering="has_factor")
    def second_factor(self, row: User) -> bool:
        """Whether he is asked for one."""
        return bool(getattr(row, "has_factor", False))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """An address that an administrator gives is taken for verified: he knows his people."""
        super().save_model(request, obj, form, change)
        if "email" in form.changed_data:
            services.address_verified(obj)

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        """People go by the action, which calls off what they booked."""
        return False

    @admin.action(description=gettext_lazy("Make a link to set a password"))
    def make_password_links(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """For whoever has forgotten his, where no mails go out; shown once, here."""
        for user in chosen:
            try:
                link = services.password_link(user=user, by=_by(request))
            except services.Refused:
                words = _("%(who)s: that is for administrators of the same rank.")
                self.message_user(request, words % {"who": user}, messages.ERROR)
            else:
                words = _("%(who)s sets a password, once and within a day, at: %(url)s")
                self.message_user(request, words % {"who": user, "url": selectors.link_url(link)})

    @admin.action(description=gettext_lazy("Take the second factor away"))
    def take_second_factor(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """For whoever has lost his phone and his codes."""
        by = _by(request)
        below = chosen if by.is_superuser else chosen.filter(is_superuser=False)
        rows = Authenticator.objects.filter(user__in=below.values("pk"))
        count = rows.values("user").distinct().count()
        rows.delete()
        words = ngettext("%(count)s has none now.", "%(count)s have none now.", count)
        self.message_user(request, words % {"count": count})

    @admin.action(description=gettext_lazy("Download all that there is about one person"))
    def download(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """The file that he could download himself."""
        if chosen.count() != 1:
            self.message_user(request, _("Choose one person."), messages.ERROR)
            return None
        user = chosen.get()
        response = JsonResponse(selectors.everything_about(user), json_dumps_params={"indent": 1})
        response["Content-Disposition"] = f'attachment; filename="parley-{user.username}.json"'
        return response

    @admin.action(description=gettext_lazy("Delete the accounts, and what they booked"))
    def delete_people(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Ask once more, then as they could do themselves."""
        if "sure" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Delete accounts"),
                "people": chosen,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/delete_people.html", context)
        for user in chosen:
            try:
                services.delete_person(user=user, by=_by(request))
            except ValidationError as error:
                words = f"{user}: {' '.join(error.messages)}"
                self.message_user(request, words, messages.ERROR)
            else:
                self.message_user(request, _("%(who)s is deleted.") % {"who": user})
        return None


def _by(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the back office is for people who are signed in"
    return request.user


class _Quota(admin.StackedInline):  # type: ignore[type-arg]
    model = GroupQuota


admin.site.unregister(Group)


@admin.register(Group)
class GroupsAdmin(GroupAdmin):
    """Groups, with what their members may book; rights are those of the administration."""

    list_display = ("name", "members", "together", "each")
    list_select_related = ("quota",)
    inlines = (_Quota,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """With how many are in each."""
        return super().get_queryset(request).annotate(members_count=Count("user"))

    @admin.display(description=gettext_lazy("members"), ordering="members_count")
    def members(self, row: Group) -> int:
        """How many are in it."""
        return int(getattr(row, "members_count", 0))

    @admin.display(description=gettext_lazy("ports of all together"), ordering="quota__ports")
    def together(self, row: Group) -> int | None:
        """What they may take together."""
        return row.quota.ports if hasattr(row, "quota") else None

    @admin.display(description=gettext_lazy("ports of each"), ordering="quota__ports_each")
    def each(self, row: Group) -> int | None:
        """What each may take."""
        return row.quota.ports_each if hasattr(row, "quota") else None


@admin.register(Authenticator)
class SecondFactorAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Second factors; deleting one takes it away."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    exclude = ("data",)


@admin.register(SocialAccount)
class ProviderAccountAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Accounts at the provider that lead to one here; deleting one cuts them."""

    list_display = ("user", "uid", "date_joined", "last_login")
    list_select_related = ("user",)
    search_fields = ("user__username", "uid")
    exclude = ("extra_data",)


@admin.register(AccountLink)
class AccountLinkAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Invitations to have an account, and ways back; deleting one closes it."""

    list_display = ("created_at", "kind", "email", "user", "by", "state", "expires_at", "used_at")
    list_filter = ("kind", "state")
    list_select_related = ("user", "by")
    search_fields = ("email", "user__username", "by__username")
    exclude = ("nonce",)


@admin.register(Delegation)
class DelegationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who books for whom."""

    list_display = ("owner", "delegate", "everything", "created_at")
    list_filter = ("everything",)
    list_select_related = ("owner", "delegate")
    search_fields = ("owner__username", "delegate__username")
    autocomplete_fields = ("owner", "delegate")

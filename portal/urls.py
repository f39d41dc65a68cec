"""Every address on one screen."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from conferences import dav
from conferences.api import api
from portal import steps
from portal.views import (
    account,
    attendance,
    booking,
    calendar,
    conference,
    factories,
    health,
    home,
    ladder,
    language,
    load,
    metrics,
    occurrences,
    people,
    phone,
    planner,
    quality,
    recording,
    room,
    setup,
    sign_in,
    sound,
    webhooks,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    *steps.urlpatterns,
    path("sign-in/forgotten/", people.forgotten, name="forgotten"),
    path("people/", people.invite, name="invite"),
    path("people/<int:link>/withdraw/", people.withdraw, name="invite_withdraw"),
    path("welcome/<str:token>/", people.welcome, name="welcome"),
    path("start/", booking.start, name="start"),
    path("book/", booking.book, name="book"),
    path("load/", load.load, name="load"),
    path("history/", conference.history, name="history"),
    path("conferences/<str:name>/", conference.conference, name="conference"),
    path(
        "conferences/<str:name>/recordings/<str:recording>/", recording.recording, name="recording"
    ),
    path(
        "conferences/<str:name>/recordings/<str:recording>/zip/",
        recording.zipped,
        name="recording_zip",
    ),
    path(
        "conferences/<str:name>/recordings/<str:recording>/tracks/<str:track>/",
        recording.track,
        name="recording_track",
    ),
    path(
        "conferences/<str:name>/recordings/<str:recording>/delete/",
        recording.delete,
        name="recording_delete",
    ),
    path("conferences/<str:name>/sounds/", sound.add, name="sound_add"),
    path("conferences/<str:name>/sounds/<str:sound>/", sound.sound, name="sound"),
    path("conferences/<str:name>/sounds/<str:sound>/delete/", sound.delete, name="sound_delete"),
    path("conferences/<str:name>/roster/", conference.roster, name="conference_roster"),
    path("conferences/<str:name>/quality/", quality.quality, name="conference_quality"),
    path("conferences/<str:name>/protocol/", ladder.ladder, name="conference_protocol"),
    path("conferences/<str:name>/attendance/", attendance.attendance, name="attendance"),
    path(
        "conferences/<str:name>/attendance.<str:form>",
        attendance.download,
        name="attendance_download",
    ),
    path("conferences/<str:name>/change/", booking.change, name="conference_change"),
    path("conferences/<str:name>/cancel/", booking.cancel, name="conference_cancel"),
    path("conferences/<str:name>/extend/", booking.extend, name="conference_extend"),
    path("conferences/<str:name>/remove/<str:key>/", conference.remove, name="conference_remove"),
    path("conferences/<str:name>/let-in/", conference.let_in, name="conference_let_in"),
    path(
        "conferences/<str:name>/turn-away/<str:key>/",
        conference.turn_away,
        name="conference_turn_away",
    ),
    path("conferences/<str:name>/invitations/", calendar.outbox, name="conference_outbox"),
    path("conferences/<str:name>/on/<str:on>/", occurrences.occurrence, name="occurrence"),
    path(
        "conferences/<str:name>/on/<str:on>/change/", occurrences.change, name="occurrence_change"
    ),
    path(
        "conferences/<str:name>/on/<str:on>/cancel/", occurrences.cancel, name="occurrence_cancel"
    ),
    path(
        "conferences/<str:name>/on/<str:on>/restore/",
        occurrences.restore,
        name="occurrence_restore",
    ),
    path("i/<str:token>/", calendar.answer, name="answer"),
    path("i/<str:token>/join/", calendar.join, name="join"),
    path("planner/", planner.planner, name="planner"),
    path("planner/events/", planner.events, name="planner_events"),
    path("planner/move/", planner.move, name="planner_move"),
    path("calendar/", calendar.subscription, name="calendar"),
    path("calendar/<str:token>.ics", calendar.feed, name="calendar_feed"),
    path("language/", language.choose, name="set_language"),
    path("words/<str:language>.js", language.words, name="words"),
    path("account/", account.account, name="account"),
    path("account/sip-password/", account.sip_password, name="account_sip_password"),
    path("account/phones/<int:registration>/end/", account.end_phone, name="account_end_phone"),
    path("account/token/", account.token, name="account_token"),
    path("account/password/", account.password, name="account_password"),
    path("factories/", factories.factories, name="factories"),
    path("new-factory/", factories.new, name="factory_new"),
    path("factories/<str:name>/", factories.change, name="factory_change"),
    path("factories/<str:name>/delete/", factories.delete, name="factory_delete"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<str:name>/", webhooks.webhook, name="webhook"),
    path("webhooks/<str:name>/do/", webhooks.do, name="webhook_do"),
    path("phone/", phone.phone, name="phone"),
    path("phone/call/<str:name>/", phone.call, name="phone_call"),
    path("c/<str:name>/", room.room, name="room"),
    path("c/<str:name>/enter/", room.enter, name="room_enter"),
    path("c/<str:name>/standing/", room.standing, name="room_standing"),
    path("setup/<str:token>/", setup.setup, name="setup"),
    path("api/v1/", api.urls),
    path(".well-known/caldav", dav.well_known),
    path("dav/", dav.serve),
    path("dav/<path:path>", dav.serve),
    path("metrics", metrics.metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
    path("admin/login/", sign_in.administration),
    path("admin/", admin.site.urls),
]

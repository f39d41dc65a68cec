"""Every write, named as a person says it.

`people` are accounts and credentials, `pins` the door; `bookings` are made,
changed and cancelled; `moderation` is what may be asked of a conference;
`records` is what the gateway's database thread writes down; `dialouts`, planned by
`calls`, and removals are carried out by jobs, and so are `mails`, the invitations, whose
answers `replies` takes in. `capacity`
is the ledger of ports, `guestlists` who is invited, `terms` what can be said of a booking,
`occurrences` what becomes of one time of a series, `registrations` are phones, `attempts`
counts wrong passwords. `waiting` is who waits to be let in, `floor` who would like to be
heard, `recordings` what is kept of a conference, `webhooks` tells others of it, `calendars`
books for calendar programs (by `readings` of what they say). `holding` keeps others out
between a look and a change. `names` has the rules of what may be called how, and `refused` the one
exception that carries a `policy.Refusal`.
"""

from conferences.models import Way
from conferences.services.accounts import (
    accept_invitation,
    address_verified,
    close_links,
    invite_person,
    may_invite,
    password_forgotten,
    password_link,
    send_links,
    set_password_by_link,
    withdraw_invitation,
)
from conferences.services.adhoc import create_adhoc
from conferences.services.administration import (
    AccountTerms,
    change_account,
    make_account,
    may_administer,
)
from conferences.services.answers import KeyInUse, KeyTaken, claim_key, forget_key, keep_answer
from conferences.services.attempts import (
    TooManyAttempts,
    attempt_failed,
    attempt_succeeded,
    lift_attempts,
    may_try,
    write_attempts,
)
from conferences.services.bans import lift_ban, shut_out
from conferences.services.bookings import book, cancel, change
from conferences.services.calendars import delete_calendar_object, put_calendar_object
from conferences.services.delegates import dismiss_delegate, make_delegate
from conferences.services.dialogs import (
    forget_call,
    forget_dialog,
    keep_call,
    keep_dialog,
    renew_gateway,
    take_call,
    take_roster_over,
)
from conferences.services.dialouts import (
    call_progressed,
    cancel_call,
    cancel_calls_to,
    may_call_himself,
    place_calls,
    send_on,
)
from conferences.services.extending import EXTENDED_BY, extend
from conferences.services.factories import (
    delete_factory,
    keep_factory,
    may_have_factories,
    may_keep_factory,
    may_name_factory,
)
from conferences.services.floor import ask_to_speak, lower_hands, raise_hand, set_newcomers
from conferences.services.holding import held
from conferences.services.jobs import (
    carry_out_removals,
    open_and_close,
    prune,
)
from conferences.services.mails import new_calendar_link, remind, send_mail
from conferences.services.moderation import (
    ask_to_call,
    ask_to_mute,
    ask_to_remove,
    ask_to_remove_several,
    end,
    lock,
    name_of,
    unlock,
)
from conferences.services.moves import ask_to_move
from conferences.services.names import Invitee, canonical_uri
from conferences.services.occurrences import (
    SeriesTimes,
    Times,
    cancel_following,
    cancel_occurrence,
    change_following,
    change_occurrence,
    restore_occurrence,
)
from conferences.services.people import (
    PhoneCredentials,
    change_person,
    choose_language,
    create_person,
    create_user,
    issue_api_token,
    issue_phone_credentials,
    language_read,
    let_book,
    renew_sip_password,
    set_sip_password,
    withdraw_phone_credentials,
)
from conferences.services.persons import delete_people, delete_person
from conferences.services.pins import admit_guest, admit_invitee, check_pin, pin_given
from conferences.services.proposals import propose
from conferences.services.readings import CalendarRefused
from conferences.services.recordings import (
    agree_to_recording,
    delete_recording,
    pause_recording,
    recording_closed,
    start_recording,
    stop_recording,
    track_began,
)
from conferences.services.records import (
    ask_refused,
    close_stale_rosters,
    conference_ended,
    endpoint_changed,
    endpoint_left,
    endpoint_measured,
    expire_leases,
    join_refused,
    link_shown,
    participant_joined,
    participant_left,
    release_lease,
    removal_ended,
    renew_leases,
    room_emptied,
    roster_changed,
    speakers_changed,
    take_lease,
    wrong_pin,
)
from conferences.services.refused import HeldOff, Refused
from conferences.services.registrations import (
    end_registration,
    end_registrations,
    forget_registrations,
    keep_registrations,
)
from conferences.services.replies import BadReply, fetch_replies, take_reply
from conferences.services.reservations import (
    Reservation,
    release,
    reservation,
    reserve,
    why_not,
)
from conferences.services.rsvp import answer
from conferences.services.setups import answer_setup, close_setup, open_setup
from conferences.services.sounds import (
    add_sound,
    delete_sound,
    play_sound,
    sound_ended,
    stop_sound,
)
from conferences.services.synced import keep_calendar_state
from conferences.services.templates import (
    Copied,
    copied,
    delete_template,
    of_template,
    rename_template,
    save_template,
)
from conferences.services.terms import Changes
from conferences.services.traces import Line, keep_messages
from conferences.services.waiting import (
    let_in,
    set_waiting_room,
    turn_away,
    wait_began,
    wait_ended,
)
from conferences.services.webhooks import (
    WebhookTerms,
    add_webhook,
    change_webhook,
    delete_webhook,
    new_webhook_secret,
    send_again,
    send_webhooks,
    try_webhook,
)

__all__ = [
    "EXTENDED_BY",
    "AccountTerms",
    "BadReply",
    "CalendarRefused",
    "Changes",
    "Copied",
    "HeldOff",
    "Invitee",
    "KeyInUse",
    "KeyTaken",
    "Line",
    "PhoneCredentials",
    "Refused",
    "Reservation",
    "SeriesTimes",
    "Times",
    "TooManyAttempts",
    "Way",
    "WebhookTerms",
    "accept_invitation",
    "add_sound",
    "add_webhook",
    "address_verified",
    "admit_guest",
    "admit_invitee",
    "agree_to_recording",
    "answer",
    "answer_setup",
    "ask_refused",
    "ask_to_call",
    "ask_to_move",
    "ask_to_mute",
    "ask_to_remove",
    "ask_to_remove_several",
    "ask_to_speak",
    "attempt_failed",
    "attempt_succeeded",
    "book",
    "call_progressed",
    "cancel",
    "cancel_call",
    "cancel_calls_to",
    "cancel_following",
    "cancel_occurrence",
    "canonical_uri",
    "carry_out_removals",
    "change",
    "change_account",
    "change_following",
    "change_occurrence",
    "change_person",
    "change_webhook",
    "check_pin",
    "choose_language",
    "claim_key",
    "close_links",
    "close_setup",
    "close_stale_rosters",
    "conference_ended",
    "copied",
    "create_adhoc",
    "create_person",
    "create_user",
    "delete_calendar_object",
    "delete_factory",
    "delete_people",
    "delete_person",
    "delete_recording",
    "delete_sound",
    "delete_template",
    "delete_webhook",
    "dismiss_delegate",
    "end",
    "end_registration",
    "end_registrations",
    "endpoint_changed",
    "endpoint_left",
    "endpoint_measured",
    "expire_leases",
    "extend",
    "fetch_replies",
    "forget_call",
    "forget_dialog",
    "forget_key",
    "forget_registrations",
    "held",
    "invite_person",
    "issue_api_token",
    "issue_phone_credentials",
    "join_refused",
    "keep_answer",
    "keep_calendar_state",
    "keep_call",
    "keep_dialog",
    "keep_factory",
    "keep_messages",
    "keep_registrations",
    "language_read",
    "let_book",
    "let_in",
    "lift_attempts",
    "lift_ban",
    "link_shown",
    "lock",
    "lower_hands",
    "make_account",
    "make_delegate",
    "may_administer",
    "may_call_himself",
    "may_have_factories",
    "may_invite",
    "may_keep_factory",
    "may_name_factory",
    "may_try",
    "name_of",
    "new_calendar_link",
    "new_webhook_secret",
    "of_template",
    "open_and_close",
    "open_setup",
    "participant_joined",
    "participant_left",
    "password_forgotten",
    "password_link",
    "pause_recording",
    "pin_given",
    "place_calls",
    "play_sound",
    "propose",
    "prune",
    "put_calendar_object",
    "raise_hand",
    "recording_closed",
    "release",
    "release_lease",
    "remind",
    "removal_ended",
    "rename_template",
    "renew_gateway",
    "renew_leases",
    "renew_sip_password",
    "reservation",
    "reserve",
    "restore_occurrence",
    "room_emptied",
    "roster_changed",
    "save_template",
    "send_again",
    "send_links",
    "send_mail",
    "send_on",
    "send_webhooks",
    "set_newcomers",
    "set_password_by_link",
    "set_sip_password",
    "set_waiting_room",
    "shut_out",
    "sound_ended",
    "speakers_changed",
    "start_recording",
    "stop_recording",
    "stop_sound",
    "take_call",
    "take_lease",
    "take_reply",
    "take_roster_over",
    "track_began",
    "try_webhook",
    "turn_away",
    "unlock",
    "wait_began",
    "wait_ended",
    "why_not",
    "withdraw_invitation",
    "withdraw_phone_credentials",
    "write_attempts",
    "wrong_pin",
]

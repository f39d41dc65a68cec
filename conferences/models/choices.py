"""What a field may say, in the standards' words where they have one."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conferences import dialout, policy


class Kind(models.TextChoices):
    """How a conference came to be."""

    BOOKED = "booked", _("Booked")
    ROOM = "room", _("Standing room")
    ADHOC = "adhoc", _("Ad hoc")


class AdmissionChoice(models.TextChoices):
    """`policy.Admission` as a form shows it."""

    INVITED = policy.Admission.INVITED.value, _("The invited only")
    SIGNED_IN = policy.Admission.SIGNED_IN.value, _("Everybody who signs in")
    OPEN = policy.Admission.OPEN.value, _("Everybody, guests included")


class RoleChoice(models.TextChoices):
    """`policy.Role` as a form shows it."""

    ORGANIZER = policy.Role.ORGANIZER.value, _("Organizer")
    CO_ORGANIZER = policy.Role.CO_ORGANIZER.value, _("Co-organizer")
    MODERATOR = policy.Role.MODERATOR.value, _("Moderator")
    PARTICIPANT = policy.Role.PARTICIPANT.value, _("Participant")
    LISTENER = policy.Role.LISTENER.value, _("Listener")


class CreatorDepartsChoice(models.TextChoices):
    """`policy.CreatorDeparts` as a form shows it."""

    KEEP = policy.CreatorDeparts.KEEP.value, _("The conference goes on")
    END = policy.CreatorDeparts.END.value, _("The conference ends")


class TwoLeftChoice(models.TextChoices):
    """`policy.TwoLeft` as a form shows it."""

    STAY = policy.TwoLeft.STAY.value, _("The conference goes on")
    CALL = policy.TwoLeft.CALL.value, _("They go on in a plain call, and the conference is over")


class FactoryTwoLeftChoice(models.TextChoices):
    """The same for a factory, which knows what it was called from."""

    STAY = policy.TwoLeft.STAY.value, _("The conference goes on")
    BACK = "back", _("What was a call between two before is one again")
    CALL = policy.TwoLeft.CALL.value, _("They go on in a plain call, and the conference is over")


class AnonymityChoice(models.TextChoices):
    """`policy.Anonymity` as a form shows it."""

    ASKED = policy.Anonymity.ASKED.value, _("Who asks for it; moderators see who it is")
    STRICT = policy.Anonymity.STRICT.value, _("Who asks for it, and nobody sees who it is")
    ALL = policy.Anonymity.ALL.value, _("All participants; moderators see who they are")


class FactoryModeChoice(models.TextChoices):
    """How a factory tells whoever calls it of his conference (draft 4.5, RFC 4579 5.4)."""

    ANSWER = "answer", _("It answers: the caller is in at once (200)")
    REDIRECT = "redirect", _("It sends the caller on to the conference (302)")


class LanguageChoice(models.TextChoices):
    """`policy.Language` as a form shows it, each by its own name."""

    ENGLISH = policy.Language.ENGLISH.value, _("English")
    GERMAN = policy.Language.GERMAN.value, _("Deutsch")
    SPANISH = policy.Language.SPANISH.value, _("Español")


class AnnounceChoice(models.TextChoices):
    """`policy.Announce` as a form shows it."""

    NOTHING = policy.Announce.NOTHING.value, _("Nothing is heard")
    TONES = policy.Announce.TONES.value, _("A short tone")
    NAMES = policy.Announce.NAMES.value, _("The name, as said by whoever calls in by phone")


class RecordedChoice(models.TextChoices):
    """`policy.Recorded` as a form shows it."""

    NEVER = policy.Recorded.NEVER.value, _("Nobody may record")
    TOLD = policy.Recorded.TOLD.value, _("Moderators may; everybody is told")
    AGREED = policy.Recorded.AGREED.value, _("Moderators may; only those who agree are kept")


class WaitingRoomChoice(models.TextChoices):
    """`policy.WaitingRoom` as a form shows it."""

    NONE = policy.WaitingRoom.NONE.value, _("No waiting room")
    MODERATOR = policy.WaitingRoom.MODERATOR.value, _("Until the first moderator is there")
    LET_IN = policy.WaitingRoom.LET_IN.value, _("Until a moderator lets them in")


class NewcomersChoice(models.TextChoices):
    """`policy.Newcomers` as a form shows it."""

    HEARD = policy.Newcomers.HEARD.value, _("Newcomers are heard")
    MUTED = policy.Newcomers.MUTED.value, _("Muted, and may unmute themselves")
    SILENCED = policy.Newcomers.SILENCED.value, _("Muted until a moderator unmutes them")


class WaiterState(models.TextChoices):
    """What was decided of somebody who waits; withdrawn where he was removed later."""

    WAITING = "waiting"
    LET_IN = "let-in"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class RecordingState(models.TextChoices):
    """A recording's way; failed says that it ended because it could not be written."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


class MutedBy(models.TextChoices):
    """Who silenced a participant."""

    NOBODY = "", _("Nobody")
    SELF = "self", _("Himself")
    MODERATOR = "moderator", _("A moderator")


class Way(models.TextChoices):
    """The way by which a wish came in."""

    WEB = "web", _("Web page")
    REST = "rest", _("REST API")
    REFER = "refer", _("REFER")
    KEYPAD = "keypad", _("Keypad")
    CLOCK = "clock", _("Clock")
    COMMAND = "command", _("Command line")
    MAIL = "mail", _("Mail")
    CALDAV = "caldav", _("Calendar program")
    JITSI = "jitsi", _("Jitsi")


class Door(models.TextChoices):
    """Where a password or a token is asked for."""

    SIP = "sip", _("Phones")
    SEARCH = "names", _("Phones, searching for names")
    PAGES = "pages", _("Sign-in page")
    API = "api", _("REST API")


class EndpointStatus(models.TextChoices):
    """RFC 4575 5.7.2 ``status``."""

    PENDING = "pending"
    DIALING_OUT = "dialing-out"
    DIALING_IN = "dialing-in"
    ALERTING = "alerting"
    ON_HOLD = "on-hold"
    CONNECTED = "connected"
    MUTED_VIA_FOCUS = "muted-via-focus"
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"


class JoiningMethod(models.TextChoices):
    """RFC 4575 5.7.3 ``joining-method``."""

    DIALED_IN = "dialed-in"
    DIALED_OUT = "dialed-out"
    FOCUS_OWNER = "focus-owner"


class DisconnectionMethod(models.TextChoices):
    """RFC 4575 5.7.5 ``disconnection-method``; empty while connected."""

    NONE = "", "-"
    DEPARTED = "departed"
    BOOTED = "booted"
    FAILED = "failed"
    BUSY = "busy"


class RemovalState(models.TextChoices):
    """A removal's way: asked for, claimed by the job, over."""

    DUE = "due"
    CARRYING = "carrying"
    DONE = "done"
    FAILED = "failed"


class CallState(models.TextChoices):
    """A dial-out's way, as the REST API names it."""

    PLANNED = "planned"
    DUE = "due"
    CALLING = "calling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DialTargetChoice(models.TextChoices):
    """`dialout.Who` as a form shows it."""

    ADDERS = dialout.Who.ADDERS.value, _("Whoever may call people in")
    COMMANDERS = dialout.Who.COMMANDERS.value, _("Organizers and moderators")
    NOBODY = dialout.Who.NOBODY.value, _("Nobody")


class Answer(models.TextChoices):
    """What an invitee said (RFC 5545 3.2.12 ``PARTSTAT``)."""

    NONE = "", _("No answer yet")
    ACCEPTED = "accepted", _("Comes")
    TENTATIVE = "tentative", _("May come")
    DECLINED = "declined", _("Does not come")


class MailKind(models.TextChoices):
    """What a mail is about; its calendar object's method follows from it (RFC 5546)."""

    INVITED = "invited", _("Invitation")
    CHANGED = "changed", _("Change")
    CANCEL = "cancel", _("Cancellation")
    REMINDER = "reminder", _("Reminder")


class LinkKind(models.TextChoices):
    """What a link to an account is for."""

    INVITED = "invited", _("Invitation to have an account")
    PASSWORD = "password", _("New password")


class MailState(models.TextChoices):
    """A mail's way. It is kept, and never sent, where no mail server is named."""

    KEPT = "kept", _("Not sent, no mail server is set")
    DUE = "due", _("To be sent")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Could not be sent")


class Transport(models.TextChoices):
    """A transport as a Via writes it."""

    UDP = "UDP", _("UDP")
    TCP = "TCP", _("TCP")
    TLS = "TLS", _("TLS")
    WS = "WS", _("WebSocket")
    WSS = "WSS", _("WebSocket, encrypted")

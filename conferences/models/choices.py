"""What a field may say, in the standards' words where they have one."""

from __future__ import annotations

from django.db import models

from conferences import dialout, policy


class Kind(models.TextChoices):
    """How a conference came to be."""

    BOOKED = "booked", "Booked"
    ROOM = "room", "Standing room"
    ADHOC = "adhoc", "Ad hoc"


class AdmissionChoice(models.TextChoices):
    """`policy.Admission` as a form shows it."""

    INVITED = policy.Admission.INVITED.value, "The invited only"
    SIGNED_IN = policy.Admission.SIGNED_IN.value, "Everybody who signs in"
    OPEN = policy.Admission.OPEN.value, "Everybody, guests included"


class RoleChoice(models.TextChoices):
    """`policy.Role` as a form shows it."""

    ORGANIZER = policy.Role.ORGANIZER.value, "Organizer"
    CO_ORGANIZER = policy.Role.CO_ORGANIZER.value, "Co-organizer"
    MODERATOR = policy.Role.MODERATOR.value, "Moderator"
    PARTICIPANT = policy.Role.PARTICIPANT.value, "Participant"
    LISTENER = policy.Role.LISTENER.value, "Listener"


class CreatorDepartsChoice(models.TextChoices):
    """`policy.CreatorDeparts` as a form shows it."""

    KEEP = policy.CreatorDeparts.KEEP.value, "The conference goes on"
    END = policy.CreatorDeparts.END.value, "The conference ends"


class AnonymityChoice(models.TextChoices):
    """`policy.Anonymity` as a form shows it."""

    ASKED = policy.Anonymity.ASKED.value, "Who asks for it; moderators see who it is"
    STRICT = policy.Anonymity.STRICT.value, "Who asks for it, and nobody sees who it is"
    ALL = policy.Anonymity.ALL.value, "All participants; moderators see who they are"


class FactoryModeChoice(models.TextChoices):
    """How a factory tells whoever calls it of his conference (draft 4.5, RFC 4579 5.4)."""

    ANSWER = "answer", "It answers: the caller is in at once (200)"
    REDIRECT = "redirect", "It sends the caller on to the conference (302)"


class LanguageChoice(models.TextChoices):
    """`policy.Language` as a form shows it, each by its own name."""

    ENGLISH = policy.Language.ENGLISH.value, "English"
    GERMAN = policy.Language.GERMAN.value, "Deutsch"
    SPANISH = policy.Language.SPANISH.value, "Español"


class AnnounceChoice(models.TextChoices):
    """`policy.Announce` as a form shows it."""

    NOTHING = policy.Announce.NOTHING.value, "Nothing is heard"
    TONES = policy.Announce.TONES.value, "A short tone"
    NAMES = policy.Announce.NAMES.value, "The name, as said by whoever calls in by phone"


class RecordedChoice(models.TextChoices):
    """`policy.Recorded` as a form shows it."""

    NEVER = policy.Recorded.NEVER.value, "Nobody may record"
    TOLD = policy.Recorded.TOLD.value, "Moderators may; everybody is told"
    AGREED = policy.Recorded.AGREED.value, "Moderators may; only those who agree are kept"


class RecordingState(models.TextChoices):
    """A recording's way; failed says that it ended because it could not be written."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


class MutedBy(models.TextChoices):
    """Who silenced a participant."""

    NOBODY = "", "Nobody"
    SELF = "self", "Himself"
    MODERATOR = "moderator", "A moderator"


class Way(models.TextChoices):
    """The way by which a wish came in."""

    WEB = "web", "Web page"
    REST = "rest", "REST API"
    REFER = "refer", "REFER"
    KEYPAD = "keypad", "Keypad"
    CLOCK = "clock", "Clock"
    COMMAND = "command", "Command line"
    MAIL = "mail", "Mail"


class Door(models.TextChoices):
    """Where a password or a token is asked for."""

    SIP = "sip", "Phones"
    SEARCH = "names", "Phones, searching for names"
    PAGES = "pages", "Sign-in page"
    API = "api", "REST API"


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

    ADDERS = dialout.Who.ADDERS.value, "Whoever may call people in"
    COMMANDERS = dialout.Who.COMMANDERS.value, "Organizers and moderators"
    NOBODY = dialout.Who.NOBODY.value, "Nobody"


class Answer(models.TextChoices):
    """What an invitee said (RFC 5545 3.2.12 ``PARTSTAT``)."""

    NONE = "", "No answer yet"
    ACCEPTED = "accepted", "Comes"
    TENTATIVE = "tentative", "May come"
    DECLINED = "declined", "Does not come"


class MailKind(models.TextChoices):
    """What a mail is about; its calendar object's method follows from it (RFC 5546)."""

    INVITED = "invited", "Invitation"
    CHANGED = "changed", "Change"
    CANCEL = "cancel", "Cancellation"
    REMINDER = "reminder", "Reminder"


class MailState(models.TextChoices):
    """A mail's way. It is kept, and never sent, where no mail server is named."""

    KEPT = "kept", "Not sent, no mail server is set"
    DUE = "due", "To be sent"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Could not be sent"


class Transport(models.TextChoices):
    """A transport as a Via writes it."""

    UDP = "UDP", "UDP"
    TCP = "TCP", "TCP"
    TLS = "TLS", "TLS"
    WS = "WS", "WebSocket"
    WSS = "WSS", "WebSocket, encrypted"

"""The forms of the pages: what is typed into what the services take.

A form turns text into values and says at its field what cannot be read. What
a booking may be is decided by `services.book`; its complaints, by the name of
its argument, come back through `BookingForm.complain`.
"""

from conferences.forms.accounts import (
    DelegateForm,
    ForgottenForm,
    InvitePersonForm,
    PasswordForm,
    WelcomeForm,
)
from conferences.forms.booking import BookingForm
from conferences.forms.factory import FactoryForm
from conferences.forms.invitees import Guestlist, InviteeRow
from conferences.forms.occurrence import OccurrenceForm
from conferences.forms.plain import PlainForm, dress, time_zones
from conferences.forms.small import (
    MIN_SIP_PASSWORD,
    AccountForm,
    EjectionForm,
    PersonRemovalForm,
    RemovalForm,
    SetupForm,
    SipPasswordForm,
)
from conferences.forms.webhook import ReplayForm, WebhookForm

__all__ = [
    "MIN_SIP_PASSWORD",
    "AccountForm",
    "BookingForm",
    "DelegateForm",
    "EjectionForm",
    "FactoryForm",
    "ForgottenForm",
    "Guestlist",
    "InvitePersonForm",
    "InviteeRow",
    "OccurrenceForm",
    "PasswordForm",
    "PersonRemovalForm",
    "PlainForm",
    "RemovalForm",
    "ReplayForm",
    "SetupForm",
    "SipPasswordForm",
    "WebhookForm",
    "WelcomeForm",
    "dress",
    "time_zones",
]

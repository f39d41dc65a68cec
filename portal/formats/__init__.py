"""How each language writes dates and times: `settings.FORMAT_MODULE_PATH`.

Django's own names for a few, and ours for the rest; templates use them as in
``{{ at|date:"DAY_TIME_FORMAT" }}``, Python as in ``formats.date_format(local, "DAY_TIME_FORMAT")``.
The letters are those of Django's filter ``date``. Input fields keep ISO 8601, as browsers want.
"""

from django.utils.translation import pgettext_lazy

#: Months of the letter ``N``: Django's own words for them are none in French.
MONTHS = (pgettext_lazy("abbrev. month", "Jan."), pgettext_lazy("abbrev. month", "Feb."))

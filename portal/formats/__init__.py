"""How each language writes dates and times: `settings.FORMAT_MODULE_PATH`.

Django's own names for a few, and ours for the rest; templates use them as in
``{{ at|date:"DAY_TIME_FORMAT" }}``, Python as in ``formats.date_format(local, "DAY_TIME_FORMAT")``.
The letters are those of Django's filter ``date``. Input fields keep ISO 8601, as browsers want.
"""

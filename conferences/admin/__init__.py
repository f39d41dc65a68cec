"""The back office, for administrators: people in `people`, all else in `conferences`."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from conferences.admin import conferences, names, people, trunks

__all__ = ["conferences", "names", "people", "trunks"]

names.translate()

admin.site.site_header = gettext_lazy("Parley: administration")
admin.site.site_title = gettext_lazy("Administration of Parley")
admin.site.index_title = gettext_lazy("People, conferences and rules")

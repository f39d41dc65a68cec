"""Nobody comes between the look and the change (RFC 9110 13.1).

Who changes what he has read says so by its ETag. The look whether it is still so
and the change are one transaction, in which all others who would change it wait.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator

from django.db import connection, transaction

from conferences.models import Conference, User


@contextlib.contextmanager
def held(
    *, person: int | None = None, conference: int | None = None, resource: str = ""
) -> Iterator[None]:
    """Hold the rows of those keys until the block ends, and what is called `resource`.

    Such a name keeps out those alone who hold it, too. Always in this order, so
    that of two who hold none waits for the other for ever.
    """
    with transaction.atomic():
        if resource:
            _hold_name(resource)
        if person is not None:
            User.objects.select_for_update().filter(pk=person).first()
        if conference is not None:
            Conference.objects.select_for_update().filter(pk=conference).first()
        yield


def _hold_name(name: str) -> None:
    """SQLite has but one writer at a time, who holds everything."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(name.encode())])

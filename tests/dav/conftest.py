"""The same people as in the tests of bookings."""

from tests.conferences.conftest import (
    _known_domain as _known_domain,
)
from tests.conferences.conftest import (
    alice as alice,
)
from tests.conferences.conftest import (
    bob as bob,
)
from tests.conferences.conftest import (
    mallory as mallory,
)

"""Names in the query of a call: one that the call does not know is an error, as in bodies.

Whoever mistypes ``form`` for ``from`` would else be answered with everything.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router
from ninja.errors import ValidationError as BadInput
from ninja.params.models import Query
from pydantic import BaseModel

Call = Callable[..., Any]


def guard(router: Router) -> None:
    """Have all calls of `router` answer 422 to names that they do not know."""
    router.add_decorator(_strictly, mode="operation")


def _strictly(call: Call) -> Call:
    known = sorted(_names(call))

    @functools.wraps(call)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        unknown = [name for name in request.GET if name not in known]
        if unknown:
            raise BadInput([_complaint(name, known) for name in unknown])
        return call(request, *args, **kwargs)

    return answer


def _names(call: Call) -> Iterator[str]:
    """What the models of its query have, as they are written there."""
    for hint in get_type_hints(call, include_extras=True).values():
        model, *how = get_args(hint) or (hint,)
        if any(isinstance(one, Query) for one in how) and issubclass(model, BaseModel):
            yield from (field.alias or name for name, field in model.model_fields.items())


def _complaint(name: str, known: list[str]) -> dict[str, Any]:
    words = _("This call has no such name in its query.")
    if known:
        words = _("Unknown here; known are: %(names)s.") % {"names": ", ".join(known)}
    return {"type": "extra_forbidden", "loc": ("query", name), "msg": words}

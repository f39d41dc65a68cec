"""Documents of the dialog event package (RFC 4235), full and partial.

Built from what somebody's dialogs are and were, as `conference_info` is from
rosters. Perspective is that of the one who is watched (4.1.3): `local` is his
end, whether he is a person with a phone or the conference itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lxml import etree

from sipgateway.focus.conference_info import printable

NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
MEDIA_TYPE = "application/dialog-info+xml"

_Element = etree._Element


@dataclass(frozen=True, slots=True)
class End:
    """One end of a dialog: who, what he is called, where requests go."""

    identity: str
    display_name: str = ""
    target: str = ""
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """One dialog (4.1.2); tags are "" until there is a dialog."""

    id: str
    #: "initiator" or "recipient" (4.1.2).
    direction: str
    #: One of section 3.7.1: trying, proceeding, early, confirmed, terminated.
    state: str
    local: End
    remote: End
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""

    def turned(self) -> Talk:
        """The same dialog as the other end sees it."""
        other = {"initiator": "recipient", "recipient": "initiator"}[self.direction]
        return replace(
            self,
            direction=other,
            local=self.remote,
            remote=self.local,
            local_tag=self.remote_tag,
            remote_tag=self.local_tag,
        )


Talks = Mapping[str, Talk]


def full(entity: str, talks: Talks, version: int) -> str:
    """All of somebody's dialogs (4.1.1), as XML text."""
    root = _root(entity, "full", version)
    for talk in talks.values():
        _dialog(root, talk)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()


def partial(entity: str, had: Talks, talks: Talks, version: int) -> str:
    """Those that are new, other or over since `had`."""
    root = _root(entity, "partial", version)
    for key, talk in talks.items():
        if had.get(key) != talk:
            _dialog(root, talk)
    for key, talk in had.items():
        if key not in talks:
            _dialog(root, replace(talk, state="terminated"))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()


def _root(entity: str, state: str, version: int) -> _Element:
    root = etree.Element(f"{{{NAMESPACE}}}dialog-info", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    root.set("version", str(version))
    root.set("state", state)
    root.set("entity", entity)
    return root


def _child(parent: _Element, name: str, text: str = "") -> _Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = printable(text) or None
    return child


def _dialog(root: _Element, talk: Talk) -> None:
    element = _child(root, "dialog")
    element.set("id", talk.id)
    if talk.call_id:
        element.set("call-id", talk.call_id)
        element.set("local-tag", talk.local_tag)
        element.set("remote-tag", talk.remote_tag)
    element.set("direction", talk.direction)
    _child(element, "state", talk.state)
    for name, end in (("local", talk.local), ("remote", talk.remote)):
        _end(_child(element, name), end)


def _end(element: _Element, end: End) -> None:
    identity = _child(element, "identity", end.identity)
    if end.display_name:
        identity.set("display-name", printable(end.display_name))
    if end.target:
        target = _child(element, "target")
        target.set("uri", end.target)
        if end.focus:
            param = _child(target, "param")
            param.set("pname", "isfocus")
            param.set("pval", "true")

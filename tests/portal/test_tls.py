"""The pages' certificate: whoever connects after it has changed sees the new one."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from OpenSSL import SSL

from portal.tls import Certificates
from tests.live.desk import certify

_SECONDS = itertools.count(2_000_000_000)


def _later(path: Path) -> None:
    """Two writes within one tick of the file system's clock look like one."""
    second = next(_SECONDS)
    os.utime(path, (second, second))


def test_it_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    certificates = Certificates(*certify(tmp_path))
    first = certificates.getContext()
    assert certificates.getContext() is first
    _, key = certify(tmp_path)
    _later(key)
    assert certificates.getContext() is not first


def test_what_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    """Half written, gone, a key that belongs to another: the old ones stay until all is well."""
    certificate, key = certify(tmp_path)
    certificates = Certificates(certificate, key)
    first = certificates.getContext()
    kept = key.read_bytes()
    key.write_bytes(kept[:40])
    _later(key)
    assert certificates.getContext() is first
    key.unlink()
    assert certificates.getContext() is first
    (tmp_path / "other").mkdir()
    key.write_bytes(certify(tmp_path / "other")[1].read_bytes())
    _later(key)
    assert certificates.getContext() is first
    key.write_bytes(kept)
    _later(key)
    assert certificates.getContext() is not first


def test_a_bad_one_at_the_start_is_told(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    key.write_bytes(b"nothing")
    with pytest.raises(SSL.Error):
        Certificates(certificate, key)

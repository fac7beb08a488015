"""SHA-256 without hashlib: importing hashlib maps OpenSSL into every worker, and each mapping is paid for at every fork."""

from __future__ import annotations

try:
    from _sha2 import sha256 as _sha256  # Python >= 3.12
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore[import-not-found, no-redef, unused-ignore]
    except ImportError:  # an interpreter built without its own SHA-2
        from hashlib import sha256 as _sha256

__all__ = ("sha256",)


def sha256(data: bytes) -> str:
    """:return: the SHA-256 digest of `data` as 64 lower-case hex characters"""
    return str(_sha256(data).hexdigest())

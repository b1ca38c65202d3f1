"""What can be wrong with a signature before anybody has looked at its secret."""

from __future__ import annotations


class SignatureError(ValueError):
    """Base of both. The message names fields and parameters, never a value that was sent."""


class SignatureAbsent(SignatureError):
    """The request has no signature at all."""


class SignatureMalformed(SignatureError):
    """The signature, or what it covers, does not have the form it must have."""

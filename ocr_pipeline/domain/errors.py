"""One small hierarchy of errors.

Each class has a stable `code`, says whether trying again can help (`retryable`), and carries a public message that
never holds document content, file names or client references.
"""

from __future__ import annotations

from typing import ClassVar


class PipelineError(Exception):
    """Base of every error this project raises on purpose. `str(error)` is public and free of PHI."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    counts_attempt: ClassVar[bool] = True


class Refused(PipelineError):
    """Intake will not take the document: `reason` is one of `documents.RefusalReason`, `limit` the bound broken."""

    code = "refused"

    def __init__(self, reason: str, message: str, *, limit: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.limit = limit


class NotFound(PipelineError):
    """Something asked for by id is not there."""

    code = "not_found"


class Conflict(PipelineError):
    """The state of a thing does not allow what was asked of it."""

    code = "conflict"


class IdempotencyMismatch(Conflict):
    """An idempotency key comes again with another request than the one it was used for."""

    code = "idempotency_mismatch"


class ConfigurationError(PipelineError):
    """A setting is missing or wrong; the message names the setting, never a secret."""

    code = "configuration"


class InputMissing(PipelineError):
    """A file, folder or prefix that was named is not there or may not be read.

    `place` is what was named: PHI, so it is no part of the message, and only who named it may see it again.
    """

    code = "input_missing"

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class OutputFailed(PipelineError):
    """A result cannot be written where it was asked for."""

    code = "output_failed"


class Unavailable(PipelineError):
    """A service the pipeline needs does not answer. Trying later can help; no page is at fault."""

    code = "unavailable"
    retryable = True
    counts_attempt = False


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer."""

    code = "database_unavailable"


class QueueUnavailable(Unavailable):
    """The broker does not answer or did not confirm."""

    code = "queue_unavailable"


class StoreUnavailable(Unavailable):
    """The object store does not answer."""

    code = "store_unavailable"


class StoreFull(PipelineError):
    """The object store or a disk has no room left."""

    code = "store_full"
    retryable = True
    counts_attempt = False


class ObjectMissing(PipelineError):
    """An object that should be in the store is not."""

    code = "object_missing"


class ObjectExists(PipelineError):
    """A conditional put found the key taken."""

    code = "object_exists"


class KeyUnavailable(Unavailable):
    """The key provider does not answer."""

    code = "key_unavailable"


class KeyMissing(PipelineError):
    """The key that would open the data no longer exists (erased or never there)."""

    code = "key_missing"


class DecryptionFailed(PipelineError):
    """Ciphertext was changed, cut, swapped or sealed under another key."""

    code = "decryption_failed"


class IntegrityError(PipelineError):
    """A record contradicts another: a broken audit chain, an impossible state."""

    code = "integrity"


class DeliveryFailed(PipelineError):
    """A webhook did not reach its receiver; `cause` is a short code for the delivery log."""

    code = "delivery_failed"
    retryable = True

    def __init__(self, message: str, *, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


class EngineError(PipelineError):
    """The recogniser failed on a page while it was healthy."""

    code = "engine_failed"
    retryable = True


class EngineUnavailable(EngineError):
    """The recogniser cannot work at all: no page is at fault and no attempt is counted."""

    code = "engine_unavailable"
    counts_attempt = False


class EngineTimeout(EngineError):
    """The recogniser did not finish the page before its deadline."""

    code = "engine_timeout"


class EngineOverloaded(EngineUnavailable):
    """The recogniser takes no more work just now; `retry_after` is its own advice in seconds."""

    code = "engine_overloaded"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineGarbage(EngineError):
    """What the recogniser sent back is no answer, or the answer to something else."""

    code = "engine_garbage"


class EngineRefused(EngineError):
    """The recogniser will not take this page, however often it is asked."""

    code = "engine_refused"
    retryable = False


class ContextTooLong(EngineRefused):
    """The page and its text do not fit into the model's context."""

    code = "context_too_long"


class ReadingGuarded(EngineError):
    """A guard spoke against what was read, and reading it again in another way may help. `reason` names the guard."""

    code = "reading_guarded"

    def __init__(self, reason: str) -> None:
        super().__init__(f"a guard spoke against the reading: {reason}")
        self.reason = reason


class PageUnreadable(PipelineError):
    """The stored page image cannot be decoded by the recogniser."""

    code = "page_unreadable"


class MalformedMessage(PipelineError):
    """A queue message does not have the shape it must have."""

    code = "malformed_message"

"""What KMS answers and what that means, and how often it is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.stub import Stubber

from ocr_pipeline.adapters.keys.aws_kms import AwsKmsKeyProvider, KmsEndpoint
from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing, KeyUnavailable, PipelineError
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.sealing import WrappedKey
from tests.key_providers import DATA_KEY, REGION, Clock, kms_client, new_document


@pytest.mark.parametrize(
    ("operation", "code", "expected"),
    [
        ("decrypt", "NotFoundException", KeyMissing),
        ("decrypt", "InvalidCiphertextException", DecryptionFailed),
        ("decrypt", "IncorrectKeyException", DecryptionFailed),
        ("decrypt", "DisabledException", KeyUnavailable),
        ("decrypt", "KMSInvalidStateException", KeyUnavailable),
        ("decrypt", "AccessDeniedException", KeyUnavailable),
        ("decrypt", "ThrottlingException", KeyUnavailable),
        ("encrypt", "NotFoundException", KeyUnavailable),
        ("encrypt", "ValidationException", KeyUnavailable),
        ("describe_key", "NotFoundException", KeyUnavailable),
        ("generate_mac", "NotFoundException", KeyUnavailable),
        ("generate_mac", "KMSInternalException", KeyUnavailable),
    ],
)
def test_each_answer_of_kms_has_its_meaning(operation: str, code: str, expected: type[PipelineError]) -> None:
    client = kms_client()
    provider = AwsKmsKeyProvider(client, "alias/wrapping", "alias/mac")
    calls: dict[str, Callable[[], object]] = {
        "decrypt": lambda: provider.unwrap(WrappedKey("a-key", b"wrapped"), new_document()),
        "encrypt": lambda: provider.wrap(DATA_KEY, new_document()),
        "describe_key": lambda: provider.current_key_id,
        "generate_mac": lambda: provider.fingerprint_key(ClientId("a")),
    }
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, code)
        with pytest.raises(expected):
            calls[operation]()


def test_a_kms_that_is_not_there_is_unavailable() -> None:
    endpoint = KmsEndpoint(REGION, "http://127.0.0.1:9", "key", "secret", connect_timeout=1, attempts=1)
    provider = AwsKmsKeyProvider(endpoint.client(), "alias/wrapping", "alias/mac")
    with pytest.raises(KeyUnavailable, match="does not answer"):
        provider.check()
    provider.close()


def test_kms_is_asked_for_a_fingerprint_key_and_the_current_key_once() -> None:
    client = kms_client()
    provider = AwsKmsKeyProvider(client, "alias/wrapping", "alias/mac", Clock())
    with Stubber(client) as stubber:
        stubber.add_response("generate_mac", {"Mac": DATA_KEY})
        stubber.add_response("describe_key", {"KeyMetadata": {"KeyId": "a", "Arn": "arn:a-key-of-twenty-or-more"}})
        for _ in range(3):
            assert provider.fingerprint_key(ClientId("a")) == DATA_KEY
            assert provider.current_key_id == "arn:a-key-of-twenty-or-more"


def test_the_secret_is_in_no_representation() -> None:
    assert "hush" not in repr(KmsEndpoint(secret_key="hush"))

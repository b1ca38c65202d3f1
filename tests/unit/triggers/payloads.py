"""Messages as servers send them: samples of documentation, and what a SeaweedFS 4.48 filer was seen to send."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.trigger_fixtures import notification, record

AWS_PUT = notification(
    record(
        "scans",
        "in/환자 1+2.pdf",
        size=1024,
        eTag="0123456789abcdef0123456789abcdef",
        versionId="096fKKXTRTtl3on89fVO.nfljtsv6qko",
        sequencer="0055AED6DCD90281E5",
    )
)
AWS_TEST = json.dumps(
    {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-23T10:00:00.000Z",
        "Bucket": "scans",
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }
)


def sns(message: str) -> str:
    """As SNS delivers it to SQS, unless raw delivery is set."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
            "Subject": "Amazon S3 Notification",
            "Message": message,
            "Timestamp": "2026-11-23T10:00:00.000Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLEw6JRN...",
            "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService.pem",
            "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
        }
    )


def event_bridge(kind: str = "Object Created", **told: Any) -> str:
    """As EventBridge delivers it; keys are not encoded."""
    return json.dumps(
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": kind,
            "source": "aws.s3",
            "account": "111122223333",
            "time": "2021-11-12T00:00:00Z",
            "region": "ca-central-1",
            "resources": ["arn:aws:s3:::scans"],
            "detail": {
                "version": "0",
                "bucket": {"name": "scans"},
                "object": {
                    "key": "in/환자 1+2.pdf",
                    "size": 5,
                    "etag": "b1946ac92492d2347c6235b4d2611184",
                    "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                    "sequencer": "617f08299329d189",
                    **told,
                },
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": "123456789012",
                "source-ip-address": "1.2.3.4",
                "reason": "PutObject",
            },
        }
    )


MINIO = json.dumps(
    {
        "EventName": "s3:ObjectCreated:Put",
        "Key": "scans/in/a b.pdf",
        "Records": [
            {
                "eventVersion": "2.0",
                "eventSource": "minio:s3",
                "awsRegion": "",
                "eventTime": "2026-11-23T10:00:00.000Z",
                "eventName": "s3:ObjectCreated:Put",
                "userIdentity": {"principalId": "minioadmin"},
                "requestParameters": {"principalId": "minioadmin", "region": "", "sourceIPAddress": "127.0.0.1"},
                "responseElements": {
                    "x-amz-request-id": "17A8C1F9B5C2D0F4",
                    "x-minio-deployment-id": "6faeded5-5cf3-4133-8a37-07c5d500207c",
                    "x-minio-origin-endpoint": "http://127.0.0.1:9000",
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "Config",
                    "bucket": {
                        "name": "scans",
                        "ownerIdentity": {"principalId": "minioadmin"},
                        "arn": "arn:aws:s3:::scans",
                    },
                    "object": {
                        "key": "in%2Fa+b.pdf",
                        "size": 488,
                        "eTag": "f22d66a7d0dbbc4a7cf1122eeeb1a106",
                        "contentType": "application/pdf",
                        "userMetadata": {"content-type": "application/pdf"},
                        "sequencer": "17A8C1F9B6A5F2C0",
                    },
                },
                "source": {"host": "127.0.0.1", "port": "", "userAgent": "MinIO (linux; amd64) minio-go/v7.0.45"},
            }
        ],
    }
)


def filer(path: str, kind: str = "create", *, parent: str | None = None, **entry: Any) -> str:
    """As a SeaweedFS filer posts it."""
    folder, _, name = path.rpartition("/")
    new = {
        "name": name,
        "chunks": [{"size": 5, "modified_ts_ns": 1795438560675363440, "e_tag": "XUFAKrxLKna5cZ2REBfFkg=="}],
        "attributes": {"file_size": 5, "mtime": 1795438560, "file_mode": 432, "mime": "text/plain; charset=utf-8"},
        "extended": {
            "Seaweed-X-Amz-ETag": encoded("5d41402abc4b2a76b9719d911017c592"),
            "Seaweed-X-Amz-Owner": "dGVzdA==",
        },
        **entry,
    }
    message: dict[str, Any] = {"delete_chunks": True, "signatures": [908206505]}
    if kind == "delete":
        message["old_entry"] = new
    else:
        message |= {"new_entry": new, "new_parent_path": parent or folder}
    return json.dumps({"event_type": kind, "key": path, "message": message})


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()

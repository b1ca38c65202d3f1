"""Every problem the front door can answer with: its stable code, HTTP status, and words in English and Korean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem: `title` names it, `advice` says what to do, in English and in Korean."""

    status: int
    title: str
    advice: str
    title_ko: str
    advice_ko: str


def _unauthenticated(title: str, title_ko: str) -> ProblemKind:
    return ProblemKind(
        401,
        title,
        "Sign the request with a valid key, a fresh nonce and the present time, or send a valid token.",
        title_ko,
        "유효한 키, 새 논스, 현재 시각으로 요청에 서명하거나 유효한 토큰을 보내십시오.",
    )


def _unreadable(title: str, title_ko: str) -> ProblemKind:
    return ProblemKind(
        422,
        title,
        "Send the file again in a form that opens.",
        title_ko,
        "열 수 있는 파일로 다시 보내십시오.",
    )


def _away(title: str, title_ko: str) -> ProblemKind:
    return ProblemKind(
        503,
        title,
        "Try again after the time in Retry-After. A document that came through all the same is not taken in twice.",
        title_ko,
        "Retry-After에 적힌 시간이 지난 뒤 다시 시도하십시오. 이미 접수된 문서는 중복으로 접수되지 않습니다.",
    )


CATALOG: Final[dict[str, ProblemKind]] = {
    # requests
    "invalid_request": ProblemKind(
        422,
        "A parameter is missing or wrong",
        "See `errors` for the parameters.",
        "매개변수가 없거나 잘못되었습니다",
        "`errors`에서 해당 매개변수를 확인하십시오.",
    ),
    "malformed_body": ProblemKind(
        400,
        "The body is not what it says it is",
        "Send the whole file as the body, or a complete multipart form whose last part is the file.",
        "본문이 선언된 형식과 다릅니다",
        "파일 전체를 본문으로 보내거나, 파일이 마지막 부분인 완전한 multipart 양식을 보내십시오.",
    ),
    "unsupported_media_type": ProblemKind(
        415,
        "The content type is not taken here",
        "Send image/png, image/jpeg, image/tiff, application/pdf, multipart/form-data or application/json.",
        "지원하지 않는 콘텐츠 형식입니다",
        "PNG, JPEG, TIFF, PDF 파일이나 multipart/form-data, application/json으로 보내십시오.",
    ),
    "body_too_slow": ProblemKind(
        408,
        "The body did not arrive in time",
        "Send the request again over a better connection.",
        "본문이 제시간에 도착하지 않았습니다",
        "더 나은 연결에서 요청을 다시 보내십시오.",
    ),
    "not_found": ProblemKind(
        404,
        "There is nothing here",
        "Check the id; documents of other clients cannot be seen.",
        "찾을 수 없습니다",
        "식별자를 확인하십시오. 다른 클라이언트의 문서는 볼 수 없습니다.",
    ),
    "method_not_allowed": ProblemKind(
        405,
        "The method is not allowed here",
        "See the Allow header.",
        "허용되지 않는 메서드입니다",
        "Allow 헤더를 확인하십시오.",
    ),
    "conflict": ProblemKind(
        409,
        "The document's state does not allow this",
        "Read the document's state first.",
        "문서의 상태가 이 작업을 허용하지 않습니다",
        "먼저 문서의 상태를 확인하십시오.",
    ),
    "not_ready": ProblemKind(
        409,
        "The document is not read yet",
        "Wait for it: read it later, follow its events, or give a callback address.",
        "문서를 아직 읽지 않았습니다",
        "나중에 다시 읽거나, 진행 이벤트를 따라가거나, 콜백 주소를 지정하십시오.",
    ),
    "no_result": ProblemKind(
        409,
        "The document has no result",
        "It was refused or cancelled; `reason` says why.",
        "문서에 결과가 없습니다",
        "거부되었거나 취소되었습니다. `reason`에서 이유를 확인하십시오.",
    ),
    "key_missing": ProblemKind(
        410,
        "The document was erased",
        "Its content cannot be read any more by anybody.",
        "문서가 삭제되었습니다",
        "이제 누구도 내용을 읽을 수 없습니다.",
    ),
    "idempotency_mismatch": ProblemKind(
        422,
        "The idempotency key was used for another request",
        "Use a new key for each new request.",
        "멱등성 키가 다른 요청에 이미 쓰였습니다",
        "새 요청마다 새 키를 사용하십시오.",
    ),
    # authentication
    "signature_missing": _unauthenticated("The request is not signed", "요청에 서명이 없습니다"),
    "signature_malformed": _unauthenticated("The signature cannot be read", "서명을 읽을 수 없습니다"),
    "signature_wrong": _unauthenticated("The signature does not fit", "서명이 맞지 않습니다"),
    "signature_expired": _unauthenticated(
        "The signature was made too long ago, or in the future", "서명 시각이 너무 오래되었거나 미래입니다"
    ),
    "nonce_replayed": _unauthenticated("The request was seen before", "이미 받은 요청입니다"),
    "key_expired": _unauthenticated("The key has expired", "키의 유효 기간이 지났습니다"),
    "key_revoked": _unauthenticated("The key was revoked", "취소된 키입니다"),
    "unauthenticated": _unauthenticated("It is not known who asks", "요청한 주체를 알 수 없습니다"),
    "digest_mismatch": _unauthenticated("The body is not the one that was signed", "본문이 서명된 것과 다릅니다"),
    "token_invalid": _unauthenticated("The token is not valid", "토큰이 유효하지 않습니다"),
    "forbidden": ProblemKind(
        403,
        "This role may not do that",
        "Ask an operator for the role.",
        "이 역할로는 할 수 없는 작업입니다",
        "운영자에게 권한을 요청하십시오.",
    ),
    "source_not_granted": ProblemKind(
        403,
        "That S3 address was not granted to this client",
        "Ask an operator to grant the prefix.",
        "이 클라이언트에 허용되지 않은 S3 주소입니다",
        "운영자에게 해당 경로의 허용을 요청하십시오.",
    ),
    # limits
    "rate_limited": ProblemKind(
        429,
        "Too many requests",
        "Wait for the time in Retry-After.",
        "요청이 너무 많습니다",
        "Retry-After에 적힌 시간만큼 기다리십시오.",
    ),
    "quota_exceeded": ProblemKind(
        429,
        "Too many pages of this client wait already",
        "Send more once some are done.",
        "이 클라이언트의 대기 중인 페이지가 너무 많습니다",
        "일부가 처리된 뒤에 더 보내십시오.",
    ),
    "overloaded": _away("Too much work waits already", "대기 중인 작업이 너무 많습니다"),
    "too_many_streams": _away("Too many requests wait for progress", "진행 상황을 기다리는 요청이 너무 많습니다"),
    # files
    "empty_file": ProblemKind(422, "The file is empty", "Send a file.", "빈 파일입니다", "파일을 보내십시오."),
    "too_large": ProblemKind(
        413,
        "The file is too large",
        "See `limit`; split the document or scan it at a lower resolution.",
        "파일이 너무 큽니다",
        "`limit`을 확인하고, 문서를 나누거나 낮은 해상도로 스캔하십시오.",
    ),
    "unsupported_format": ProblemKind(
        415,
        "The file is of no format that is taken in",
        "Send PNG, JPEG, TIFF or PDF.",
        "지원하지 않는 파일 형식입니다",
        "PNG, JPEG, TIFF, PDF 파일을 보내십시오.",
    ),
    "refused": _unreadable("The file was refused", "파일이 거부되었습니다"),
    "callback_refused": ProblemKind(
        422,
        "The callback address may not be used",
        "Give a public https address.",
        "사용할 수 없는 콜백 주소입니다",
        "공개된 https 주소를 지정하십시오.",
    ),
    # services
    "input_missing": ProblemKind(
        422,
        "There is no file at that address",
        "Check the S3 address.",
        "해당 주소에 파일이 없습니다",
        "S3 주소를 확인하십시오.",
    ),
    "unavailable": _away("A service does not answer", "서비스가 응답하지 않습니다"),
    "database_unavailable": _away("The database does not answer", "데이터베이스가 응답하지 않습니다"),
    "queue_unavailable": _away("The queue does not answer", "대기열이 응답하지 않습니다"),
    "store_unavailable": _away("The object store does not answer", "저장소가 응답하지 않습니다"),
    "store_full": _away("The object store is full", "저장소가 가득 찼습니다"),
    "key_unavailable": _away("The key provider does not answer", "키 서비스가 응답하지 않습니다"),
    "internal": ProblemKind(
        500,
        "Something went wrong on our side",
        "Try again; if it stays, tell the operators the request id.",
        "서버 내부 오류입니다",
        "다시 시도하고, 계속되면 운영자에게 요청 번호를 알려 주십시오.",
    ),
}
"""By code. What is raised with a code that is not here is `internal`."""

"""Celery's settings, from the pipeline's."""

from __future__ import annotations

from typing import Any

from kombu import Queue

from ocr_pipeline.adapters.queues.topology import BULK, BULK_TASK, CONTROL, MAINTENANCE, RECONCILE_TASK
from ocr_pipeline.bootstrap.adapters import topology
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.settings import Settings

_HEARTBEAT_SECONDS = 30
_CHILD_START_SECONDS = 180.0


def configuration(settings: Settings) -> dict[str, Any]:
    """Everything Celery must know. Raises ConfigurationError without a broker URL."""
    if settings.broker.url is None:
        raise ConfigurationError("broker.url is not set: workers take their work from a broker")
    queues = topology(settings).queues()
    by_name = {queue.name: queue for queue in queues}
    return {
        **_BROKER,
        **_MESSAGES,
        **_WORKER,
        "broker_url": settings.broker.url.get_secret_value(),
        "task_queues": queues,
        "beat_schedule": {
            "reconcile": _every(settings.reconcile.interval_seconds, RECONCILE_TASK, by_name[MAINTENANCE]),
            "bulk": _every(settings.bulk.interval_seconds, BULK_TASK, by_name[BULK]),
        },
    }


_BROKER: dict[str, Any] = {
    # What Celery itself publishes is what monitors watch, and the sweeps, of which the next makes good for one that was
    # lost. Waiting for each to be confirmed would hold up the loop that takes deliveries.
    "broker_transport_options": {"confirm_publish": False},
    "broker_heartbeat": _HEARTBEAT_SECONDS,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
}

_MESSAGES: dict[str, Any] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "event_serializer": "json",
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_create_missing_queues": False,
    "task_default_queue": MAINTENANCE,
    # What is not done stays with the broker: acknowledged at the end, given back when a process dies, and laid with
    # the dead letters when a task breaks in an unforeseen way.
    "task_acks_late": True,
    "task_acks_on_failure_or_timeout": False,
    "task_reject_on_worker_lost": True,
}

_WORKER: dict[str, Any] = {
    "worker_consumer": "workers.consumer:CarefulConsumer",
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_send_task_events": True,
    # Answers to what Flower asks. Not exclusive: a connection that the broker still takes for alive would hold them.
    "control_exchange": CONTROL,
    "control_queue_durable": True,
    "control_queue_exclusive": False,
    "worker_prefetch_multiplier": 1,
    "worker_enable_prefetch_count_reduction": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_proc_alive_timeout": _CHILD_START_SECONDS,
    # Nothing is kept in a file: the one periodic task is harmless to run early.
    "beat_scheduler": "workers.pulse:PulsingScheduler",
}


def _every(seconds: float, task: str, queue: Queue) -> dict[str, Any]:
    """A task every so many seconds; one that found no worker in time is dropped, the next does its work."""
    # Celery takes the default exchange, which leads to every queue, where the exchange is not named.
    place = {"queue": queue.name, "exchange": queue.exchange.name, "routing_key": queue.routing_key}
    options = {**place, "expires": seconds, "argsrepr": "", "kwargsrepr": ""}
    return {"task": task, "schedule": seconds, "options": options}

"""Work queues: RabbitMQ with Celery for many machines, threads for one process."""

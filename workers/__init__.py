"""The Celery workers: one thin task module a stage, the queues they consume, their schedule and their manners."""

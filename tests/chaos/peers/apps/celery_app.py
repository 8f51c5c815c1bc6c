"""The job for Celery."""

import record
from celery import Celery

app = Celery("celery_app", broker=record.url)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    task_default_queue=record.QUEUE,
    broker_transport_options={
        "visibility_timeout": 5,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
)


@app.task(name="work")
def work(job: str) -> None:
    record.work(job)


if __name__ == "__main__":
    record.produce(lambda job: work.apply_async((job,), task_id=job))

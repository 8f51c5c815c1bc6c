"""The job for RQ."""

import record
from redis import Redis
from rq import Queue, Retry

work = record.work

if __name__ == "__main__":
    queue = Queue(record.QUEUE, connection=Redis.from_url(record.url))
    record.produce(lambda job: queue.enqueue("rq_app.work", job, job_id=job, retry=Retry(max=10)))

"""The job for Dramatiq."""

import dramatiq
import record
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=record.url, heartbeat_timeout=5_000, maintenance_chance=50_000)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=record.QUEUE)
def work(job: str) -> None:
    record.work(job)


if __name__ == "__main__":
    record.produce(work.send)

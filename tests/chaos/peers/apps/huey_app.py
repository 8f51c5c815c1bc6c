"""The job for Huey."""

import record
from huey import RedisHuey

huey = RedisHuey(record.QUEUE, url=record.url, results=False)


@huey.task(retries=10)
def work(job: str) -> None:
    record.work(job)


if __name__ == "__main__":
    # A task is called by the module that it is in.
    import huey_app

    record.produce(huey_app.work)

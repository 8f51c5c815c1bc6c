"""Tasks for orders. This module knows no application, so that tests and other applications can use it as well."""

from decimal import Decimal

from jobqueue import TaskSet, current_job
from shop import mail

tasks = TaskSet()


class OutOfStock(Exception):
    """There is nothing to send."""


@tasks.task(queue="orders", timeout=30, retry=1)
async def place_order(customer: str, amount: Decimal) -> str:
    if amount > 1000:
        raise OutOfStock(f"{amount} is more than there is")
    # A job may enqueue others. The id makes it one mail, however often this job is run.
    job = current_job()
    receipt = mail.send_receipt.using(id=f"receipt.{job.id}", meta=job.meta)
    await receipt.aenqueue(customer, amount)
    return f"order of {customer} placed"

"""Tasks that send mail."""

from decimal import Decimal

from jobqueue import Retry, TaskSet

tasks = TaskSet()


@tasks.task(queue="mail", retry=Retry(attempts=8))
def send_receipt(customer: str, amount: Decimal) -> str:
    """Runs in a thread, because it is a plain function: it may block."""
    return f"receipt over {amount} for {customer}"

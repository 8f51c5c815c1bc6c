"""Place two orders, one of which fails, and wait until the receipt of the other was sent."""

import asyncio
from decimal import Decimal

from jobqueue import JobFailed
from jobqueue.worker import Worker
from shop.app import jobs
from shop.orders import place_order


async def main() -> None:
    async with Worker(jobs):
        order = await place_order.using(meta={"trace": "4711"}).aenqueue("Ada", Decimal("19.90"))
        print(await order.aresult(timeout=10))
        print(await jobs.queue("mail").job(f"receipt.{order.id}").aresult(timeout=10))

        large = await place_order.using(meta={"trace": "4712"}).aenqueue("Charles", Decimal("1e6"))
        try:
            await large.aresult(timeout=10)
        except JobFailed as failure:
            print(f"refused: {failure.error_type}")
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())

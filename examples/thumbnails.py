"""Work for the processor, in processes that can be killed: thumbnails of pictures, and one that takes too long.

    python examples/thumbnails.py                  # on $JOBQUEUE_URL, else on redis://localhost:6379/0

The pictures are written by this program, in the format PGM, which needs no library.
"""

import asyncio
import tempfile
from pathlib import Path

from jobqueue import JobFailed, JobQueue
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")


# Pure Python would keep the event loop, and all threads, from making progress. A process of its own does not, and it
# can be killed when the job has overrun its timeout or is cancelled. The worker keeps it for the next job.
@jobs.task(queue="pictures", run="process", timeout=20, retry=1)
def shrink(source: Path, target: Path, factor: int = 8) -> tuple[int, int]:
    """Average squares of pixels; return the width and height of the thumbnail."""
    _, size, _, pixels = source.read_bytes().split(b"\n", 3)
    width, height = (int(number) // factor for number in size.split())
    line = width * factor
    small = bytearray()
    for top in range(height):
        for left in range(width):
            begin = top * factor * line + left * factor
            square = b"".join(pixels[begin + row * line :][:factor] for row in range(factor))
            small.append(sum(square) // len(square))
    target.write_bytes(b"P5\n%d %d\n255\n" % (width, height) + small)
    return width, height


@jobs.task(queue="pictures", run="process", timeout=0.5, retry=1)
def hang() -> None:
    """Never end: a library that has met a broken picture."""
    while True:
        pass


def draw(path: Path, width: int = 256, height: int = 128) -> None:
    """Write a picture of a gradient."""
    path.write_bytes(b"P5\n%d %d\n255\n" % (width, height) + bytes(range(256)) * (width * height // 256))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pictures = [Path(folder, f"{name}.pgm") for name in ("harbour", "market", "bridge")]
        async with Worker(jobs, queues=["pictures"], concurrency=2):
            for picture in pictures:
                draw(picture)
            made = await jobs.aenqueue_many(
                shrink.draft(picture, picture.with_suffix(".small.pgm")) for picture in pictures
            )
            for picture, size in zip(pictures, await jobs.aresults(made, timeout=60), strict=True):
                print(f"{picture.stem}: {size[0]} x {size[1]}")

            stuck = await hang.aenqueue()
            try:
                await stuck.aresult(timeout=60)
            except JobFailed as failure:
                print(f"killed: {failure.error_message}")
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())

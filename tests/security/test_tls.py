"""TLS: a certificate that cannot be trusted is not trusted, and it is said why."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from cli.commands import Shell
from security.certificates import Authority
from servers import RunningServer
from working import worker_of

from jobqueue import JobQueue
from jobqueue.errors import InvalidURL, ServerRefused
from jobqueue.store.server import server_at

StartServer = Callable[[tuple[Path, Path]], AbstractContextManager[int]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.new(tmp_path, "authority")


@pytest.fixture
def serving(
    a_server: Callable[..., AbstractContextManager[RunningServer]], authority: Authority
) -> Callable[..., AbstractContextManager[int]]:
    """Return what starts a server with a certificate, and returns its port."""

    @contextmanager
    def start(files: tuple[Path, Path]) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = [
            "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-cert-file", str(files[0]),
            "--tls-key-file", str(files[1]), "--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", "no",
        ]  # fmt: skip
        with a_server("redis", *options):
            yield port

    return start


async def test_jobs_run_over_tls(authority: Authority, serving: StartServer):
    with serving(authority.vouch("localhost", "127.0.0.1")) as port:
        for host, scheme in (("localhost", "rediss"), ("127.0.0.1", "valkeys")):
            jobs = JobQueue(f"{scheme}://{host}:{port}?ssl_ca_certs={authority.file}")

            @jobs.task
            async def double(x: int) -> int:
                return 2 * x

            by_thread = await asyncio.to_thread(double.enqueue, 20)
            async with worker_of(jobs):
                assert await by_thread.aresult(timeout=10) == 40
                assert await (await double.aenqueue(21)).aresult(timeout=10) == 42


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("authority", "unable to get local issuer certificate|self-signed certificate"),
        ("name", "Hostname mismatch"),
        ("time", "certificate has expired"),
        ("system", "unable to get local issuer certificate|self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_wrong_is_refused_on_one_line(
    authority: Authority, serving: StartServer, wrong, said, tmp_path
):
    files = {"name": lambda: authority.vouch("elsewhere"), "time": lambda: authority.vouch("localhost", days=-1)}
    trusted = Authority.new(tmp_path, "other") if wrong == "authority" else authority
    with serving(files.get(wrong, lambda: authority.vouch("localhost"))()) as port:
        url = f"rediss://:canary@localhost:{port}" + ("" if wrong == "system" else f"?ssl_ca_certs={trusted.file}")
        jobs = JobQueue(url)
        for attempt in (jobs.aqueues(), asyncio.to_thread(jobs.queues)):
            with pytest.raises(ServerRefused, match=said) as caught:
                await attempt
            assert "\n" not in str(caught.value)
            assert "canary" not in str(caught.value)
        await jobs.aclose()
        done = await asyncio.to_thread(Shell(tmp_path), "status", "-u", url)
        assert (done.code, done.out) == (1, "")
        assert "is not trusted" in done.complaint
        # Nobody is kept from looking away, but it must be said.
        unsafe = JobQueue(f"rediss://localhost:{port}?ssl_cert_reqs=none")
        assert await unsafe.aqueues() == ()
        assert await asyncio.to_thread(unsafe.queues) == ()
        await unsafe.aclose()


def test_a_file_that_is_not_there_is_found_at_once():
    with pytest.raises(InvalidURL, match=r"ssl_ca_certs is '/nowhere/ca.pem', and there is no such file") as caught:
        server_at("rediss://:canary@host:6380?ssl_ca_certs=/nowhere/ca.pem")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "tells"),
    [
        ("redis://:canary@redis.example.org:6379", True),
        ("redis://user:canary@10.0.0.1", True),
        ("valkey://[2001:db8::1]?password=canary", True),
        ("rediss://:canary@redis.example.org", False),
        ("redis://redis.example.org", False),
        ("redis://:canary@localhost", False),
        ("redis://:canary@127.3.2.1", False),
        ("redis://:canary@[::1]", False),
        ("unix://user:canary@/run/redis.sock", False),
    ],
)
def test_it_is_known_whose_password_others_can_hear(url, tells):
    assert server_at(url).tells_password is tells


async def test_a_worker_says_once_that_its_password_can_be_heard(real_server, caplog):
    jobs = JobQueue(real_server.url)
    jobs.connections.server.tells_password = True
    with caplog.at_level(logging.WARNING, "jobqueue.worker"):
        async with worker_of(jobs, queues=["a", "b"]):
            pass
    assert len([record for record in caplog.records if "use rediss://" in record.message]) == 1

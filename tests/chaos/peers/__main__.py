"""Puts the peers through the faults: make chaos-peers."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from chaos.peers.cell import Outcome, try_out
from chaos.peers.faults import FAULTS, Fault
from chaos.peers.homes import install
from chaos.peers.report import as_markdown, as_text, write
from chaos.peers.table import PEERS, Peer
from environments import NotThere


@click.command()
@click.option("--peer", "peers", multiple=True, type=click.Choice([each.key for each in PEERS]), help="Whom; all.")
@click.option("--fault", "faults", multiple=True, type=click.Choice([each.name for each in FAULTS]), help="What; all.")
@click.option("--jobs", type=int, default=300, show_default=True, help="Jobs for each peer and fault.")
@click.option("--seed", type=int, help="What all that is drawn depends on; drawn if it is left out.")
@click.option("--at-once", type=int, default=4, show_default=True, help="How many peers and faults at the same time.")
@click.option("--report", type=click.Path(dir_okay=False), help="The file to write the tables into, as Markdown.")
def main(
    peers: tuple[str, ...], faults: tuple[str, ...], jobs: int, seed: int | None, at_once: int, report: str | None
) -> None:
    """Put job queues through faults, and print what came of it."""
    chosen = seed if seed is not None else time.time_ns() % 1_000_000
    missing: dict[str, str] = {}
    some = [each for each in PEERS if not peers or each.key in peers]
    for peer in some:
        try:
            install(peer)
        except NotThere as reason:
            missing[peer.name] = str(reason)

    def run(peer: Peer, fault: Fault) -> Outcome:
        if peer.name in missing:
            outcome = Outcome(peer, fault, why_not=missing[peer.name])
        else:
            outcome = try_out(peer, fault, jobs, chosen)
        click.echo(as_text(outcome))
        return outcome

    with ThreadPoolExecutor(at_once) as pool:
        cells = [(peer, fault) for fault in FAULTS if not faults or fault.name in faults for peer in some]
        # Those that take longest come first, or all would wait for them at the end.
        first = sorted(cells, key=lambda cell: -cell[0].recovery)
        running = {cell: pool.submit(run, *cell) for cell in first}
        try:
            outcomes = [running[cell].result() for cell in cells]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if report:
        write(Path(report), as_markdown([each for each in outcomes if each.peer.name not in missing], jobs, chosen))


main()

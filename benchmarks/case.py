"""What a case is: rows, each of which is measured once in every round."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from contenders import Contender
from stage import Stage

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Options:
    """How a case is run.

    Attributes:
        jobs: how many jobs a drain has.
        rounds: how often each row is measured.
        patience: seconds to wait before each until others use little of the machine.
    """

    jobs: int = 20_000
    rounds: int = 3
    patience: float = 30.0


@dataclass(frozen=True)
class Column:
    """One of the figures of a case.

    Attributes:
        key: its name in the raw figures.
        title: above it, with the unit.
        form: how a figure is written, as ``format`` has it.
        more_is_better: which of two figures is the better one; None if that cannot be said.
    """

    key: str
    title: str
    form: str = ",.0f"
    more_is_better: bool | None = True


@dataclass(frozen=True)
class Row:
    """What is measured: a contender, or a variant of one.

    Attributes:
        key: its name in the raw figures.
        name: in the report.
        contender: who it is.
        measure: takes the figures of one round, by the keys of the columns. What cannot be done, is left out.
    """

    key: str
    name: str
    contender: Contender
    measure: Callable[[Stage, Options], Figures]


@dataclass(frozen=True)
class Case:
    """Something that is compared.

    Attributes:
        name: on the command line.
        title: in the report.
        text: how it is measured, for people.
        columns: the figures.
        rows: makes the rows of some contenders.
        baseline: the row with which the others are compared.
        plotted: the keys of the columns of which plots are drawn.
    """

    name: str
    title: str
    text: str
    columns: Sequence[Column]
    rows: Callable[[Sequence[Contender]], Sequence[Row]]
    baseline: str = "jobqueue"
    plotted: Sequence[str] = ()


def each(
    contenders: Sequence[Contender],
    measure: Callable[[Stage, Contender, Options], Figures],
    where: Callable[[Contender], bool] = lambda contender: True,
) -> list[Row]:
    """Return a row for each contender."""

    def row(contender: Contender) -> Row:
        return Row(contender.key, contender.name, contender, lambda stage, options: measure(stage, contender, options))

    return [row(contender) for contender in contenders if where(contender)]


class Variant(Protocol):
    """One of several ways in which the same contender is measured."""

    @property
    def key(self) -> str:
        """What it is called in files."""
        ...

    @property
    def name(self) -> str:
        """What it is called in the report."""
        ...


V = TypeVar("V", bound=Variant)


def of_ours(
    variants: Sequence[V], measure: Callable[[Stage, Contender, Options, V], Figures]
) -> Callable[[Sequence[Contender]], list[Row]]:
    """Return what makes a row of each variant, of jobqueue alone."""

    def row(contender: Contender, variant: V) -> Row:
        return Row(
            variant.key,
            variant.name,
            contender,
            lambda stage, options: measure(stage, contender, options, variant),
        )

    return lambda contenders: [
        row(each, variant) for each in contenders if each.key == "jobqueue" for variant in variants
    ]


def jobs_of(contender: Contender, count: int) -> int:
    """Return how many jobs a contender is given: less if it is slow."""
    return max(100, round(count * contender.share))


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 of seconds, in milliseconds."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": cuts[49] * 1000, "p95": cuts[94] * 1000, "p99": cuts[98] * 1000}

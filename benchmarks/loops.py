"""How much of a loop is generated before it is cut, and which honest pages are cut by mistake.

    python -m benchmarks.loops

The waste of a loop is what was written after its first round, in lengths of the page's true text. `seen` is what the
survey took for the letters and digits on the page, in shares of the truth; None is a page that was not surveyed.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from ocr_pipeline.recognition.streaming.expected import SLACK
from tests.unit.streaming.loops import LENGTHS, loops
from tests.unit.streaming.measure import expected, read, waste
from tests.unit.streaming.pages import legitimate

SEEN = (0.5, 0.7, 1.0, 1.4, 2.0, None)
BAR = 1.3
UNBARRED = frozenset({"drifting"})  # it has no rounds, so what comes after the first is not well said


@dataclass(frozen=True, slots=True)
class Spent:
    kind: str
    length: int
    seen: float | None
    waste: float


def measured(rounds: int, slack: float) -> Iterator[Spent]:
    """What each loop wastes under each survey."""
    for seed in range(rounds):
        for loop in loops(Random(seed)):  # noqa: S311 - the same loops each time
            length = min(length for length in LENGTHS if length >= len(loop.page))
            for seen in SEEN:
                yield Spent(loop.kind, length, seen, waste(loop, expected(loop, seen, slack)))


def print_table(title: str, spent: Iterable[Spent], row_of: Callable[[Spent], str]) -> None:
    """Worst and mean waste, a row of loops by a column of surveys."""
    table: dict[str, dict[float | None, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in spent:
        table[row_of(each)][each.seen].append(each.waste)
    print(f"\n{title:22}" + "".join(f"{'seen ' + str(seen):>16}" for seen in SEEN))
    for name, row in table.items():
        print(f"{name:22}" + "".join(f"{max(row[seen]):>9.2f} ({statistics.fmean(row[seen]):.2f})" for seen in SEEN))


def print_waste(rounds: int, slack: float) -> None:
    """The waste by kind of loop, by length of page, and how often it is over the bar."""
    spent = list(measured(rounds, slack))
    barred = [each for each in spent if each.kind not in UNBARRED]
    print_table("worst (mean) by kind", spent, lambda each: each.kind)
    print_table("by length of page", barred, lambda each: str(each.length))
    print_table("all", barred, lambda _: "")
    over = (statistics.fmean(each.waste > BAR for each in barred if each.seen == seen) for seen in SEEN)
    print(f"{f'over {BAR}':22}" + "".join(f"{100 * share:>14.1f} %" for share in over))


def print_false_cuts(pages: int, slack: float) -> None:
    """Honest pages that were cut, by kind of form and by what the survey saw."""
    rng = Random(2026)  # noqa: S311 - the same pages each time
    forms = [legitimate(rng) for _ in range(pages)]
    print()
    for seen in SEEN:
        cut = Counter(form.kind for form in forms if read(form.text, expected(form, seen, slack)).cut_after is not None)
        print(f"false cuts, seen {seen}: {cut.total()} of {pages} {dict(cut) or ''}")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="loops of each kind, length and share")
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--slack", type=float, default=SLACK, help="how far off a survey is taken to be")
    arguments = parser.parse_args()
    print_waste(arguments.rounds, arguments.slack)
    print_false_cuts(arguments.pages, arguments.slack)


if __name__ == "__main__":
    main()

"""CPU seconds a page of the CPU engine, one set of options against another, page by page in one run.

    python benchmarks/recognise.py FILE... --against long_side=1120

Machines are noisy: each page is read by both in turn, and the ratio is what to quote.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from ocr_pipeline.adapters.documents.opener import ChildProcessOpener
from ocr_pipeline.adapters.engines.cpu import CpuEngine, build
from ocr_pipeline.intake.sniff import sniff
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions


def images(files: list[Path]) -> Iterator[PageImage]:
    """Every page of the files, as intake would store it."""
    with ChildProcessOpener() as opener:
        for file in files:
            content = file.read_bytes()
            with opener.open(content, sniff(content)) as opened:
                yield from (page.image for page in opened.pages if page.image is not None)


def cost(engine: CpuEngine, image: PageImage) -> float:
    """CPU seconds of reading one page."""
    started = time.process_time()
    engine.recognise(image, RecognitionOptions(timeout=300))
    return time.process_time() - started


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--against", default="", help="options of the other engine, e.g. long_side=1120")
    arguments = parser.parse_args()
    options = {name: int(value) for name, value in (each.split("=") for each in arguments.against.split())}
    first, second = build(), build(**options)
    pages = list(images(arguments.files))
    for engine in (first, second):
        cost(engine, pages[0])
    costs = [(cost(first, page), cost(second, page)) for page in pages]
    for name, place in (("default", 0), (arguments.against or "default again", 1)):
        taken = [each[place] for each in costs]
        print(f"{name:24} median {statistics.median(taken):.2f} mean {statistics.fmean(taken):.2f} CPU-s a page")
    ratios = [one / other for one, other in costs]
    print(f"{'ratio, page by page':24} median {statistics.median(ratios):.2f} of {len(ratios)} pages")


if __name__ == "__main__":
    main()

"""Every way of being kept out has words of its own, and a status."""

from __future__ import annotations

import pytest

from ocr_pipeline.gateway.auth import Forbidden, Unauthenticated
from ocr_pipeline.gateway.problem_catalog import CATALOG


@pytest.mark.parametrize("kind", [*Unauthenticated.__subclasses__(), Forbidden])
def test_each_code_is_in_the_catalogue(kind: type[Unauthenticated | Forbidden]) -> None:
    assert CATALOG[kind.code].status == (403 if kind is Forbidden else 401)


def test_codes_differ() -> None:
    codes = [kind.code for kind in Unauthenticated.__subclasses__()]
    assert len(codes) == len(set(codes)) == 9

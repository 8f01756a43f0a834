"""MLflow's own pages in a real browser: two runs are picked, compared, and show their scores."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagen.tracking.store import ui_command, ui_environment
from dagen.tracking.view import address, prepare
from tests.browser.conftest import PATIENCE
from tests.servers import free_port, started
from tests.tracking import made

BEFORE, AFTER = 0.103, 0.272
SCORE = "target/foreground_miou"  # the headline of the task that both have


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runs = made.with_store(tmp_path_factory.mktemp("ui") / "runs")
    made.finish(made.source_only(), runs, target=BEFORE - 0.021, track=True)
    made.finish(made.config("fda,advent"), runs, target=AFTER - 0.021, track=True)
    port = free_port()
    env = {**ui_environment(), "no_proxy": "*"}
    with started(ui_command(runs, port), port, "/health", runs / "ui.log", env):
        yield address(f"http://127.0.0.1:{port}", prepare(runs))


@pytest.fixture
def page(browser: Any, server: str) -> Iterator[Any]:
    """The runs, in dagen's view. MLflow's complaints about itself are not ours to judge."""
    context = browser.new_context(viewport={"width": 1900, "height": 1100})
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(server)
    yield opened
    if folder := os.environ.get("SCREENSHOTS"):
        opened.screenshot(path=Path(folder) / "mlflow-compare.png")
    context.close()


def test_two_runs_compared_show_their_cross_domain_score(page: Any) -> None:
    rows = page.locator(".ag-center-cols-container .ag-row, .ag-pinned-left-cols-container .ag-row")
    for name in ("fda+advent enet", "source-only enet"):
        row = rows.filter(has_text=name).first
        row.wait_for()
        row.locator("input.ag-checkbox-input").first.click()
    table = page.locator(".ag-root").first.inner_text()
    assert SCORE in table and "method" in table
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile("compare-runs"))
    page.get_by_text("Comparing 2 Runs").first.wait_for()
    page.locator(".ReactVirtualized__Grid").first.scroll_into_view_if_needed()
    assert row_of(page, SCORE) == [SCORE, str(AFTER), str(BEFORE)]


ROW = """(name) => {
  const grids = [...document.querySelectorAll(".ReactVirtualized__Grid")];
  const frame = grids[0].getBoundingClientRect();
  const cells = grids.flatMap((grid) => [...grid.firstElementChild.children]);
  const text = (cell) => cell.innerText.trim();
  const inSight = (cell) => {
    const box = cell.getBoundingClientRect();
    return box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
  };
  const found = cells.find((cell) => text(cell) === name);
  const top = (cell) => cell.getBoundingClientRect().top;
  const row = cells.filter((cell) => found && Math.abs(top(cell) - top(found)) < 5);
  return row.length === 3 && row.every(inSight) ? row.map(text) : null; }"""
"""The row of a metric, if it is in sight; rows of this table are only made as it is scrolled."""


def row_of(page: Any, name: str) -> list[str]:
    page.locator(".ReactVirtualized__Grid").nth(1).hover()
    for _ in range(100):
        if (row := page.evaluate(ROW, name)) is not None:
            return list(row)
        # MLflow's column of names is one event behind its columns of values: the last is small.
        for distance in (90, 1):
            page.mouse.wheel(0, distance)
            page.wait_for_timeout(100)
    raise AssertionError(f"{name} is nowhere in the table of metrics")

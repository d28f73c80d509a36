"""The page in a real browser, by clicking and by keyboard, over a run that really computes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.webdriver import WebDriver
from support.browser import chromium
from support.small_models import frames, tiny_model

from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.serving.view import Viewer
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.status import Status

LIMIT_S = 60.0


class Going:
    """A run that goes on until it is stopped, at some 50 frames a second."""

    def __init__(self, viewer: Viewer, iterations: int) -> None:
        self.statuses: list[Status] = []
        self._stop = threading.Event()
        options = StreamOptions(iterations)
        viewer.monitor.begin("street.mp4", iterations, options.start)
        self._run = Run(tiny_model(), self._pictures(), RunOptions(stream=options), viewer.monitor)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def since(self, wanted: Callable[[Status], bool]) -> bool:
        """Whether the newest frames are as wanted."""
        return all(wanted(status) for status in self.statuses[-3:])

    def _pictures(self) -> Iterator[np.ndarray]:
        clip = [frame.image for frame in frames(20, hw=(64, 96))]
        for number in count():
            if self._stop.is_set():
                return
            time.sleep(0.02)
            yield clip[number % len(clip)]

    def _work(self) -> None:
        with self._run.results() as results:
            self.statuses += (result.status for result in results)


@contextmanager
def going(viewer: Viewer, iterations: int) -> Iterator[Going]:
    run = Going(viewer, iterations)
    try:
        yield run
    finally:
        run.stop()


def until(fine: Callable[[], Any], what: str) -> None:
    """Wait for something that the page or the run will do."""
    end = time.monotonic() + LIMIT_S
    while not fine():
        assert time.monotonic() < end, f"not within {LIMIT_S:.0f} s: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as one:
        yield one
    torch.set_num_threads(before)


def text(browser: WebDriver, name: str) -> str:
    return browser.find_element("id", name).text


def shows_a_picture(browser: WebDriver) -> bool:
    image = browser.find_element("id", "picture")
    return image.get_property("naturalWidth") == 96 and image.get_property("naturalHeight") == 64


def points(browser: WebDriver) -> int:
    return int(browser.find_element("id", "curve").get_attribute("data-points") or 0)


def painted(browser: WebDriver) -> dict[str, int]:
    """Pixels of the curve nearer to the colour of a frame carried on, or begun from zeros, than to anything else."""
    return browser.execute_script("""
        const canvas = document.getElementById("curve");
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const count = {warm: 0, cold: 0};
        for (let i = 0; i < data.length; i += 4) {
          const [r, g, b, a] = data.slice(i, i + 4);
          if (a > 200 && g > r + 60) count.warm++;
          if (a > 200 && r > b + 60) count.cold++;
        }
        return count;""")


def complaints(browser: WebDriver) -> list[str]:
    """What the browser holds against the page: scripts that failed, things the page's own policy forbids."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_page_shows_the_run_and_steers_it_by_mouse_and_keyboard(browser: WebDriver):
    with Viewer() as viewer, going(viewer, iterations=2) as run:
        browser.get(viewer.url)
        until(lambda: shows_a_picture(browser), "a picture")
        until(lambda: points(browser) > 20, "a curve of 20 points")
        until(lambda: float(text(browser, "fps")) > 0, "a frame rate")
        assert (text(browser, "taken"), text(browser, "steps-now"), text(browser, "title")) == ("2", "2", "street.mp4")
        assert text(browser, "state") == "running"

        slider = browser.find_element("id", "steps")
        assert slider.accessible_name == "Steps per frame"
        slider.send_keys(Keys.ARROW_RIGHT)
        until(lambda: run.since(lambda s: s.iterations == 3), "three steps per frame")
        until(lambda: text(browser, "taken") == "3", "the page to tell of three steps")
        ActionChains(browser).move_to_element(slider).click().perform()
        until(lambda: run.since(lambda s: s.iterations in (10, 11)), "as many steps as half the slider")
        assert run.since(lambda s: s.start == "warm")

        warm = painted(browser)
        assert warm["warm"] > 50
        browser.find_element("css selector", "label:has(#scratch)").click()
        until(lambda: run.since(lambda s: s.start == "cold"), "frames from scratch")
        until(lambda: painted(browser)["cold"] > warm["cold"] + 10, "a curve that tells of it")
        assert "zeros" in text(browser, "hint")
        browser.find_element("id", "scratch").send_keys(Keys.ARROW_LEFT)
        until(lambda: run.since(lambda s: s.start == "warm"), "frames carried on again")
        assert run.since(lambda s: s.iterations in (10, 11))
        assert complaints(browser) == []


def test_the_page_knows_the_end_and_keeps_the_last_picture(browser: WebDriver):
    with Viewer() as viewer, going(viewer, iterations=1) as run:
        browser.get(viewer.url)
        until(lambda: shows_a_picture(browser), "a picture")
    until(lambda: text(browser, "state").startswith("finished"), "the end")
    assert text(browser, "state") == f"finished, {len(run.statuses)} frames"
    assert not browser.find_element("id", "steps").is_enabled()
    assert shows_a_picture(browser)
    assert complaints(browser) == []


def test_two_pages_see_what_the_other_asks_for(browser: WebDriver):
    with Viewer() as viewer, going(viewer, iterations=1):
        browser.get(viewer.url)
        until(lambda: shows_a_picture(browser), "a picture")
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        browser.get(viewer.url)
        until(lambda: shows_a_picture(browser), "a picture in the second tab")
        browser.find_element("id", "steps").send_keys(Keys.END)
        browser.find_element("css selector", "label:has(#scratch)").click()
        until(lambda: text(browser, "taken") == "20", "twenty steps")
        browser.close()
        browser.switch_to.window(first)
        until(lambda: text(browser, "steps-now") == "20", "the first tab's slider")
        until(lambda: browser.find_element("id", "scratch").is_selected(), "the first tab's switch")


@pytest.mark.parametrize("width", [360, 700, 1600])
def test_the_page_fits_whatever_the_window(browser: WebDriver, width: int):
    with Viewer() as viewer, going(viewer, iterations=1):
        browser.set_window_size(width, 800)
        browser.get(viewer.url)
        until(lambda: shows_a_picture(browser), "a picture")
        wide = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]

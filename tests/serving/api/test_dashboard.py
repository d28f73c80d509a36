"""The page of all cameras in a real browser, by clicking and by keyboard, over a server that really computes."""

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from support.browser import chromium
from support.camera_server import Served, until


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as one:
        yield one


def part(browser: WebDriver, camera: str, selector: str) -> WebElement:
    return browser.find_element("css selector", f"#camera-{camera} {selector}")


def painted(browser: WebDriver, camera: str, selector: str) -> tuple[int, int, int]:
    """Width, height and the number of different colours of a canvas."""
    return tuple(
        browser.execute_script(
            """
            const canvas = document.querySelector(arguments[0]);
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const colours = new Set();
            for (let i = 0; i < data.length; i += 4) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
            return [canvas.width, canvas.height, colours.size];""",
            f"#camera-{camera} {selector}",
        )
    )


def complaints(browser: WebDriver) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def settings(served: Served, camera: str) -> dict[str, Any]:
    return served.camera(camera)["settings"]


@pytest.fixture
def page(browser: WebDriver, served: Served) -> WebDriver:
    browser.set_window_size(1280, 900)
    browser.get(served.url)
    for camera in ("gate", "yard"):
        until(lambda name=camera: browser.find_elements("id", f"camera-{name}"), f"a tile of {camera}")
        until(lambda name=camera: painted(browser, name, ".picture")[2] > 20, f"a picture of {camera}")
    return browser


def test_every_camera_has_a_tile_with_its_picture_figures_and_bars(page: WebDriver, served: Served):
    assert painted(page, "gate", ".picture")[:2] == (96, 64)
    until(lambda: int(part(page, "gate", ".bars").get_attribute("data-points") or 0) > 10, "ten bars")
    assert painted(page, "gate", ".bars")[2] > 2
    assert part(page, "gate", ".name").text == "gate"
    assert part(page, "gate", ".state").text == "live"
    until(lambda: float(part(page, "gate", ".fps").text) > 1, "a frame rate")
    assert 1 <= float(part(page, "gate", ".steps").text) <= 4
    assert page.find_element("id", "summary").text.startswith("2 cameras, ")
    until(lambda: page.find_element("css selector", "load-dial text").text.endswith("%"), "a measured load")
    assert "token" not in page.current_url
    assert complaints(page) == []


def test_a_cameras_steps_priority_and_start_are_set_on_its_tile(page: WebDriver, served: Served):
    part(page, "yard", "summary").click()
    most = part(page, "yard", "[data-field=max_steps]")
    assert most.accessible_name == "At most, yard"
    most.send_keys(Keys.ARROW_RIGHT)
    until(lambda: settings(served, "yard")["max_steps"] == 4, "four steps at most")
    least = part(page, "yard", "[data-field=min_steps]")
    least.send_keys(*4 * [Keys.ARROW_RIGHT])  # beyond the most, which goes along
    until(lambda: [settings(served, "yard")[key] for key in ("min_steps", "max_steps")] == [5, 5], "five steps always")
    least.send_keys(Keys.HOME)
    until(lambda: settings(served, "yard")["min_steps"] == 1, "one step at least")
    part(page, "yard", "[data-field=priority]").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    until(lambda: settings(served, "yard")["priority"] == 2.0, "twice the priority")
    page.find_element("css selector", "#camera-yard label:has([value=zeros])").click()
    until(lambda: served.ask("/cameras/yard/latest")[1]["start"] == "cold", "frames from scratch")
    page.find_element("css selector", "#camera-yard label:has([value=previous])").click()
    until(lambda: served.ask("/cameras/yard/latest")[1]["start"] == "warm", "frames carried on")
    assert settings(served, "gate")["max_steps"] == 4  # another camera's
    served.ask("/cameras/yard", "PATCH", {"max_steps": 3, "priority": 1.0})
    until(lambda: most.get_property("value") == "3", "the slider to follow what somebody else has changed")
    assert complaints(page) == []


def test_a_tile_is_enlarged_by_its_picture(page: WebDriver):
    before = part(page, "gate", ".view").rect["width"]
    part(page, "gate", ".view").click()
    until(lambda: part(page, "gate", ".view").rect["width"] > 1.5 * before, "a larger picture")
    assert part(page, "gate", ".view").get_attribute("aria-pressed") == "true"
    part(page, "gate", ".view").click()
    until(lambda: part(page, "gate", ".view").rect["width"] == before, "the picture as it was")


def test_tiles_come_and_go_with_their_cameras(page: WebDriver, served: Served):
    served.ask("/cameras", "POST", {"name": "hall", "source": "tcp://127.0.0.1:9", "fps": 1})
    until(lambda: page.find_elements("id", "camera-hall"), "a tile of the new camera")
    assert part(page, "hall", ".waiting").is_displayed()
    served.ask("/cameras/hall", "DELETE")
    until(lambda: not page.find_elements("id", "camera-hall"), "the tile to go")
    assert len(page.find_elements("css selector", "camera-tile")) == 2


@pytest.mark.parametrize("width", [360, 700, 1600])
def test_the_page_fits_whatever_the_window(page: WebDriver, width: int):
    page.set_window_size(width, 800)
    part(page, "gate", "summary").click()
    wide = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]


def test_the_page_of_the_interface_lists_it(page: WebDriver, served: Served):
    page.find_element("link text", "API").click()
    until(lambda: "/cameras/{name}" in page.find_element("tag name", "body").text, "the routes")
    assert "max_steps = 8" in page.find_element("tag name", "body").text
    assert complaints(page) == []

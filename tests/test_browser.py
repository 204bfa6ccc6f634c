"""The pages in a real browser: Chromium, a real server, and the command line beside it.

With MSGCLI_SCREENSHOTS set, the pictures of the documentation are taken anew.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    StorageState,
    expect,
)

from tests.browser_site import DEEP, EDITED, THREAD, Site
from tests.browser_site import site as made_site

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)
PICTURES = Path(__file__).parents[1] / "docs" / "images"
LIVE = 10_000  # ms in which a message that arrived has to be seen
EVERY = 3_000  # ms after which a page looks for news
REPORT = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`violated: ${event.violatedDirective}`))"""
Pair = tuple[str, str]
Windows = Callable[..., BrowserContext]
OpenAs = Callable[..., Page]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        missing = f"No browser is installed: none of {', '.join(CHROMIUM)}."
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    # Playwright's loop runs in this thread until the session ends; Django takes it for a sign
    # that its tests are coroutines, which would block one another.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return {**browser_type_launch_args, "executable_path": found, "args": OPTIONS.split()}


@pytest.fixture(scope="session")
def base_url() -> None:
    """The plugin's own is a method, which pytest 9.2 warns of; the address is that of `site`."""


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with made_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def pair(site: Site) -> Pair:
    return site.pair()


@pytest.fixture
def expected() -> list[str]:
    """The beginnings of what the browser is to complain of in this test, and of nothing else."""
    return []


@pytest.fixture
def new_context(new_context: Windows, site: Site, expected: list[str]) -> Iterator[Windows]:
    """Windows whose every complaint fails the test: errors, warnings, violations of the CSP."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            complaints.append(said.text)

    def watched(**options: Any) -> BrowserContext:
        context = new_context(**{"base_url": site.server.url, **options})
        context.set_default_timeout(LIVE)
        context.on("console", heard)
        context.on("weberror", lambda raised: complaints.append(str(raised.error)))
        context.add_init_script(REPORT)
        opened.append(context)
        return context

    yield watched
    for context in opened:
        context.close()
    assert [c for c in complaints if not c.startswith(tuple(expected))] == []
    assert [e for e in expected if not any(c.startswith(e) for c in complaints)] == []


@pytest.fixture(scope="module")
def logged_in() -> dict[str, StorageState]:
    """The cookies of those who have been logged in."""
    return {}


@pytest.fixture
def open_as(site: Site, new_context: Windows, logged_in: dict[str, StorageState]) -> OpenAs:
    """A page of a new window in which this person is logged in: open_as("alice", "/unread/").

    With clock, its time can be moved on by `later`.
    """

    def opened(name: str, path: str = "/", *, clock: bool = False, **options: Any) -> Page:
        context = new_context(storage_state=logged_in.get(name), **options)
        if name not in logged_in:
            log_in_unseen(context, site.link(name))
            logged_in[name] = context.storage_state()
        page = context.new_page()
        if clock:
            page.clock.install()
        page.goto(path)
        return page

    return opened


def log_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


def log_in_unseen(context: BrowserContext, link: str) -> None:
    """Send the form of a login link without showing it, which is quicker."""
    form = context.request.get(link).text()
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    answer = context.request.post(link, form=fields, headers={"Referer": link})
    assert urlsplit(answer.url).path == "/"


def later(page: Page) -> None:
    """Let the time pass after which a page looks for news, without waiting for it."""
    page.clock.fast_forward(EVERY)


def failed(status: int) -> str:
    """What Chromium says of a page that is answered so."""
    phrase = HTTPStatus(status).phrase
    return f"Failed to load resource: the server responded with a status of {status} ({phrase})"


def composer(page: Page) -> Locator:
    return page.get_by_label("Message to")


def message(page: Page, text: str) -> Locator:
    return page.locator("article").filter(has_text=text)


# In and out.


def test_a_login_link_leads_to_the_inbox_by_a_button_and_works_once(
    site: Site, new_context: Windows, expected: list[str]
) -> None:
    page = new_context().new_page()
    link = site.link("alice")
    log_in(page, link)
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    again = new_context().new_page()
    again.goto(link)
    again.get_by_role("button", name="Log in").click()
    expect(again.get_by_role("alert")).to_be_visible()
    again.goto("/")
    expect(again).to_have_url(re.compile("/login/"))
    expected.append(failed(400))


def test_a_wrong_password_is_refused_and_the_right_one_lets_in(
    site: Site, pair: Pair, new_context: Windows, expected: list[str]
) -> None:
    site.send(*pair, "hello")
    site.run("set-password", pair[1], input="correct horse battery\n")
    page = new_context().new_page()
    page.goto("/unread/")
    page.get_by_label("Name").fill(pair[1])
    page.get_by_label("Password").fill("wrong horse battery")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Unread")).to_be_visible()
    expected.append(failed(400))


def test_logging_out_shuts_the_pages(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[0])
    page.get_by_role("button", name="Log out").click()
    page.goto(f"/with/{pair[1]}/")
    expect(page).to_have_url(re.compile("/login/"))


def test_deleting_the_account_says_what_goes_and_leaves_nothing(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    me, other = pair
    for text in ("one", "two"):
        site.send(me, other, text)
    page = open_as(me, "/account/")
    numbers = page.locator(".numbers")
    expect(numbers).to_contain_text(re.compile(r"messages sent\s*2\s*messages received\s*0"))
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("heading", name=f"{me} is deleted")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("2 messages sent and 0 received are gone")
    page.goto("/")
    expect(page).to_have_url(re.compile("/login/"))
    names = site.run("users")
    assert other in names
    assert me not in names


def test_deleting_an_account_with_a_password_takes_the_password(
    site: Site, pair: Pair, open_as: OpenAs, expected: list[str]
) -> None:
    site.send(*pair, "hello")
    site.run("set-password", pair[0], input="correct horse battery\n")
    page = open_as(pair[0], "/account/")
    page.get_by_label("Your password again").fill("wrong horse battery")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was deleted.")
    assert pair[0] in site.run("users")
    expected.append(failed(403))


def test_the_export_is_a_file_with_every_message(open_as: OpenAs) -> None:
    page = open_as("erin", "/account/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export my messages").click()
    assert download.value.suggested_filename == "erin.jsonl"
    assert len(download.value.path().read_text("utf-8").splitlines()) == 2 * DEEP + 2


# Reading and writing.


def test_a_conversation_is_read_from_the_inbox(open_as: OpenAs) -> None:
    page = open_as("alice")
    page.get_by_role("link", name=re.compile("bob.*2 unread", re.DOTALL)).click()
    expect(page.get_by_role("heading", name="bob")).to_be_visible()
    expect(page.locator("article").last).to_contain_text("And a jumper")
    expect(page.get_by_text("2 new")).to_be_in_viewport()


def test_older_messages_are_a_page_away(open_as: OpenAs) -> None:
    page = open_as("erin", "/with/dave/")
    page.get_by_role("link", name="Older messages").click()
    expect(page.locator("article")).to_have_count(2 * DEEP - 50)
    page.get_by_role("link", name="Newest messages").click()
    expect(page.locator("article").last).to_be_in_viewport()


def test_the_composer_sends(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[1], f"/with/{pair[0]}/")
    composer(page).fill("hello yourself\nin two lines")
    page.get_by_role("button", name="Send").click()
    expect(message(page, "hello yourself")).to_be_in_viewport()
    expect(composer(page)).to_have_value("")
    assert "in two lines" in site.run("conversation", *pair)


def test_a_first_message_is_sent_from_the_inbox(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.run("add-user", pair[0])
    site.run("add-user", pair[1])
    page = open_as(pair[0])
    page.get_by_text("New message").click()
    page.get_by_label("To", exact=True).fill(pair[1])
    page.get_by_label("Message", exact=True).fill("nice to meet you")
    page.get_by_role("button", name="Send").click()
    expect(page).to_have_url(re.compile(f"/with/{pair[1]}/"))
    expect(message(page, "nice to meet you")).to_be_visible()


def test_a_reply_is_written_in_place_in_the_thread(site: Site, pair: Pair, open_as: OpenAs) -> None:
    first = site.send(*pair, "a question")
    site.run("reply", str(first), pair[1], "an answer")
    page = open_as(pair[0], f"/thread/{first}/")
    answer = message(page, "an answer")
    answer.get_by_text("Reply", exact=True).click()
    answer.get_by_role("textbox").fill("its reply")
    answer.get_by_role("button", name="Send").click()
    expect(message(page, "its reply")).to_have_class(re.compile("depth2"))
    expect(message(page, "its reply")).to_be_in_viewport()


def test_a_link_to_reply_opens_the_form_with_the_cursor_in_it(open_as: OpenAs) -> None:
    page = open_as("alice", "/with/bob/")
    page.get_by_role("link", name=f"Reply to message {THREAD}").click()
    expect(page.get_by_role("textbox", name=f"Reply to message {THREAD}")).to_be_focused()


def test_an_edit_shows_as_edited_and_in_the_history(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    site.send(*pair, "at noon in the park")
    page = open_as(pair[0], f"/with/{pair[1]}/")
    page.get_by_role("link", name=re.compile("Edit message")).click()
    page.get_by_label("Message").fill("at one in the park")
    page.get_by_role("button", name="Save").click()
    edited = message(page, "at one in the park")
    edited.get_by_role("link", name="edited").click()
    expect(page.locator("del")).to_have_text("noon")
    expect(page.locator("ins")).to_have_text("one")


def test_only_ones_own_messages_can_be_edited(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.send(*pair, "mine")
    page = open_as(pair[1], f"/with/{pair[0]}/")
    links = message(page, "mine").locator("footer").get_by_role("link")
    expect(links).to_have_text(["Reply"])


def test_a_deleted_message_is_gone(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.send(*pair, "to be kept")
    number = site.send(*pair, "to be forgotten")
    page = open_as(pair[0], f"/with/{pair[1]}/")
    page.get_by_role("link", name=f"Delete message {number}").click()
    page.get_by_role("button", name="Delete it for good").click()
    expect(message(page, "to be kept")).to_be_visible()
    expect(page.get_by_text("to be forgotten")).to_have_count(0)
    assert "to be forgotten" not in site.run("conversation", *pair)


def test_the_divider_marks_as_read(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.send(*pair, "one")
    site.send(*pair, "two")
    page = open_as(pair[1], f"/with/{pair[0]}/")
    expect(page.get_by_text("2 new")).to_be_visible()
    page.get_by_role("button", name="Mark as read").click()
    expect(page.get_by_text("2 new")).to_have_count(0)
    page.goto("/")
    expect(page).to_have_title("Inbox · Messages")
    assert site.run("unread", pair[1], "--json").strip() == "[]"


def test_an_error_keeps_what_was_written(
    site: Site, pair: Pair, open_as: OpenAs, expected: list[str]
) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[0])
    page.get_by_text("New message").click()
    page.get_by_label("To", exact=True).fill("nobody-of-that-name")
    page.get_by_label("Message", exact=True).fill("a long letter")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_have_text(
        "There is nobody called nobody-of-that-name here."
    )
    expect(page.get_by_label("What you wrote")).to_have_value("a long letter")
    check_accessibility(page)
    page.get_by_label("To", exact=True).fill(pair[1])
    page.get_by_role("button", name="Try again").click()
    expect(message(page, "a long letter")).to_be_visible()
    expected.append(failed(400))


# While one looks at it.


def test_a_message_arrives_in_the_open_conversation_and_the_draft_stays(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[1], f"/with/{pair[0]}/")
    page.evaluate("window.kept = true")
    composer(page).press_sequentially("half a sent")
    site.send(*pair, "from the terminal")
    expect(page.get_by_text("from the terminal")).to_be_visible(timeout=LIVE)
    expect(page.get_by_role("status")).to_contain_text(f"1 new: {pair[0]}")
    expect(composer(page)).to_have_value("half a sent")
    expect(composer(page)).to_be_focused()
    assert page.evaluate("window.kept")


def test_a_reply_that_is_being_written_survives_an_arrival(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    first = site.send(*pair, "first")
    page = open_as(pair[1], f"/thread/{first}/#reply{first}", clock=True)
    form = page.get_by_role("textbox")
    form.press_sequentially("half a re")
    site.run("reply", str(first), pair[0], "one more thing")
    later(page)
    expect(page.get_by_text("one more thing")).to_be_visible(timeout=LIVE)
    expect(form.first).to_have_value("half a re")
    expect(form.first).to_be_focused()
    page.keyboard.type("ply")
    page.keyboard.press("Control+Enter")
    expect(message(page, "half a reply")).to_be_visible()


def test_the_inbox_counts_what_arrives_in_its_title(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    site.run("add-user", pair[1])
    page = open_as(pair[1], clock=True)
    expect(page.get_by_text("No messages yet.")).to_be_visible()
    expect(page).to_have_title("Inbox · Messages")
    site.send(*pair, "are you there?")
    later(page)
    expect(page).to_have_title("(1) Inbox · Messages", timeout=LIVE)
    expect(page.get_by_text("are you there?")).to_be_visible()


def test_an_edit_and_a_deletion_elsewhere_show_too(site: Site, pair: Pair, open_as: OpenAs) -> None:
    first, second = site.send(*pair, "first"), site.send(*pair, "second")
    page = open_as(pair[1], f"/with/{pair[0]}/", clock=True)
    site.run("edit", str(first), pair[0], "first, corrected")
    site.run("delete", str(second), "--yes")
    later(page)
    expect(page.get_by_text("first, corrected")).to_be_visible(timeout=LIVE)
    expect(page.get_by_text("second", exact=True)).to_have_count(0)


def test_a_page_is_fetched_again_only_when_something_came(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[1], f"/with/{pair[0]}/")
    with page.expect_response(f"**/with/{pair[0]}/"):  # what came while it was loaded
        pass
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.wait_for_timeout(2500)
    assert asked[:2] == ["/arrivals/"] * 2 == sorted(set(asked)) * 2
    site.send(*pair, "again")
    expect(page.get_by_text("again")).to_be_visible(timeout=LIVE)


def test_a_page_of_somebody_who_was_logged_out_asks_to_log_in(
    site: Site, pair: Pair, open_as: OpenAs, expected: list[str]
) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[1], f"/with/{pair[0]}/")
    site.run("logout", pair[1])
    expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=LIVE)
    expected.append(failed(401))


# However one reads.


def test_everything_works_without_javascript(site: Site, pair: Pair, open_as: OpenAs) -> None:
    first = site.send(*pair, "hello")
    page = open_as(pair[1], f"/with/{pair[0]}/", java_script_enabled=False)
    composer(page).fill("a plain answer")
    page.get_by_role("button", name="Send").click()
    sent = message(page, "a plain answer")
    sent.get_by_role("link", name=re.compile("Edit")).click()
    page.get_by_label("Message").fill("a plain, edited answer")
    page.get_by_role("button", name="Save").click()
    expect(
        message(page, "a plain, edited answer").get_by_role("link", name="edited")
    ).to_be_visible()
    page.goto(f"/thread/{first}/")
    page.get_by_text("Reply", exact=True).click()
    page.get_by_role("textbox").fill("a plain reply")
    page.get_by_role("button", name="Send").click()
    expect(message(page, "a plain reply")).to_have_class(re.compile("depth1"))


def test_the_keyboard_is_enough(site: Site, pair: Pair, open_as: OpenAs) -> None:
    site.send(*pair, "hello")
    page = open_as(pair[1])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name=re.compile(pair[0])))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=pair[0])).to_be_visible()
    tab_to(page, composer(page))
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Control+Enter")
    expect(message(page, "first\nsecond line")).to_be_visible()


def tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"No way by Tab to {wanted}.")


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/with/erin/",
        "/thread/{deep}/",
        "/unread/",
        "/notifications/",
        "/search/?q=number",
        "/account/",
    ],
)
def test_a_phone_shows_pages_without_scrolling_sideways(
    site: Site, open_as: OpenAs, path: str
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    page = open_as("dave", path.format(deep=site.deep[-1]), **phone)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    narrowest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.text')].map((e) => e.clientWidth), 390)"
    )
    assert narrowest >= 240


def test_the_dark_pages_are_dark(open_as: OpenAs) -> None:
    page = open_as("alice", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    assert lightness(page.evaluate(background)) > 240
    page.emulate_media(color_scheme="dark")
    assert lightness(page.evaluate(background)) < 40


def lightness(colour: str) -> float:
    red, green, blue = map(int, re.findall(r"\d+", colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_times_are_in_the_zone_of_the_browser(open_as: OpenAs) -> None:
    page = open_as("alice", "/with/bob/", timezone_id="Europe/Berlin")
    first = page.locator("time").first
    sent = datetime.fromisoformat(first.get_attribute("datetime") or "")
    there = f"{sent.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M:%S %Z}"
    expect(first).to_have_attribute("title", there)
    assert f'title="{there}"' in page.request.get("/with/bob/").text()  # as without JavaScript


HOSTILE = (
    """safe\u202egnp.exe
<script>window.ran = 1</script>
<img src="x" onerror="window.ran = 1">
"><svg onload="window.ran = 1">
<a href="javascript:window.ran = 1">javascript:window.ran = 1</a>
{{ 7|add:7 }} {% now 'Y' %} </textarea></article>
"""
    + 3000 * "a"
)


def test_hostile_text_is_shown_and_nothing_of_it_runs(
    site: Site, pair: Pair, open_as: OpenAs
) -> None:
    number = site.send(*pair, HOSTILE)
    page = open_as(pair[1], f"/with/{pair[0]}/")
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert page.locator(".text").all_inner_texts() == [shown]
    for path in (page.url, f"/thread/{number}/", "/unread/", "/notifications/", "/"):
        page.goto(path)
        expect(page.get_by_text("safe\\u202egnp.exe")).to_be_visible()
        assert page.evaluate("window.ran") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_script_in_the_page_itself_would_not_run(open_as: OpenAs, expected: list[str]) -> None:
    page = open_as("alice")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran") is None
    expected += ["Executing inline script violates", "violated: script-src"]


# Accessible to all.

PAGES = {
    "inbox": "/",
    "conversation": "/with/bob/#new",
    "thread": f"/thread/{THREAD}/",
    "unread": "/unread/",
    "notifications": "/notifications/",
    "history": f"/message/{EDITED}/history/",
    "edit": f"/message/{EDITED}/edit/",
    "delete": f"/message/{EDITED}/delete/",
    "search": "/search/?q=boat",
    "account": "/account/",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible(open_as: OpenAs, name: str) -> None:
    page = open_as("alice", PAGES[name])
    for summary in page.locator("summary").all():
        summary.click()
    check_accessibility(page)


def test_the_pages_before_the_login_are_accessible(site: Site, new_context: Windows) -> None:
    page = new_context().new_page()
    for path in ("/login/", urlsplit(site.link("alice"))):
        page.goto(path if isinstance(path, str) else path.geturl())
        check_accessibility(page)


def test_the_page_of_an_error_is_accessible(open_as: OpenAs, expected: list[str]) -> None:
    page = open_as("alice", "/thread/999999/")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    check_accessibility(page)
    expected.append(failed(404))


def check_accessibility(page: Page) -> None:
    """Nothing that axe-core finds in light, nor of colours in dark."""
    schemes: dict[Literal["light", "dark"], dict[str, Any]] = {
        "light": {},
        "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},  # all about colours
    }
    for scheme, options in schemes.items():
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options=options).response["violations"]
        assert [(scheme, v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []


# Pictures for the documentation.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inbox", "conversation", "thread"])
def test_pictures_of_the_pages(open_as: OpenAs, tmp_path: Path, name: str) -> None:
    folder = PICTURES if os.environ.get("MSGCLI_SCREENSHOTS") else tmp_path
    page = open_as("alice", PAGES[name], viewport={"width": 1000, "height": 700})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        picture = folder / f"web-{name}-{scheme}.png"
        page.screenshot(path=picture)
        assert picture.stat().st_size < 80_000

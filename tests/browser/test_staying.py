"""What happens to somebody in the middle of something: a session that ends, no script, a menu, a double click."""

from playwright.sync_api import Browser, expect

from tests.browser.browsing import PASSWORD, reading
from tests.e2e.program import Program


def test_what_was_typed_outlives_the_session(clinic: Program, browser: Browser) -> None:
    with reading(browser, clinic.web_port) as fay:
        fay.log_in("Fay")
        fay.open("/orders/new")
        fay.page.fill("[name=family_name]", "Miller")
        fay.page.fill("[name=given_name]", "Ann")
        fay.page.context.clear_cookies(name="session")
        fay.page.click("text=Enter the order")
        fay.page.wait_for_url("**/login**")
        fay.page.context.add_cookies([{"name": "session", "value": "of yesterday", "url": fay.base}])
        fay.open("/orders/new")
        expect(fay.page.get_by_role("status").first).to_contain_text("Your session has ended")
        fay.page.fill("#name", "Fay")
        fay.page.fill("#password", PASSWORD)
        fay.page.click("main button[type=submit]")
        expect(fay.page.locator("[name=family_name]")).to_have_value("Miller")
        expect(fay.page.locator("[name=given_name]")).to_have_value("Ann")
        fay.open("/today")
        fay.open("/orders/new")
        expect(fay.page.locator("[name=family_name]")).to_have_value("")


def test_nobody_else_gets_what_was_typed(clinic: Program, browser: Browser) -> None:
    with reading(browser, clinic.web_port) as fay:
        fay.log_in("Fay")
        fay.open("/orders/new")
        fay.page.fill("[name=family_name]", "Miller")
        fay.page.context.clear_cookies(name="session")
        fay.open("/orders/new")
        fay.page.fill("#name", "Cleo")
        fay.page.fill("#password", PASSWORD)
        fay.page.click("main button[type=submit]")
        expect(fay.page.locator("[name=family_name]")).to_have_value("")
        assert fay.page.evaluate("Object.keys(sessionStorage).filter(name => name.startsWith('draft')).length") == 0


def test_the_menu_of_a_phone(clinic: Program, browser: Browser) -> None:
    with reading(browser, clinic.web_port, "phone") as fay:
        fay.log_in("Fay")
        orders = fay.page.locator("nav a", has_text="Orders")
        expect(orders).to_be_hidden()
        fay.page.click(".menu-button")
        expect(orders).to_be_visible()
        fay.page.keyboard.press("Escape")
        expect(orders).to_be_hidden()


def test_without_script_the_page_works(clinic: Program, browser: Browser) -> None:
    with reading(browser, clinic.web_port, "phone", java_script_enabled=False) as fay:
        fay.log_in("Fay")
        expect(fay.page.locator("nav a", has_text="Orders")).to_be_visible()
        fay.page.locator("button", has_text="Log off").click()
        fay.page.wait_for_url("**/login")
        expect(fay.page.get_by_role("status")).to_contain_text("logged off")

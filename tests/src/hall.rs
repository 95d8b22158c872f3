//! The authority's page, as its people use it.

use crate::browser::Browser;

/// Fills in the door.
///
/// # Errors
/// The door is not there.
pub fn log_in(page: &Browser, name: &str, pin: &str) -> anyhow::Result<()> {
    page.fill("input[name=operator]", name)?;
    page.fill("input[name=pin]", pin)?;
    page.click("main button")
}

/// The supervisor that every rig has.
///
/// # Errors
/// The door is not there.
pub fn log_in_as_supervisor(page: &Browser) -> anyhow::Result<()> {
    log_in(page, "赵敏", "161803")
}

/// On the page to search: looks for a tube, opens the first of its people, and returns what is shown of them.
///
/// # Errors
/// Another page, or nobody is in the tube.
pub fn look_up(page: &Browser, tube: &str, reason: &str) -> anyhow::Result<String> {
    page.fill("input[name=text]", tube)?;
    page.fill("input[name=reason]", reason)?;
    page.click("main form button")?;
    page.fill("td input[name=reason]", reason)?;
    page.click("td button")?;
    page.wait("the details", "return document.querySelector('main.narrow td') !== null")?;
    page.text("main")
}

//! A page as the people at a site or a laboratory use it.

use serde_json::json;
use swabmesh_tests::access::check;
use swabmesh_tests::browser::{Browser, ENTER, Options};

/// A browser with a node's page open and the supervisor signed in.
pub(crate) struct Page {
    pub(crate) browser: Browser,
}

impl Page {
    pub(crate) fn open(url: &str, width: u32, height: u32) -> anyhow::Result<Self> {
        let page = Self { browser: Browser::open(width, height, &Options::default())? };
        page.browser.go(url)?;
        page.sign_in("王芳", "271828")?;
        Ok(page)
    }

    pub(crate) fn sign_in(&self, name: &str, pin: &str) -> anyhow::Result<()> {
        self.browser.click_text(name)?;
        self.browser.wait("the pad", "return document.querySelector('.dots') !== null")?;
        self.browser.type_keys(&format!("{pin}{ENTER}"))?;
        self.browser.wait("the page", "return !document.querySelector('#desk').hidden").map(drop)
    }

    /// Fails if somebody is kept from using what is shown now, on this screen or on a phone.
    pub(crate) fn look(&self, axe: Option<&str>, state: &str) {
        if let Some(axe) = axe {
            check(&self.browser, axe, state).unwrap();
            let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false });
            self.browser.devtools("Emulation.setDeviceMetricsOverride", &phone).unwrap();
            check(&self.browser, axe, &format!("{state} on a phone")).unwrap();
            let desk = json!({ "width": 1_280, "height": 900, "deviceScaleFactor": 1, "mobile": false });
            self.browser.devtools("Emulation.setDeviceMetricsOverride", &desk).unwrap();
        }
    }

    pub(crate) fn type_scan(&self, text: &str) -> anyhow::Result<()> {
        self.browser.type_keys(&format!("{text}{ENTER}"))
    }

    /// Scans, and waits until a place of the page says what is expected.
    pub(crate) fn scan_over(&self, text: &str, css: &str, expected: &str) -> anyhow::Result<()> {
        self.type_scan(text)?;
        let script =
            format!("return document.querySelector({})?.innerText.startsWith({})", json!(css), json!(expected));
        self.browser.wait(&format!("{expected} after {text}"), &script).map(drop)
    }

    fn after(&self, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let before = self.browser.run("return window.swabmesh.answered")?.as_u64().unwrap_or_default();
        act()?;
        self.browser.wait("an answer", &format!("return window.swabmesh.answered > {before}")).map(drop)
    }

    /// Scans at the laboratory, and waits until it is shown.
    pub(crate) fn scan(&self, text: &str) -> anyhow::Result<()> {
        self.after(|| self.type_scan(text))
    }

    /// Presses one key by hand, and waits until it is answered.
    pub(crate) fn press(&self, key: &str) -> anyhow::Result<()> {
        self.after(|| self.browser.type_keys(key))
    }
}

//! The page as an operator uses it.

use anyhow::ensure;
use serde_json::{Value, json};
use swabmesh_tests::browser::{Browser, ENTER, Options};
use swabmesh_tests::site::{Resident, Rig};

/// A browser with the page open and somebody signed in.
pub struct Desk {
    pub browser: Browser,
}

impl Desk {
    pub fn open(rig: &Rig, width: u32, height: u32) -> anyhow::Result<Self> {
        let desk = Self { browser: Browser::open(width, height, &Options::default())? };
        desk.browser.go(rig.site.url())?;
        desk.sign_in("王芳", "271828")?;
        Ok(desk)
    }

    pub fn sign_in(&self, name: &str, pin: &str) -> anyhow::Result<()> {
        self.browser.click_text(name)?;
        self.browser.wait("the pad", "return document.querySelector('.dots') !== null")?;
        self.browser.type_keys(&format!("{pin}{ENTER}"))?;
        self.browser.wait("the desk", "return !document.querySelector('#desk').hidden").map(drop)
    }

    /// Verdicts that were on the screen so far.
    pub fn verdicts(&self) -> anyhow::Result<u64> {
        Ok(self.browser.run("return window.swabmesh.toScreen.length")?.as_u64().unwrap_or_default())
    }

    /// What the verdict says.
    pub fn shown(&self) -> anyhow::Result<String> {
        self.browser.text("#verdict")
    }

    fn after(&self, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<String> {
        let before = self.verdicts()?;
        act()?;
        self.browser.wait("a verdict", &format!("return window.swabmesh.toScreen.length > {before}"))?;
        self.shown()
    }

    pub fn scan(&self, text: &str) -> anyhow::Result<String> {
        self.type_scan(text, ENTER)
    }

    pub fn type_scan(&self, text: &str, ends: &str) -> anyhow::Result<String> {
        self.after(|| self.browser.type_keys(&format!("{text}{ends}")))
    }

    /// Keys as a page gets them while a Chinese input method is on: `Process`, and the physical key.
    pub fn type_hidden(&self, text: &str) -> anyhow::Result<String> {
        let script = format!(
            "const codes = {{ ' ': ['Space'], '$': ['Digit4', 1], '%': ['Digit5', 1], '*': ['Digit8', 1], '+': ['Equal', 1],
                '-': ['Minus'], '.': ['Period'], '/': ['Slash'], ':': ['Semicolon', 1] }};
             for (const c of {}) {{
               const [code, shift] = codes[c] ?? [/\\d/.test(c) ? 'Digit' + c : 'Key' + c, /[A-Z]/.test(c)];
               dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Process', code, keyCode: 229, shiftKey: !!shift, bubbles: true }}));
             }}
             dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter', code: 'Enter' }}));",
            json!(text)
        );
        self.after(|| self.browser.run(&script).map(drop))
    }

    /// Registers somebody by the form.
    pub fn type_document(&self, resident: &Resident) -> anyhow::Result<String> {
        self.browser.run("document.querySelector('#verdict').hidden || dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")?;
        self.browser.click_text("证件登记")?;
        self.browser.fill("#document-number", &resident.number)?;
        self.browser.fill("#document-name", &resident.name)?;
        self.browser.wait(
            "the number is judged",
            "return document.querySelector('#document-said')?.classList.contains('good')",
        )?;
        self.after(|| self.browser.click("#panel form .strong"))
    }

    /// Goes on despite a warning.
    pub fn go_on(&self, because: &str) -> anyhow::Result<String> {
        self.after(|| self.browser.click_text(because))
    }

    /// The colour of the verdict; empty when none is shown.
    pub fn colour(&self) -> anyhow::Result<String> {
        let script =
            "const v = document.querySelector('#verdict'); return v.hidden ? '' : v.className.replace('verdict ', '')";
        Ok(self.browser.run(script)?.as_str().unwrap_or_default().to_owned())
    }

    /// The last four digits that the verdict shows.
    pub fn last_four(&self) -> anyhow::Result<String> {
        self.browser.text("#verdict .v-name b")
    }

    /// Expects a colour.
    pub fn expect(&self, colour: &str) -> anyhow::Result<()> {
        let found = self.colour()?;
        ensure!(found == colour, "{found:?} instead of {colour}: {}", self.shown()?);
        Ok(())
    }

    /// Milliseconds from the last character to the screen, of every verdict.
    pub fn times(&self) -> anyhow::Result<Vec<f64>> {
        let all = self.browser.run("return window.swabmesh.toScreen")?;
        Ok(all.as_array().cloned().unwrap_or_default().iter().filter_map(Value::as_f64).collect())
    }
}

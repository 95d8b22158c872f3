//! The page as a resident uses it.

use anyhow::Context;
use data_encoding::BASE64;
use serde_json::{Value, json};
use swabmesh_tests::browser::{Browser, Options};
use swabmesh_tests::site::{Resident, Rig};

/// A phone with the page open.
pub(crate) struct Phone {
    pub(crate) browser: Browser,
}

/// Puts residents into the registry.
pub(crate) fn register(rig: &Rig, residents: &[&Resident]) -> anyhow::Result<()> {
    let document = |one: &&Resident| json!({ "type": 1, "number": one.number, "name": one.name });
    let documents: Vec<Value> = residents.iter().map(document).collect();
    rig.authority.post("/residents", &json!({ "documents": documents }))?;
    Ok(())
}

/// A script that drops a picture on a page.
pub(crate) fn dropped(picture: &[u8]) -> String {
    format!(
        "const bytes = Uint8Array.from(atob({}), (c) => c.charCodeAt(0));
         const dataTransfer = new DataTransfer();
         dataTransfer.items.add(new File([bytes], 'shown.png', {{ type: 'image/png' }}));
         dispatchEvent(new DragEvent('drop', {{ dataTransfer, cancelable: true }}));",
        json!(BASE64.encode(picture))
    )
}

impl Phone {
    pub(crate) fn open(rig: &Rig, width: u32, height: u32) -> anyhow::Result<Self> {
        let phone = Self { browser: Browser::open(width, height, &Options::default())? };
        phone.browser.go(&format!("{}/resident", rig.authority.url()))?;
        Ok(phone)
    }

    /// Fills the form.
    pub(crate) fn enter(&self, who: &Resident) -> anyhow::Result<()> {
        self.browser.fill("#proof-number", &who.number)?;
        self.browser.fill("#proof-name", &who.name)
    }

    pub(crate) fn sign_in(&self, who: &Resident) -> anyhow::Result<()> {
        self.enter(who)?;
        self.browser.click_text("登录")?;
        self.browser.wait("somebody is signed in", "return !document.querySelector('#tabs').hidden").map(drop)
    }

    /// The text of the code that the phone keeps.
    pub(crate) fn kept_code(&self) -> anyhow::Result<String> {
        let text = self.browser.run("return JSON.parse(localStorage.getItem('swabmesh.resident.code')).text")?;
        Ok(text.as_str().context("no code is kept")?.to_owned())
    }

    /// The image that the page saves.
    pub(crate) fn saved_image(&self) -> anyhow::Result<Vec<u8>> {
        self.browser.run(
            "const made = URL.createObjectURL;
             URL.createObjectURL = (blob) => { blob.arrayBuffer().then((bytes) => (window.saved = bytes)); return made.call(URL, blob); };",
        )?;
        self.browser.click_text("保存图片")?;
        let script = "return window.saved ? btoa([...new Uint8Array(window.saved)].map((b) => String.fromCharCode(b)).join('')) : ''";
        let encoded = self.browser.wait("an image", script)?;
        Ok(BASE64.decode(encoded.as_str().context("no image")?.as_bytes())?)
    }

    /// Applies for a relative, with a photograph.
    pub(crate) fn apply(&self, relative: &Resident, relation: &str) -> anyhow::Result<()> {
        self.browser.click(".tab:nth-child(4)")?;
        self.browser.click_text("申请亲属码")?;
        self.browser.fill("#relative-number", &relative.number)?;
        self.browser.fill("#relative-name", &relative.name)?;
        self.browser.run_async(&format!(
            "const done = arguments[arguments.length - 1];
             document.querySelector('#relation').value = {};
             const canvas = Object.assign(document.createElement('canvas'), {{ width: 4000, height: 3000 }});
             canvas.getContext('2d').fillRect(100, 100, 800, 500);
             canvas.toBlob((blob) => {{
               const chosen = new DataTransfer();
               chosen.items.add(new File([blob], 'register.png', {{ type: 'image/png' }}));
               document.querySelector('#photo').files = chosen.files;
               done(null);
             }});",
            json!(relation)
        ))?;
        self.browser.click_text("提交申请")
    }
}

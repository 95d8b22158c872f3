//! A browser driven as a person would: WebDriver (W3C) over chromedriver's plain HTTP, nothing else needed.

#![expect(clippy::indexing_slicing, reason = "a JSON value that lacks a key answers with null")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Longest wait for something to appear. Source: guess; busy cores take seconds for what idle ones do at once.
const APPEARS_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks at what is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The key of WebDriver for Enter, Tab, and Escape.
pub const ENTER: &str = "\u{e007}";
/// See [`ENTER`].
pub const TAB: &str = "\u{e004}";
/// See [`ENTER`].
pub const ESCAPE: &str = "\u{e00c}";

/// Starts of the driver that are tried: of two that choose the same free port at the same moment, one ends.
const DRIVER_TRIES: u32 = 3;

/// How a browser is started.
#[derive(Debug, Default)]
pub struct Options {
    /// A film that the camera shows over and over, Y4M or MJPEG; no camera without one.
    pub camera: Option<PathBuf>,
    /// Certificates nobody knows are accepted, as after a tap on the warning.
    pub any_certificate: bool,
}

/// One headless Chromium with its driver. Both end with it.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    session: String,
    agent: ureq::Agent,
    _profile: tempfile::TempDir,
}

/// Whether browser and driver are installed.
#[must_use]
pub fn is_installed() -> bool {
    let there = |program: &str| {
        let run = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    there("chromium") && there("chromedriver")
}

impl Browser {
    /// Starts a browser of this size.
    ///
    /// # Errors
    /// Browser or driver do not start.
    pub fn open(width: u32, height: u32, options: &Options) -> anyhow::Result<Self> {
        let (driver, url) = driver()?;
        let profile = tempfile::tempdir()?;
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            "--lang=zh-CN",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--window-size={width},{height}"));
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        if let Some(film) = &options.camera {
            arguments.push("--use-fake-device-for-media-stream".to_owned());
            arguments.push("--use-fake-ui-for-media-stream".to_owned());
            arguments.push(format!("--use-file-for-fake-video-capture={}", film.display()));
        }
        // Errors are answers, with a body that says what went wrong.
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut browser = Self { driver, session: url.clone(), agent, _profile: profile };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": options.any_certificate,
            "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let made = browser.send("POST", "/session", &wanted)?;
        let id = made["sessionId"].as_str().context("no session")?;
        browser.session = format!("{url}/session/{id}");
        // Windows are never narrower than 500 pixels without this.
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.devtools("Emulation.setDeviceMetricsOverride", &metrics)?;
        Ok(browser)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.session);
        let mut response = match method {
            "GET" => self.agent.get(&url).call()?,
            "DELETE" => self.agent.delete(&url).call()?,
            _ => self.agent.post(&url).send_json(body)?,
        };
        let mut answer: Value = response.body_mut().with_config().limit(64 * 1024 * 1024).read_json()?;
        let value = answer.get_mut("value").map(Value::take).unwrap_or_default();
        if let Some(error) = value.get("error").and_then(Value::as_str) {
            bail!("{method} {path}: {error}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value)
    }

    /// A command of Chromium's own protocol.
    ///
    /// # Errors
    /// The browser refuses it.
    pub fn devtools(&self, command: &str, parameters: &Value) -> anyhow::Result<Value> {
        self.send("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// Nobody answers there.
    pub fn go(&self, url: &str) -> anyhow::Result<()> {
        self.send("POST", "/url", &json!({ "url": url })).map(drop)
    }

    /// Runs a script in the page and returns what it returns.
    ///
    /// # Errors
    /// It threw.
    pub fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.send("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs a script that calls its last argument when it is done.
    ///
    /// # Errors
    /// It threw, or took too long.
    pub fn run_async(&self, script: &str) -> anyhow::Result<Value> {
        self.send("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Types keys one after the other wherever the focus is, as a scanner does.
    ///
    /// # Errors
    /// The browser refuses it.
    pub fn type_keys(&self, text: &str) -> anyhow::Result<()> {
        let keys = text.chars().flat_map(|key| {
            [
                json!({ "type": "keyDown", "value": key.to_string() }),
                json!({ "type": "keyUp", "value": key.to_string() }),
            ]
        });
        let actions = json!({ "actions": [{ "type": "key", "id": "scanner", "actions": keys.collect::<Vec<_>>() }] });
        self.send("POST", "/actions", &actions).map(drop)
    }

    fn element(&self, css: &str) -> anyhow::Result<String> {
        let found = self.send("POST", "/element", &json!({ "using": "css selector", "value": css }))?;
        let id = found.as_object().and_then(|object| object.values().next()).and_then(Value::as_str);
        Ok(id.context("no such element")?.to_owned())
    }

    /// Clicks what a selector finds, once it is there and not covered.
    ///
    /// # Errors
    /// It does not become clickable in time.
    pub fn click(&self, css: &str) -> anyhow::Result<()> {
        self.until(&format!("click {css}"), || {
            let element = self.element(css)?;
            self.send("POST", &format!("/element/{element}/click"), &json!({}))
        })
        .map(drop)
    }

    /// Clicks the first button with this text, once it is there.
    ///
    /// # Errors
    /// It does not appear in time.
    pub fn click_text(&self, text: &str) -> anyhow::Result<()> {
        let xpath = format!("//button[contains(normalize-space(.), {})]", json!(text));
        self.until(&format!("button {text}"), || {
            let found = self.send("POST", "/element", &json!({ "using": "xpath", "value": xpath }))?;
            let id = found.as_object().and_then(|object| object.values().next()).and_then(Value::as_str);
            self.send("POST", &format!("/element/{}/click", id.context("no such button")?), &json!({}))
        })
        .map(drop)
    }

    /// Fills a field.
    ///
    /// # Errors
    /// It does not appear in time.
    pub fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        self.until(&format!("fill {css}"), || {
            let element = self.element(css)?;
            self.send("POST", &format!("/element/{element}/clear"), &json!({}))?;
            self.send("POST", &format!("/element/{element}/value"), &json!({ "text": text }))
        })
        .map(drop)
    }

    /// Chooses a file in a field for files.
    ///
    /// # Errors
    /// The field does not appear in time.
    pub fn choose_file(&self, css: &str, path: &std::path::Path) -> anyhow::Result<()> {
        self.until(&format!("choose a file in {css}"), || {
            let element = self.element(css)?;
            self.send("POST", &format!("/element/{element}/value"), &json!({ "text": path }))
        })
        .map(drop)
    }

    /// The text that a selector shows now; empty if there is none.
    ///
    /// # Errors
    /// The browser does not answer.
    pub fn text(&self, css: &str) -> anyhow::Result<String> {
        let script =
            format!("const e = document.querySelector({}); return e && !e.hidden ? e.innerText : '';", json!(css));
        Ok(self.run(&script)?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a script returns something true.
    ///
    /// # Errors
    /// It does not in time; says what the page shows.
    pub fn wait(&self, what: &str, script: &str) -> anyhow::Result<Value> {
        self.until(what, || {
            let found = self.run(script)?;
            let true_enough =
                !matches!(found, Value::Null | Value::Bool(false)) && found != json!("") && found != json!(0);
            if true_enough { Ok(found) } else { bail!("{script} gave {found}") }
        })
    }

    fn until<T>(&self, what: &str, mut attempt: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let began = Instant::now();
        loop {
            match attempt() {
                Ok(done) => return Ok(done),
                Err(error) if began.elapsed() > APPEARS_WITHIN => {
                    let shown = self.text("body").unwrap_or_default();
                    bail!("{what}: {error:#}\nthe page shows:\n{shown}");
                }
                Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// A picture of the page as it is, PNG.
    ///
    /// # Errors
    /// The browser does not draw.
    pub fn picture(&self) -> anyhow::Result<Vec<u8>> {
        let encoded = self.send("GET", "/screenshot", &Value::Null)?;
        let encoded = encoded.as_str().context("no picture")?;
        Ok(data_encoding::BASE64.decode(encoded.as_bytes())?)
    }

    /// What the page complained about since it was asked last: errors of scripts, of the policy, of the network.
    ///
    /// # Errors
    /// The browser does not answer.
    pub fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let log = self.send("POST", "/se/log", &json!({ "type": "browser" }))?;
        let lines = log.as_array().cloned().unwrap_or_default();
        let severe = lines.iter().filter(|line| line["level"] == "SEVERE");
        Ok(severe.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

/// Starts the driver; also returns where it listens.
fn driver() -> anyhow::Result<(Child, String)> {
    for _ in 0..DRIVER_TRIES {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver does not start")?;
        if let Some(url) = address(&mut driver)? {
            return Ok((driver, url));
        }
        driver.wait()?;
    }
    bail!("chromedriver ended before it listened, {DRIVER_TRIES} times")
}

/// Where the driver listens: it says so itself. None if it ends instead.
fn address(driver: &mut Child) -> anyhow::Result<Option<String>> {
    let out = driver.stdout.take().context("no output")?;
    let mut lines = BufReader::new(out).lines();
    for line in lines.by_ref() {
        let line = line?;
        if let Some((_, port)) = line.split_once("successfully on port ") {
            // The rest is read and dropped, so that the driver never waits for its reader.
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return Ok(Some(format!("http://127.0.0.1:{}", port.trim_end_matches('.'))));
        }
    }
    Ok(None)
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, the driver by its process.
        let _ = self.send("DELETE", "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

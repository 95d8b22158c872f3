//! The files of a page, embedded in the program and served with a tag: a browser loads each version once.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use swabmesh_protocol::id::hex;

/// Files as they are embedded: the name below their directory, and what is in them.
pub type Embedded = &'static [(&'static str, &'static str)];

/// Embeds files: the directory as seen from the file that says so, then each name once.
#[macro_export]
macro_rules! embedded {
    ($directory:literal: $($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!($directory, $name)))),*] };
}

/// What every page has in `page/`, below its own files.
const LOOKS: Embedded = embedded!["../../assets/page/": "base.css", "icon.svg"];

/// What a page has there that scripts write; the words are its own, `text/zh.js` and `text/en.js`.
const SCRIPTS: Embedded = embedded!["../../assets/page/": "ask.js", "dom.js", "text.js", "time.js"];

/// What the policy of every page refuses to run or to load.
const REFUSED: [&str; 6] = [" style=", " onclick", "<style", "javascript:", "http://", "https://"];

#[derive(Debug)]
struct File {
    path: String,
    text: Cow<'static, str>,
}

impl File {
    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, kind)| kind) {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("json") => "application/manifest+json",
            _ => "text/html; charset=utf-8",
        }
    }

    fn is_page(&self) -> bool {
        self.content_type().starts_with("text/html")
    }
}

/// The files of a page, each at its path.
#[derive(Debug)]
pub struct Files(Vec<File>);

impl Files {
    /// The files of a page at `below/NAME`, and what all pages share at `below/page/NAME`.
    #[must_use]
    pub fn below(below: &str, own: Embedded) -> Self {
        Self(Vec::new()).embed(below, own).embed(&format!("{below}/page"), LOOKS)
    }

    /// The same for a page that scripts write.
    #[must_use]
    pub fn scripted(below: &str, own: Embedded) -> Self {
        Self::below(below, own).embed(&format!("{below}/page"), SCRIPTS)
    }

    fn embed(mut self, below: &str, files: Embedded) -> Self {
        self.0.extend(files.iter().map(|(name, text)| File { path: format!("{below}/{name}"), text: (*text).into() }));
        self
    }

    /// Adds a page.
    #[must_use]
    pub fn with(mut self, path: &str, html: String) -> Self {
        self.0.push(File { path: path.to_owned(), text: html.into() });
        self
    }

    /// Where the files are.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.path.as_str())
    }

    /// Changes with every byte of every file; 16 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> String {
        let mut hash = Sha256::new();
        self.0.iter().for_each(|file| hash.update(file.text.as_bytes()));
        hex(hash.finalize().get(..8).unwrap_or_default())
    }

    /// What a browser loads that loads everything.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|file| file.text.len()).sum()
    }

    /// The keys of a table of words, `text/LANGUAGE.js`: one a line, `"key": …`.
    #[must_use]
    pub fn words(&self, language: &str) -> BTreeSet<&str> {
        let table = self.0.iter().find(|file| file.path.ends_with(&format!("/text/{language}.js")));
        let lines = table.into_iter().flat_map(|file| file.text.lines());
        lines.filter_map(|line| line.trim_start().strip_prefix('"')?.split('"').next()).collect()
    }

    /// Finds what keeps a page from working: what the policy refuses, an import of a file that is not here, a word
    /// that one language lacks.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let paths: BTreeSet<&str> = self.paths().collect();
        let mut faults = Vec::new();
        for File { path, text } in self.0.iter().filter(|file| file.is_page()) {
            let refused = REFUSED.iter().filter(|refused| text.contains(**refused));
            faults.extend(refused.map(|refused| format!("{path}: {refused}")));
            if text.matches("<script").count() != text.matches("<script type=\"module\" src=").count() {
                faults.push(format!("{path}: a script that is not a file of its own"));
            }
        }
        for File { path, text } in &self.0 {
            let lost = imports(path, text).filter(|import| !paths.contains(import.as_str()));
            faults.extend(lost.map(|import| format!("{path}: imports {import}")));
        }
        let (chinese, english) = (self.words("zh"), self.words("en"));
        faults.extend(chinese.symmetric_difference(&english).map(|key| format!("words: {key}")));
        faults
    }

    /// A route for each file.
    pub fn routes(self) -> Router {
        self.0.into_iter().fold(Router::new(), |routes, file| {
            let tag = hex(Sha256::digest(file.text.as_bytes()).get(..8).unwrap_or_default());
            let (tag, kind, path) = (format!("\"{tag}\""), file.content_type(), file.path);
            let body = match file.text {
                Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
                Cow::Owned(text) => Bytes::from(text),
            };
            routes.route(&path, get(move |headers: HeaderMap| async move { send(kind, &tag, &headers, body) }))
        })
    }
}

/// The paths of what a file imports.
fn imports<'f>(path: &'f str, text: &'f str) -> impl Iterator<Item = String> + 'f {
    let named = text.lines().filter_map(|line| line.split_once("from \"")?.1.split('"').next());
    named.map(move |named| {
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.pop();
        for part in named.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    })
}

/// Sends a file, or says that the browser has it.
fn send(kind: &'static str, tag: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let has = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if has { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let sent = response.headers_mut();
    sent.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // Asked for anew each time, so that a page never runs with the script of an older program.
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        sent.insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "export default {\n  \"a\": \"1\",\n};\n";

    #[test]
    fn the_policy_a_missing_file_and_a_missing_word_are_found() {
        let good =
            [("text/zh.js", WORDS), ("text/en.js", WORDS), ("lab/x.js", "import { t } from \"../page/text.js\";")];
        let files = |own: &[(&'static str, &'static str)], page: &str| {
            Files::scripted("/assets", Box::leak(own.to_vec().into())).with("/", page.to_owned()).faults()
        };
        assert_eq!(files(&good, "<script type=\"module\" src=\"/assets/x.js\">"), [] as [&str; 0]);
        assert_eq!(files(&good, "<p style=\"x\">"), ["/:  style="]);
        assert_eq!(files(&good, "<script>x</script>"), ["/: a script that is not a file of its own"]);
        let astray = [good[0], good[1], ("x.js", "import x from \"../y.js\";")];
        assert_eq!(files(&astray, ""), ["/assets/x.js: imports /y.js"]);
        assert_eq!(files(&[good[0], ("text/en.js", "")], ""), ["words: a"]);
    }

    #[test]
    fn another_byte_is_another_version() {
        let [one, other] = ["<p>", "<b>"].map(|page| Files::below("/a", &[]).with("/", page.to_owned()));
        assert_ne!(one.version(), other.version());
        assert_eq!(one.bytes(), other.bytes());
    }

    #[tokio::test]
    async fn a_browser_that_has_a_file_is_told_so() {
        let sent = |tag: &str, headers: &HeaderMap| send("text/css", tag, headers, Bytes::from_static(b"p {}"));
        let fresh = sent("\"ab\"", &HeaderMap::new());
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, fresh.headers()[header::ETAG].clone());
        assert_eq!(sent("\"ab\"", &headers).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(sent("\"cd\"", &headers).status(), StatusCode::OK);
    }
}

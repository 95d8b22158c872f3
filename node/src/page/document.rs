//! A whole page: what a browser needs before the body, written once for every role.

/// A page as HTML.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Title as text; a script may change it.
    pub title: &'a str,
    /// Where its files are, such as `/assets`; the names below are of files there.
    pub below: &'a str,
    /// The icon.
    pub icon: &'a str,
    /// The style sheets after `page/base.css`, in their order.
    pub styles: &'a [&'a str],
    /// The script, a module.
    pub script: &'a str,
    /// Further elements of the head, as HTML.
    pub head: &'a str,
    /// The body, as HTML.
    pub body: &'a str,
}

impl Document<'_> {
    /// Writes the page. It is Chinese until its script says otherwise.
    #[must_use]
    pub fn html(&self) -> String {
        let Self { below, icon, styles, script, head, body, .. } = self;
        let styles = ["page/base.css"].iter().chain(*styles);
        let styles: String =
            styles.map(|style| format!("<link rel=\"stylesheet\" href=\"{below}/{style}\">\n")).collect();
        format!(
            "<!doctype html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, viewport-fit=cover\">\n\
             <title>{title}</title>\n<link rel=\"icon\" href=\"{below}/{icon}\">\n{head}{styles}\
             <script type=\"module\" src=\"{below}/{script}\"></script>\n</head>\n<body>\n{body}</body>\n</html>\n",
            title = escape(self.title),
        )
    }
}

/// Text with what HTML would read as markup replaced.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_never_markup() {
        assert_eq!(escape("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        let (styles, script) = (["a.css"], "a.js");
        let document =
            Document { title: "<x>", below: "/x", icon: "a.svg", styles: &styles, script, head: "", body: "" };
        let html = document.html();
        assert!(!html.contains("<x>") && html.contains("<link rel=\"stylesheet\" href=\"/x/a.css\">"), "{html}");
    }
}

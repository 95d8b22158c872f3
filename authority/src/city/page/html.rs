//! Text as HTML, and the frame around every page.

use swabmesh_protocol::time::Wall;

use crate::city::door::Session;
use crate::city::export::instant;

/// Text with what HTML would read as markup replaced.
pub(super) fn escape(text: &str) -> String {
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

/// The same thing in both languages; the page shows one of them.
pub(super) fn say(chinese: &str, english: &str) -> String {
    format!("<span lang=zh>{}</span><span lang=en>{}</span>", escape(chinese), escape(english))
}

/// A moment as people read it, in Asia/Shanghai.
pub(super) fn moment(at: Wall) -> String {
    let text = instant(at);
    let shown = text.get(..16).unwrap_or(&text).replacen('T', " ", 1);
    format!("<time datetime=\"{text}\">{shown}</time>")
}

const PLACES: [(&str, &str, &str); 5] = [
    ("/", "总览", "Board"),
    ("/city/cases", "复核", "Reviews"),
    ("/city/recall", "复检", "Re-tests"),
    ("/city/enrolments", "接入", "Enrolment"),
    ("/city/search", "查询", "Search"),
];

/// A whole page.
pub(super) fn document(title: &str, session: Option<&Session>, at: &str, body: &str) -> String {
    let navigation = session.map(|session| {
        let links = PLACES.iter().map(|(to, chinese, english)| {
            let here = if *to == at { " aria-current=page" } else { "" };
            format!("<a href=\"{to}\"{here}>{}</a>", say(chinese, english))
        });
        let links: String = links.collect();
        format!(
            "<nav aria-label=\"主导航\">{links}</nav>\
             <form class=who method=post action=\"/city/logout\">{}<span>{}</span><button class=quiet>{}</button></form>",
            token(session),
            escape(session.operator.as_str()),
            say("退出", "Log out"),
        )
    });
    format!(
        "<!doctype html><html lang=zh-CN><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <title>{title} · swabmesh</title><link rel=icon href=\"data:,\">\
         <link rel=stylesheet href=\"/city/authority.css\"><script src=\"/city/authority.js\" defer></script></head>\
         <body><header><strong>{}</strong>{}<button id=language class=quiet type=button>English</button></header>\
         {body}</body></html>",
        say("核酸采样登记 · 市级节点", "swabmesh · authority"),
        navigation.unwrap_or_default(),
        title = escape(title),
    )
}

/// The field that every form of a session carries.
pub(super) fn token(session: &Session) -> String {
    format!("<input type=hidden name=form_token value=\"{}\">", escape(&session.form_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_operators_type_is_never_markup() {
        assert_eq!(escape("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        assert!(moment(Wall(1_649_433_600_000)).ends_with(">2022-04-09 00:00</time>"));
        assert!(!document("<x>", None, "", "").contains("<x>"));
    }
}

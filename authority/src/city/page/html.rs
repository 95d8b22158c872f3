//! Text as HTML, and the frame around every page.

use axum::response::Html;
use swabmesh_node::page::document::Document;
pub(super) use swabmesh_node::page::document::escape;
use swabmesh_protocol::time::Wall;

use super::BELOW;
use crate::city::door::Session;
use crate::city::export::instant;

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
pub(super) fn document(title: &str, session: Option<&Session>, at: &str, body: &str) -> Html<String> {
    let navigation = session.map(|session| {
        let links = PLACES.iter().map(|(to, chinese, english)| {
            let here = if *to == at { " aria-current=page" } else { "" };
            format!("<a href=\"{to}\"{here}>{}</a>", say(chinese, english))
        });
        let links: String = links.collect();
        let leave = format!(
            "<span>{}</span><button class=quiet>{}</button>",
            escape(session.who.as_str()),
            say("退出", "Log out")
        );
        format!("<nav aria-label=\"主导航\">{links}</nav>{}", form(session, "/city/logout", "who", &leave))
    });
    let body = format!(
        "<header class=bar><strong>{}</strong>{}<button id=language class=quiet type=button>English</button></header>\n{body}\n",
        say("核酸采样登记 · 市级节点", "swabmesh · authority"),
        navigation.unwrap_or_default(),
    );
    let title = format!("{title} · swabmesh");
    let (styles, script) = (["authority.css"], "authority.js");
    let document =
        Document { title: &title, below: BELOW, icon: "page/icon.svg", styles: &styles, script, head: "", body: &body };
    Html(document.html())
}

/// A form of a session, with the token that every one of them carries.
pub(super) fn form(session: &Session, action: &str, class: &str, fields: &str) -> String {
    let token = escape(session.csrf.as_str());
    format!(
        "<form method=post action=\"{action}\" class={class}><input type=hidden name=form_token value=\"{token}\">\
         {fields}</form>"
    )
}

/// A table that scrolls by itself where it is wider than the window; `otherwise` is said of no rows.
pub(super) fn table(columns: [String; 4], rows: &str, otherwise: &str) -> String {
    let columns = columns.map(|column| format!("<th>{column}</th>")).concat();
    let rows = if rows.is_empty() { format!("<tr><td colspan=4>{otherwise}</td></tr>") } else { rows.to_owned() };
    format!("<div class=scroll><table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_operators_type_is_never_markup() {
        let Html(page) = document("<x>", None, "", "");
        assert!(!page.contains("<x>"));
        assert!(moment(Wall(1_649_433_600_000)).ends_with(">2022-04-09 00:00</time>"));
    }
}

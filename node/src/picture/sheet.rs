//! The sheet to print: one code on A4, with what staff compare and until when it is valid.

use std::fmt::Write;

use swabmesh_protocol::document::DocumentType;
use swabmesh_protocol::document::age::{SHANGHAI_AHEAD_S, day_in_shanghai};
use swabmesh_protocol::time::Wall;
use time::{Duration, Time};

use super::render::{Medium, RenderError, Symbol};

/// Side of the printed symbol, millimetres, quiet zone included. Source: code-format.
const SYMBOL_MM: f64 = 40.0;

/// Least side of a printed module, millimetres. Source: code-format.
const MODULE_MM_MIN: f64 = 0.5;

/// Which code is printed, which decides the title and what must be shown beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetKind {
    /// A static code 核酸码.
    Static,
    /// A relative's code 亲属码.
    Relative,
    /// A paper offline code 纸质离线随申码, shown together with the identity card.
    Paper,
}

/// What stands on a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet<'a> {
    /// Kind of code.
    pub kind: SheetKind,
    /// The code's text.
    pub text: &'a str,
    /// Masked name, never the full one (rule P1).
    pub masked_name: &'a str,
    /// Type of the holder's document.
    pub document: DocumentType,
    /// Last four characters of the document's number.
    pub last_four: &'a str,
    /// When the code expires: the first second at which it is refused.
    pub expires: Wall,
    /// Print serial, on paper codes.
    pub serial: Option<&'a str>,
}

impl Sheet<'_> {
    /// Draws the sheet as an SVG of 210 × 297 mm, in English and Chinese.
    ///
    /// The symbol is 40 mm wide, or wider where its modules would fall below half a millimetre.
    ///
    /// # Errors
    /// [`RenderError`] when the text is not a code's.
    pub fn svg(&self) -> Result<String, RenderError> {
        let symbol = Symbol::new(self.text, Medium::Print)?;
        let module_mm = module_mm(&symbol);
        let side_mm = module_mm * f64::from(symbol.modules());
        let (english, chinese) = self.kind.title();
        let (document, document_chinese) = self.document.name();
        let mut page = Page::new(side_mm);
        page.line(7.0, &[chinese, english]);
        page.line(5.0, &["姓名 name", self.masked_name]);
        page.line(5.0, &["证件后四位 document ends in", self.last_four]);
        page.line(3.5, &[document_chinese, document]);
        page.line(5.0, &["有效期至 valid until", &last_minute(self.expires)]);
        page.line(3.5, &["北京时间 Beijing time"]);
        if let Some(serial) = self.serial {
            page.line(5.0, &["编号 serial", serial]);
        }
        if self.kind == SheetKind::Paper {
            page.line(5.0, &["请与身份证一同出示"]);
            page.line(5.0, &["show together with the ID card"]);
        }
        page.line(3.5, &["遗失请立即挂失，补发后旧码失效"]);
        page.line(3.5, &["report a loss at once; a new code ends this one"]);
        Ok(page.finish(&symbol, module_mm))
    }
}

impl SheetKind {
    const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Static => ("nucleic-acid code", "核酸码"),
            Self::Relative => ("relative's code", "亲属码"),
            Self::Paper => ("paper offline code", "纸质离线随申码"),
        }
    }
}

fn module_mm(symbol: &Symbol) -> f64 {
    (SYMBOL_MM / f64::from(symbol.modules())).max(MODULE_MM_MIN)
}

/// The last minute in which the code is accepted, in Asia/Shanghai: `2022-05-08 23:59`.
fn last_minute(expires: Wall) -> String {
    let last = expires.seconds().saturating_sub(1);
    let of_day = (last.saturating_add(SHANGHAI_AHEAD_S) % 86_400).min(86_399);
    let clock = Time::MIDNIGHT + Duration::seconds(i64::try_from(of_day).unwrap_or_default());
    format!("{} {:02}:{:02}", day_in_shanghai(Wall::from_seconds(last)), clock.hour(), clock.minute())
}

/// Left and upper margin, millimetres: more than any printer cannot reach.
const MARGIN_MM: f64 = 20.0;

/// Lines of text to the right of the symbol, top down.
struct Page {
    left_mm: f64,
    next_mm: f64,
    lines: String,
}

impl Page {
    const fn new(symbol_mm: f64) -> Self {
        Self { left_mm: MARGIN_MM + symbol_mm + 6.0, next_mm: MARGIN_MM, lines: String::new() }
    }

    fn line(&mut self, size_mm: f64, words: &[&str]) {
        self.next_mm += size_mm * 1.3;
        // Writing to a string cannot fail.
        let _ = write!(
            self.lines,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size_mm}\">{}</text>",
            self.left_mm,
            self.next_mm,
            escape(&words.join(" "))
        );
    }

    fn finish(self, symbol: &Symbol, module_mm: f64) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"210mm\" height=\"297mm\" viewBox=\"0 0 210 297\">\
             <path fill=\"#fff\" d=\"M0 0h210v297H0z\"/>\
             <g transform=\"translate({MARGIN_MM} {MARGIN_MM}) scale({module_mm:.5})\" shape-rendering=\"crispEdges\">\
             <path d=\"{}\"/></g><g font-family=\"sans-serif\">{}</g></svg>\n",
            symbol.path(),
            self.lines
        )
    }
}

/// Escapes text for XML; a character that XML cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: Sheet<'_> = Sheet {
        kind: SheetKind::Paper,
        text: "HS1:6BF OXN%TS3DH0YOJ58S",
        masked_name: "张*三",
        document: DocumentType::IdentityCard,
        last_four: "002X",
        expires: Wall::from_seconds(1_652_025_600),
        serial: Some("A0012345"),
    };

    #[test]
    fn a_paper_sheet_says_whose_it_is_until_when_and_what_to_show_beside_it() {
        let svg = SHEET.svg().unwrap();
        for part in ["张*三", "居民身份证", "002X", "2022-05-08 23:59", "A0012345", "请与身份证一同出示", "210mm"]
        {
            assert!(svg.contains(part), "{part} is missing");
        }
        let relative = Sheet { kind: SheetKind::Relative, serial: None, ..SHEET }.svg().unwrap();
        assert!(relative.contains("亲属码") && !relative.contains("请与身份证一同出示"));
    }

    #[test]
    fn no_name_can_break_out_of_the_sheet() {
        let svg = Sheet { masked_name: "<script>&\u{1}", ..SHEET }.svg().unwrap();
        assert!(svg.contains("&lt;script&gt;&amp;\u{fffd}") && !svg.contains("<script"));
    }

    #[test]
    fn modules_are_never_smaller_than_half_a_millimetre() {
        for chars in [24, 246, 270, 468, 1_000] {
            let symbol = Symbol::new(&"A".repeat(chars), Medium::Print).unwrap();
            let side = module_mm(&symbol) * f64::from(symbol.modules());
            assert!(module_mm(&symbol) >= MODULE_MM_MIN && side >= SYMBOL_MM - 1e-9, "{chars}: {side} mm");
        }
    }
}

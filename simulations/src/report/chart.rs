//! Charts as inline SVG: no script, nothing to fetch. Each is drawn twice, for wide and for narrow pages; the style
//! sheet shows one of them.

use std::fmt::Write as _;

/// Pixels of a drawing: how wide the page is that it is for.
const WIDE: f64 = 920.0;
const NARROW: f64 = 340.0;
/// Room for numbers at the left, and for times below.
const LEFT: f64 = 52.0;
const BELOW: f64 = 26.0;
const ABOVE: f64 = 10.0;
const RIGHT: f64 = 12.0;

/// One line of a chart.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// Chinese and English.
    pub(super) name: String,
    /// A class of the style sheet: its colour.
    pub(super) class: &'static str,
    /// One value for each moment.
    pub(super) values: Vec<f64>,
}

/// Lines over time.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// What it shows, for readers who do not see it.
    pub(super) title: String,
    /// Moments, in minutes.
    pub(super) minutes: Vec<f64>,
    /// Lowest last: each fills the area below it.
    pub(super) series: Vec<Series>,
    /// Grey stretches: from and until, minutes.
    pub(super) shaded: Vec<(f64, f64)>,
    /// When everything was healed, minutes.
    pub(super) healed: Option<f64>,
    /// How a value is written.
    pub(super) unit: fn(f64) -> String,
    /// Pixels.
    pub(super) height: f64,
}

/// A drawing for wide pages and one for narrow ones.
pub(super) fn twice(draw: impl Fn(f64, bool) -> String) -> String {
    format!("<div class=wide>{}</div><div class=narrow>{}</div>", draw(WIDE, false), draw(NARROW, true))
}

/// A step of 1, 2 or 5 times a power of ten, so that no more than `steps` of them reach `max`.
fn step(max: f64, steps: f64) -> f64 {
    let rough = (max / steps).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= rough).unwrap_or(10.0);
    times * power
}

/// Minutes between two marks on the axis of time.
fn time_step(minutes: f64, marks: f64) -> f64 {
    const STEPS: [f64; 13] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0, 1_440.0, 2_880.0];
    STEPS.into_iter().find(|step| minutes / step <= marks).unwrap_or(10_080.0)
}

/// A time of the simulated day, as the axis shows it.
pub(super) fn clock(minutes: f64, whole: f64) -> String {
    if whole > 2_880.0 {
        return format!("{:.0} d", minutes / 1_440.0);
    }
    format!("{}:{:02.0}", (minutes / 60.0).floor(), minutes % 60.0)
}

struct Axes {
    width: f64,
    height: f64,
    minutes: f64,
    top: f64,
}

impl Axes {
    fn x(&self, minute: f64) -> f64 {
        LEFT + minute / self.minutes.max(1.0) * (self.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.height - BELOW - value / self.top.max(f64::MIN_POSITIVE) * (self.height - BELOW - ABOVE)
    }

    fn times(&self, svg: &mut String, narrow: bool) {
        let step = time_step(self.minutes, if narrow { 5.0 } else { 12.0 });
        let mut at = 0.0;
        while at <= self.minutes {
            let (x, y) = (self.x(at), self.height - BELOW);
            let label = clock(at, self.minutes);
            let _ = write!(svg, "<path class=tick d='M{x:.1} {y:.1}v4'/>");
            let _ = write!(svg, "<text x={x:.1} y={:.1} text-anchor=middle>{label}</text>", y + 17.0);
            at += step;
        }
    }

    fn values(&self, svg: &mut String, step: f64, unit: fn(f64) -> String) {
        let mut value = 0.0;
        while value <= self.top * 1.001 {
            let y = self.y(value);
            let _ = write!(svg, "<path class=grid d='M{LEFT} {y:.1}H{:.1}'/>", self.width - RIGHT);
            let _ = write!(svg, "<text x={:.1} y={:.1} text-anchor=end>{}</text>", LEFT - 7.0, y + 4.0, unit(value));
            value += step;
        }
    }
}

fn open(width: f64, height: f64, title: &str) -> String {
    format!("<svg viewBox='0 0 {width} {height}' role=img aria-label=\"{title}\"><title>{title}</title>")
}

impl Lines {
    /// The chart with its legend.
    pub(super) fn draw(&self) -> String {
        let legend: String = self
            .series
            .iter()
            .map(|series| format!("<span><i class='{}'></i>{}</span>", series.class, series.name))
            .collect();
        format!("<div class=legend>{legend}</div>{}", twice(|width, narrow| self.svg(width, narrow)))
    }

    fn svg(&self, width: f64, narrow: bool) -> String {
        let max = self.series.iter().flat_map(|series| series.values.iter().copied()).fold(1.0, f64::max);
        let step = step(max, 4.0);
        let top = (max / step).ceil() * step;
        let minutes = self.minutes.last().copied().unwrap_or(1.0);
        let axes = Axes { width, height: self.height, minutes, top };
        let mut svg = open(width, self.height, &self.title);
        for (from, until) in &self.shaded {
            let (x, end) = (axes.x(*from), axes.x(until.min(minutes)));
            let _ = write!(
                svg,
                "<rect class=shade x={x:.1} y={ABOVE} width={:.1} height={:.1} />",
                (end - x).max(1.0),
                self.height - BELOW - ABOVE
            );
        }
        axes.values(&mut svg, step, self.unit);
        axes.times(&mut svg, narrow);
        if let Some(healed) = self.healed {
            let x = axes.x(healed);
            let _ = write!(svg, "<path class=healed d='M{x:.1} {ABOVE}V{:.1}'/>", self.height - BELOW);
        }
        for series in &self.series {
            let points = self.minutes.iter().zip(&series.values);
            let path: String = points.map(|(at, value)| format!("L{:.1} {:.1}", axes.x(*at), axes.y(*value))).collect();
            let path = path.trim_start_matches('L');
            let (base, first, last) =
                (axes.y(0.0), axes.x(self.minutes.first().copied().unwrap_or(0.0)), axes.x(minutes));
            let _ = write!(
                svg,
                "<path class='area {}' d='M{path}L{last:.1} {base:.1}L{first:.1} {base:.1}Z'/>",
                series.class
            );
            let _ = write!(svg, "<path class='line {}' d='M{path}'/>", series.class);
        }
        svg + "</svg>"
    }
}

/// A row of a chart of stretches of time.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// What it is.
    pub(super) name: String,
    /// From and until, minutes.
    pub(super) stretches: Vec<(f64, f64)>,
}

/// Stretches of time, a row for each thing.
pub(super) fn stretches(title: &str, minutes: f64, rows: &[Row]) -> String {
    const ROW: f64 = 34.0;
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let height = rows.len() as f64 * ROW + BELOW + ABOVE;
    twice(|width, narrow| {
        let axes = Axes { width, height, minutes, top: 1.0 };
        let mut svg = open(width, height, title);
        axes.times(&mut svg, narrow);
        let mut y = ABOVE;
        for row in rows {
            let _ = write!(svg, "<text class=row x={LEFT} y={:.1}>{}</text>", y + 11.0, row.name);
            let _ = write!(svg, "<path class=grid d='M{LEFT} {:.1}H{:.1}'/>", y + 22.0, width - RIGHT);
            for (from, until) in &row.stretches {
                let (x, end) = (axes.x(*from), axes.x(until.min(minutes)));
                let w = (end - x).max(1.5);
                let _ = write!(svg, "<rect class=stretch x={x:.1} y={:.1} width={w:.1} height=10 rx=2 />", y + 17.0);
            }
            y += ROW;
        }
        svg + "</svg>"
    })
}

/// One bar: its name, its value, and the value written out.
pub(super) type Bar = (String, f64, String);

/// Bars from left to right, a row for each.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    const ROW: f64 = 26.0;
    const NAME: f64 = 62.0;
    const VALUE: f64 = 112.0;
    let max = bars.iter().map(|(_, value, _)| *value).fold(f64::MIN_POSITIVE, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let height = bars.len() as f64 * ROW + 4.0;
    twice(|width, _| {
        let mut svg = open(width, height, title);
        let mut y = 4.0;
        for (name, value, written) in bars {
            let length = value / max * (width - NAME - VALUE);
            let _ = write!(svg, "<text x={:.1} y={:.1} text-anchor=end>{name}</text>", NAME - 8.0, y + 13.0);
            if *value > 0.0 {
                let _ = write!(svg, "<rect class=bar x={NAME} y={y} width={:.1} height=18 rx=2 />", length.max(1.0));
            }
            let _ = write!(svg, "<text x={:.1} y={:.1}>{written}</text>", NAME + length.max(1.0) + 8.0, y + 13.0);
            y += ROW;
        }
        svg + "</svg>"
    })
}

/// How dark each stretch of a strip is, of 0 to 1.
#[derive(Debug, Clone)]
pub(super) struct Strip {
    /// What it is.
    pub(super) name: String,
    /// One value for each moment.
    pub(super) values: Vec<f64>,
    /// The largest, written out.
    pub(super) most: String,
}

/// A strip for each thing, darker where its value is larger.
pub(super) fn strips(title: &str, minutes: &[f64], strips: &[Strip], max: f64) -> String {
    const ROW: f64 = 26.0;
    const MOST: f64 = 64.0;
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let height = strips.len() as f64 * ROW + BELOW + ABOVE;
    let whole = minutes.last().copied().unwrap_or(1.0);
    twice(|width, narrow| {
        let axes = Axes { width: width - MOST, height, minutes: whole, top: 1.0 };
        let mut svg = open(width, height, title);
        axes.times(&mut svg, narrow);
        let mut y = ABOVE;
        for strip in strips {
            let _ = write!(svg, "<text x={:.1} y={:.1} text-anchor=end>{}</text>", LEFT - 7.0, y + 14.0, strip.name);
            let _ = write!(svg, "<rect class=empty x={LEFT} y={y} width={:.1} height=20 rx=2 />", axes.x(whole) - LEFT);
            let mut before = 0.0;
            for (at, value) in minutes.iter().zip(&strip.values) {
                let (x, end) = (axes.x(before), axes.x(*at));
                before = *at;
                if *value > 0.0 {
                    let dark = 0.15 + 0.85 * (value / max.max(1.0)).sqrt();
                    let w = end - x + 0.3;
                    let _ = write!(svg, "<rect class=heat x={x:.1} y={y} width={w:.1} height=20 opacity={dark:.2} />");
                }
            }
            let _ = write!(svg, "<text x={:.1} y={:.1}>{}</text>", width - MOST, y + 14.0, strip.most);
            y += ROW;
        }
        svg + "</svg>"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!((step(9.0, 4.0), step(12_345.0, 4.0), step(0.7, 4.0)), (5.0, 5_000.0, 0.2));
        assert_eq!((time_step(480.0, 12.0), time_step(10_080.0, 12.0)), (60.0, 1_440.0));
        assert_eq!((clock(90.0, 480.0), clock(2_880.0, 10_080.0)), ("1:30".to_owned(), "2 d".to_owned()));
    }
}

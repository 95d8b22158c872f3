//! What drawing and reading a code costs. `cargo bench -p swabmesh-node --bench pictures`

use divan::{Bencher, black_box};
use swabmesh_node::picture::bench::CONDITIONS;
use swabmesh_node::picture::degrade::photograph;
use swabmesh_node::picture::read::codes_in_luma;
use swabmesh_node::picture::render::{Medium, RenderError, Symbol};

fn main() {
    divan::main();
}

/// As long as a static code.
fn text() -> String {
    "HS1:6BF OXN%TS3DH0YOJ58S S-W5HDC *M0II5XHC9B5G2+$N IOP".chars().cycle().take(240).collect()
}

#[divan::bench]
fn draw_png(bencher: Bencher<'_, '_>) {
    let text = text();
    bencher.bench(|| Symbol::new(black_box(&text), Medium::Screen).and_then(|symbol| symbol.png(8)));
}

#[divan::bench]
fn draw_svg(bencher: Bencher<'_, '_>) {
    let text = text();
    bencher.bench(|| Symbol::new(black_box(&text), Medium::Print).map(|symbol| symbol.svg()));
}

#[divan::bench(args = CONDITIONS.map(|(name, _)| name))]
fn read_photograph(bencher: Bencher<'_, '_>, name: &str) {
    let frame = Symbol::new(&text(), Medium::Screen).and_then(|symbol| {
        let conditions = CONDITIONS.iter().find(|(other, _)| *other == name).map(|(_, conditions)| conditions);
        conditions.map_or(Err(RenderError::ModulePx), |conditions| photograph(&symbol, conditions, 1))
    });
    let Ok(frame) = frame else { return };
    bencher.bench(|| codes_in_luma(frame.width(), frame.height(), black_box(frame.as_raw())));
}

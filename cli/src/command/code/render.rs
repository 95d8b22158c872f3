//! `swabmesh code render`: the text of a code as a picture.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use swabmesh_node::picture::render::{Medium, Symbol};
use swabmesh_protocol::code::text;

use super::code_bytes;
use crate::Outcome;

/// Render the text of a code as a QR symbol: one alphanumeric segment, correction M on screens and Q in print.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh code render 'HS1:...' --png code.png
  swabmesh code issue ... | swabmesh code render --svg code.svg --print
A printable sheet with name, expiry and serial: swabmesh authority issue --sheet.")]
pub(crate) struct Arguments {
    /// Text of the code; from standard input when left out
    text: Option<String>,
    /// Where to write a PNG
    #[arg(long, value_name = "FILE", required_unless_present = "svg")]
    png: Option<PathBuf>,
    /// Where to write an SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// For paper: more correction, a larger symbol
    #[arg(long)]
    print: bool,
    /// Pixels of one module in the PNG
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    module_px: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let text = text::encode(&code_bytes(self.text)?);
        let symbol = Symbol::new(&text, if self.print { Medium::Print } else { Medium::Screen })?;
        if let Some(path) = &self.png {
            fs::write(path, symbol.png(self.module_px)?).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if let Some(path) = &self.svg {
            fs::write(path, symbol.svg()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let modules = symbol.modules();
        if self.json {
            writeln!(out, "{}", json!({ "modules": modules, "characters": text.len() }))?;
        } else {
            writeln!(out, "{modules} × {modules} modules with the quiet zone, {} characters", text.len())?;
        }
        Ok(Outcome::Done)
    }
}

//! What a bundle is read from: its file, or pictures of a screen that showed it.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use swabmesh_node::bundle::series::{Harvest, Shown, Tally, gather};
use swabmesh_node::picture::film::Film;
use swabmesh_protocol::bundle::series::Gathering;

/// Between two lines about how far the reading is.
const EVERY: Duration = Duration::from_secs(1);

/// A path that was opened.
pub(super) enum Source {
    /// A bundle's file, or what should be one.
    File(File),
    /// Pictures, all looked at.
    Pictures(Harvest),
}

impl Source {
    /// Opens a path; pictures are read to their end, which is told on standard error while it takes long.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let Some(film) = Film::open(path)? else {
            let file = File::open(path).with_context(|| format!("cannot read {}: check the path", path.display()))?;
            return Ok(Self::File(file));
        };
        let (about, mut told) = (film.about(), Instant::now());
        let harvest = gather(film, |tally, gathering| {
            if told.elapsed() >= EVERY {
                told = Instant::now();
                // Whoever closed the terminal does not stop the work.
                let _ = writeln!(io::stderr(), "{}", progress(tally, about, gathering));
            }
        });
        if harvest.bundles.is_empty() {
            bail!(
                "{}: {} pictures, and none shows a frame of a bundle: film the screen so that the code fills most of the \
                 picture, without reflections",
                path.display(),
                harvest.tally.seen
            );
        }
        Ok(Self::Pictures(harvest))
    }

    /// What the pictures gave, for `--json`; nothing for a file.
    pub(super) fn frames(&self) -> Option<Value> {
        if let Self::Pictures(harvest) = self { Some(json!(harvest)) } else { None }
    }

    /// Whether every bundle that was seen is whole, as far as the frames tell.
    pub(super) fn complete(&self) -> bool {
        if let Self::Pictures(harvest) = self { harvest.bundles.iter().all(|shown| shown.complete) } else { true }
    }

    /// Says what the pictures gave.
    pub(super) fn say(&self, path: &Path, out: &mut dyn Write) -> io::Result<()> {
        let Self::Pictures(Harvest { tally, bundles }) = self else { return Ok(()) };
        let Tally { seen, read, unreadable, foreign } = tally;
        writeln!(
            out,
            "{}: {seen} pictures, {read} with a frame, {unreadable} unreadable, {foreign} of something else",
            path.display()
        )?;
        for Shown { digest, bytes, needed, read, misled, complete, .. } in bundles {
            let state = if *complete { "complete" } else { "NOT COMPLETE" };
            writeln!(out, "  bundle {digest}: {read} frames of about {needed}, {bytes} bytes: {state}")?;
            if *misled > 0 {
                writeln!(
                    out,
                    "  → {misled} times its frames contradicted each other: leave out what is not of this film"
                )?;
            } else if !complete {
                writeln!(out, "  → film it once more, and put the new pictures into one folder with these")?;
            }
        }
        Ok(())
    }

    /// The bundles in it, one after another; none of pictures that are not enough.
    pub(super) fn bundles(self) -> Vec<Box<dyn Read>> {
        match self {
            Self::File(file) => vec![Box::new(BufReader::new(file))],
            Self::Pictures(harvest) => {
                let whole = harvest.bundles.into_iter().filter_map(|shown| shown.bundle);
                whole.map(|bundle| Box::new(Cursor::new(bundle)) as Box<dyn Read>).collect()
            }
        }
    }
}

fn progress(tally: Tally, about: Option<usize>, gathering: &Gathering) -> String {
    let of = about.map_or_else(String::new, |about| format!(" of {about}"));
    let (read, needed) = gathering
        .gathered()
        .fold((0, 0), |(read, needed), gathered| (read + gathered.read, needed + gathered.name.needed()));
    format!("picture {}{of}: {read} of about {needed} frames read ...", tally.seen)
}

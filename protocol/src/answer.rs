//! Answers the core's questions from the tables.

use crate::io::{Answer, Query};
use crate::limits::PRIOR_MAX;
use crate::project;
use crate::view::{View, ViewError};

/// Reads what a query asks for; [`Answer::Failed`] when the disk fails.
pub fn answer<V: View>(view: &V, query: &Query) -> Answer {
    read(view, query).unwrap_or(Answer::Failed)
}

/// Reads what a query asks for.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn read<V: View>(view: &V, query: &Query) -> Result<Answer, ViewError> {
    // Read first: what arrives while the rest is read is then told twice rather than not at all.
    let through = project::indexed(view)?;
    Ok(match query {
        Query::Range { feed, from, to, bytes_max } => Answer::Range(
            project::read_range(view, feed, *from, *to, *bytes_max)?.map(crate::chunk::SealedChunk::into_bytes),
        ),
        Query::Diverge { chunk, parting } => {
            let chunk = crate::chunk::SealedChunk::parse(chunk.clone()).and_then(|sealed| sealed.reopen());
            // It was opened before it was asked about.
            Answer::Diverges(
                chunk.map_or(Ok(crate::fork::Divergence::Behind), |chunk| project::diverge(view, &chunk, *parting))?,
            )
        }
        Query::Cut { feed, from } => Answer::Cut(project::quarantine::at_cut(view, feed, *from)?),
        Query::Desk { person, subjects } => {
            let prior = match person {
                Some((person, since)) => project::prior(view, person, *since, PRIOR_MAX)?,
                None => Vec::new(),
            };
            let documents = subjects.iter().map(|subject| project::document_facts(view, subject));
            Answer::Desk { through, prior, documents: documents.collect::<Result<_, _>>()? }
        }
        Query::Registry { persons } => {
            let mut issued = Vec::new();
            for person in persons {
                for newest in project::issued(view, person)? {
                    if !project::code(view, &newest.code)?.is_some_and(|record| record.revoked) {
                        issued.push(newest);
                    }
                }
            }
            Answer::Registry { through, issued }
        }
    })
}

//! Which tubes and boxes there are.

use super::documents::{named, prefix};
use crate::fact::Subject;
use crate::view::{Table, View, ViewError, after_prefix};

/// Reads the subjects that facts are held about, tubes before boxes, each by barcode: at most `limit` after `after`.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn subjects<V: View>(view: &V, after: Option<&Subject>, limit: usize) -> Result<Vec<Subject>, ViewError> {
    let mut from = after.map_or_else(Vec::new, |subject| after_prefix(&prefix(subject)));
    let mut subjects = Vec::new();
    while subjects.len() < limit {
        let Some((key, _)) = view.scan(Table::Documents, &from, &[0xff], 1)?.pop() else { break };
        let (subject, _) = named(&key)?;
        from = after_prefix(&prefix(&subject));
        subjects.push(subject);
    }
    Ok(subjects)
}

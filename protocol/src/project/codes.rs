//! The authority's registry of codes.
//!
//! Table `Codes`:
//!
//! | key | value |
//! |---|---|
//! | 0, person (16 bytes), kind (1) | newest code of that kind: stamp (8, big-endian), feed (16), number (8, big-endian), code (8) |
//! | 1, code (8) | [`CodeRecord`] as a CBOR array |
//! | 2 | [`CodeTotals`] as a CBOR array |
//!
//! Only facts of the private lane get here: issuing is nobody's business but the authority's.

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::row::{self, Rest, damaged, entry_key};
use crate::fact::Issued;
use crate::id::{CodeId, EntryId, Person};
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError};

const PERSON: u8 = 0;
const CODE: u8 = 1;
const TOTALS: u8 = 2;

/// What is known of one code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub struct CodeRecord {
    /// How it was issued; the newest statement if there are several, nothing if only its revocation is known.
    #[n(0)]
    pub issued: Option<Issued>,
    /// Whether the authority revoked it.
    #[n(1)]
    pub revoked: bool,
    /// Place of the statement in the log, to choose the newest.
    #[n(2)]
    at: Option<(Stamp, EntryId)>,
}

/// How many codes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct CodeTotals {
    /// Codes issued.
    #[n(0)]
    pub issued: u64,
    /// Codes revoked.
    #[n(1)]
    pub revoked: u64,
}

fn code_key(code: &CodeId) -> Vec<u8> {
    [&[CODE], code.0.as_slice()].concat()
}

fn change<V: View>(
    batch: &mut Batch<'_, V>,
    code: &CodeId,
    change: impl FnOnce(&mut CodeRecord, &mut CodeTotals),
) -> Result<(), ViewError> {
    let mut record: CodeRecord = row::read(batch, Table::Codes, &code_key(code))?.unwrap_or_default();
    let mut totals = code_totals(batch)?;
    change(&mut record, &mut totals);
    batch.put(Table::Codes, code_key(code), row::encode(&record));
    batch.put(Table::Codes, vec![TOTALS], row::encode(&totals));
    Ok(())
}

pub(super) fn issue<V: View>(
    batch: &mut Batch<'_, V>,
    id: EntryId,
    stamp: Stamp,
    issued: &Issued,
) -> Result<(), ViewError> {
    change(batch, &issued.code, |record, totals| {
        totals.issued += u64::from(record.issued.is_none());
        if record.at < Some((stamp, id)) {
            record.issued = Some(issued.clone());
            record.at = Some((stamp, id));
        }
    })?;
    let key = [&[PERSON], issued.person.0.as_slice(), &[issued.kind]].concat();
    let place = [stamp.0.to_be_bytes().as_slice(), &entry_key(id)].concat();
    let newer = batch.get(Table::Codes, &key)?.is_none_or(|held| held.get(..place.len()) < Some(place.as_slice()));
    if newer {
        batch.put(Table::Codes, key, [place.as_slice(), &issued.code.0].concat());
    }
    Ok(())
}

pub(super) fn revoke<V: View>(batch: &mut Batch<'_, V>, code: &CodeId) -> Result<(), ViewError> {
    change(batch, code, |record, totals| {
        totals.revoked += u64::from(!record.revoked);
        record.revoked = true;
    })
}

/// Reads a person's newest code of each kind, in the order of kinds, revoked and expired ones too.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn issued<V: View>(view: &V, person: &Person) -> Result<Vec<Issued>, ViewError> {
    let prefix = [&[PERSON], person.0.as_slice()].concat();
    let mut codes = Vec::new();
    for (_, value) in view.scan_prefix(Table::Codes, &prefix, usize::from(u8::MAX) + 1)? {
        let code = value.get(8 + row::ENTRY_BYTES..).and_then(|code| Rest(code).array().map(CodeId));
        let code = code.ok_or_else(|| damaged(Table::Codes))?;
        codes.extend(self::code(view, &code)?.and_then(|record| record.issued));
    }
    Ok(codes)
}

/// Reads what is known of one code; `None` when nothing is.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn code<V: View>(view: &V, code: &CodeId) -> Result<Option<CodeRecord>, ViewError> {
    row::read(view, Table::Codes, &code_key(code))
}

/// Reads codes in the order of their numbers, after one of them, at most `limit`.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn codes<V: View>(view: &V, after: Option<&CodeId>, limit: usize) -> Result<Vec<(CodeId, CodeRecord)>, ViewError> {
    let from = after.map_or_else(|| vec![CODE], |after| [code_key(after).as_slice(), &[0]].concat());
    let rows = view.scan(Table::Codes, &from, &[CODE + 1], limit)?;
    let code = |(key, value): (Vec<u8>, Vec<u8>)| {
        let code = key.get(1..).and_then(|code| Rest(code).array().map(CodeId)).ok_or_else(|| damaged(Table::Codes))?;
        Ok((code, minicbor::decode(&value).map_err(|_| damaged(Table::Codes))?))
    };
    rows.into_iter().map(code).collect()
}

/// Reads how many codes there are.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn code_totals<V: View>(view: &V) -> Result<CodeTotals, ViewError> {
    Ok(row::read(view, Table::Codes, &[TOTALS])?.unwrap_or_default())
}

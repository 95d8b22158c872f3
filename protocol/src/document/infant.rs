//! Infants with no household registration, number or code (rule D7).

use serde::Serialize;
use time::Date;

use super::{Checked, DocumentType, fold};
use crate::id::{Person, hex};
use crate::sensitive::Sensitive;

/// How the adult who registers an infant is related to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Relation {
    /// Mother 母亲.
    Mother = 1,
    /// Father 父亲.
    Father = 2,
    /// Another guardian 其他监护人.
    Guardian = 3,
}

/// What the parents of an infant with nothing yet can say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Infant {
    /// The infant's name, or none: then it is called its parent's child.
    pub name: Option<Sensitive<String>>,
    /// The parent's name, used when the infant has none.
    pub parent_name: Sensitive<String>,
    /// The parent's pseudonym, which the infant is linked to.
    pub parent: Person,
    /// How the parent is related.
    pub relation: Relation,
    /// Date of birth.
    pub born: Date,
}

/// Why an infant cannot be registered as given. Whoever entered it is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InfantError {
    /// Neither the infant's name nor the parent's.
    #[error("enter the infant's name, or the parent's to call it the child of")]
    Name,
    /// The date of birth is after today.
    #[error("the date of birth lies in the future: enter it again")]
    BornInFuture,
}

impl Infant {
    /// Gives the infant a number of its own: `draw`, 16 random bytes from the node, in hexadecimal.
    ///
    /// Two infants are never merged for having the same name and date of birth, because neither enters the number.
    ///
    /// # Errors
    /// [`InfantError`] when there is no name at all or the birth lies ahead.
    pub fn register(&self, draw: [u8; 16], today: Date) -> Result<Checked, InfantError> {
        if self.born > today {
            return Err(InfantError::BornInFuture);
        }
        let holder = self.called()?;
        let number = hex(&draw).to_ascii_uppercase();
        Ok(Checked {
            born: Some(self.born),
            holder: Some(Sensitive::new(holder)),
            ..Checked::plain(DocumentType::Infant, number)
        })
    }

    /// The infant's name, or "child of" its parent, in the script of the parent's name.
    fn called(&self) -> Result<String, InfantError> {
        let own = self.name.as_ref().map(|name| fold::fold_name(name.expose())).filter(|name| !name.is_empty());
        if let Some(name) = own {
            return Ok(name);
        }
        let parent = fold::fold_name(self.parent_name.expose());
        match parent.chars().next() {
            None => Err(InfantError::Name),
            Some(first) if first.is_ascii() => Ok(format!("child of {parent}")),
            Some(_) => Ok(format!("{parent}之子女")),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn infant(name: Option<&str>, parent_name: &str) -> Infant {
        Infant {
            name: name.map(|name| Sensitive::new(name.to_owned())),
            parent_name: Sensitive::new(parent_name.to_owned()),
            parent: Person([3; 16]),
            relation: Relation::Mother,
            born: date!(2022 - 04 - 01),
        }
    }

    #[test]
    fn twins_without_names_get_different_numbers() {
        let today = date!(2022 - 04 - 09);
        let first = infant(None, "张三").register([1; 16], today).unwrap();
        let second = infant(None, "张三").register([2; 16], today).unwrap();
        assert_eq!(first.holder().unwrap().expose(), "张三之子女");
        assert_eq!(first.holder(), second.holder());
        assert_ne!(first.number(), second.number());
    }

    #[test]
    fn an_infant_needs_a_name_of_its_own_or_of_a_parent_and_a_birth_in_the_past() {
        let today = date!(2022 - 04 - 09);
        assert_eq!(infant(Some(" "), "").register([1; 16], today), Err(InfantError::Name));
        assert_eq!(infant(None, "Ann Li").register([1; 16], date!(2022 - 03 - 31)), Err(InfantError::BornInFuture));
        let named = infant(Some("李 四"), "").register([1; 16], today).unwrap();
        assert_eq!(named.holder().unwrap().expose(), "李 四");
    }
}

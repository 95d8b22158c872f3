//! Registering people, by the API and by the desk's page alike.

use swabmesh_protocol::command::{Command, Register, Reply, Verdict};
use swabmesh_protocol::fact::{Operator, Remark};
use swabmesh_protocol::id::{Barcode, Person};
use swabmesh_protocol::time::{DAY_MS, Wall};

use super::problem::Problem;
use super::{Shell, read, unexpected};
use crate::api::{DocumentEntry, Judged};
use crate::clock;
use crate::intake::{Identified, Prepared};
use crate::telephones::Visit;

/// Somebody without a code.
#[derive(Debug)]
pub struct ByDocument {
    /// Into which tube.
    pub tube: Barcode,
    /// What was shown or stated.
    pub document: DocumentEntry,
    /// Without a telephone: it is the one of the person's last visit here.
    pub same_phone: bool,
    /// By whom.
    pub operator: Operator,
    /// Goes on despite a warning.
    pub reason: Option<Remark>,
}

impl Shell {
    /// Registers somebody; red and amber verdicts are answers too.
    ///
    /// # Errors
    /// A [`Problem`]: nobody was registered.
    pub async fn register(&self, register: Register) -> Result<Verdict, Problem> {
        match self.command(Command::Register(Box::new(register))).await? {
            Reply::Verdict(verdict) => Ok(*verdict),
            Reply::Done { .. } | Reply::Issued { .. } | Reply::IssuedMany(_) => Err(unexpected()),
        }
    }

    /// Registers somebody by document: judged, sealed, and their telephone carried over if that is asked for.
    ///
    /// # Errors
    /// A [`Problem`]: nobody was registered.
    pub async fn register_document(&self, asked: ByDocument) -> Result<Judged, Problem> {
        let ByDocument { tube, document, same_phone, operator, reason } = asked;
        let identified = self.intake().identify(&document)?;
        let wanted = same_phone && document.phone.as_ref().is_none_or(|phone| phone.trim().is_empty());
        let visit = if wanted { self.visit_with_telephone(identified.person).await? } else { None };
        let as_in = visit.map(|visit| visit.registration);
        let Prepared { presented, mut warnings, holds_number } = self.intake().present(&document, identified, as_in)?;
        if wanted && visit.is_none() {
            warnings.push("no telephone of an earlier visit here is known: ask for it, or go on without".to_owned());
        }
        let verdict = self.register(Register { tube, presented, operator, reason }).await?;
        if let Some(registration) = verdict.registration.filter(|_| holds_number)
            && let Err(error) = self.telephones.remember(registration)
        {
            tracing::warn!(%error, "the next visit of this person is offered no telephone");
        }
        Ok(Judged::new(verdict, warnings))
    }

    /// Judges a document; nothing is kept. Says at which earlier visit here its holder gave a telephone.
    ///
    /// # Errors
    /// A [`Problem`].
    pub async fn check_document(&self, document: &DocumentEntry) -> Result<(Identified, Option<Visit>), Problem> {
        let identified = self.intake().identify(document)?;
        let visit = self.visit_with_telephone(identified.person).await?;
        Ok((identified, visit))
    }

    /// The newest visit whose telephone the authority can still read: of the days that the policy keeps details.
    async fn visit_with_telephone(&self, person: Person) -> Result<Option<Visit>, Problem> {
        let days = self.look(|replica| replica.knowledge().policy.retention_days).await?;
        let since = Wall(clock::wall().0.saturating_sub(days.saturating_mul(DAY_MS)));
        let (view, own) = (self.node.view().clone(), self.node.snapshot().core.node);
        let telephones = self.telephones.clone();
        read(move || telephones.newest(&view, (&person, own), since)).await
    }
}

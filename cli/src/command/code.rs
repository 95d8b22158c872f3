//! `swabmesh code`: make, read and judge codes without any store or network.

use std::io::{Read, Write};

use anyhow::Context;
use clap::{Args, Subcommand};
use swabmesh_protocol::code::text;
use swabmesh_protocol::limits::SCAN_BYTES_MAX;
use swabmesh_protocol::scan::Scanned;

use crate::Outcome;

mod issue;
mod judgement;
mod keygen;
mod present;
mod render;
mod show;
mod verify;

/// Issue, show and verify codes (核酸码), without any store or network.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Keygen(keygen::Arguments),
    Issue(issue::Arguments),
    Present(present::Arguments),
    Render(render::Arguments),
    Show(show::Arguments),
    Verify(verify::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Keygen(arguments) => arguments.run(out),
            Action::Issue(arguments) => arguments.run(out),
            Action::Present(arguments) => arguments.run(out),
            Action::Render(arguments) => arguments.run(out),
            Action::Show(arguments) => arguments.run(out),
            Action::Verify(arguments) => arguments.run(out),
        }
    }
}

/// The bytes of the code in an argument, or in standard input when there is none.
fn code_bytes(argument: Option<String>) -> anyhow::Result<Vec<u8>> {
    let raw = match argument {
        Some(raw) => raw,
        None => {
            let mut raw = String::new();
            let bytes_max = u64::try_from(SCAN_BYTES_MAX)?;
            std::io::stdin().take(bytes_max).read_to_string(&mut raw).context("cannot read standard input")?;
            raw
        }
    };
    let scanned = Scanned::from_text(&raw);
    let base45 = scanned.text().strip_prefix(text::PREFIX).context("a code begins with HS1:")?;
    text::decode_base45(base45).context("the code is damaged; in a shell, write it between single quotes")
}

/// Random bytes from the operating system.
fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the machine gives no random numbers")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};
    use swabmesh_protocol::code::Kind;
    use swabmesh_protocol::verify::{Reason, verify as judge_code};

    const AT_S: u64 = 1_649_433_600;

    fn swabmesh(arguments: &[&str]) -> anyhow::Result<String> {
        let mut out = Vec::new();
        crate::Arguments::try_parse_from([&["swabmesh", "code"], arguments].concat())?.command.run(&mut out)?;
        Ok(String::from_utf8(out)?)
    }

    fn public_of(path: &str) -> String {
        swabmesh_protocol::id::hex(crate::key_file::read(path.as_ref()).unwrap().verifying_key().as_bytes())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        crate::Arguments::command().debug_assert();
    }

    #[test]
    fn what_the_commands_make_verifies_with_the_entry_that_keygen_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (issuer, phone, issuers) = (at("issuer.key"), at("phone.key"), at("issuers.json"));
        swabmesh(&["keygen", &issuer, "--issuers", &issuers]).unwrap();
        swabmesh(&["keygen", &phone]).unwrap();
        let device = public_of(&phone);
        let issue = |more: &[&str]| {
            let person = "000102030405060708090a0b0c0d0e0f";
            let common =
                ["issue", "--issuer-key", &issuer, "--iat", "1649433600", "--person", person, "--name", "张*三"];
            let document = ["--document-type", "1", "--last4", "002X", "--status-list", "17", "--status-index", "5"];
            swabmesh(&[&common[..], &document[..], more].concat())
        };
        let knowledge = verify::read_file(issuers.as_ref()).unwrap().knowledge().unwrap();
        let judge = |text: &str| judge_code(AT_S + 10, &Scanned::from_text(text), &knowledge);
        for (kind, more) in [
            (Kind::Static, &["--kind", "static"][..]),
            (Kind::Paper, &["--kind", "paper", "--serial", "3", "--category", "elder", "--alg", "ed25519"]),
        ] {
            let verified = judge(&issue(more).unwrap()).unwrap();
            assert_eq!((verified.kind(), verified.reasons().first()), (kind, Reason::ListMissing));
        }
        assert!(issue(&["--kind", "paper"]).unwrap_err().to_string().contains("--serial"));
        let live = issue(&["--kind", "live-credential", "--device-public", &device]).unwrap();
        assert_eq!(judge(&live).unwrap_err().reason, Reason::Screenshot);
        let shown = swabmesh(&["present", "--device-key", &phone, "--iat", "1649433605", &live]).unwrap();
        assert_eq!(judge(&shown).unwrap().kind(), Kind::LivePresentation);
        assert!(swabmesh(&["show", "--json", &shown]).unwrap().contains(&device));
        let error = swabmesh(&["present", "--device-key", &issuer, &live]).unwrap_err();
        assert!(error.to_string().contains("another phone"), "{error}");
    }
}

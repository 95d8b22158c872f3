//! Codes: good ones for everybody who has one, and bad ones to be refused.

#![expect(clippy::indexing_slicing, reason = "a JSON value read by a name it lacks is null")]

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use swabmesh_node::home::Home;
use swabmesh_node::keys::Signing;
use swabmesh_protocol::code::parse::Times;
use swabmesh_protocol::code::{Credential, OfKind, StatusRef, issue, text};
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::id::{CodeId, Person, hex};

use super::now_s;
use crate::command::demo::city::City;
use crate::command::demo::place::wait_until;
use crate::command::demo::residents::{Category, Resident, invent};

pub(super) fn issue_codes(city: &City, people: &mut [Resident], phone: &SigningKey) -> anyhow::Result<()> {
    let api = city.authority.api()?;
    for person in people {
        let Some(kind) = person.category.code() else { continue };
        let mut order = json!({ "kind": kind, "document": person.document });
        if person.category == Category::Live {
            order["device"] = hex(phone.verifying_key().as_bytes()).into();
        }
        let issued: Value = api.post("/codes", &order)?;
        person.code = issued["text"].as_str().map(str::to_owned);
    }
    Ok(())
}

/// What a phone shows now: for a live code the credential in a frame signed this second.
pub(super) fn shown(person: &Resident, phone: &SigningKey, number: u64) -> anyhow::Result<String> {
    let code = person.code.clone().context("a code")?;
    if person.category != Category::Live {
        return Ok(code);
    }
    let credential = code.strip_prefix(text::PREFIX).and_then(text::decode_base45).context("a credential")?;
    let iat_s = now_s()?;
    let times = Times { iat_s, exp_s: iat_s + 30, cti: CodeId(number.to_be_bytes()) };
    Ok(text::encode(&issue::presentation(&credential, times, phone, Algorithm::EdDsa)?))
}

/// Codes that must be refused, each with the reason expected.
pub(super) fn bad_codes(city: &City, people: &[Resident]) -> anyhow::Result<Vec<(&'static str, String)>> {
    let api = city.authority.api()?;
    let lost = json!({ "type": 1, "number": invented_number(people)?, "name": "王小明" });
    let issued: Value = api.post("/codes", &json!({ "kind": "static", "document": lost }))?;
    let revoked = issued["text"].as_str().context("a code")?.to_owned();
    let order = json!({ "document": lost, "kind": "static", "reason": "phone lost" });
    let _: Value = api.post("/codes/revoke", &order)?;
    let issuer = Home::at(&city.authority.data).keys().signing(Signing::Issuer)?;
    let stranger = SigningKey::from_bytes(&[99; 32]);
    let now = now_s()?;
    let made = |key: &SigningKey, iat_s: u64, exp_s: u64| {
        let credential = Credential {
            iat_s,
            exp_s,
            cti: CodeId([9; 8]),
            person: Person([9; 16]),
            masked_name: "王*明".to_owned(),
            document_type: 1,
            last_four: "0000".to_owned(),
            status: StatusRef { list: 1, index: 1 },
            of_kind: OfKind::Static,
        };
        issue::credential(&credential, key, Algorithm::EdDsa).map(|bytes| text::encode(&bytes))
    };
    let good = people.iter().find(|person| person.category == Category::Static).and_then(|person| person.code.clone());
    let good = good.context("a static code")?;
    let live = people.iter().find(|person| person.category == Category::Live).and_then(|person| person.code.clone());
    let forged: String = {
        // The last character but six belongs to the signature.
        let at = good.len() - 6;
        let other = if good.as_bytes().get(at) == Some(&b'0') { "1" } else { "0" };
        format!("{}{other}{}", good.get(..at).unwrap_or_default(), good.get(at + 1..).unwrap_or_default())
    };
    Ok(vec![
        ("revoked", revoked),
        ("expired", made(&issuer, now - 31 * 86_400, now - 86_400)?),
        ("unknown-issuer", made(&stranger, now - 60, now + 86_400)?),
        ("bad-signature", forged),
        ("not-a-code", "HC1:6BFOXN%TS3DH0YOJ58S S-W5HDC *M0II5XHC9B5G2+$N IOP-IA%NFQGRJPC%OQHIZC4.OI1RM8ZA.A5:S9MKN4NN3F85QNCY0O%0VZ001HOC9JU0D0HT0HB2PL/IB*09B9LW4T*8+DCMH0LDK2%K:XFE70*LP$V25$0Q:J:4MO1P0%0L0HD+9E/HY+4J6TH48S%4K.GJ2PT3QY:GQ3TE2I+-CPHN6D7LLK*2HG%89UV-0LZ 2ZJJ524-LH/CJTK96L6SR9MU9DHGZ%P WUQRENS431T1XCNCF+47AY0-IFO0500TGPN8F5G.41Q2E4T8ALW.INSV$ 07UV5SR+BNQHNML7 /KD3TU 4V*CAT3ZGLQMI/XI%ZJNSBBXK2:UG%UJMI:TU+MMPZ5$/PMX19UE:-PSR3/$NU44CBE6DQ3D7B0FBOFX0DV2DGMB$YPF62I$60/F$Z2I6IFX21XNI-LM%3/DF/U6Z9FEOJVRLVW6K$UG+BKK57:1+D10%4K83F+1VWD1NE".to_owned()),
        ("legacy-code", "JKY:824190926415987142".to_owned()),
        ("not-a-code", "6901234567892".to_owned()),
        ("screenshot", live.context("a live credential")?),
    ])
}

/// A number nobody in the list has.
fn invented_number(people: &[Resident]) -> anyhow::Result<String> {
    let taken: BTreeSet<&str> = people.iter().filter_map(|person| person.document["number"].as_str()).collect();
    let more = invent(1_000, 7);
    let free = more.iter().filter(|person| person.category == Category::Card);
    let number = free.filter_map(|person| person.document["number"].as_str()).find(|number| !taken.contains(number));
    Ok(number.context("a free number")?.to_owned())
}

pub(super) fn wait_for_lists(city: &City) -> anyhow::Result<()> {
    let here = city.authority.status()?["root"].clone();
    wait_until("every gate holds what the authority published", Duration::from_secs(30), || {
        let _ = &here;
        for site in &city.sites {
            let status = site.status()?;
            let peers = status["peers"].as_array().cloned().unwrap_or_default();
            let synced = |peer: &Value| peer["role"] == "authority" && !peer["in_sync_since"].is_null();
            if !peers.iter().any(synced) || status["lists"].as_array().is_none_or(Vec::is_empty) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

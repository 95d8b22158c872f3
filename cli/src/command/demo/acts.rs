//! The day, chapter by chapter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use swabmesh_node::home::Home;
use swabmesh_node::keys::Signing;
use swabmesh_protocol::code::parse::Times;
use swabmesh_protocol::code::{Credential, OfKind, StatusRef, issue, text};
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::id::{CodeId, Person, hex};

use super::city::City;
use super::ledger::Ledger;
use super::place::{Place, swabmesh, wait_until};
use super::residents::{Category, Resident, invent};
use super::{chapter, photographs, say};

/// People in a tube.
const POOL: usize = 10;
/// Longest time until every node must agree after the last cable is plugged in.
const CONVERGE_WITHIN: Duration = Duration::from_secs(60);

/// A tube and the site whose it is.
#[derive(Debug, Clone)]
struct Tube {
    site: usize,
    barcode: String,
}

/// Plays the whole day.
pub(super) fn play(city: &mut City, ledger: &mut Ledger, residents: u32, seed: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    chapter(began, 1, "Morning. An authority, three gates in two cells and a laboratory are enrolled and connected.");
    city.wait_connected(Duration::from_secs(30))?;

    chapter(began, 2, &format!("{residents} invented residents of every category get their codes."));
    let mut people = invent(residents, seed);
    let phone = SigningKey::from_bytes(&[77; 32]);
    issue_codes(city, &mut people, &phone)?;
    let bad = bad_codes(city, &people)?;
    wait_for_lists(city)?;
    let with_code = people.iter().filter(|person| person.code.is_some()).count();
    say(&format!("         {with_code} codes issued; one was revoked, and every gate knows it already."));

    chapter(began, 3, "The codes are photographed: turned, tilted, blurred, noisy, badly lit.");
    let plan = Plan::of(&people, city.sites.len());
    plan.photograph(city, &people, seed)?;

    chapter(began, 4, "The authority stops, and every cable between the cells is pulled. The queue does not wait.");
    city.authority.stop()?;
    city.cut();
    let tubes = register_everybody(city, ledger, &people, &plan, &phone)?;
    try_bad_codes(city, ledger, &bad)?;

    chapter(began, 5, "Tubes are sealed, packed and handed to the courier. Still nothing is connected.");
    seal_and_pack(city, &tubes)?;

    chapter(began, 6, "The cables are plugged in, the authority starts again.");
    let healed = Instant::now();
    city.authority.start()?;
    city.heal();
    wait_converged(city, ledger)?;
    ledger.converge_ms = u64::try_from(healed.elapsed().as_millis())?;
    say(&format!("         Everything receipted and equal after {:.1} s.", healed.elapsed().as_secs_f32()));

    chapter(began, 7, "The laboratory reads the tubes: one pool is positive, one reading is corrected.");
    report(city, ledger, &tubes)?;

    chapter(began, 8, "Residents look their results up, each with their own code.");
    look_up(city, ledger, &people)?;
    count_at_authority(city, ledger, &tubes)?;
    compare_heads(city, ledger)
}

fn now_s() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

fn issue_codes(city: &City, people: &mut [Resident], phone: &SigningKey) -> anyhow::Result<()> {
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
fn shown(person: &Resident, phone: &SigningKey, number: u64) -> anyhow::Result<String> {
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
fn bad_codes(city: &City, people: &[Resident]) -> anyhow::Result<Vec<(&'static str, String)>> {
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

fn wait_for_lists(city: &City) -> anyhow::Result<()> {
    let here = city.authority.status()?["root"].clone();
    wait_until("every gate holds what the authority published", Duration::from_secs(30), || {
        let _ = &here;
        for site in &city.sites {
            let status = site.status()?;
            let peers = status["peers"].as_array().cloned().unwrap_or_default();
            let synced = |peer: &Value| peer["role"] == Value::from("authority") && !peer["in_sync_since"].is_null();
            if !peers.iter().any(synced) || status["lists"].as_array().is_none_or(Vec::is_empty) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// Who goes to which site, and by which route.
struct Plan {
    photographed: Vec<Vec<usize>>,
    scanned: Vec<Vec<usize>>,
    typed: Vec<Vec<usize>>,
    twice: usize,
}

impl Plan {
    fn of(people: &[Resident], sites: usize) -> Self {
        let mut plan = Self {
            photographed: vec![Vec::new(); sites],
            scanned: vec![Vec::new(); sites],
            typed: vec![Vec::new(); sites],
            twice: 0,
        };
        let mut with_code = 0;
        for (number, person) in people.iter().enumerate() {
            let lists = if person.code.is_none() {
                &mut plan.typed
            } else if person.category == Category::Live || with_code % 5 < 2 {
                &mut plan.scanned
            } else {
                &mut plan.photographed
            };
            with_code += usize::from(person.code.is_some());
            if let Some(list) = lists.get_mut(number % sites) {
                list.push(number);
            }
        }
        plan.twice = plan.scanned.first().and_then(|list| list.first()).copied().unwrap_or(0);
        plan
    }

    fn photograph(&self, city: &City, people: &[Resident], seed: u64) -> anyhow::Result<()> {
        let mut taken = 0;
        for (site, list) in city.sites.iter().zip(&self.photographed) {
            for (number, pool) in list.chunks(POOL).enumerate() {
                let texts: Vec<String> = pool.iter().filter_map(|at| people.get(*at)?.code.clone()).collect();
                taken += texts.len();
                photographs::take(&texts, &site.data.join(format!("photographs-{number}")), seed + taken as u64)?;
            }
        }
        say(&format!("         {taken} photographs of 1920 × 1080."));
        Ok(())
    }
}

fn register_everybody(
    city: &mut City,
    ledger: &mut Ledger,
    people: &[Resident],
    plan: &Plan,
    phone: &SigningKey,
) -> anyhow::Result<Vec<Tube>> {
    let mut tubes = Vec::new();
    for site in 0..city.sites.len() {
        let before = ledger.accepted.len();
        photographed(city, site, ledger, plan, &mut tubes)?;
        if site == 1 {
            kill_in_the_middle(city, site, ledger, people, plan, phone, &mut tubes)?;
        } else {
            scanned(city, site, ledger, people, plan.scanned.get(site), phone, &mut tubes)?;
        }
        typed(city, site, ledger, people, plan, &mut tubes)?;
        let name = city.sites.get(site).map(|site| site.name.clone()).unwrap_or_default();
        say(&format!(
            "         {name}: {} people, from photographs, a scanner and documents.",
            ledger.accepted.len() - before
        ));
    }
    // One person went to gate 1, and now goes to gate 3 in the other cell, which cannot know.
    let person = people.get(plan.twice).context("somebody who registers twice")?;
    let tube = open_tube(city, 2, &mut tubes)?;
    let site = city.sites.get(2).context("gate 3")?;
    let verdict = register(site, &json!({ "tube": tube, "operator": "op3", "code": shown(person, phone, 900_000)? }))?;
    accept(ledger, &verdict, "static")?;
    say("         One resident registered at gate 1 and, cut off from it, again at gate 3: accepted, as it must be.");
    Ok(tubes)
}

fn open_tube(city: &City, site: usize, tubes: &mut Vec<Tube>) -> anyhow::Result<String> {
    let barcode = format!("G{}-{:04}", site + 1, tubes.len() + 1);
    let place = city.sites.get(site).context("a site")?;
    let order = json!({ "tube": barcode, "pool": POOL, "operator": format!("op{}", site + 1) });
    let _: Value = place.api()?.post("/tubes", &order)?;
    tubes.push(Tube { site, barcode: barcode.clone() });
    Ok(barcode)
}

fn register(site: &Place, order: &Value) -> anyhow::Result<Value> {
    site.api()?.post("/registrations", order)
}

/// Notes a registration that a desk showed as accepted.
fn accept(ledger: &mut Ledger, verdict: &Value, route: &str) -> anyhow::Result<()> {
    let Some(registration) = verdict["registration"].as_str() else {
        bail!("{route}: should have been accepted: {verdict}");
    };
    ledger.accepted.insert(registration.to_owned());
    *ledger.routes.entry(verdict["route"].as_str().unwrap_or(route).to_owned()).or_default() += 1;
    Ok(())
}

/// The verdicts that a command printed, one a line; its summary is left out.
fn verdicts(printed: &str) -> anyhow::Result<Vec<Value>> {
    let read = |line: &str| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"));
    let lines = printed.lines().map(read).collect::<anyhow::Result<Vec<Value>>>()?;
    Ok(lines.into_iter().filter(|line| line.get("verdict").is_some()).collect())
}

/// A folder of photographs a tube, through the command a site would use.
fn photographed(
    city: &City,
    site: usize,
    ledger: &mut Ledger,
    plan: &Plan,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    let pools = plan.photographed.get(site).map_or(0, |list| list.len().div_ceil(POOL));
    for number in 0..pools {
        let tube = open_tube(city, site, tubes)?;
        let place = city.sites.get(site).context("a site")?;
        let directory = place.data.join(format!("photographs-{number}"));
        ledger.photographs.1 += std::fs::read_dir(&directory)?.count() as u64;
        let (directory, operator) = (directory.to_string_lossy(), format!("op{}", site + 1));
        let arguments = [
            "site",
            "register",
            "--images",
            &directory,
            "--tube",
            &tube,
            "--operator",
            &operator,
            "--data",
            place.data()?,
            "--json",
        ];
        for verdict in verdicts(&swabmesh(&arguments, None)?)? {
            if verdict["registration"].is_string() {
                ledger.photographs.0 += 1;
                accept(ledger, &verdict, "photograph")?;
            }
        }
    }
    Ok(())
}

/// Lines as a scanner types them, one `site register --stdin` a tube.
fn scanned(
    city: &City,
    site: usize,
    ledger: &mut Ledger,
    people: &[Resident],
    list: Option<&Vec<usize>>,
    phone: &SigningKey,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    for pool in list.map(Vec::as_slice).unwrap_or_default().chunks(POOL) {
        let tube = open_tube(city, site, tubes)?;
        let place = city.sites.get(site).context("a site")?;
        let mut keystrokes = String::new();
        for at in pool {
            let person = people.get(*at).context("a resident")?;
            // Some scanners type small letters.
            let text = shown(person, phone, *at as u64)?;
            keystrokes.push_str(&if at % 3 == 0 { text.to_lowercase() } else { text });
            keystrokes.push_str("\r\n");
        }
        let operator = format!("op{}", site + 1);
        let arguments = [
            "site",
            "register",
            "--stdin",
            "--tube",
            &tube,
            "--operator",
            &operator,
            "--data",
            place.data()?,
            "--json",
        ];
        for verdict in verdicts(&swabmesh(&arguments, Some(&keystrokes))?)? {
            accept(ledger, &verdict, "scanner")?;
        }
    }
    Ok(())
}

/// Half of the queue, then SIGKILL while the rest is being registered, then the rest again.
fn kill_in_the_middle(
    city: &mut City,
    site: usize,
    ledger: &mut Ledger,
    people: &[Resident],
    plan: &Plan,
    phone: &SigningKey,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    let list = plan.scanned.get(site).cloned().unwrap_or_default();
    let (first, rest) = list.split_at(list.len() / 2);
    scanned(city, site, ledger, people, Some(&first.to_vec()), phone, tubes)?;
    let before: BTreeSet<String> = ledger.accepted.clone();
    let place = city.sites.get_mut(site).context("a site")?;
    place.kill()?;
    place.start()?;
    let lines: Vec<Value> = place.api()?.get("/registrations?limit=100000")?;
    let here: BTreeSet<&str> = lines.iter().filter_map(|line| line["registration"].as_str()).collect();
    let own: Vec<&String> = before.iter().filter(|id| lines_of(&lines, id) || here.contains(id.as_str())).collect();
    let expected = before.iter().filter(|id| feed_of(&lines).is_some_and(|feed| id.starts_with(feed))).count();
    ledger.survived_kill = (own.len() as u64, expected as u64);
    say(&format!(
        "         Gate 2 was killed with SIGKILL and started again: {} of {expected} registrations are there.",
        own.len()
    ));
    scanned(city, site, ledger, people, Some(&rest.to_vec()), phone, tubes)
}

fn lines_of(lines: &[Value], id: &str) -> bool {
    lines.iter().any(|line| line["registration"] == Value::from(id))
}

/// The feed of the registrations listed.
fn feed_of(lines: &[Value]) -> Option<&str> {
    lines.first()?["registration"].as_str()?.split(':').next()
}

fn typed(
    city: &City,
    site: usize,
    ledger: &mut Ledger,
    people: &[Resident],
    plan: &Plan,
    tubes: &mut Vec<Tube>,
) -> anyhow::Result<()> {
    for pool in plan.typed.get(site).map(Vec::as_slice).unwrap_or_default().chunks(POOL) {
        let tube = open_tube(city, site, tubes)?;
        let place = city.sites.get(site).context("a site")?;
        for at in pool {
            let person = people.get(*at).context("a resident")?;
            let order = json!({ "tube": tube, "operator": format!("op{}", site + 1), "document": person.document });
            accept(ledger, &register(place, &order)?, "document")?;
        }
    }
    Ok(())
}

fn try_bad_codes(city: &City, ledger: &mut Ledger, bad: &[(&'static str, String)]) -> anyhow::Result<()> {
    let place = city.sites.first().context("gate 1")?;
    let tube = "TRAINING-1";
    let _: Value = place.api()?.post("/tubes", &json!({ "tube": tube, "pool": 20, "operator": "op1" }))?;
    for (expected, code) in bad {
        let verdict = register(place, &json!({ "tube": tube, "operator": "op1", "code": code }))?;
        let reason = verdict["reason"].as_str().unwrap_or_default();
        *ledger.refused.entry(reason.to_owned()).or_default() += 1;
        if reason != *expected || verdict["verdict"] != Value::from("red") {
            ledger.wrong_verdicts.push(format!("expected {expected}, got {verdict}"));
        }
    }
    say(&format!("         {} wrong codes were tried at gate 1 and refused, each for its own reason.", bad.len()));
    Ok(())
}

fn seal_and_pack(city: &City, tubes: &[Tube]) -> anyhow::Result<()> {
    let mut boxes: BTreeMap<usize, u64> = BTreeMap::new();
    for tube in tubes {
        let api = city.sites.get(tube.site).context("a site")?.api()?;
        let operator = format!("op{}", tube.site + 1);
        let _: Value =
            api.post(&format!("/tubes/{}/seal", tube.barcode), &json!({ "operator": operator, "not_full": true }))?;
        let transport = format!("BOX-{}", tube.site + 1);
        let order = json!({ "tube": tube.barcode, "operator": operator });
        let _: Value = api.post(&format!("/boxes/{transport}/pack"), &order)?;
        *boxes.entry(tube.site).or_default() += 1;
    }
    for (site, count) in boxes {
        let api = city.sites.get(site).context("a site")?.api()?;
        let order = json!({ "to": "courier 7", "count": count, "operator": format!("op{}", site + 1) });
        let _: Value = api.post(&format!("/boxes/BOX-{}/handover", site + 1), &order)?;
    }
    say(&format!("         {} tubes in {} boxes.", tubes.len(), city.sites.len()));
    Ok(())
}

fn wait_converged(city: &City, ledger: &Ledger) -> anyhow::Result<()> {
    let mine = ledger.accepted.len() as u64;
    wait_until("everything receipted and equal", CONVERGE_WITHIN, || {
        let mut receipted = 0;
        for site in &city.sites {
            let own = site.status()?["own"].clone();
            receipted += own["at_authority"].as_u64().unwrap_or(0);
        }
        if receipted < mine {
            return Ok(false);
        }
        in_sync(city)
    })
}

/// Whether every node knows that it holds what the authority holds.
fn in_sync(city: &City) -> anyhow::Result<bool> {
    for place in city.others() {
        let peers = place.status()?["peers"].as_array().cloned().unwrap_or_default();
        let synced = |peer: &Value| peer["role"] == Value::from("authority") && !peer["in_sync_since"].is_null();
        if !peers.iter().any(synced) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn report(city: &City, ledger: &mut Ledger, tubes: &[Tube]) -> anyhow::Result<()> {
    let api = city.lab.api()?;
    for site in 0..city.sites.len() {
        let count = tubes.iter().filter(|tube| tube.site == site).count();
        let order = json!({ "count": count, "operator": "lab1" });
        let _: Value = api.post(&format!("/boxes/BOX-{}/receive", site + 1), &order)?;
    }
    let (positive, corrected) = (tubes.first().context("a tube")?, tubes.get(1).context("two tubes")?);
    for tube in tubes {
        let outcome = if tube.barcode == positive.barcode { "positive" } else { "negative" };
        let first = if tube.barcode == corrected.barcode { "inconclusive" } else { outcome };
        let order = json!({ "tube": tube.barcode, "outcome": first, "stage": "final", "operator": "lab1" });
        let _: Value = api.post("/results", &order)?;
    }
    let order = json!({
        "tube": corrected.barcode, "outcome": "negative", "reason": "read again by a second person", "operator": "lab2",
    });
    let _: Value = api.post("/results/correct", &order)?;
    wait_until("the results at the authority", CONVERGE_WITHIN, || {
        let view: Value = city.authority.api()?.get(&format!("/tubes/{}", corrected.barcode))?;
        let recall: Value = city.authority.api()?.get(&format!("/recall/{}", positive.barcode))?;
        ledger.recall_list = recall["people"].as_array().map_or(0, Vec::len) as u64;
        Ok(view["verdict"]["outcome"] == Value::from("negative") && ledger.recall_list > 0)
    })?;
    let site = city.sites.get(corrected.site).context("a site")?;
    wait_until("the results at the site that sampled", CONVERGE_WITHIN, || {
        let view: Value = site.api()?.get(&format!("/tubes/{}", corrected.barcode))?;
        Ok(view["verdict"]["outcome"] == Value::from("negative"))
    })?;
    say(&format!(
        "         {} tubes read. Everyone in {} is called for a test of their own: {} people.",
        tubes.len(),
        positive.barcode,
        ledger.recall_list
    ));
    Ok(())
}

fn look_up(city: &City, ledger: &mut Ledger, people: &[Resident]) -> anyhow::Result<()> {
    let api = city.authority.api()?;
    wait_until("the last results", CONVERGE_WITHIN, || in_sync(city))?;
    let with_bearer_code =
        people.iter().filter(|person| person.code.is_some() && person.category != Category::Live).step_by(8);
    for person in with_bearer_code {
        ledger.looked_up.1 += 1;
        let found: Value = api.post("/results/lookup", &json!({ "code": person.code }))?;
        let results = found["results"].as_array().cloned().unwrap_or_default();
        ledger.looked_up.0 += u64::from(results.iter().any(|result| !result["result"].is_null()));
    }
    say(&format!("         {} of {} saw a result.", ledger.looked_up.0, ledger.looked_up.1));
    Ok(())
}

fn count_at_authority(city: &City, ledger: &mut Ledger, tubes: &[Tube]) -> anyhow::Result<()> {
    let api = city.authority.api()?;
    let mut found = BTreeSet::new();
    for tube in tubes {
        let view: Value = api.get(&format!("/tubes/{}", tube.barcode))?;
        for member in view["members"].as_array().cloned().unwrap_or_default() {
            found.extend(member["registration"].as_str().map(str::to_owned));
        }
    }
    ledger.at_authority = ledger.accepted.intersection(&found).count() as u64;
    let flags: Vec<Value> = api.get("/flags?all=true")?;
    ledger.duplicates_flagged = flags.iter().filter(|flag| flag["kind"] == Value::from("duplicate")).count() as u64;
    Ok(())
}

/// Every document a site holds must have the same heads at the authority.
fn compare_heads(city: &City, ledger: &mut Ledger) -> anyhow::Result<()> {
    let central: Value = city.authority.api()?.get("/heads?each=true")?;
    let digests = |heads: &Value| -> BTreeMap<String, String> {
        let each = heads["each"].as_array().cloned().unwrap_or_default();
        each.iter().map(|one| (one["subject"].to_string(), one["digest"].to_string())).collect()
    };
    let central = digests(&central);
    ledger.documents = central.len() as u64;
    ledger.heads_equal = !central.is_empty();
    let mut seen = BTreeSet::new();
    for site in &city.sites {
        let here: Value = site.api()?.get("/heads?each=true")?;
        for (subject, digest) in digests(&here) {
            ledger.heads_equal &= central.get(&subject) == Some(&digest);
            seen.insert(subject);
        }
    }
    ledger.heads_equal &= central.keys().all(|subject| seen.contains(subject));
    Ok(())
}

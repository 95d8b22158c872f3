//! The authority's API for channels, as an app would use it: codes, relatives, audit, and its own OpenAPI document.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use swabmesh_tests::program::{self, swabmesh};
use swabmesh_tests::tool;

/// The example number of GB 11643-1999: born on the last day of 1949.
const ELDER: &str = "11010519491231002X";

/// A running authority with one channel; ended with the test.
struct Authority {
    folder: tempfile::TempDir,
    child: Child,
    url: String,
    credential: String,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn done(arguments: &[&str]) -> String {
    let answer = swabmesh(arguments, "").unwrap();
    assert_eq!(answer.code, Some(0), "{arguments:?}: {answer:?}");
    answer.out
}

fn data(folder: &Path) -> String {
    folder.join("city").to_str().unwrap().to_owned()
}

impl Authority {
    /// `register` is where its electronic register answers.
    fn start(register: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        done(&["authority", "init", "--name", "city", "--data", &data]);
        let credential = done(&["authority", "channel", "add", "app", "--data", &data]).trim().to_owned();
        if let Some(url) = register {
            let settings = json!({ "url": url, "token": "t0ken" }).to_string();
            std::fs::write(folder.path().join("city/office/register.json"), settings).unwrap();
        }
        let mut command = Command::new(program::path().unwrap());
        command.args(["authority", "run", "--http-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--no-mdns"]);
        let child = command.args(["--json", "--data", &data]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let reach: Value = serde_json::from_str(&line).unwrap();
        let url = reach["url"].as_str().unwrap().to_owned();
        Self { folder, child, url, credential }
    }

    fn data(&self) -> String {
        data(self.folder.path())
    }

    fn post_with(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut request = agent.post(format!("{}/api/v1/issuing{path}", self.url));
        request = request.header("authorization", format!("Bearer {}", self.credential));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let mut answer = request.send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post_with(path, None, body)
    }

    fn good(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    /// Registers somebody; their pseudonym.
    fn register(&self, document: &Value) -> Value {
        json!({ "person": self.good("/residents", document)["person"] })
    }

    fn tool(&self, arguments: &[&str]) -> Value {
        let data = self.data();
        serde_json::from_str(&done(&[arguments, &["--json", "--data", &data]].concat())).unwrap()
    }
}

fn elder() -> Value {
    json!({ "type": 1, "number": ELDER, "name": "张三", "phone": "13800000000" })
}

fn passport(number: &str, born: &str) -> Value {
    json!({ "type": 2, "number": number, "state": "UTO", "name": "ANNA ERIKSSON", "born": born })
}

fn static_code(resident: &Value) -> Value {
    json!({ "resident": resident, "kind": "static" })
}

#[test]
fn whoever_has_a_valid_code_gets_the_same_until_it_is_renewed_or_lost() {
    let city = Authority::start(None);
    let by_number = json!({ "type": 1, "number": ELDER });
    let (status, problem) = city.post("/codes", &static_code(&by_number));
    assert_eq!((status, problem["type"].as_str()), (404, Some("urn:swabmesh:problem:not-found")), "{problem}");
    let person = city.register(&elder());
    let first = city.good("/codes", &static_code(&by_number));
    let again = city.good("/codes", &static_code(&person));
    assert_eq!((&first["text"], &first["again"], &again["again"]), (&again["text"], &json!(false), &json!(true)));
    let renew = json!({ "resident": person, "kind": "static", "renew": true });
    let (_, renewed) = city.post_with("/codes", Some("k-1"), &renew);
    assert_eq!(renewed["replaced"], first["code"]);
    let (status, repeated) = city.post_with("/codes", Some("k-1"), &renew);
    assert_eq!((status, &repeated), (200, &renewed), "the same key is done once");
    let (status, other) = city.post_with("/codes", Some("k-1"), &static_code(&person));
    assert_eq!((status, other["title"].as_str()), (422, Some("key used")));
    let lost = json!({ "resident": person, "kind": "static", "reason": "phone stolen" });
    assert_eq!(city.good("/codes/lost", &lost)["revoked"], true);
    assert_eq!(city.good("/codes/lost", &lost)["revoked"], false, "{}", "it is dead already");
    let anew = city.good("/codes", &static_code(&person));
    assert_eq!(anew["again"], false);
    assert_ne!(anew["text"], renewed["text"]);
    let many = city.good("/codes/batch", &json!({ "orders": [static_code(&person), static_code(&json!({}))] }));
    assert_eq!(many["codes"][0]["issued"]["text"], anew["text"]);
    assert_eq!(many["codes"][1]["problem"]["status"], 422);
}

#[test]
fn a_photograph_is_decided_by_a_person_and_every_look_is_on_record() {
    let city = Authority::start(None);
    let (child, mother) =
        (city.register(&passport("E1000001", "2015-01-01")), city.register(&passport("E1000002", "1985-01-01")));
    let apply = |relative: &Value, photo: &str| json!({ "applicant": mother, "relative": relative, "relation": "child", "photo": photo });
    let (status, adult) =
        city.post("/relatives", &apply(&city.register(&passport("E1000003", "1985-02-02")), "/9j/4A=="));
    assert_eq!((status, adult["routes"].as_array().unwrap().len()), (422, 3), "{adult}");
    assert_eq!(city.post("/relatives", &apply(&child, "AAAA")).0, 422, "not a photograph");
    let link = city.good("/relatives", &apply(&child, "/9j/4A=="))["link"].as_str().unwrap().to_owned();
    assert_eq!(city.post("/relatives", &apply(&child, "/9j/4A==")).0, 409, "one application is enough");
    let code = format!("/relatives/{link}/code");
    let by_mother = json!({ "applicant": mother });
    assert_eq!(city.post(&code, &by_mother).0, 409, "not decided yet");

    let photo = city.folder.path().join("photo").to_str().unwrap().to_owned();
    let data = city.data();
    done(&[
        "authority",
        "links",
        "photo",
        &link,
        "--who",
        "zhang",
        "--why",
        "decide",
        "--out",
        &photo,
        "--data",
        &data,
    ]);
    assert_eq!(std::fs::read(&photo).unwrap(), [0xff, 0xd8, 0xff, 0xe0]);
    city.tool(&["authority", "links", "approve", &link, "--operator", "zhang"]);
    let issued = city.good(&code, &by_mother);
    assert!(issued["text"].as_str().unwrap().starts_with("HS1:"), "{issued}");
    assert_eq!(city.post(&code, &json!({ "applicant": child })).0, 404, "nobody else learns of the link");
    assert_eq!(city.tool(&["result", issued["text"].as_str().unwrap()])["results"], json!([]));
    assert!(city.good(&format!("/relatives/{link}/results"), &by_mother)["results"].as_array().unwrap().is_empty());
    assert_eq!(city.good(&format!("/relatives/{link}/end"), &by_mother)["state"], "ended");
    let (status, ended) = city.post(&code, &by_mother);
    assert_eq!((status, ended["routes"].as_array().unwrap().len()), (409, 3), "{ended}");

    let checked = city.tool(&["authority", "audit", "check"]);
    let shown = done(&["authority", "audit", "show", "--data", &data]);
    assert!(shown.contains("zhang: evidence") && shown.contains("through app: results"), "{shown}");
    assert!(shown.contains("whoever shows the code: results"), "{shown}");
    assert_eq!(checked["lines"].as_u64().unwrap(), shown.lines().count() as u64);
}

#[test]
fn a_purge_says_what_the_office_keeps_too_and_anybody_can_check_it() {
    let city = Authority::start(None);
    city.tool(&["authority", "seed", "--residents", "20", "--seed", "7"]);
    let elder = city.register(&elder());
    let file = city.folder.path().join("purge.json").to_str().unwrap().to_owned();
    let purge = ["authority", "purge", "--before", "2022-04-09", "--operator", "zhang", "--out", &file];
    let report = city.tool(&purge);
    let office = &report["office"];
    assert_eq!((&office["residents_removed"], &office["residents_left"]), (&json!(0), &json!(21)), "{report}");
    assert_eq!((office["kept"].as_array().unwrap().len(), &office["opened"]), (1, &json!(0)));
    assert_eq!(city.tool(&["authority", "purge", "--check", &file]), report);
    let person = elder["person"].as_str().unwrap();
    let looked = city.tool(&["authority", "resident", person, "--who", "zhang", "--why", "still there"]);
    assert_eq!(looked["number"], ELDER);
    let shown = done(&["authority", "audit", "show", "--data", &city.data()]);
    assert!(shown.contains("zhang: purge (retention: details before 2022-04-09"), "{shown}");
}

/// An electronic register on a port of its own: two people are of one household if their numbers begin alike.
fn household_register() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut token) = (0, false);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(bytes) = line.strip_prefix("content-length:") {
                    length = bytes.trim().parse().unwrap();
                }
                token |= line == "authorization: bearer t0ken";
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let begin = |who: &str| asked[who]["number"].as_str().unwrap()[..4].to_owned();
            let answer = json!({ "same_household": token && begin("one") == begin("other") }).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ";
            stream.write_all(format!("{head}{}\r\n\r\n{answer}", answer.len()).as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn the_electronic_register_decides_at_once() {
    let city = Authority::start(Some(&household_register()));
    let grandson = city.register(&passport("E2000001", "1999-01-01"));
    let apply = |relative: Value| json!({ "applicant": grandson, "relative": relative, "relation": "grandmother" });
    let grandmother = city.good("/relatives", &apply(city.register(&passport("E2000002", "1940-01-01"))));
    assert_eq!((grandmother["state"].as_str(), grandmother["evidence"].as_str()), (Some("approved"), Some("register")));
    let stranger = city.good("/relatives", &apply(city.register(&passport("F2000002", "1940-01-01"))));
    assert_eq!(stranger["state"], "refused", "{stranger}");
}

#[test]
fn keys_rotate_without_a_code_dying_and_a_withdrawn_key_takes_its_codes_along() {
    let city = Authority::start(None);
    let person = city.register(&elder());
    let before = city.good("/codes", &static_code(&person));
    let data = city.data();
    let stick = city.folder.path().join("stick").to_str().unwrap().to_owned();
    let pass = "SWABMESH_ROOT_PASSPHRASE";
    let with_stick = |arguments: &[&str]| {
        let mut command = Command::new(program::path().unwrap());
        command.args(arguments).args(["--data", &data]).env(pass, "correct horse battery");
        let answer = program::run(&mut command, "").unwrap();
        assert_eq!(answer.code, Some(0), "{answer:?}");
        answer.out
    };
    with_stick(&["authority", "root", "lock", "--to", &stick, "--take-away"]);
    assert_ne!(swabmesh(&["authority", "key", "rotate", "--data", &data], "").unwrap().code, Some(0));
    let rotated = with_stick(&["authority", "key", "rotate", "--lead-s", "0", "--root", &stick, "--json"]);
    let new = serde_json::from_str::<Value>(&rotated).unwrap()["kid"].as_str().unwrap().to_owned();
    let listed = done(&["authority", "key", "list", "--json", "--data", &data]);
    let old =
        listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|key| key["kid"] != new.as_str());
    let old = old.unwrap()["kid"].as_str().unwrap().to_owned();
    let again = city.good("/codes", &static_code(&person));
    assert_eq!(again["text"], before["text"], "rotation kills nothing");

    let shown = city.tool(&["authority", "key", "withdraw", &old]);
    assert_eq!((&shown["valid_codes"], &shown["withdrawn"]), (&json!(1), &json!(false)), "{shown}");
    let begun = Instant::now();
    let patience = Duration::from_secs(60);
    let withdraw = ["authority", "key", "withdraw", &old, "--yes", "--root", &stick, "--data", &data];
    let mut command = Command::new(program::path().unwrap());
    command.args(withdraw).env(pass, "correct horse battery");
    loop {
        let answer = program::run(&mut command, "").unwrap();
        if answer.code == Some(0) {
            break;
        }
        assert!(answer.err.contains("no other key is in force now") && begun.elapsed() < patience, "{answer:?}");
    }
    let mut last = city.good("/codes", &static_code(&person));
    while last["text"] == before["text"] {
        assert!(begun.elapsed() < 2 * patience, "the withdrawal does not arrive: {last}");
        std::thread::yield_now();
        last = city.good("/codes", &static_code(&person));
    }
    assert_eq!(last["again"], false, "a new code, signed with the new key");
}

#[test]
fn the_api_holds_to_its_own_document_under_schemathesis() {
    let Some(python) = tool::python_with("schemathesis") else {
        tool::missing("schemathesis").unwrap();
        return;
    };
    let city = Authority::start(None);
    done(&["authority", "seed", "--residents", "100", "--data", &city.data()]);
    let program: PathBuf = python.with_file_name("schemathesis");
    let mut command = Command::new(program);
    // It keeps what it learns where it runs.
    command.current_dir(city.folder.path());
    command.args(["run", &format!("{}/api/v1/openapi.json", city.url), "--phases", "examples,coverage,fuzzing"]);
    command.args(["--header", &format!("Authorization: Bearer {}", city.credential), "--max-examples", "40"]);
    command.args(["--seed", "1", "--checks", "not_a_server_error,status_code_conformance,content_type_conformance"]);
    command.args(["--checks", "response_schema_conformance,response_headers_conformance,ignored_auth", "--no-color"]);
    let answer = program::run(&mut command, "").unwrap();
    assert_eq!(answer.code, Some(0), "{}\n{}", answer.out, answer.err);
}

use super::*;

fn load(text: &str, environment: &[(&str, &str)], flags: Vec<Flag>) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    std::fs::write(&path, text).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&path, environment, flags)
}

const SITE: &str = "role = \"site\"\nname = \"Gate 3\"\ncell = 7\n";

#[test]
fn a_file_with_a_role_and_a_name_is_enough() {
    let config = load(SITE, &[], vec![]).unwrap();
    assert_eq!(config.http_listen.to_string(), "127.0.0.1:7410");
    assert_eq!((config.cell, config.mdns), (Lane(7), true));
    let lab = load("name = \"Lab\"\nrole = \"lab\"", &[], vec![]).unwrap();
    assert_eq!(lab.http_listen.port(), 7_420);
}

#[test]
fn what_is_written_is_what_is_read() {
    let mut config = Config::new(Role::Site, Text::new("3号门 \"东\"").unwrap(), Lane(9));
    config.peers = vec!["/ip4/192.0.2.7/tcp/4001".to_owned()];
    config.log.format = LogFormat::Json;
    assert_eq!(load(&config.to_toml(), &[], vec![]).unwrap(), config);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let text = format!("{SITE}http_listen = \"127.0.0.1:1\"\nmdns = true\n[store]\ncache_mib = 8\n");
    let environment = [
        ("SWABMESH_HTTP_LISTEN", "127.0.0.1:2"),
        ("SWABMESH_STORE_CACHE_MIB", "9"),
        ("SWABMESH_PEERS", "/ip4/192.0.2.7/tcp/1, /ip4/192.0.2.8/tcp/1"),
        ("SWABMESH_MDNS", "false"),
        ("SWABMESH_DATA", "elsewhere"),
        ("PATH", "/bin"),
    ];
    let flags = vec![Flag { key: "http_listen", values: vec!["127.0.0.1:3".to_owned()] }];
    let config = load(&text, &environment, flags).unwrap();
    assert_eq!(config.http_listen.port(), 3);
    assert_eq!(config.store.cache_mib, 9);
    assert_eq!(config.peers.len(), 2);
    assert!(!config.mdns);
}

#[test]
fn an_unknown_key_is_refused_with_what_was_probably_meant() {
    let error = load(&format!("{SITE}htp_listen = \"127.0.0.1:1\"\n"), &[], vec![]).unwrap_err().to_string();
    assert!(error.contains("node.toml: `htp_listen` is not a setting: write `http_listen`"), "{error}");
    let error = load(&format!("{SITE}[store]\ncash_mib = 1\n"), &[], vec![]).unwrap_err().to_string();
    assert!(error.contains("`store.cash_mib`") && error.contains("write `store.cache_mib`"), "{error}");
    let error = load(&format!("{SITE}colour = 1\n"), &[], vec![]).unwrap_err().to_string();
    assert!(error.contains("remove `colour`; the settings are role, name,"), "{error}");
}

#[test]
fn a_misspelt_variable_is_refused_too() {
    let error = load(SITE, &[("SWABMESH_HTTP_LISTN", "127.0.0.1:1")], vec![]).unwrap_err().to_string();
    assert!(error.contains("write `SWABMESH_HTTP_LISTEN`"), "{error}");
}

#[test]
fn a_bad_value_says_where_what_was_found_and_what_is_expected() {
    for (line, expected) in [
        ("http_listen = \"localhost\"", "`http_listen` must be an address and a port"),
        ("cell = 65535", "`cell` must be a number from 0"),
        ("cell = 1.5", "not `1.5`"),
        ("mdns = \"perhaps\"", "`mdns` must be true or false, not `perhaps`"),
        ("peers = [\"192.0.2.7\"]", "`peers` must be a list of addresses"),
        ("log.format = \"xml\"", "`log.format` must be human or json"),
        ("log.filter = \"a=b=c\"", "`log.filter` must be a filter"),
        ("store.floor_mib = 0", "from 1 to"),
    ] {
        let text = format!("{line}\nrole = \"site\"\nname = \"Gate 3\"\n");
        let error = load(&text, &[], vec![]).unwrap_err().to_string();
        assert!(error.contains("node.toml: ") && error.contains(expected), "{line}: {error}");
    }
    let error = load(SITE, &[("SWABMESH_MDNS", "maybe")], vec![]).unwrap_err().to_string();
    assert!(error.starts_with("environment variable SWABMESH_MDNS: `mdns` must be"), "{error}");
    let flags = vec![Flag { key: "http_listen", values: vec!["x".to_owned()] }];
    let error = load(SITE, &[], flags).unwrap_err().to_string();
    assert!(error.starts_with("flag --http-listen: "), "{error}");
}

#[test]
fn a_missing_file_a_missing_key_and_broken_toml_say_what_to_do() {
    let error = Config::load(Path::new("/nowhere/node.toml"), [], []).unwrap_err().to_string();
    assert!(error.contains("/nowhere/node.toml does not exist") && error.contains("init"), "{error}");
    let error = load("role = \"site\"\n", &[], vec![]).unwrap_err().to_string();
    assert!(error.contains("does not say `name`: add it"), "{error}");
    let error = load("role = \n", &[], vec![]).unwrap_err().to_string();
    assert!(error.contains("is not TOML") && error.contains("line 1"), "{error}");
}

use clap::{CommandFactory, Parser};

use crate::Arguments;

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_about_a_node_explains_itself_with_an_example() {
    fn without_example(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
        let subcommands: Vec<_> = command.get_subcommands().collect();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if subcommands.is_empty() && !help.contains("Example") {
            missing.push(path.to_owned());
        }
        for subcommand in subcommands {
            without_example(subcommand, &format!("{path} {}", subcommand.get_name()), missing);
        }
    }
    let mut missing = Vec::new();
    let root = Arguments::command();
    for name in ["site", "lab", "authority", "status", "result", "bundle", "wipe"] {
        without_example(root.find_subcommand(name).unwrap(), name, &mut missing);
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_example_parses() {
    fn examples(command: &clap::Command, found: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let pieces: Vec<&str> =
            help.split("\\\n").map(|piece| piece.trim_start_matches(' ').trim_end_matches(' ')).collect();
        let help = pieces.join(" ");
        let lines = help.lines().map(str::trim).filter(|line| line.starts_with("swabmesh ") && !line.contains("..."));
        found.extend(lines.map(str::to_owned));
        command.get_subcommands().for_each(|command| examples(command, found));
    }
    let mut found = Vec::new();
    examples(&Arguments::command(), &mut found);
    assert!(found.len() > 20, "{found:?}");
    for example in found {
        // What follows a redirection, a pipe or a gap is no argument.
        let line = example.split(['<', '|']).next().unwrap().split("  ").next().unwrap();
        let words = words(line);
        if let Err(error) = Arguments::try_parse_from(&words) {
            panic!("{example}\n{words:?}\n{error}");
        }
    }
}

/// Splits a line as a shell does, as far as the examples need: quotes and spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = None;
    for c in line.trim().chars() {
        match (c, quoted) {
            ('\'' | '"', None) => quoted = Some(c),
            (c, Some(quote)) if c == quote => quoted = None,
            (' ', None) if words.last().is_some_and(String::is_empty) => {}
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    words
}

#[test]
fn a_registration_names_exactly_one_source() {
    let parse = |more: &[&str]| {
        Arguments::try_parse_from([&["swabmesh", "site", "register", "--tube", "T1", "--operator", "x"], more].concat())
    };
    assert!(parse(&["HS1:A B"]).is_ok());
    assert!(parse(&["--image", "code.png"]).is_ok());
    assert!(parse(&["--stdin"]).is_ok());
    assert!(parse(&["--document", "--type", "1", "--number", "1", "--name", "x"]).is_ok());
    assert!(parse(&[]).is_err());
    assert!(parse(&["HS1:A B", "--stdin"]).is_err());
    let mixed = parse(&["HS1:A B", "--number", "1", "--data", "/nowhere"]).unwrap().command.run(&mut Vec::new());
    assert!(mixed.unwrap_err().to_string().contains("--document"));
}

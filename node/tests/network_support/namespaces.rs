//! Hosts and a switch on one machine, as network namespaces; removed in every outcome.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::path::Path;
use std::process::{Command, Stdio};

/// What the names of our namespaces start with; the test's process id and a part follow.
const PREFIX: &str = "swabmesh-";

/// The namespaces `swabmesh-PID-sw`, `-1`, `-2` and so on: a bridge, and hosts at 10.77.0.1, 10.77.0.2 and so on.
pub(crate) struct Lab {
    pid: u32,
    hosts: u32,
}

/// Why no lab can be had here.
pub(crate) fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root for network namespaces".to_owned());
    }
    ["ip", "nft"].into_iter().find_map(|tool| {
        let version = Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_err().then(|| format!("needs `{tool}`"))
    })
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn ip(line: &str) {
    run(Command::new("ip").args(line.split(' ')));
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with_hosts(2)
    }

    pub(crate) fn with_hosts(hosts: u32) -> Self {
        remove_abandoned();
        let lab = Self { pid: std::process::id(), hosts };
        let switch = lab.name("sw");
        ip(&format!("netns add {switch}"));
        ip(&format!("-n {switch} link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0"));
        ip(&format!("-n {switch} link set br0 up"));
        for host in 1..=hosts {
            let name = lab.name(&host.to_string());
            ip(&format!("netns add {name}"));
            ip(&format!("-n {switch} link add port{host} type veth peer name eth0 netns {name}"));
            ip(&format!("-n {switch} link set port{host} master br0 up"));
            ip(&format!("-n {name} link set lo up"));
            ip(&format!("-n {name} addr add 10.77.0.{host}/24 dev eth0"));
            ip(&format!("-n {name} link set eth0 up"));
            // Multicast needs a route to anywhere.
            ip(&format!("-n {name} route add default via 10.77.0.254 dev eth0"));
        }
        lab.nft("add table bridge lab");
        lab.nft("add set bridge lab cut { type ifname . ifname; }");
        lab.nft("add chain bridge lab part { type filter hook forward priority 0; policy accept; }");
        lab.nft("add rule bridge lab part iifname . oifname @cut counter drop");
        lab
    }

    fn name(&self, part: &str) -> String {
        format!("{PREFIX}{}-{part}", self.pid)
    }

    fn nft(&self, command: &str) {
        run(Command::new("ip").args(["netns", "exec", &self.name("sw"), "nft", command]));
    }

    /// Returns the start of a command that runs on a host.
    pub(crate) fn on(&self, host: u32) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(&host.to_string())]);
        command
    }

    /// Drops every packet between hosts 1 and 2; neither is told.
    pub(crate) fn cut(&self) {
        self.cut_pair(1, 2);
    }

    /// Drops every packet between two hosts; neither is told.
    pub(crate) fn cut_pair(&self, one: u32, other: u32) {
        self.nft(&format!("add element bridge lab cut {{ port{one} . port{other}, port{other} . port{one} }}"));
    }

    pub(crate) fn heal(&self) {
        self.nft("flush set bridge lab cut");
    }

    /// Pulls or plugs the cable of a host at the switch.
    pub(crate) fn cable(&self, host: u32, plugged: bool) {
        ip(&format!("-n {} link set port{host} {}", self.name("sw"), if plugged { "up" } else { "down" }));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        (1..=self.hosts).for_each(|host| remove(&self.name(&host.to_string())));
        remove(&self.name("sw"));
    }
}

fn remove(namespace: &str) {
    let _ = Command::new("ip").args(["netns", "del", namespace]).stderr(Stdio::null()).status();
}

/// Removes what a killed run left: a namespace whose test process is gone.
fn remove_abandoned() {
    let listed = Command::new("ip").args(["netns", "list"]).output().unwrap();
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(name);
        }
    }
}

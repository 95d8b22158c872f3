//! What can go wrong in a scenario.

use serde::Deserialize;

/// What goes wrong. Minutes count from the beginning; the liveness phase begins with everything healed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Nothing passes between two groups of nodes.
    Cut {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Which way nothing passes.
        #[serde(default)]
        way: Way,
        /// From when.
        from_min: u64,
        /// Until when.
        until_min: u64,
    },
    /// Nodes are switched off and come back.
    Down {
        /// Which.
        nodes: String,
        /// From when.
        from_min: u64,
        /// Until when.
        until_min: u64,
    },
    /// Nodes lose power now and then, and what their disks had not synced.
    PowerCut {
        /// Which.
        nodes: String,
        /// Mean time between two cuts of one node.
        every_s: u64,
        /// Longest time without power.
        off_s_max: u64,
    },
    /// Every pair between two groups is cut now and then, all ways.
    Flap {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Which way nothing passes.
        #[serde(default)]
        way: Way,
        /// Mean time between two cuts of one pair.
        every_s: u64,
        /// Longest cut.
        off_s_max: u64,
    },
    /// Connections between two groups are reset now and then: frames on their way are lost.
    Reset {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Mean time between two resets of one pair.
        every_s: u64,
    },
    /// Links between two groups stand still now and then; nothing is lost.
    Clog {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// Mean time between two clogs of one pair.
        every_s: u64,
        /// Longest clog.
        for_s_max: u64,
    },
    /// Now and then the links of a random part of these nodes stand still, one node after another, and go on in
    /// another random order.
    Swizzle {
        /// Which.
        nodes: String,
        /// Mean time between two such times.
        every_s: u64,
        /// Longest time from the first to stand still to the last to go on.
        for_s_max: u64,
    },
    /// Frames between two groups are changed, doubled, or overtaken by the next one. Per thousand.
    Garble {
        /// One group.
        between: String,
        /// The other.
        and: String,
        /// A bit is flipped.
        #[serde(default)]
        corrupt: u32,
        /// It arrives twice.
        #[serde(default)]
        duplicate: u32,
        /// The next one comes first.
        #[serde(default)]
        reorder: u32,
        /// From when.
        from_min: u64,
        /// Until when.
        until_min: u64,
    },
    /// Disks take some writes and refuse others now and then, as a disk that is nearly full does.
    FullDisk {
        /// Which.
        nodes: String,
        /// Mean time between two such times of one node.
        every_s: u64,
        /// Longest time.
        for_s_max: u64,
    },
    /// A disk dies, and its machine goes on with an older copy of it: under a new epoch, as restoring gives it.
    RestoredDisk {
        /// Which.
        nodes: String,
        /// When the copy was made.
        copied_min: u64,
        /// When the disk dies.
        at_min: u64,
        /// How long the machine is off.
        off_min: u64,
    },
    /// A second machine begins with a copy of a site's disk: the same key, and a log that ends where the copy does. It
    /// has a desk and lines of its own, and is called as the site is, with `-clone` behind it.
    Cloned {
        /// Which.
        nodes: String,
        /// When the copy was made.
        copied_min: u64,
        /// When the second machine begins.
        at_min: u64,
    },
    /// Clocks are set wrong.
    Clock {
        /// Whose.
        nodes: String,
        /// When.
        at_min: u64,
        /// By how many seconds they jump, at most, either way.
        #[serde(default)]
        jump_s_max: u64,
        /// The year they show from then on, as after an empty battery.
        #[serde(default)]
        year: Option<u16>,
        /// How fast they drift from then on, at most, either way. Parts per million.
        #[serde(default)]
        drift_ppm_max: u64,
        /// Whether they stand still from then on.
        #[serde(default)]
        frozen: bool,
    },
    /// The authority withdraws nodes. They go on until they hear of it.
    Withdrawn {
        /// Which.
        nodes: String,
        /// When.
        at_min: u64,
    },
    /// The authority lets go of the past, as its purge does. Nothing breaks by it, and that is what is looked for.
    LetGo {
        /// When.
        at_min: u64,
        /// How much of the past is kept.
        kept_min: u64,
    },
    /// Nodes do not keep to the protocol. Their operators are honest, their machines are not.
    Hostile {
        /// Which.
        nodes: String,
        /// What they do.
        does: Vec<Trick>,
        /// From when.
        from_min: u64,
        /// Mean time between two tricks that are nobody's answer.
        every_s: u64,
    },
}

impl Fault {
    /// When it ends, if it lasts for a time of its own. Minutes.
    #[must_use]
    pub const fn until_min(&self) -> Option<u64> {
        match self {
            Self::Cut { until_min, .. } | Self::Down { until_min, .. } | Self::Garble { until_min, .. } => {
                Some(*until_min)
            }
            Self::PowerCut { .. }
            | Self::Flap { .. }
            | Self::Reset { .. }
            | Self::Clog { .. }
            | Self::Swizzle { .. }
            | Self::FullDisk { .. }
            | Self::RestoredDisk { .. }
            | Self::Cloned { .. }
            | Self::Clock { .. }
            | Self::Withdrawn { .. }
            | Self::LetGo { .. }
            | Self::Hostile { .. } => None,
        }
    }

    /// Whether some feed may get two histories by it, or a part that does not count.
    #[must_use]
    pub const fn forks(&self) -> bool {
        matches!(self, Self::RestoredDisk { .. } | Self::Cloned { .. } | Self::Withdrawn { .. } | Self::Hostile { .. })
    }

    /// Whose machines get a second one.
    #[must_use]
    pub const fn clones(&self) -> Option<&str> {
        if let Self::Cloned { nodes, .. } = self { Some(nodes.as_str()) } else { None }
    }

    /// Whether disks hold less of a feed by it than was said.
    #[must_use]
    pub const fn lets_go(&self) -> bool {
        matches!(self, Self::LetGo { .. })
    }

    /// Whether machines go off by it.
    #[must_use]
    pub const fn cuts_power(&self) -> bool {
        matches!(self, Self::RestoredDisk { .. } | Self::Down { .. } | Self::PowerCut { .. })
    }
}

/// Which way nothing passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Neither way.
    #[default]
    Both,
    /// From the first group to the second.
    There,
    /// From the second group to the first.
    Back,
}

/// What a hostile node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trick {
    /// Tells half of its peers one history of a feed, and the others another.
    Fork,
    /// Sends chunks again that it sent or saw before.
    Replay,
    /// Says of every feed that it holds more of it than it does.
    Lie,
    /// Does not send what it is asked for, mostly.
    Withhold,
    /// Asks for, and tells of, more than there is.
    Flood,
    /// Sends frames and chunks longer than agreed.
    Oversize,
    /// States facts that its role does not allow, signed and chained as they should be.
    AboveRole,
}

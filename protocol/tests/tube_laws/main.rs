//! Laws of the tube's document: equal facts, equal heads; conflicts stay until reviewed; nothing panics.

// `cfg(test)` says to the lints what cargo knows: that helpers here are test code too.
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod world;

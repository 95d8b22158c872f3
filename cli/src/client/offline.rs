//! A node that does not run, started without a network for one piece of work.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, anyhow};
use swabmesh_node::beside::Beside;
use swabmesh_node::config::Flag;
use swabmesh_node::home::Home;
use swabmesh_node::serve::Service;
use tokio::sync::oneshot;

/// Starts the node of a directory, hands its address to `work`, and stops it whatever comes of that.
pub(super) fn serve<T>(home: &Home, work: impl FnOnce(String) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let role = home.config([])?.role;
    // Its log is of no interest to whoever waits for an answer.
    let quiet = Flag { key: "log.filter", values: vec!["error".to_owned()] };
    let service = Service::prepare(home.clone(), role, vec![quiet], None)?.offline();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("the system gives no threads")?;
    let (ready, url) = sync_channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = runtime.spawn(async move {
        let stop = async move { drop(stopped.await) };
        service.run(|_| Ok(Beside::default()), |reach| drop(ready.try_send(reach.url.clone())), stop).await
    });
    // Without an address it ended, and says why.
    let done = url.recv().ok().map(work);
    drop(stop);
    runtime.block_on(running).context("the node ended in a panic")??;
    done.unwrap_or_else(|| Err(anyhow!("the node did not start: look at its log with `run`")))
}

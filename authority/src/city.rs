//! The city as a whole: its projection, reports and exports, decisions, its page, and what is destroyed when its time is over.

pub mod database;
pub mod day;
pub mod decisions;
mod door;
pub mod export;
pub mod fold;
mod follower;
mod hall;
mod page;
pub mod past;
pub mod purge;
pub mod rebuild;
pub mod report;
mod routes;
pub mod row;
pub mod sealed;

use std::sync::Arc;

use axum::Router;
use swabmesh_node::audit::Audit;
use swabmesh_node::beside::{Beside, Ground};
use swabmesh_node::http::auth::Token;
use swabmesh_node::keys::KeyError;
use swabmesh_node::page::operators::Operators;
use swabmesh_node::page::setup::{Setup, SetupError};

use crate::office::retention::Retention;
use hall::Hall;

/// Why the city is not served.
#[derive(Debug, thiserror::Error)]
pub enum CityError {
    /// The token is not at hand.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nobody could sign in.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Routes and tasks of the city: `database` is where the projection is copied to, if anywhere.
///
/// # Errors
/// [`CityError`].
pub fn beside(
    ground: &Ground,
    audit: Arc<Audit>,
    database: Option<&str>,
    retention: Retention,
) -> Result<Beside, CityError> {
    let directory = ground.home.desk();
    let operators = Operators::at(directory.clone());
    let setup = Setup::begin(&directory, &operators)?;
    let hall = Hall {
        shell: ground.shell.clone(),
        home: ground.home.clone(),
        token: Token::new(&ground.home.keys().token()?),
        audit,
        retention,
        operators: Arc::new(operators),
        setup: Arc::new(setup),
        sessions: Arc::default(),
        board: Arc::default(),
        database: database.map(Arc::from),
    };
    let tasks = hall
        .database
        .clone()
        .map(|address| tokio::spawn(follower::run(hall.clone(), address, ground.stopping.clone())));
    let routes: Router = routes::router(&hall).merge(page::router(&hall));
    Ok(Beside { routes, tasks: tasks.into_iter().collect(), ..Beside::default() })
}

//! Nodes: certificates published, nodes withdrawn.

use axum::Json;
use axum::extract::State;
use data_encoding::HEXLOWER_PERMISSIVE;
use swabmesh_protocol::certificate::{Certificate, RENEWED_BEFORE_S};
use swabmesh_protocol::command::{Command, Published};
use swabmesh_protocol::id::NodeKey;

use super::Shell;
use super::body::{Body, Named};
use super::problem::Problem;
use crate::api::{Done, PublishCertificate, WithdrawNode};
use crate::clock;

/// The nodes enrolled, as far as this node knows; withdrawn ones too.
pub(super) async fn list(State(shell): State<Shell>) -> Result<Json<Vec<Certificate>>, Problem> {
    Ok(Json(shell.look(|replica| replica.enrolled().cloned().collect()).await?))
}

pub(super) async fn publish(
    State(shell): State<Shell>,
    Body(PublishCertificate { certificate }): Body<PublishCertificate>,
) -> Result<Json<Done>, Problem> {
    let certificate = HEXLOWER_PERMISSIVE.decode(certificate.as_bytes());
    let certificate = certificate.map_err(|error| {
        Problem::malformed(format!("the certificate is not hexadecimal: {error}"), "Send it as `authority enrol` does.")
    })?;
    shell.done(Command::Publish(Published::Certificate(certificate))).await
}

/// The members whose certificates are to be renewed, for whoever has the root key at hand.
pub(super) async fn due(State(shell): State<Shell>) -> Result<Json<Vec<Certificate>>, Problem> {
    let now_s = clock::wall().seconds();
    Ok(Json(shell.look(move |replica| replica.due(now_s, RENEWED_BEFORE_S)).await?))
}

pub(super) async fn withdraw(
    State(shell): State<Shell>,
    Named(node): Named<NodeKey>,
    Body(WithdrawNode { reason }): Body<WithdrawNode>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Withdraw { node, reason }).await
}

//! What the pages ask the node, under `/desk`: JSON, by session, attributed to whoever signed in.

mod batch;
mod board;
mod correction;
mod day;
mod inbox;
mod picture;
mod registration;
mod safety;
mod session;
mod specimen;
mod transport;
mod tube;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use swabmesh_node::picture::read::PICTURE_BYTES_MAX;

use crate::Pages;

/// Bytes of a camera's frame: 1080p, one byte a pixel.
const FRAME_BYTES_MAX: usize = 1_920 * 1_080;

pub(crate) fn routes(pages: Pages) -> Router {
    let picture_bytes = usize::try_from(PICTURE_BYTES_MAX).unwrap_or(usize::MAX);
    Router::new()
        .route("/desk/session", get(session::show).post(session::sign_in).delete(session::sign_out))
        .route("/desk/session/lock", post(session::lock))
        .route("/desk/session/unlock", post(session::unlock))
        .route("/desk/setup", post(session::set_up))
        .route("/desk/operators", get(session::operators).post(session::add_operator))
        .route("/desk/operators/{name}", delete(session::remove_operator))
        .route("/desk/operators/{name}/pin", post(session::reset_pin))
        .route("/desk/scan", post(registration::scan))
        .route("/desk/registrations", get(registration::list).post(registration::by_document))
        .route("/desk/documents/check", post(registration::check_document))
        .route("/desk/tubes", get(tube::list).post(tube::open))
        .route("/desk/tubes/{barcode}", get(tube::show))
        .route("/desk/tubes/{barcode}/seal", post(tube::seal))
        .route("/desk/tubes/{barcode}/reopen", post(tube::reopen))
        .route("/desk/tubes/{barcode}/move", post(tube::relocate))
        .route("/desk/corrections/undo", post(correction::undo))
        .route("/desk/corrections/void", post(correction::void))
        .route("/desk/corrections/amend", post(correction::amend))
        .route("/desk/inbox", get(inbox::list))
        .route("/desk/inbox/seen", post(inbox::seen))
        .route("/desk/boxes/{barcode}", get(transport::show))
        .route("/desk/boxes/{barcode}/pack", post(transport::pack))
        .route("/desk/boxes/{barcode}/handover", post(transport::hand_over))
        .route("/desk/labels/{barcode}", get(transport::label))
        .route("/desk/specimens/{barcode}", get(specimen::show))
        .route("/desk/arrivals", post(specimen::receive))
        .route("/desk/results/{tube}", post(specimen::report))
        .route("/desk/results/{tube}/correct", post(specimen::correct))
        .route("/desk/pools/{tube}", get(specimen::pool))
        .route("/desk/batch", post(batch::results))
        .route("/desk/day", get(day::show))
        .route("/desk/bundle", get(day::export).post(day::import).layer(DefaultBodyLimit::disable()))
        .route("/desk/board", post(board::set))
        .route("/board/figures", get(board::show))
        .route("/desk/safety", get(safety::show))
        .route("/desk/tablets", get(safety::tablets))
        .route("/desk/certificate.pem", get(safety::certificate))
        .route("/desk/frame", post(picture::frame).layer(DefaultBodyLimit::max(FRAME_BYTES_MAX)))
        .route("/desk/picture", post(picture::file).layer(DefaultBodyLimit::max(picture_bytes)))
        .with_state(pages)
}

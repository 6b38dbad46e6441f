//! Requests of the operator and their answers.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::limits::{ACCEPT_PAUSE, HEAD_TIMEOUT, MAX_CONNECTIONS, MAX_HEAD_BYTES};
use super::metrics;
use super::model::{Call, Gateway, Problem, Registration, Status};
use super::socket::Socket;

/// What an operator may see and do. Copies are handed out, so that an answer is written without
/// holding anything up.
pub trait Operated {
    /// How the whole is doing.
    fn status(&self) -> Status;
    /// The calls that stand, by number.
    fn calls(&self) -> Vec<Call>;
    /// One call.
    fn call(&self, number: u64) -> Option<Call>;
    /// The registered contacts.
    fn registrations(&self) -> Vec<Registration>;
    /// The gateways that controllers command.
    fn gateways(&self) -> Vec<Gateway>;
    /// Ends a call; false when there is no such call.
    fn end_call(&self, number: u64) -> bool;
    /// Takes no new calls.
    fn drain(&self);
}

/// Serves operators until the process ends. Must be called within a [`tokio::task::LocalSet`].
pub async fn serve(socket: &Socket, operated: Rc<dyn Operated>) -> io::Result<()> {
    let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = room.clone().acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) if is_allowed(&stream) => {
                let operated = operated.clone();
                tokio::task::spawn_local(async move {
                    serve_one(stream, operated).await;
                    drop(permit);
                });
            }
            Ok(_) => {}
            // Descriptors are short: not for ever.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Our own user and root; the socket's permissions say the same, but they can be changed.
fn is_allowed(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn serve_one(stream: UnixStream, operated: Rc<dyn Operated>) {
    let service = service_fn(|request: Request<Incoming>| {
        let operated = operated.clone();
        async move {
            Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &*operated).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "an operator's connection broke off");
    }
}

async fn answer(method: &Method, path: &str, operated: &dyn Operated) -> Response<Full<Bytes>> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, &segments[..]) {
        (&Method::GET, ["status"]) => json(StatusCode::OK, operated.status()).await,
        (&Method::GET, ["metrics"]) => exposition(&operated.status()),
        (&Method::GET, ["calls"]) => json(StatusCode::OK, operated.calls()).await,
        (&Method::GET, ["registrations"]) => json(StatusCode::OK, operated.registrations()).await,
        (&Method::GET, ["gateways"]) => json(StatusCode::OK, operated.gateways()).await,
        (&Method::GET, ["calls", number]) => {
            match number.parse().ok().and_then(|number| operated.call(number)) {
                Some(call) => json(StatusCode::OK, call).await,
                None => no_call(number).await,
            }
        }
        (&Method::DELETE, ["calls", number]) => {
            match number.parse().is_ok_and(|number| operated.end_call(number)) {
                true => accepted(),
                false => no_call(number).await,
            }
        }
        (&Method::POST, ["drain"]) => {
            operated.drain();
            accepted()
        }
        (_, ["status" | "metrics" | "calls" | "registrations" | "gateways"]) => {
            not_allowed("GET").await
        }
        (_, ["calls", _]) => not_allowed("GET, DELETE").await,
        (_, ["drain"]) => not_allowed("POST").await,
        _ => problem(StatusCode::NOT_FOUND, format!("there is nothing at {path}")).await,
    }
}

/// Long lists are turned into text on another thread.
async fn json<T: Serialize + Send + 'static>(
    status: StatusCode,
    value: T,
) -> Response<Full<Bytes>> {
    let text = tokio::task::spawn_blocking(move || serde_json::to_vec(&value)).await;
    match text {
        Ok(Ok(text)) => respond(status, "application/json", text),
        _ => respond(
            StatusCode::INTERNAL_SERVER_ERROR,
            "application/json",
            Vec::new(),
        ),
    }
}

fn exposition(status: &Status) -> Response<Full<Bytes>> {
    respond(
        StatusCode::OK,
        metrics::CONTENT_TYPE,
        metrics::render(status).into_bytes(),
    )
}

fn accepted() -> Response<Full<Bytes>> {
    respond(StatusCode::ACCEPTED, "application/json", Vec::new())
}

async fn no_call(number: &str) -> Response<Full<Bytes>> {
    problem(StatusCode::NOT_FOUND, format!("there is no call {number}")).await
}

async fn not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let text = format!("this takes {allowed} only");
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, text).await;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

async fn problem(status: StatusCode, problem: String) -> Response<Full<Bytes>> {
    json(status, Problem { problem }).await
}

fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

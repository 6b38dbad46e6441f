//! The way to a running Strait: HTTP over the Unix socket in its runtime directory.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use strait_config::{Config, default_directory};
use strait_control::admin::model::{Problem, Status};
use tokio::net::UnixStream;

use crate::{
    arguments::Instance,
    exit::{Exit, Failure},
};

/// The name of control's socket in the runtime directory.
pub const SOCKET_NAME: &str = "control.sock";
/// The name of the dataplane's.
pub const REGION_SOCKET: &str = "region.sock";
/// The longest answer that is read, in bytes; a hundred thousand calls take less.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A Strait that may be running.
pub struct Access {
    socket: PathBuf,
    /// The instance that must answer, where a configuration says which.
    instance: Option<String>,
}

impl Access {
    /// The one that the command line means.
    pub fn new(arguments: &Instance) -> Result<Access, Failure> {
        let (directory, instance) = match (&arguments.config, &arguments.directory) {
            (Some(file), _) => {
                let config = Config::load(file).map_err(|report| {
                    eprint!("{report}");
                    Failure::new(Exit::Configuration, "")
                })?;
                (
                    config.runtime_directory(),
                    Some(config.instance.to_string()),
                )
            }
            (None, Some(directory)) => (directory.clone(), None),
            (None, None) => {
                let uid = rustix::process::geteuid().as_raw();
                let xdg = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
                (default_directory("strait", uid, xdg.as_deref()), None)
            }
        };
        Ok(Access::to(&directory, instance))
    }

    /// The one in `directory`; with `instance`, it must bear that name.
    pub fn to(directory: &Path, instance: Option<String>) -> Access {
        Access {
            socket: directory.join(SOCKET_NAME),
            instance,
        }
    }

    /// How it is doing. Everything starts with this: it tells whose socket it is.
    pub async fn status(&self) -> Result<Status, Failure> {
        let status: Status = self.get("/status").await?;
        match &self.instance {
            Some(expected) if *expected != status.instance => Err(Failure::new(
                Exit::NotRunning,
                format!(
                    "{} belongs to instance `{}`, but the configuration is of `{expected}`; \
                     give each instance a runtime_directory of its own",
                    self.socket.display(),
                    crate::print::plain(&status.instance),
                ),
            )),
            _ => Ok(status),
        }
    }

    /// Asks for `path`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = self.send(Method::GET, path).await?;
        serde_json::from_slice(&body).map_err(|error| {
            self.failed(&format!(
                "{path} is answered with something else: {error}; do the releases differ?"
            ))
        })
    }

    /// Asks for something to be done.
    pub async fn order(&self, method: Method, path: &str) -> Result<(), Failure> {
        self.send(method, path).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str) -> Result<Bytes, Failure> {
        match tokio::time::timeout(ANSWER_WITHIN, self.exchange(method, path)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let seconds = ANSWER_WITHIN.as_secs();
                Err(self.failed(&format!(
                    "no answer within {seconds} s; is strait-control stuck?"
                )))
            }
        }
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<Bytes, Failure> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|e| self.unreachable(&e))?;
        let broken = |error: hyper::Error| self.failed(&format!("the answer broke off: {error}"));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(hyper::header::HOST, "strait")
            .body(Empty::<Bytes>::new())
            .expect("method and path are our own");
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        driver.abort();
        let body = body
            .map_err(|e| self.failed(&format!("the answer broke off: {e}")))?
            .to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(self.refused(path, status, &body))
        }
    }

    fn unreachable(&self, error: &std::io::Error) -> Failure {
        let socket = self.socket.display();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::new(
                Exit::NotRunning,
                format!(
                    "Strait is not running: nothing answers at {socket}; start it with \
                     `strait run`, or name the running one with -c FILE or --directory DIR"
                ),
            ),
            ErrorKind::PermissionDenied => Failure::new(
                Exit::Privilege,
                format!("not allowed to use {socket}; be the user Strait runs as, or root"),
            ),
            _ => self.failed(&error.to_string()),
        }
    }

    fn refused(&self, path: &str, status: StatusCode, body: &[u8]) -> Failure {
        let said = serde_json::from_slice(body).map(|problem: Problem| problem.problem);
        let said = said.unwrap_or_else(|_| format!("{path} is answered {status}"));
        Failure::new(Exit::Failed, crate::print::plain(&said))
    }

    fn failed(&self, what: &str) -> Failure {
        Failure::new(Exit::Failed, format!("{}: {what}", self.socket.display()))
    }
}

/// Runs a conversation to its end.
pub fn converse<T>(conversation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    runtime.block_on(conversation)
}

//! Why the process ends, and the exit code that says so.
//!
//! | code | meaning                                        |
//! |------|------------------------------------------------|
//! | 0    | ended as asked                                 |
//! | 1    | failed while running                           |
//! | 2    | wrong use of the command line                  |
//! | 3    | the configuration is invalid                   |
//! | 4    | an address, port or socket is in use or not here |
//! | 5    | a privilege is missing                         |
//! | 6    | the dataplane's region or the journal is refused |

use std::io;

use strait_config::Report;
use strait_shared::attach::FetchError;
use thiserror::Error;

use crate::admin::SocketError;
use crate::journal::JournalError;
use crate::link::{DataplaneError, LinkError};
use crate::records::RecordsError;
use crate::transport::bind::BindError;
use crate::users::UsersError;

/// Why the process cannot start or go on. Displays as one line that says what to do.
#[derive(Debug, Error)]
pub enum Failure {
    /// The configuration is invalid; the report has a line for each mistake.
    #[error("{0}")]
    Configuration(Report),
    /// A table of users cannot be read.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// A signalling address cannot be taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The operator's socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// There is no dataplane, or not the right one.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// Call records cannot be kept.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The journal cannot be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The operating system refuses something that it never should.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
}

impl Failure {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Configuration(_) | Failure::Users(_) => 3,
            Failure::Bind(BindError::InUse(..) | BindError::NotHere(..)) => 4,
            Failure::Bind(BindError::Privilege(..)) => 5,
            Failure::Socket(SocketError::InUse(_)) | Failure::Journal(JournalError::InUse(_)) => 4,
            Failure::Dataplane(
                DataplaneError::Fetch(FetchError::Attach(_) | FetchError::Foreign(_))
                | DataplaneError::Link(LinkError::End(_) | LinkError::Ring { .. }),
            )
            | Failure::Journal(JournalError::Layout { .. }) => 6,
            Failure::Bind(BindError::Other(..))
            | Failure::Socket(SocketError::Unsafe(_) | SocketError::Unusable { .. })
            | Failure::Dataplane(_)
            | Failure::Records(_)
            | Failure::Journal(JournalError::Unusable { .. })
            | Failure::System(..) => 1,
        }
    }
}

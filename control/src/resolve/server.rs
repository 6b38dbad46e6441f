//! One server of the DNS: questions on the wire and answers kept for their time to live, by the
//! resolver library, and its records as plain values.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::limits::{
    MAX_CACHED, MAX_KEPT, MAX_NEGATIVE_KEPT, MAX_SERVERS, MIN_NEGATIVE_KEPT, QUESTION_TIMEOUT,
};
use super::records::{Naptr, Srv, Unanswered};

/// A server, asked over UDP and, where an answer does not fit, over TCP.
///
/// The library joins identical questions that are under way. It does not go to another server
/// because one answers SERVFAIL or REFUSED, so that each server is given to a resolver of its own.
pub struct Server {
    resolver: TokioResolver,
}

impl Server {
    /// Takes up a server at `address`, which sees this machine's list of hosts or not.
    pub fn new(address: SocketAddr, hosts: ResolveHosts) -> Result<Self, NetError> {
        let on_port = |mut connection: ConnectionConfig| {
            connection.port = address.port();
            connection
        };
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        let server = NameServerConfig::new(
            address.ip(),
            true,
            connections.map(on_port).into_iter().collect(),
        );
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        set(builder.options_mut(), hosts);
        Ok(Self {
            resolver: builder.build()?,
        })
    }

    /// The NAPTR records of a name.
    pub async fn naptr(&self, name: &str) -> Result<Vec<Naptr>, Unanswered> {
        let take = |data: &RData| match data {
            RData::NAPTR(naptr) => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: text(&naptr.flags),
                services: text(&naptr.services),
                regexp: text(&naptr.regexp),
                replacement: bare(&naptr.replacement),
            }),
            _ => None,
        };
        self.ask(name, RecordType::NAPTR, take).await
    }

    /// The SRV records of a name.
    pub async fn srv(&self, name: &str) -> Result<Vec<Srv>, Unanswered> {
        let take = |data: &RData| match data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: bare(&srv.target),
            }),
            _ => None,
        };
        self.ask(name, RecordType::SRV, take).await
    }

    /// The A records of a name.
    pub async fn ipv4(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        let take = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            _ => None,
        };
        self.ask(name, RecordType::A, take).await
    }

    /// The AAAA records of a name.
    pub async fn ipv6(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        let take = |data: &RData| match data {
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        self.ask(name, RecordType::AAAA, take).await
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        take: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, Unanswered> {
        // A name that cannot be written into a question is nobody's.
        let mut name = Name::from_ascii(name).map_err(|_| Unanswered::NoSuchName)?;
        name.set_fqdn(true);
        match self.resolver.lookup(name, kind).await {
            Ok(answer) => Ok(answer
                .answers()
                .iter()
                .filter_map(|record| take(&record.data))
                .collect()),
            Err(error) => reason(&error).map_or(Ok(Vec::new()), Err),
        }
    }
}

/// The servers this machine's own programs ask, the first to be asked first.
pub fn of_the_system() -> Result<Vec<SocketAddr>, NetError> {
    let (config, _) = hickory_resolver::system_conf::read_system_conf()?;
    let servers = config.name_servers().iter().take(MAX_SERVERS);
    Ok(servers.map(|server| (server.ip, 53).into()).collect())
}

fn set(options: &mut ResolverOpts, hosts: ResolveHosts) {
    options.timeout = QUESTION_TIMEOUT;
    options.attempts = 0;
    options.use_hosts_file = hosts;
    options.cache_size = MAX_CACHED;
    options.positive_max_ttl = Some(MAX_KEPT);
    options.negative_min_ttl = Some(MIN_NEGATIVE_KEPT);
    options.negative_max_ttl = Some(MAX_NEGATIVE_KEPT);
    // Aliases on the way to a record are not records of its kind.
    options.preserve_intermediates = false;
}

/// Why there is no answer; `None` where the answer is that there are no such records.
fn reason(error: &NetError) -> Option<Unanswered> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Some(Unanswered::NoSuchName),
            ResponseCode::NoError => None,
            _ => Some(Unanswered::Failed),
        },
        NetError::Timeout | NetError::Io(_) | NetError::NoConnections | NetError::Busy => {
            Some(Unanswered::TimedOut)
        }
        _ => Some(Unanswered::Failed),
    }
}

fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

/// A name as we write it: lower case, without the last dot; the root is empty.
fn bare(name: &Name) -> Box<str> {
    let text = name.to_ascii().to_ascii_lowercase();
    text.trim_end_matches('.').into()
}

//! Messages of error logs: their level, the module that wrote them, and what kind of fault they tell.
//!
//! All three are words of closed sets. The message itself is free text, in which anything may be quoted, and
//! is never told.
//!
//! A message is told by the words that it begins with, then by the number of an error where nginx and
//! Apache write it, and only then by words anywhere. Visitors can put words into it: the worst that comes
//! of them is another word of the set.
//!
//! Sources: the calls of `ngx_log_error` in nginx, those of `ap_log_error`, `ap_log_cerror` and
//! `ap_log_rerror` in Apache httpd with the numbers that it calls `APLOGNO`, and the messages of PHP,
//! ModSecurity and NAXSI.

use memchr::memmem::{find, rfind};

/// Defines a closed set with its words, in order.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $set:ident { $($(#[$doc:meta])* $variant:ident $word:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $set {
            $($(#[$doc])* $variant,)*
        }

        impl $set {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// The level of a message.
    #[expect(missing_docs, reason = "each variant is the level of its name")]
    Level {
        Emerg "emerg",
        Alert "alert",
        Crit "crit",
        Error "error",
        Warn "warn",
        Notice "notice",
        Info "info",
        Debug "debug",
        Trace "trace",
        Other "other",
    }
}

impl Level {
    /// The level of that word. The eight depths of tracing are one.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        match word {
            b"warning" => Self::Warn,
            [start @ .., b'1'..=b'8'] if start == b"trace" => Self::Trace,
            _ => of(Self::ALL, Self::name, word).unwrap_or(Self::Other),
        }
    }
}

words! {
    /// The module of a server, as Apache names it.
    #[expect(missing_docs, reason = "each variant is the module of its name")]
    Module {
        AccessCompat "access_compat",
        Actions "actions",
        Alias "alias",
        AuthBasic "auth_basic",
        AuthDigest "auth_digest",
        AuthForm "auth_form",
        AuthOpenidc "auth_openidc",
        AuthnCore "authn_core",
        AuthnDbd "authn_dbd",
        AuthnFile "authn_file",
        AuthnSocache "authn_socache",
        AuthnzLdap "authnz_ldap",
        AuthzCore "authz_core",
        AuthzDbd "authz_dbd",
        AuthzGroupfile "authz_groupfile",
        AuthzHost "authz_host",
        AuthzOwner "authz_owner",
        AuthzUser "authz_user",
        Autoindex "autoindex",
        Brotli "brotli",
        Cache "cache",
        CacheDisk "cache_disk",
        CacheSocache "cache_socache",
        Cgi "cgi",
        Cgid "cgid",
        Core "core",
        Dav "dav",
        DavFs "dav_fs",
        DavSvn "dav_svn",
        Dbd "dbd",
        Deflate "deflate",
        Dir "dir",
        Dumpio "dumpio",
        Env "env",
        Evasive20 "evasive20",
        Expires "expires",
        ExtFilter "ext_filter",
        Fcgid "fcgid",
        Filter "filter",
        Headers "headers",
        Http "http",
        Http2 "http2",
        Include "include",
        Info "info",
        Jk "jk",
        LbmethodByrequests "lbmethod_byrequests",
        Ldap "ldap",
        LogConfig "log_config",
        LogDebug "log_debug",
        Lsapi "lsapi",
        Lua "lua",
        Md "md",
        Mime "mime",
        MimeMagic "mime_magic",
        MpmEvent "mpm_event",
        MpmPrefork "mpm_prefork",
        MpmWinnt "mpm_winnt",
        MpmWorker "mpm_worker",
        Negotiation "negotiation",
        Perl "perl",
        Php "php",
        Php5 "php5",
        Php7 "php7",
        Proxy "proxy",
        ProxyAjp "proxy_ajp",
        ProxyBalancer "proxy_balancer",
        ProxyConnect "proxy_connect",
        ProxyFcgi "proxy_fcgi",
        ProxyFtp "proxy_ftp",
        ProxyHcheck "proxy_hcheck",
        ProxyHttp "proxy_http",
        ProxyHttp2 "proxy_http2",
        ProxyScgi "proxy_scgi",
        ProxyUwsgi "proxy_uwsgi",
        ProxyWstunnel "proxy_wstunnel",
        Qos "qos",
        Ratelimit "ratelimit",
        Remoteip "remoteip",
        Reqtimeout "reqtimeout",
        Rewrite "rewrite",
        Security2 "security2",
        Session "session",
        SessionCookie "session_cookie",
        SessionDbd "session_dbd",
        Setenvif "setenvif",
        SlotmemShm "slotmem_shm",
        SocacheMemcache "socache_memcache",
        SocacheShmcb "socache_shmcb",
        Speling "speling",
        Ssl "ssl",
        Status "status",
        Substitute "substitute",
        Suexec "suexec",
        Systemd "systemd",
        UniqueId "unique_id",
        Unixd "unixd",
        Userdir "userdir",
        VhostAlias "vhost_alias",
        Watchdog "watchdog",
        Wsgi "wsgi",
        Xsendfile "xsendfile",
        Other "other",
    }
}

impl Module {
    /// The module of that word. PHP names itself after its version until the eighth.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        match word {
            b"php8" => Self::Php,
            _ => of(Self::ALL, Self::name, word).unwrap_or(Self::Other),
        }
    }
}

words! {
    /// A kind of fault.
    Fault {
        /// There is no such file.
        NotFound "not-found",
        /// Access is forbidden, for another reason than a rule about clients.
        Forbidden "forbidden",
        /// A rule of the configuration forbids access.
        DeniedByRule "denied-by-rule",
        /// A directory was asked for, which is not listed.
        IsDirectory "is-directory",
        /// Credentials are missing or wrong.
        AuthFailed "auth-failed",
        /// The request is not as HTTP has it, or longer than the server takes.
        BadRequest "bad-request",
        /// The body of the request is larger than the server takes.
        TooLarge "too-large",
        /// There were too many requests or connections.
        RateLimited "rate-limited",
        /// The client took too long.
        ClientTimeout "client-timeout",
        /// The client closed the connection.
        ClientClosed "client-closed",
        /// A server behind refused the connection.
        UpstreamRefused "upstream-refused",
        /// A server behind took too long.
        UpstreamTimeout "upstream-timeout",
        /// A server behind closed the connection.
        UpstreamClosed "upstream-closed",
        /// A server behind answered what is no answer.
        UpstreamInvalid "upstream-invalid",
        /// No server behind can be reached.
        UpstreamUnavailable "upstream-unavailable",
        /// No TLS connection came about with a server behind.
        UpstreamTls "upstream-tls",
        /// No TLS connection came about with a client.
        TlsHandshake "tls-handshake",
        /// A script failed or complained.
        ScriptError "script-error",
        /// There is no such script.
        ScriptNotFound "script-not-found",
        /// The operating system does not permit it.
        Permission "permission",
        /// Workers, files, memory or room on the disk are used up.
        ResourceLimit "resource-limit",
        /// A body was too large for memory and was written to a file.
        Buffered "buffered",
        /// The configuration is wrong or doubtful.
        Configuration "configuration",
        /// The server starts or reads its configuration again.
        Startup "startup",
        /// The server ends.
        Shutdown "shutdown",
        /// A process of the server ended.
        WorkerExit "worker-exit",
        /// A request was passed round within the server too often.
        RewriteLoop "rewrite-loop",
        /// A web application firewall.
        Waf "waf",
        /// Any other.
        Other "other",
    }
}

/// What messages begin with. The first that fits counts.
const BEGINNINGS: &[(&str, Fault)] = &[
    // nginx
    ("access forbidden by rule", Fault::DeniedByRule),
    ("directory index of \"", Fault::IsDirectory),
    ("no user/password was provided", Fault::AuthFailed),
    ("client login failed", Fault::AuthFailed),
    ("client intended to send too large", Fault::TooLarge),
    ("client timed out", Fault::ClientTimeout),
    ("client SSL certificate verify error", Fault::TlsHandshake),
    ("client sent no required SSL certificate", Fault::TlsHandshake),
    ("client sent an unrecognized expectation", Fault::BadRequest),
    ("client sent ", Fault::BadRequest),
    ("client violated ", Fault::BadRequest),
    ("client exceeded ", Fault::BadRequest),
    ("client closed", Fault::ClientClosed),
    ("client prematurely closed", Fault::ClientClosed),
    ("client canceled", Fault::ClientClosed),
    ("client terminated", Fault::ClientClosed),
    ("epoll_wait() reported that client", Fault::ClientClosed),
    ("kevent() reported that client", Fault::ClientClosed),
    ("limiting ", Fault::RateLimited),
    ("delaying request", Fault::RateLimited),
    ("upstream timed out", Fault::UpstreamTimeout),
    ("upstream prematurely closed", Fault::UpstreamClosed),
    ("upstream closed", Fault::UpstreamClosed),
    ("upstream sent ", Fault::UpstreamInvalid),
    ("upstream SSL certificate", Fault::UpstreamTls),
    ("upstream server temporarily disabled", Fault::UpstreamUnavailable),
    ("auth request unexpected status", Fault::UpstreamInvalid),
    ("no live upstreams", Fault::UpstreamUnavailable),
    ("peer closed connection in SSL handshake", Fault::TlsHandshake),
    ("FastCGI sent in stderr: \"Primary script unknown", Fault::ScriptNotFound),
    ("FastCGI sent in stderr: \"Unable to open primary script", Fault::ScriptNotFound),
    ("FastCGI sent in stderr: \"Access to the script", Fault::Forbidden),
    ("FastCGI sent in stderr", Fault::ScriptError),
    ("lua entry thread aborted", Fault::ScriptError),
    ("rewrite or internal redirection cycle", Fault::RewriteLoop),
    ("subrequests cycle", Fault::RewriteLoop),
    ("an upstream response is buffered", Fault::Buffered),
    ("a client request body is buffered", Fault::Buffered),
    ("worker process ", Fault::WorkerExit),
    ("cache manager process ", Fault::WorkerExit),
    ("cache loader process ", Fault::WorkerExit),
    ("signal 17 (SIGCHLD)", Fault::WorkerExit),
    ("signal 20 (SIGCHLD)", Fault::WorkerExit),
    ("signal 1 (SIGHUP)", Fault::Startup),
    ("signal 3 (SIGQUIT)", Fault::Shutdown),
    ("signal 15 (SIGTERM)", Fault::Shutdown),
    ("signal process started", Fault::Startup),
    ("start worker process", Fault::Startup),
    ("start cache ", Fault::Startup),
    ("reconfiguring", Fault::Startup),
    ("using the \"", Fault::Startup),
    ("using inherited sockets", Fault::Startup),
    ("nginx/", Fault::Startup),
    ("openresty/", Fault::Startup),
    ("built by ", Fault::Startup),
    ("OS: ", Fault::Startup),
    ("getrlimit(RLIMIT_NOFILE)", Fault::Startup),
    ("gracefully shutting down", Fault::Shutdown),
    ("exiting", Fault::Shutdown),
    ("bind() to ", Fault::Configuration),
    ("still could not bind()", Fault::Configuration),
    ("unknown directive ", Fault::Configuration),
    ("invalid number of arguments", Fault::Configuration),
    ("host not found in upstream", Fault::Configuration),
    ("no resolver defined", Fault::Configuration),
    ("conflicting server name", Fault::Configuration),
    ("conflicting parameter", Fault::Configuration),
    ("duplicate ", Fault::Configuration),
    ("cannot load certificate", Fault::Configuration),
    ("\"ssl_stapling\" ignored", Fault::Configuration),
    ("the \"", Fault::Configuration),
    ("could not find named location", Fault::Configuration),
    ("could not allocate ", Fault::ResourceLimit),
    ("ngx_slab_alloc() failed", Fault::ResourceLimit),
    ("NAXSI_", Fault::Waf),
    ("ModSecurity: Audit log: ", Fault::Other),
    ("ModSecurity for ", Fault::Startup),
    ("ModSecurity", Fault::Waf),
    // Apache
    ("File does not exist", Fault::NotFound),
    ("Cannot map ", Fault::NotFound),
    ("Negotiation: discovered file(s) matching request", Fault::NotFound),
    ("client denied by server configuration", Fault::DeniedByRule),
    ("client method denied by server configuration", Fault::DeniedByRule),
    ("TRACE forbidden by server configuration", Fault::DeniedByRule),
    ("Options ExecCGI is off", Fault::DeniedByRule),
    ("Directory index forbidden by", Fault::IsDirectory),
    ("Cannot serve directory", Fault::IsDirectory),
    ("Attempt to serve directory", Fault::IsDirectory),
    ("attempt to invoke directory as script", Fault::IsDirectory),
    ("Symbolic link not allowed", Fault::Forbidden),
    ("Forbidden: ", Fault::Forbidden),
    ("exec used but not allowed", Fault::Forbidden),
    ("file permissions deny server", Fault::Permission),
    ("authorization failure", Fault::AuthFailed),
    ("Authorization of user ", Fault::AuthFailed),
    ("access to ", Fault::Forbidden),
    ("client used wrong authentication scheme", Fault::AuthFailed),
    ("No authentication done", Fault::AuthFailed),
    ("Digest: ", Fault::AuthFailed),
    ("invalid nonce", Fault::AuthFailed),
    ("realm mismatch", Fault::AuthFailed),
    ("uri mismatch", Fault::AuthFailed),
    ("Invalid method in request", Fault::BadRequest),
    ("Invalid URI in request", Fault::BadRequest),
    ("invalid URI path", Fault::BadRequest),
    ("Invalid Content-Length", Fault::BadRequest),
    ("Unknown Transfer-Encoding", Fault::BadRequest),
    ("Client sent malformed Host header", Fault::BadRequest),
    ("HTTP Request Line; ", Fault::BadRequest),
    ("HTTP Request: ", Fault::BadRequest),
    ("URI too long", Fault::BadRequest),
    ("request failed: ", Fault::BadRequest),
    ("Request header ", Fault::BadRequest),
    ("Number of request headers exceeds", Fault::BadRequest),
    ("Hostname ", Fault::BadRequest),
    ("No hostname was provided via SNI", Fault::BadRequest),
    ("Rewritten query string contains control characters", Fault::BadRequest),
    ("found %2f", Fault::BadRequest),
    ("Requested content-length of ", Fault::TooLarge),
    ("Request body ", Fault::TooLarge),
    ("Read content-length of ", Fault::TooLarge),
    ("Request header read timeout", Fault::ClientTimeout),
    ("Request body read timeout", Fault::ClientTimeout),
    ("Request handshake read timeout", Fault::ClientTimeout),
    ("client denied by mod_evasive", Fault::RateLimited),
    ("client sent SSL handshake", Fault::BadRequest),
    ("Blacklisting address", Fault::RateLimited),
    ("error reading status line from remote", Fault::UpstreamClosed),
    ("Error reading from remote server", Fault::UpstreamClosed),
    ("Network error reading response", Fault::UpstreamClosed),
    ("Error dispatching request to", Fault::UpstreamClosed),
    ("failed to make connection to backend", Fault::UpstreamUnavailable),
    ("DNS lookup failure for", Fault::UpstreamUnavailable),
    ("all workers are busy", Fault::UpstreamUnavailable),
    ("ap_proxy_connect_backend disabling worker", Fault::UpstreamUnavailable),
    ("bad HTTP/", Fault::UpstreamInvalid),
    ("Ignoring bogus HTTP header", Fault::UpstreamInvalid),
    ("Error parsing script headers", Fault::UpstreamInvalid),
    ("SSL Proxy ", Fault::UpstreamTls),
    ("SSL library error ", Fault::TlsHandshake),
    ("SSL Library Error", Fault::TlsHandshake),
    ("SSL handshake ", Fault::TlsHandshake),
    ("SSL input filter read failed", Fault::TlsHandshake),
    ("Certificate Verification: Error", Fault::TlsHandshake),
    ("Got error 'Primary script unknown", Fault::ScriptNotFound),
    ("Got error 'Unable to open primary script", Fault::ScriptNotFound),
    ("Got error '", Fault::ScriptError),
    ("script not found or unable to stat", Fault::ScriptNotFound),
    ("script '", Fault::ScriptNotFound),
    ("Premature end of script headers", Fault::ScriptError),
    ("End of script output before headers", Fault::ScriptError),
    ("malformed header from script", Fault::ScriptError),
    ("Timeout waiting for output from CGI script", Fault::ScriptError),
    ("mod_wsgi (pid=", Fault::ScriptError),
    ("Traceback (most recent call last)", Fault::ScriptError),
    ("PHP Startup", Fault::Configuration),
    ("PHP ", Fault::ScriptError),
    ("Request exceeded the limit of ", Fault::RewriteLoop),
    ("server reached Max", Fault::ResourceLimit),
    ("server is within MinSpareThreads", Fault::ResourceLimit),
    ("server seems busy", Fault::ResourceLimit),
    ("scoreboard is full", Fault::ResourceLimit),
    ("fork: Unable to fork", Fault::ResourceLimit),
    ("child pid ", Fault::WorkerExit),
    ("caught SIGTERM", Fault::Shutdown),
    ("caught SIGWINCH", Fault::Shutdown),
    ("SIGHUP received", Fault::Startup),
    ("SIGUSR1 received", Fault::Startup),
    ("Graceful restart requested", Fault::Startup),
    ("Command line: ", Fault::Startup),
    ("Server built: ", Fault::Startup),
    ("Apache/", Fault::Startup),
    ("Apache configured", Fault::Startup),
    ("suEXEC mechanism enabled", Fault::Startup),
    ("WARNING: ", Fault::Configuration),
    ("RSA server certificate", Fault::Configuration),
    ("Init: ", Fault::Configuration),
    ("NameVirtualHost ", Fault::Configuration),
    ("AuthType configured without", Fault::Configuration),
];

/// Messages of Apache that begin with something else than their own words, by their numbers.
const NUMBERS: &[(u32, Fault)] = &[
    (35, Fault::Permission),
    (36, Fault::Forbidden),
    (124, Fault::RewriteLoop),
    (125, Fault::RewriteLoop),
    (163, Fault::Startup),
    (170, Fault::Shutdown),
    (292, Fault::Startup),
    (296, Fault::Shutdown),
    (297, Fault::Startup),
    (489, Fault::Startup),
    (492, Fault::Shutdown),
    (493, Fault::Startup),
    (526, Fault::Configuration),
    (534, Fault::Configuration),
    (556, Fault::Configuration),
    (557, Fault::Configuration),
    (558, Fault::Configuration),
    (560, Fault::BadRequest),
    (898, Fault::UpstreamClosed),
    (932, Fault::UpstreamUnavailable),
    (939, Fault::UpstreamRefused),
    (940, Fault::UpstreamUnavailable),
    (941, Fault::UpstreamUnavailable),
    (951, Fault::UpstreamClosed),
    (957, Fault::UpstreamRefused),
    (958, Fault::UpstreamRefused),
    (961, Fault::UpstreamTls),
    (1114, Fault::UpstreamUnavailable),
    (1167, Fault::UpstreamUnavailable),
    (1170, Fault::UpstreamUnavailable),
    (1171, Fault::UpstreamUnavailable),
    (1215, Fault::ScriptError),
    (1382, Fault::ClientTimeout),
    (1617, Fault::AuthFailed),
    (1618, Fault::AuthFailed),
    (1631, Fault::AuthFailed),
    (1790, Fault::AuthFailed),
    (1791, Fault::AuthFailed),
    (1792, Fault::AuthFailed),
    (1794, Fault::AuthFailed),
    (1807, Fault::AuthFailed),
    (1808, Fault::AuthFailed),
    (1906, Fault::Configuration),
    (1907, Fault::Configuration),
    (1909, Fault::Configuration),
];

/// Words that may stand anywhere, after something that differs. The first that fits counts.
const ANYWHERE: &[(&str, Fault)] = &[
    ("password mismatch", Fault::AuthFailed),
    ("Password Mismatch", Fault::AuthFailed),
    (": authentication failure for \"", Fault::AuthFailed),
    ("\" was not found in \"", Fault::AuthFailed),
    ("worker_connections are not enough", Fault::ResourceLimit),
    ("worker_connections exceed", Fault::ResourceLimit),
    ("could not be resolved", Fault::UpstreamUnavailable),
    (" closed keepalive connection", Fault::ClientClosed),
    ("configured -- resuming normal operations", Fault::Startup),
    ("ModSecurity: ", Fault::Waf),
    ("PHP Fatal error", Fault::ScriptError),
    ("PHP Parse error", Fault::ScriptError),
];

impl Fault {
    /// The kind of fault that a message tells.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        // Apache writes the system's error before the client; its version 2.2, after it.
        let (before, message) = system_error(message);
        let (after, message) = system_error(without_client(message));
        let system = before.or(after);
        let (number, message) = numbered(message);
        let numbers = number.and_then(|number| NUMBERS.iter().find(|(known, _)| *known == number));
        let begins = |(start, _): &&(&str, Self)| message.starts_with(start.as_bytes());
        let has = |(words, _): &&(&str, Self)| find(message, words.as_bytes()).is_some();
        let found = numbers.map(|(_, fault)| *fault);
        let found = found.or_else(|| Some(BEGINNINGS.iter().find(begins)?.1));
        let fault = found
            .or_else(|| Self::of_call(message))
            .or_else(|| Some(ANYWHERE.iter().find(has)?.1))
            .or_else(|| Self::of_file(system?))
            .unwrap_or(Self::Other);
        match (fault, system) {
            // What a connection failed of is told by the system, in the words of either library.
            (
                Self::UpstreamRefused | Self::UpstreamClosed | Self::UpstreamUnavailable,
                Some(system),
            ) => Self::of_upstream(system).unwrap_or(fault),
            (Self::ResourceLimit, _) => Self::ResourceLimit,
            (_, Some(12 | 23 | 24 | 28)) => Self::ResourceLimit,
            _ => fault,
        }
    }

    /// The kind of a call that failed, as nginx tells it: `open() "..." failed (2: ...) while ...`.
    fn of_call(message: &[u8]) -> Option<Self> {
        let (error, after) = call_error(message)?;
        let is_upstream = find(after, b"upstream").is_some();
        let begins = |start: &[u8]| message.starts_with(start);
        match error {
            _ if begins(b"SSL_") || begins(b"SSL ") => {
                Some(if is_upstream { Self::UpstreamTls } else { Self::TlsHandshake })
            }
            CallError::Tls => None,
            CallError::System(12 | 23 | 24 | 28) => Some(Self::ResourceLimit),
            CallError::System(error) if begins(b"connect() ") => {
                Some(Self::of_upstream(error).unwrap_or(Self::UpstreamUnavailable))
            }
            CallError::System(error) if is_upstream && !begins(b"open() ") => {
                Self::of_upstream(error)
            }
            CallError::System(error) => match error {
                32 | 53 | 54 | 103 | 104 => Some(Self::ClientClosed),
                60 | 110 => Some(Self::ClientTimeout),
                _ => Self::of_file(error),
            },
        }
    }

    /// The kind of an error with a file.
    const fn of_file(error: u32) -> Option<Self> {
        match error {
            2 | 20 => Some(Self::NotFound),
            1 | 13 => Some(Self::Permission),
            12 | 23 | 24 | 28 => Some(Self::ResourceLimit),
            21 => Some(Self::IsDirectory),
            36 | 63 => Some(Self::BadRequest),
            40 | 62 => Some(Self::Forbidden),
            _ => None,
        }
    }

    /// The kind of an error with a server behind. Numbers are those of Linux, of FreeBSD and macOS, and
    /// of Apache's library.
    const fn of_upstream(error: u32) -> Option<Self> {
        match error {
            61 | 111 => Some(Self::UpstreamRefused),
            60 | 110 | 70_007 => Some(Self::UpstreamTimeout),
            32 | 54 | 104 | 20_014 | 70_014 => Some(Self::UpstreamClosed),
            2 | 11 | 13 | 51 | 65 | 99 | 101 | 113 => Some(Self::UpstreamUnavailable),
            _ => None,
        }
    }

    /// Whether what was asked for had been found when the fault happened, by the server or by an upstream
    /// that had begun to work on it, so that the path is not just the visitor's own text.
    #[must_use]
    pub const fn path_is_confirmed(self) -> bool {
        matches!(
            self,
            Self::UpstreamTimeout
                | Self::UpstreamClosed
                | Self::UpstreamInvalid
                | Self::ScriptError
                | Self::Buffered
        )
    }
}

/// The member of a set that has that word; every set has `other`, which no word means.
fn of<T: Copy>(all: &[T], name: fn(T) -> &'static str, word: &[u8]) -> Option<T> {
    all.iter().copied().find(|one| name(*one).as_bytes() == word)
}

/// A message without the client that Apache writes after the system's error, and ModSecurity before its own.
fn without_client(message: &[u8]) -> &[u8] {
    if !message.starts_with(b"[client ") {
        return message;
    }
    find(message, b"] ").map_or(message, |end| &message[end + 2..])
}

/// The number in `(13)Permission denied: `, and the message after it.
fn system_error(message: &[u8]) -> (Option<u32>, &[u8]) {
    let parts = || {
        let (number, rest) = digits(message.strip_prefix(b"(")?)?;
        let words = rest.strip_prefix(b")")?;
        Some((number, &words[find(words, b": ")? + 2..]))
    };
    parts().map_or((None, message), |(number, rest)| (Some(number), rest))
}

/// The number in `AH01630: `, and the message after it.
fn numbered(message: &[u8]) -> (Option<u32>, &[u8]) {
    let parts = || {
        let (number, rest) = digits(message.strip_prefix(b"AH")?)?;
        Some((number, rest.strip_prefix(b": ")?))
    };
    parts().map_or((None, message), |(number, rest)| (Some(number), rest))
}

/// What nginx tells of a call that failed.
enum CallError {
    System(u32),
    /// The library's own words.
    Tls,
}

/// The last error in parentheses, and what follows it: a visitor's text comes before.
fn call_error(message: &[u8]) -> Option<(CallError, &[u8])> {
    if let Some(at) = rfind(message, b" (SSL: ") {
        return Some((CallError::Tls, &message[at..]));
    }
    let mut end = message.len();
    while let Some(at) = rfind(&message[..end], b" (") {
        if let Some((number, rest)) = digits(&message[at + 2..])
            && rest.starts_with(b": ")
        {
            // Errors of name servers have numbers of their own.
            let is_of_names = message[..at].ends_with(b"could not be resolved");
            return (!is_of_names).then_some((CallError::System(number), rest));
        }
        end = at;
    }
    None
}

/// The number that a text begins with, and what follows it. None has more than six digits.
fn digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = str::from_utf8(&text[..length]).ok().filter(|_| length <= 6)?.parse().ok()?;
    Some((number, &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for level in Level::ALL {
            assert_eq!(Level::of(level.name().as_bytes()), *level);
        }
        for (word, level) in [
            ("warning", Level::Warn),
            ("trace1", Level::Trace),
            ("trace8", Level::Trace),
            ("trace9", Level::Other),
            ("ERROR", Level::Other),
            ("", Level::Other),
        ] {
            assert_eq!(Level::of(word.as_bytes()), level, "{word}");
        }
    }

    #[test]
    fn modules() {
        for module in Module::ALL {
            assert_eq!(Module::of(module.name().as_bytes()), *module);
        }
        assert_eq!(Module::of(b"php8"), Module::Php);
        for word in ["ab", "", "alice@example.com", "Core", "mod_ssl"] {
            assert_eq!(Module::of(word.as_bytes()), Module::Other, "{word}");
        }
    }

    #[test]
    fn words_are_unique() {
        let mut names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Fault::ALL.len());
        let plain =
            |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(names.iter().all(plain));
    }

    #[track_caller]
    fn check(expect: Fault, messages: &[&str]) {
        for message in messages {
            assert_eq!(Fault::of(message.as_bytes()), expect, "{message}");
        }
    }

    #[test]
    fn faults_of_nginx() {
        check(
            Fault::NotFound,
            &[
                r#"open() "/srv/x" failed (2: No such file or directory)"#,
                r#""/srv/market/index.html" is not found (2: No such file or directory)"#,
                r#"open() "/srv/a (13: Permission denied) while connecting to upstream" failed (2: No such"#,
            ],
        );
        check(Fault::Permission, &[r#"open() "/srv/x" failed (13: Permission denied)"#]);
        check(
            Fault::BadRequest,
            &[
                r#"open() "/srv/x" failed (36: File name too long)"#,
                "client sent invalid method while reading client request line",
                "client sent too long URI while reading client request line",
            ],
        );
        check(Fault::IsDirectory, &[r#"directory index of "/srv/" is forbidden"#]);
        check(Fault::DeniedByRule, &["access forbidden by rule"]);
        check(
            Fault::AuthFailed,
            &[
                r#"user "bob": password mismatch"#,
                r#"user "bob" was not found in "/etc/nginx/users""#,
                "no user/password was provided for basic authentication",
            ],
        );
        check(Fault::TooLarge, &["client intended to send too large body: 2 bytes"]);
        check(
            Fault::RateLimited,
            &[
                r#"limiting requests, excess: 50.416 by zone "a""#,
                r#"limiting connections by zone "a""#,
            ],
        );
        check(
            Fault::ClientTimeout,
            &["client timed out (110: Connection timed out) while waiting"],
        );
        check(
            Fault::ClientClosed,
            &[
                "epoll_wait() reported that client prematurely closed connection, so upstream \
             connection is closed too (104: Connection reset by peer) while reading upstream",
                "recv() failed (104: Connection reset by peer) while waiting for request",
                "client 192.0.2.7 closed keepalive connection",
                "accept() failed (53: Software caused connection abort)",
            ],
        );
        let upstream = |fault, error: &str| {
            check(fault, &[&format!("connect() failed ({error}) while connecting to upstream")]);
        };
        upstream(Fault::UpstreamRefused, "111: Connection refused");
        upstream(Fault::UpstreamUnavailable, "113: No route to host");
        upstream(Fault::UpstreamTimeout, "110: Connection timed out");
        upstream(Fault::ResourceLimit, "24: Too many open files");
        check(
            Fault::UpstreamUnavailable,
            &[
                "connect() to unix:/run/a.sock failed (2: No such file or directory) while connecting to upstream",
                "no live upstreams while connecting to upstream",
                "api.example.com could not be resolved (3: Host not found)",
                "api.example.com could not be resolved (2: Server failure)",
            ],
        );
        check(
            Fault::UpstreamTimeout,
            &[
                "upstream timed out (110: Connection timed out) while reading response header from upstream",
            ],
        );
        check(
            Fault::UpstreamClosed,
            &[
                "upstream prematurely closed connection while reading response header from upstream",
                "recv() failed (104: Connection reset by peer) while reading response header from upstream",
            ],
        );
        check(
            Fault::UpstreamInvalid,
            &["upstream sent too big header while reading response header"],
        );
        check(
            Fault::TlsHandshake,
            &[
                "SSL_do_handshake() failed (SSL: error:1:2:3) while SSL handshaking",
                "peer closed connection in SSL handshake while SSL handshaking",
            ],
        );
        check(
            Fault::UpstreamTls,
            &["SSL_do_handshake() failed (SSL: error:1:2:3) while SSL handshaking to upstream"],
        );
        check(
            Fault::ScriptNotFound,
            &[r#"FastCGI sent in stderr: "Primary script unknown" while reading response header"#],
        );
        check(
            Fault::ScriptError,
            &[r#"FastCGI sent in stderr: "PHP message: PHP Fatal error: x""#],
        );
        check(
            Fault::ResourceLimit,
            &[
                "1024 worker_connections are not enough",
                "accept4() failed (24: Too many open files)",
            ],
        );
        check(Fault::Buffered, &["an upstream response is buffered to a temporary file /var/x"]);
        check(Fault::Startup, &["signal process started", r#"using the "epoll" event method"#]);
        check(
            Fault::Shutdown,
            &["gracefully shutting down", "signal 15 (SIGTERM) received, exiting"],
        );
        check(Fault::WorkerExit, &["worker process 7 exited on signal 11"]);
        check(Fault::Configuration, &["bind() to 0.0.0.0:80 failed (98: Address already in use)"]);
        check(
            Fault::RewriteLoop,
            &[r#"rewrite or internal redirection cycle while processing "/""#],
        );
        check(Fault::Waf, &["ModSecurity: Access denied with code 403", "NAXSI_FMT: ip=192.0.2.7"]);
        check(Fault::Other, &["", "open socket #3 left in connection 7", "("]);
    }

    #[test]
    fn faults_of_apache() {
        check(
            Fault::NotFound,
            &["AH00128: File does not exist: /srv/x", "File does not exist: /srv/x"],
        );
        check(Fault::DeniedByRule, &["AH01630: client denied by server configuration: /srv/"]);
        check(
            Fault::IsDirectory,
            &[
                "AH01276: Cannot serve directory /srv/: No matching DirectoryIndex (index.html) found",
                "Directory index forbidden by rule: /home/",
            ],
        );
        check(
            Fault::Forbidden,
            &["AH00037: Symbolic link not allowed or link target not accessible: /x"],
        );
        check(
            Fault::Permission,
            &[
                "AH00132: file permissions deny server access: /srv/x",
                "(13)Permission denied: file permissions deny server access: /srv/x",
                "(13)Permission denied: AH00035: access to /x denied (filesystem path '/srv/x')",
            ],
        );
        check(
            Fault::AuthFailed,
            &[
                "AH01618: user PHP Fatal error not found: /",
                r#"AH01617: user bob: authentication failure for "/secret/": Password Mismatch"#,
                r#"user bob: authentication failure for "/secret/": Password Mismatch"#,
            ],
        );
        check(
            Fault::BadRequest,
            &[
                "AH00126: Invalid URI in request 'GET ../ HTTP/1.0'",
                "AH00135: Invalid method in request x",
                "AH10244: invalid URI path (/cgi-bin/.%2e/)",
                "Client sent malformed Host header",
            ],
        );
        check(Fault::ClientTimeout, &["AH01382: Request header read timeout"]);
        check(
            Fault::UpstreamUnavailable,
            &[
                "(113)No route to host: AH00957: HTTP: attempt to connect to 10.1.0.4:9000 (x) failed",
                "AH01114: HTTP: failed to make connection to backend: 127.0.0.1",
                "AH00959: ap_proxy_connect_backend disabling worker for (127.0.0.1) for 60s",
            ],
        );
        check(
            Fault::UpstreamRefused,
            &[
                "(111)Connection refused: AH00957: HTTP: attempt to connect to 127.0.0.1:80 (x) failed",
            ],
        );
        check(
            Fault::UpstreamTimeout,
            &[
                "(70007)The timeout specified has expired: AH01102: error reading status line from remote",
                "(70007)Timeout: [client 192.0.2.7:5] AH01075: Error dispatching request to : x",
            ],
        );
        check(
            Fault::UpstreamClosed,
            &[
                "AH01102: error reading status line from remote server 127.0.0.1:80",
                "AH01075: Error dispatching request to : (reading input brigade)",
                "AH00898: Error reading from remote server returned by /x",
            ],
        );
        check(
            Fault::TlsHandshake,
            &[
                "AH02008: SSL library error 1 in handshake (server www.example.com:443)",
                "SSL Library Error: error:1407609B",
            ],
        );
        check(
            Fault::ScriptNotFound,
            &[
                "script '/srv/wp-login.php' not found or unable to stat",
                "AH02811: script not found or unable to stat: /srv/x.pl",
                "AH01071: Got error 'Primary script unknown'",
            ],
        );
        check(
            Fault::ScriptError,
            &[
                "Premature end of script headers: x.pl",
                "PHP Notice:  A non well formed numeric value",
                "AH01071: Got error 'PHP message: PHP Warning: x'",
                "AH01215: anything at all",
            ],
        );
        check(
            Fault::Startup,
            &["AH00489: Apache/2.4.62 (Debian) configured -- resuming normal operations"],
        );
        check(Fault::Shutdown, &["AH00491: caught SIGTERM, shutting down"]);
        check(Fault::WorkerExit, &["AH00052: child pid 7 exit signal Segmentation fault (11)"]);
        check(
            Fault::ResourceLimit,
            &[
                "AH00484: server reached MaxRequestWorkers setting, consider",
                "(28)No space left on device: AH00023: Couldn't create the mutex",
            ],
        );
        check(
            Fault::RewriteLoop,
            &["AH00124: Request exceeded the limit of 10 internal redirects"],
        );
        check(
            Fault::Waf,
            &[
                "ModSecurity: Warning. Operator GE matched 4",
                "[client 192.0.2.7] ModSecurity: Access denied with code 403",
            ],
        );
        check(
            Fault::Configuration,
            &[
                "AH00558: apache2: Could not reliably determine the server's fully qualified domain name",
            ],
        );
        check(
            Fault::Other,
            &["AH", "AH1: ", "(13", "(13)x", "[client ", "I'll bypass the haptic COM bandwidth"],
        );
    }

    #[test]
    fn paths_that_were_not_found_are_not_confirmed() {
        for fault in [
            Fault::NotFound,
            Fault::Forbidden,
            Fault::DeniedByRule,
            Fault::IsDirectory,
            Fault::AuthFailed,
            Fault::BadRequest,
            Fault::ScriptNotFound,
            Fault::Permission,
            Fault::RewriteLoop,
            Fault::Waf,
            Fault::Other,
        ] {
            assert!(!fault.path_is_confirmed(), "{}", fault.name());
        }
        assert!(Fault::UpstreamTimeout.path_is_confirmed());
    }
}

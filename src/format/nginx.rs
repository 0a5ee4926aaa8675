//! The `log_format` strings of nginx, and its formats that have a name.
//!
//! Every variable that nginx and ingress-nginx document stands in one table, with what it can tell of a person
//! and what becomes of it: few are fields, the others are dropped where they stand. A name that is not in it is
//! refused, so that nothing is taken for what it is not; variables of one's own are declared.
//!
//! A variable without a value is logged as `-`, or as nothing where it is there but empty; with `escape=json`
//! and `escape=none` always as nothing. With `escape=none` nothing keeps a visitor's quote from ending a
//! value, so that such lines are refused where a quote could be meant either way.
//!
//! Sources: the indices of variables at nginx.org, `ngx_http_log_module.c`, and ingress-nginx' documentation
//! of log formats.

use std::sync::Arc;

pub use super::tells::Tells;
use super::{
    Declared, Format, Grammar, Named, OWN_NGINX, StringError, conf,
    template::{Builder, Capture, Class, Template},
};
use crate::field::{Escaping, Field};

pub(super) static FORMATS: [Named; 2] = [
    Named {
        name: "nginx-main",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#,
            r#" "https://example.com/" "curl/8.5.0" "198.51.100.9""#
        ),
        same_as: None,
        grammar: || documented(MAIN),
    },
    Named {
        name: "ingress-nginx",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/2.0" 200 5120"#,
            r#" "https://example.com/" "curl/8.5.0" 462 0.050 [default-web-80] [] 203.0.113.80:8080 5120 0.049"#,
            r#" 200 00000000000000000000000000000000"#
        ),
        same_as: None,
        grammar: || documented(INGRESS),
    },
];

/// The `combined` that nginx defines itself.
const COMBINED: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
    r#" "$http_referer" "$http_user_agent""#
);

/// The `main` of the configuration that nginx is packaged with.
const MAIN: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
    r#" "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#
);

/// What ingress-nginx logs unless it is told otherwise, its `upstreaminfo`.
const INGRESS: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
    r#" "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name]"#,
    r#" [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length"#,
    r#" $upstream_response_time $upstream_status $req_id"#
);

/// The format that a `log_format` string describes: the string alone, with `escape=json` or `escape=none` before
/// it, or the whole directive.
///
/// # Errors
///
/// A variable that neither nginx nor `declared` knows, values with nothing between them, no time, no request.
pub fn compile(string: &str, declared: &Declared) -> Result<Format, StringError> {
    let string = match string.trim_start().strip_prefix("log_format") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_whitespace()) => of_directive(string)?,
        _ => string.trim_end_matches(['\r', '\n']).to_owned(),
    };
    let (escaping, string) = of_escape(&string)?;
    let string = conf::nginx_unescaped(string);
    // The fast lane reads the most frequent string of all.
    let grammar = if escaping == Some(Escaping::Log) && string == COMBINED && declared.0.is_empty()
    {
        Grammar::Combined
    } else {
        Grammar::Template(Arc::new(template(&string, escaping, declared)?))
    };
    Ok(Format { named: &OWN_NGINX, grammar })
}

fn documented(string: &str) -> Grammar {
    let template = template(string, Some(Escaping::Log), &Declared::default());
    Grammar::Template(Arc::new(template.expect("a test compiles every format")))
}

/// The string of a whole directive, `escape=` included.
fn of_directive(text: &str) -> Result<String, StringError> {
    let text = text.trim();
    let ended = if text.ends_with(';') { text.to_owned() } else { format!("{text};") };
    match conf::nginx(&ended).map(|conf| conf.formats) {
        Ok(mut formats) if formats.len() == 1 => Ok(formats.swap_remove(0).string),
        _ => Err(StringError::Syntax(0)),
    }
}

/// How values are escaped, and the string without its word for that.
fn of_escape(string: &str) -> Result<(Option<Escaping>, &str), StringError> {
    let Some(rest) = string.trim_start().strip_prefix("escape=") else {
        return Ok((Some(Escaping::Log), string));
    };
    let (word, rest) = rest.split_once(' ').ok_or(StringError::Syntax(0))?;
    let escaping = match word {
        "default" => Some(Escaping::Log),
        "json" => Some(Escaping::Json),
        "none" => None,
        _ => return Err(StringError::Syntax(0)),
    };
    Ok((escaping, rest))
}

fn template(
    string: &str,
    escaping: Option<Escaping>,
    declared: &Declared,
) -> Result<Template, StringError> {
    let mut builder = Builder::new(escaping);
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(length) = string[at..].find('$') {
        builder.literal(&string.as_bytes()[at..at + length]);
        let start = at + length;
        let (name, end) = name_at(string, start + 1).ok_or(StringError::Syntax(start))?;
        let capture = capture(name, declared)?;
        fields.extend(capture.field);
        builder.capture(name, capture)?;
        at = end;
    }
    builder.literal(&string.as_bytes()[at..]);
    if !fields.contains(&Field::Time) && !fields.contains(&Field::Date) {
        return Err(StringError::NoTime);
    }
    if !fields.contains(&Field::Request) && !fields.contains(&Field::Target) {
        return Err(StringError::NoRequest);
    }
    Ok(builder.finish(false))
}

/// The name that begins at `at`, behind the dollar, and where what follows it begins.
fn name_at(string: &str, at: usize) -> Option<(&str, usize)> {
    let rest = &string[at..];
    let braced = rest.strip_prefix('{');
    let name = braced.unwrap_or(rest);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = name.find(|c| !is_part(c)).unwrap_or(name.len());
    let start = at + usize::from(braced.is_some());
    let has_brace = braced.is_none() || name[length..].starts_with('}');
    let end = start + length + usize::from(braced.is_some());
    (length > 0 && has_brace).then(|| (&name[..length], end))
}

/// What becomes of a variable. What somebody declares wins over what we know.
fn capture(name: &str, declared: &Declared) -> Result<Capture, StringError> {
    if let Some(field) = declared.0.get(name) {
        return Ok(field.map_or_else(|| Capture::dropped(Class::Text), own));
    }
    // Groups of a regular expression.
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Capture::dropped(Class::Text));
    }
    if let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) {
        return Ok(match variable.field {
            // After those that were declared, which have rank 0.
            Some((field, rank)) => Capture::of(field, variable.class).ranked(rank + 1),
            None => Capture::dropped(variable.class),
        });
    }
    match family(name) {
        Some(_) => Ok(Capture::dropped(Class::Text)),
        None => Err(StringError::Unknown(name.to_owned())),
    }
}

/// A variable of one's own that holds `field`.
fn own(field: Field) -> Capture {
    let class = match field {
        Field::Client | Field::Site | Field::Method | Field::Status | Field::Bytes => Class::Word,
        Field::Duration => Class::Word,
        Field::Protocol => Class::Protocol,
        _ => Class::Text,
    };
    Capture::of(field, class)
}

/// What the variable of that name, without its dollar, can tell; nothing if nginx does not document it.
#[must_use]
pub fn tells(name: &str) -> Option<Tells> {
    let variable = VARIABLES.iter().find(|variable| variable.name == name);
    variable.map(|variable| variable.tells).or_else(|| family(name))
}

/// What the variables of a family tell whose names share a beginning.
fn family(name: &str) -> Option<Tells> {
    let is_of = |prefix: &str| name.len() > prefix.len() && name.starts_with(prefix);
    FAMILIES.iter().find(|(prefix, _)| is_of(prefix)).map(|(_, tells)| *tells)
}

/// Variables that are named after a header, a cookie, a parameter or a claim. All are dropped.
const FAMILIES: &[(&str, Tells)] = &[
    ("http_", Tells::Content),
    ("sent_http_", Tells::Content),
    ("sent_trailer_", Tells::Content),
    ("upstream_http_", Tells::Content),
    ("upstream_trailer_", Tells::Content),
    ("upstream_cookie_", Tells::Link),
    ("cookie_", Tells::Link),
    ("arg_", Tells::Content),
    ("jwt_header_", Tells::Person),
    ("jwt_claim_", Tells::Person),
    ("oidc_claim_", Tells::Person),
    ("geoip2_", Tells::Person),
    ("proxy_protocol_tlv_", Tells::Content),
    ("opentracing_context_", Tells::Link),
];

/// A documented variable.
struct Variable {
    name: &'static str,
    tells: Tells,
    /// The field that it is, and its rank among several of that field.
    field: Option<(Field, u8)>,
    class: Class,
}

const fn take(name: &'static str, tells: Tells, field: Field, rank: u8, class: Class) -> Variable {
    Variable { name, tells, field: Some((field, rank)), class }
}

const fn drop(name: &'static str, tells: Tells, class: Class) -> Variable {
    Variable { name, tells, field: None, class }
}

/// The documented variables. Those that may be empty where others would be a dash are [`Class::Text`].
const VARIABLES: &[Variable] = &[
    // The request line and its parts.
    take("request", Tells::Content, Field::Request, 0, Class::Text),
    take("request_method", Tells::Content, Field::Method, 0, Class::Word),
    take("request_uri", Tells::Content, Field::Target, 0, Class::Text),
    take("uri", Tells::Content, Field::Target, 1, Class::Text),
    take("document_uri", Tells::Content, Field::Target, 1, Class::Text),
    take("args", Tells::Content, Field::Query, 0, Class::Text),
    take("query_string", Tells::Content, Field::Query, 0, Class::Text),
    take("is_args", Tells::Nothing, Field::Query, 1, Class::Text),
    take("server_protocol", Tells::Nothing, Field::Protocol, 0, Class::Protocol),
    drop("scheme", Tells::Nothing, Class::Word),
    drop("https", Tells::Nothing, Class::Word),
    drop("is_request_port", Tells::Nothing, Class::Word),
    drop("request_port", Tells::Nothing, Class::Number),
    drop("request_length", Tells::Nothing, Class::Number),
    drop("request_body", Tells::Content, Class::Text),
    drop("request_body_file", Tells::Content, Class::Text),
    drop("request_completion", Tells::Nothing, Class::Word),
    drop("request_filename", Tells::Content, Class::Text),
    drop("request_id", Tells::Link, Class::Word),
    drop("document_root", Tells::Server, Class::Text),
    drop("realpath_root", Tells::Server, Class::Text),
    drop("content_length", Tells::Nothing, Class::Number),
    drop("content_type", Tells::Content, Class::Text),
    // When.
    take("time_local", Tells::Time, Field::Time, 0, Class::Clf),
    take("time_iso8601", Tells::Time, Field::Time, 0, Class::Word),
    take("msec", Tells::Time, Field::Time, 1, Class::Number),
    drop("date_local", Tells::Time, Class::Text),
    drop("date_gmt", Tells::Time, Class::Text),
    // Who.
    take("remote_addr", Tells::Address, Field::Client, 0, Class::Word),
    drop("binary_remote_addr", Tells::Address, Class::Text),
    drop("remote_port", Tells::Link, Class::Number),
    drop("remote_user", Tells::Person, Class::Text),
    drop("realip_remote_addr", Tells::Address, Class::Word),
    drop("realip_remote_port", Tells::Link, Class::Number),
    take("proxy_protocol_addr", Tells::Address, Field::Client, 3, Class::Word),
    drop("proxy_protocol_port", Tells::Link, Class::Number),
    drop("proxy_protocol_server_addr", Tells::Server, Class::Word),
    drop("proxy_protocol_server_port", Tells::Server, Class::Number),
    take("proxy_add_x_forwarded_for", Tells::Address, Field::Forwarded, 1, Class::Text),
    take("http_x_forwarded_for", Tells::Address, Field::Forwarded, 0, Class::Text),
    take("http_forwarded", Tells::Address, Field::Forwarded, 0, Class::Text),
    take("http_referer", Tells::Content, Field::Referrer, 0, Class::Text),
    take("http_user_agent", Tells::Content, Field::Agent, 0, Class::Text),
    take("http_accept_language", Tells::Content, Field::Language, 0, Class::Text),
    take("http_dnt", Tells::Person, Field::Dnt, 0, Class::Text),
    take("http_sec_gpc", Tells::Person, Field::Gpc, 0, Class::Text),
    take("http_cookie", Tells::Link, Field::Cookie, 0, Class::Text),
    drop("uid_got", Tells::Link, Class::Text),
    drop("uid_set", Tells::Link, Class::Text),
    drop("uid_reset", Tells::Link, Class::Text),
    drop("session_log_id", Tells::Link, Class::Word),
    drop("session_log_binary_id", Tells::Link, Class::Text),
    // Whose.
    take("host", Tells::Server, Field::Site, 0, Class::Word),
    take("http_host", Tells::Server, Field::Site, 1, Class::Text),
    take("server_name", Tells::Server, Field::Site, 2, Class::Text),
    drop("server_addr", Tells::Server, Class::Word),
    drop("server_port", Tells::Server, Class::Number),
    drop("hostname", Tells::Server, Class::Word),
    drop("nginx_version", Tells::Server, Class::Word),
    drop("pid", Tells::Server, Class::Number),
    // What came of it.
    take("status", Tells::Nothing, Field::Status, 0, Class::Number),
    take("body_bytes_sent", Tells::Nothing, Field::Bytes, 0, Class::Number),
    take("bytes_sent", Tells::Nothing, Field::Bytes, 1, Class::Number),
    take("apache_bytes_sent", Tells::Nothing, Field::Bytes, 2, Class::Number),
    take("request_time", Tells::Nothing, Field::Duration, 0, Class::Number),
    drop("limit_rate", Tells::Nothing, Class::Word),
    drop("gzip_ratio", Tells::Nothing, Class::Number),
    drop("brotli_ratio", Tells::Nothing, Class::Number),
    drop("zstd_ratio", Tells::Nothing, Class::Number),
    drop("slice_range", Tells::Content, Class::Text),
    drop("invalid_referer", Tells::Nothing, Class::Word),
    drop("limit_conn_status", Tells::Nothing, Class::Word),
    drop("limit_req_status", Tells::Nothing, Class::Word),
    drop("secure_link", Tells::Content, Class::Text),
    drop("secure_link_expires", Tells::Content, Class::Text),
    drop("memcached_key", Tells::Content, Class::Text),
    drop("fastcgi_script_name", Tells::Content, Class::Text),
    drop("fastcgi_path_info", Tells::Content, Class::Text),
    drop("modern_browser", Tells::Nothing, Class::Text),
    drop("ancient_browser", Tells::Nothing, Class::Text),
    drop("msie", Tells::Nothing, Class::Text),
    // The connection.
    drop("connection", Tells::Link, Class::Number),
    drop("connection_requests", Tells::Link, Class::Number),
    drop("connection_time", Tells::Nothing, Class::Number),
    drop("connections_active", Tells::Server, Class::Number),
    drop("connections_reading", Tells::Server, Class::Number),
    drop("connections_writing", Tells::Server, Class::Number),
    drop("connections_waiting", Tells::Server, Class::Number),
    drop("pipe", Tells::Nothing, Class::Word),
    drop("tcpinfo_rtt", Tells::Link, Class::Number),
    drop("tcpinfo_rttvar", Tells::Link, Class::Number),
    drop("tcpinfo_snd_cwnd", Tells::Link, Class::Number),
    drop("tcpinfo_rcv_space", Tells::Link, Class::Number),
    drop("http2", Tells::Nothing, Class::Text),
    drop("http3", Tells::Nothing, Class::Text),
    drop("quic", Tells::Nothing, Class::Text),
    drop("spdy", Tells::Nothing, Class::Text),
    drop("spdy_request_priority", Tells::Nothing, Class::Word),
    // TLS.
    drop("ssl_alpn_protocol", Tells::Nothing, Class::Text),
    drop("ssl_cipher", Tells::Nothing, Class::Text),
    drop("ssl_ciphers", Tells::Link, Class::Text),
    drop("ssl_client_cert", Tells::Person, Class::Text),
    drop("ssl_client_escaped_cert", Tells::Person, Class::Text),
    drop("ssl_client_fingerprint", Tells::Person, Class::Text),
    drop("ssl_client_i_dn", Tells::Person, Class::Text),
    drop("ssl_client_i_dn_legacy", Tells::Person, Class::Text),
    drop("ssl_client_raw_cert", Tells::Person, Class::Text),
    drop("ssl_client_s_dn", Tells::Person, Class::Text),
    drop("ssl_client_s_dn_legacy", Tells::Person, Class::Text),
    drop("ssl_client_serial", Tells::Person, Class::Text),
    drop("ssl_client_sigalg", Tells::Person, Class::Text),
    drop("ssl_client_v_end", Tells::Person, Class::Text),
    drop("ssl_client_v_remain", Tells::Person, Class::Text),
    drop("ssl_client_v_start", Tells::Person, Class::Text),
    drop("ssl_client_verify", Tells::Person, Class::Text),
    drop("ssl_curve", Tells::Nothing, Class::Text),
    drop("ssl_curves", Tells::Link, Class::Text),
    drop("ssl_early_data", Tells::Nothing, Class::Text),
    drop("ssl_ech_outer_server_name", Tells::Content, Class::Text),
    drop("ssl_ech_status", Tells::Nothing, Class::Text),
    drop("ssl_protocol", Tells::Nothing, Class::Text),
    drop("ssl_server_name", Tells::Content, Class::Text),
    drop("ssl_session_id", Tells::Link, Class::Text),
    drop("ssl_session_reused", Tells::Nothing, Class::Text),
    drop("ssl_sigalg", Tells::Nothing, Class::Text),
    // Servers behind this one.
    drop("proxy_host", Tells::Server, Class::Text),
    drop("proxy_port", Tells::Server, Class::Text),
    drop("upstream_addr", Tells::Server, Class::List),
    drop("upstream_bytes_received", Tells::Nothing, Class::List),
    drop("upstream_bytes_sent", Tells::Nothing, Class::List),
    drop("upstream_cache_age", Tells::Nothing, Class::List),
    drop("upstream_cache_etag", Tells::Content, Class::Text),
    drop("upstream_cache_key", Tells::Content, Class::Text),
    drop("upstream_cache_last_modified", Tells::Nothing, Class::Text),
    drop("upstream_cache_status", Tells::Nothing, Class::List),
    drop("upstream_connect_time", Tells::Nothing, Class::List),
    drop("upstream_first_byte_time", Tells::Nothing, Class::List),
    drop("upstream_header_time", Tells::Nothing, Class::List),
    drop("upstream_last_server_name", Tells::Server, Class::List),
    drop("upstream_queue_time", Tells::Nothing, Class::List),
    drop("upstream_response_length", Tells::Nothing, Class::List),
    drop("upstream_response_time", Tells::Nothing, Class::List),
    drop("upstream_status", Tells::Nothing, Class::List),
    // Where a visitor is.
    drop("geoip_area_code", Tells::Person, Class::Text),
    drop("geoip_city", Tells::Person, Class::Text),
    drop("geoip_city_continent_code", Tells::Person, Class::Text),
    drop("geoip_city_country_code", Tells::Person, Class::Text),
    drop("geoip_city_country_code3", Tells::Person, Class::Text),
    drop("geoip_city_country_name", Tells::Person, Class::Text),
    drop("geoip_country_code", Tells::Person, Class::Text),
    drop("geoip_country_code3", Tells::Person, Class::Text),
    drop("geoip_country_name", Tells::Person, Class::Text),
    drop("geoip_dma_code", Tells::Person, Class::Text),
    drop("geoip_latitude", Tells::Person, Class::Text),
    drop("geoip_longitude", Tells::Person, Class::Text),
    drop("geoip_org", Tells::Person, Class::Text),
    drop("geoip_postal_code", Tells::Person, Class::Text),
    drop("geoip_region", Tells::Person, Class::Text),
    drop("geoip_region_name", Tells::Person, Class::Text),
    // Of accounts and traces.
    drop("jwt_payload", Tells::Person, Class::Text),
    drop("oidc_access_token", Tells::Person, Class::Text),
    drop("oidc_id_token", Tells::Person, Class::Text),
    drop("otel_parent_id", Tells::Link, Class::Text),
    drop("otel_parent_sampled", Tells::Nothing, Class::Text),
    drop("otel_span_id", Tells::Link, Class::Text),
    drop("otel_trace_id", Tells::Link, Class::Text),
    drop("opentelemetry_span_id", Tells::Link, Class::Text),
    drop("opentelemetry_trace_id", Tells::Link, Class::Text),
    drop("opentracing_binary_context", Tells::Link, Class::Text),
    drop("acme_certificate", Tells::Server, Class::Text),
    drop("acme_certificate_key", Tells::Server, Class::Text),
    // Those of ingress-nginx, which its configuration template sets.
    take("the_real_ip", Tells::Address, Field::Client, 1, Class::Word),
    drop("balancer_ewma_score", Tells::Server, Class::Text),
    drop("best_http_host", Tells::Server, Class::Text),
    drop("ingress_name", Tells::Server, Class::Text),
    drop("location_path", Tells::Server, Class::Text),
    drop("namespace", Tells::Server, Class::Text),
    drop("pass_access_scheme", Tells::Nothing, Class::Text),
    drop("pass_port", Tells::Server, Class::Text),
    drop("pass_server_port", Tells::Server, Class::Text),
    drop("proxy_alternative_upstream_name", Tells::Server, Class::Text),
    drop("proxy_upstream_name", Tells::Server, Class::Text),
    drop("req_id", Tells::Link, Class::Word),
    drop("service_name", Tells::Server, Class::Text),
    drop("service_port", Tells::Server, Class::Text),
];

#[cfg(test)]
mod tests;
